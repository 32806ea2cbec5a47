#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const Tensor x = tensor({{1, 2}, {3, 4}});
  const io::NamedTensors arrays{{"a", x}, {"b", x.to(int64)}};
  fuzz::write_seeds(*argc, *argv,
                    {io::format_npy(x), io::format_npy(x.to(boolean)), io::format_npz(arrays),
                     io::format_npz(arrays, {.compress = true})});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_result_or_error(data, size, [](std::string_view bytes) {
    const Tensor x = io::parse_npy(bytes);
    if (io::parse_npy(io::format_npy(x)).numel() != x.numel()) __builtin_trap();
  });
  return fuzz::expect_result_or_error(data, size,
                                      [](std::string_view bytes) { io::parse_npz(bytes); });
}
