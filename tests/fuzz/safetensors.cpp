#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const Tensor x = tensor({{1, 2}, {3, 4}});
  fuzz::write_seeds(*argc, *argv,
                    {io::format_safetensors({{"a", x}, {"b", x.to(boolean)}}, {{"k", "v"}}),
                     io::format_safetensors({{"a", x.to(float64)}, {"b", x.to(int64)}})});
  return 0;
}

/// The input is the header's text and then the values; the length in front is computed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_result_or_error(data, size,
                               [](std::string_view bytes) { io::parse_safetensors(bytes); });
  return fuzz::expect_result_or_error(
      data, size, [](std::string_view bytes) { io::parse_safetensors(fuzz::with_length(bytes)); });
}
