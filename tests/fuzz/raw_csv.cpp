#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::write_seeds(*argc, *argv,
                    {"?a,b,y\n1,2,0.5\n3,4,1.5\n", "Pa;b;y\nred;1,5;0\nblue;;1\n",
                     "!\"a\",\"b\n\",y\nNA,2,no\n1,,yes\n"});
  return 0;
}

/// The first byte chooses the options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  io::CsvOptions options;
  options.missing = static_cast<io::Missing>(data[0] & 3);
  options.drop_bad_rows = data[0] >> 2 & 1;
  if (data[0] & 8) options.targets = {"y", "b"};
  if (data[0] & 16) options.decimal = ',', options.delimiter = ';';
  if (data[0] & 32) options.target = "none";
  return fuzz::expect_result_or_error(data + 1, size - 1, [&](std::string_view text) {
    const io::RawTable table = io::parse_raw_csv(text, options);
    const auto rows = static_cast<std::size_t>(table.rows);
    if (table.cells.size() != rows * table.columns.size()) __builtin_trap();
    if (table.lines.size() != rows) __builtin_trap();
  });
}
