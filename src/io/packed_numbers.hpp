#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gradus::io::detail {

/// Numbers of a file of text, kept in about as many bytes as their digits took until all of them
/// are there: blocks of decimal numbers with few digits are whole numbers of 1, 2 or 4 bytes over a
/// power of ten. They come back bit for bit.
class PackedNumbers {
 public:
  void push(double value) {
    open_[count_++] = value;
    if (count_ == block) close();
  }
  /// All of them; none are left.
  std::vector<double> take();

 private:
  static constexpr std::size_t block = 4096;
  struct Block {
    double scale = 1;
    int bytes = 0;  // of a number; 8: as it is
    std::string data;
  };
  void close();

  std::vector<double> open_ = std::vector<double>(block);
  std::size_t count_ = 0;      // of the numbers in open_
  std::vector<Block> blocks_;  // full ones
};

}  // namespace gradus::io::detail
