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

/// The header of a safetensors file and the values, with the header's length in front.
inline std::string framed(std::string_view header, std::string_view values) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file.append(header).append(values);
}
/// The same, where both stand in one text.
inline std::string with_length(std::string_view bytes) {
  const std::size_t length = bytes.rfind('}') + 1;  // npos + 1 is 0
  return framed(bytes.substr(0, length), bytes.substr(length));
}

}  // namespace gradus::fuzz
