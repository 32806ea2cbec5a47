#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<std::string> seeds;
  for (const char code : {8, 9, 11, 12, 13, 14})
    seeds.push_back(std::string{0, 0, code, 1, 0, 0, 0, 2} + std::string(16, '\1'));
  fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

/// IDX directly, and gzip on the way.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_result_or_error(data, size, [](std::string_view bytes) { io::parse_idx(bytes); });
  return fuzz::expect_result_or_error(data, size, [](std::string_view bytes) {
    io::parse_idx(io::gunzip(bytes, "bytes", 1 << 20));
  });
}
