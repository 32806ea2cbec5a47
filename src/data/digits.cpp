#include "gradus/data/digits.hpp"

#include "data/embedded.hpp"
#include "gradus/io/csv.hpp"
#include "gradus/io/file.hpp"

namespace gradus::data {

TensorDataset load_digits() {
  const char* bytes = reinterpret_cast<const char*>(embedded::digits_csv_gz);
  const std::string text = io::gunzip({bytes, embedded::digits_csv_gz_size}, "digits");
  return io::parse_csv(text, {.header = false, .task = io::Task::classification}, "digits")
      .dataset();
}

}  // namespace gradus::data
