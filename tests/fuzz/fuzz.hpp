#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/error.hpp"
#include "gradus/io.hpp"

namespace gradus::fuzz {

/// Writes the files that mutation starts from into the corpus folder, the last argument.
inline void write_seeds(int argc, char** argv, const std::vector<std::string>& seeds) {
  const std::string folder = argv[argc - 1];
  if (argc < 2 || !std::filesystem::is_directory(folder)) return;
  int number = 0;
  for (const std::string& seed : seeds)
    std::ofstream(folder + "/seed" + std::to_string(number++), std::ios::binary) << seed;
}

/// Runs a reader: it may return or throw Error, and nothing else.
template <class Read>
int expect_result_or_error(const std::uint8_t* data, std::size_t size, Read read) {
  try {
    read(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const Error&) {
    return 0;
  }
  return 0;
}

}  // namespace gradus::fuzz
