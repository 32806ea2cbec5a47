// Large files of text and packed ones: bits of their numbers, memory until they are refused.
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "gradus/random.hpp"
#include "io/packed_numbers.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/peak_memory.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::gzip;
using gradus::test::PeakMemory;

namespace {

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> out;
  for (const double v : values) out.push_back(std::bit_cast<std::uint64_t>(v));
  return out;
}

/// Whole, decimal and long numbers, one kind a block and all kinds in one.
std::vector<double> mixed_numbers() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values;
  const std::vector<double> kinds[] = {
      {0, 1, 127, nan},          {-128, 5, nan},    {32767, -32767},  {-32768, 12},
      {2147483647, -2147483647}, {2147483648.0, 1}, {0.1, -2.7, nan}, {0.123456, -7.5},
      {1.0 / 3, 1e-7},           {-0.0, 1},         {1e300, -5e-324}, {0.1, -0.0, nan, 1e17, 3}};
  for (const auto& kind : kinds)
    for (int i = 0; i < 4096; ++i)
      values.push_back(kind[static_cast<std::size_t>(i) % kind.size()]);
  values.push_back(0.25);
  return values;
}

}  // namespace

TEST_CASE("packed numbers come back bit for bit") {
  io::detail::PackedNumbers packed;
  CHECK(packed.take().empty());
  const std::vector<double> values = mixed_numbers();
  for (const double v : values) packed.push(v);
  CHECK(bits(packed.take()) == bits(values));
  packed.push(3);
  CHECK(packed.take() == std::vector<double>{3});
}

TEST_CASE("numbers of a CSV file are those of the standard library to the bit") {
  Generator generator(5);
  std::vector<std::string> texts = {"0",
                                    "-0",
                                    "5.",
                                    ".5",
                                    "-.5",
                                    "1e3",
                                    "1E-3",
                                    "0.1",
                                    "-2.50",
                                    "999999999999999",
                                    "9999999999999999",
                                    "123456789.123456789",
                                    "0.000000000000001",
                                    "1e-320",
                                    "000000000000000000012",
                                    "0.30000000000000004"};
  const auto next = [&](Index high) {
    return randint(0, high, {1}, int64, &generator).item<Index>();
  };
  for (int i = 0; i < 3000; ++i) {
    std::string text = next(2) ? "-" : "";
    for (Index digits = 1 + next(12); digits > 0; --digits)
      text += static_cast<char>('0' + next(10));
    if (next(3)) text += ".";
    if (text.back() == '.')
      for (Index digits = next(10); digits > 0; --digits) text += static_cast<char>('0' + next(10));
    if (next(8) == 0) text += "e" + std::to_string(next(40) - 20);
    texts.push_back(text);
  }
  std::string file;
  std::vector<double> expected;
  for (const std::string& text : texts) {
    file += text + "\n";
    expected.emplace_back();
    std::from_chars(text.data(), text.data() + text.size(), expected.back());
  }
  const io::RawTable table =
      io::parse_raw_csv(file, {.header = false, .target = "none", .dtype = float64});
  CHECK(bits(table.cells) == bits(expected));
}

TEST_CASE("lines of the rows are kept, also over blank lines and line breaks in quotes") {
  std::string text = "a,b\n";
  std::vector<Index> lines;
  Index line = 2;
  for (int i = 0; i < 9000; ++i) {
    const bool blank = i % 7 == 0, breaks = i % 11 == 0;
    text += blank ? "\n\n" : "";
    line += blank ? 2 : 0;
    lines.push_back(line);
    text += std::to_string(i) + (breaks ? ",\"x\ny\"\n" : ",z\n");
    line += breaks ? 2 : 1;
  }
  CHECK(io::parse_raw_csv(text, {.target = "none"}).lines == lines);
}

TEST_CASE("a large CSV file is refused in no more memory than its size") {
  std::string digits = "a\n", pixels, decimals = "a,b\n";
  for (int i = 0; i < 1'000'000; ++i)
    digits += std::string(1, static_cast<char>('0' + i % 10)) + "\n";
  for (int i = 0; i < 1'000'000; ++i)
    pixels += std::to_string(i % 5 ? 0 : i % 256) + (i % 500 == 499 ? "\n" : ",");
  for (int i = 0; i < 500'000; ++i) decimals += std::to_string(i % 1000 / 100.0) + ",1.5\n";
  digits += "x\n";
  pixels += "1,2\n";
  decimals += "1,x\n";
  for (const std::string* text : {&digits, &pixels, &decimals}) {
    const PeakMemory memory;
    CHECK_THROWS_WITH(io::parse_raw_csv(*text, {.target = "none"}, "f.csv"), contains("f.csv:"));
    CHECK(memory.growth().value_or(0) <= text->size() + test::reading_allowance);
  }
}

TEST_CASE("a line of more than a million fields is refused before memory is asked for") {
  std::string text;
  for (int i = 0; i < 1'500'000; ++i) text += "1,";
  text += "1\n";
  const PeakMemory memory;
  CHECK_THROWS_WITH(io::parse_raw_csv(text, {}, "f.csv"),
                    contains("f.csv:1:") && contains("1500001 fields; at most 1000000"));
  CHECK(memory.growth().value_or(0) <= test::reading_allowance);
}

TEST_CASE("a gzip file that is cut off is refused in no more memory than what it holds") {
  const test::TemporaryFolder folder;
  std::string idx = {0, 0, 8, 1, 2, 0, 0, 0};  // 2^25 bytes
  for (std::size_t i = 0; i < std::size_t{1} << 25; ++i)
    idx += static_cast<char>(i % 251 * (i >> 12));
  const std::string packed = gzip(idx);
  test::write_bytes(folder / "whole.idx.gz", packed);
  test::write_bytes(folder / "cut.idx.gz", packed.substr(0, packed.size() - 9));
  CHECK(io::read_idx(folder / "whole.idx.gz").size(0) == Index{1} << 25);
  const PeakMemory memory;
  CHECK_THROWS_WITH(io::read_idx(folder / "cut.idx.gz"), contains("cut off"));
  CHECK(memory.growth().value_or(0) <= idx.size() + packed.size() + test::reading_allowance);
}
