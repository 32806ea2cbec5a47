#include <algorithm>
#include <bit>

#include "gradus/gradus.hpp"
#include "io/malformed.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::Malformed;

namespace {

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string idx(int code, const std::vector<std::uint32_t>& lengths, const std::string& values) {
  std::string out{0, 0, static_cast<char>(code), static_cast<char>(lengths.size())};
  for (const std::uint32_t n : lengths) out += big_endian(n, 4);
  return out + values;
}

std::vector<Malformed> idx_corpus() {
  const std::string valid = idx(8, {2, 3}, "abcdef");
  std::vector<Malformed> list;
  for (std::size_t n = 0; n < 4; ++n)
    list.push_back({"header of " + std::to_string(n), valid.substr(0, n), "cut off"});
  for (std::size_t n = 4; n < 12; ++n)
    list.push_back({"lengths cut at " + std::to_string(n), valid.substr(0, n), "header ends"});
  for (std::size_t n = 12; n < valid.size(); ++n)
    list.push_back(
        {"values cut at " + std::to_string(n), valid.substr(0, n), "is the file cut off?"});
  list.push_back({"a byte more", valid + "g", "but 7 follow"});
  list.push_back({"much more", valid + std::string(1000, 'g'), "but 1006 follow"});
  for (const int code : {0, 1, 7, 0x0a, 0x0f, 0x10, 0x80, 0xff})
    list.push_back({"type code", idx(code, {2, 3}, "abcdef"), "type code " + std::to_string(code)});
  for (const std::size_t at : {0u, 1u}) {
    std::string bytes = valid;
    bytes[at] = 1;
    list.push_back({"first bytes", bytes, "two zero bytes"});
  }
  list.push_back({"text", "5.1,3.5,1.4\n", "two zero bytes"});
  for (const int code : {9, 0x0b, 0x0c, 0x0d, 0x0e})
    list.push_back(
        {"values of another size", idx(code, {2, 3}, std::string(7, 'x')), "but 7 follow"});
  for (const unsigned rank : {9u, 200u})
    list.push_back(
        {"rank", idx(8, std::vector<std::uint32_t>(rank, 1), "x"), std::to_string(rank) + " axes"});
  list.push_back({"huge", idx(8, {~0u, ~0u}, "x"), "more values than any file"});
  list.push_back({"overflow", idx(8, {~0u, ~0u, ~0u, ~0u}, "x"), "more values than any file"});
  list.push_back({"large", idx(14, {1u << 31}, "x"), "but 1 follow"});
  list.push_back({"zero by huge", idx(8, {~0u, ~0u, 0}, ""), "more values than any file"});
  list.push_back({"empty with values", idx(8, {0, 3}, "x"), "but 1 follow"});
  list.push_back({"scalar without value", idx(8, {}, ""), "but 0 follow"});
  list.push_back({"one length too few", idx(8, {2}, "abcdef"), "but 6 follow"});
  return list;
}

}  // namespace

TEST_CASE("IDX values of every type are read") {
  using V = std::vector<double>;
  CHECK(io::parse_idx(idx(0x08, {2}, {'\x05', '\xff'})).to_vector<double>() == V{5, 255});
  CHECK(io::parse_idx(idx(0x09, {2}, {'\x05', '\xff'})).to_vector<double>() == V{5, -1});
  CHECK(io::parse_idx(idx(0x0B, {2}, {'\x01', '\x02', '\xff', '\xfe'})).to_vector<double>() ==
        V{258, -2});
  CHECK(io::parse_idx(idx(0x0C, {1}, big_endian(0xfffffffe, 4))).to_vector<double>() == V{-2});
  const auto f = io::parse_idx(idx(0x0D, {1}, big_endian(std::bit_cast<std::uint32_t>(1.5f), 4)));
  CHECK(f.dtype() == float32);
  CHECK(f.to_vector<double>() == V{1.5});
  const auto d = io::parse_idx(idx(0x0E, {1}, big_endian(std::bit_cast<std::uint64_t>(0.1), 8)));
  CHECK(d.dtype() == float64);
  CHECK(d.to_vector<double>() == V{0.1});
  const auto m = io::parse_idx(idx(8, {2, 3}, "abcdef"));
  CHECK(m.shape() == Shape{2, 3});
  CHECK(m.dtype() == int64);
  CHECK(io::parse_idx(idx(8, {}, "a")).shape() == Shape{});
  CHECK(io::parse_idx(idx(8, {0, 3}, "")).numel() == 0);
}

TEST_CASE("malformed IDX files are refused with the broken rule") {
  const auto list = idx_corpus();
  CHECK(list.size() >= 40);
  gradus::test::check_refused(list, "read_idx",
                              [](const std::string& bytes) { io::parse_idx(bytes, "f.idx"); });
}

TEST_CASE("a small set in MNIST's format is loaded, and what does not fit is refused") {
  const gradus::test::TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& bytes) {
    gradus::test::write_bytes(folder / name, bytes);
  };
  CHECK_THROWS_WITH(io::load_mnist(folder.path()), contains("train-images-idx3-ubyte.gz"));
  const std::string images = idx(8, {2, 1, 2}, {'\x00', '\xff', '\x33', '\x66'});
  for (const char* part : {"train", "t10k"}) {
    write((std::string(part) + "-images-idx3-ubyte").c_str(), images);
    write((std::string(part) + "-labels-idx1-ubyte").c_str(), idx(8, {2}, {'\x01', '\x00'}));
  }
  const auto set = io::load_mnist(folder.path());
  CHECK(set.train.x().shape() == Shape{2, 1, 1, 2});
  CHECK(set.test.x().to_vector<float>() == std::vector<float>{0, 1, 0.2f, 0.4f});
  CHECK(set.train.y().to_vector<Index>() == std::vector<Index>{1, 0});
  CHECK(set.train.class_names.size() == 2);
  write("t10k-labels-idx1-ubyte", idx(8, {3}, "abc"));
  CHECK_THROWS_WITH(io::load_mnist(folder.path()), contains("one label for each of the 2"));
  write("t10k-images-idx3-ubyte", idx(8, {4}, "abcd"));
  CHECK_THROWS_WITH(io::load_mnist(folder.path()), contains("images (n, rows, columns)"));
}

TEST_CASE("MNIST is read") {
  const std::string folder = gradus::test::shared_data("mnist");
  if (folder.empty()) {
    SUCCEED("not here");
    return;
  }
  const auto set = io::load_mnist(folder);
  CHECK(set.train.x().shape() == Shape{60000, 1, 28, 28});
  CHECK(set.test.x().shape() == Shape{10000, 1, 28, 28});
  const auto labels = set.train.y().to_vector<Index>();
  CHECK(std::vector<Index>(labels.begin(), labels.begin() + 5) ==
        std::vector<Index>{5, 0, 4, 1, 9});
  const auto pixels = set.test.x().to_vector<float>();
  CHECK(*std::max_element(pixels.begin(), pixels.end()) == 1);
  CHECK(*std::min_element(pixels.begin(), pixels.end()) == 0);
  CHECK(set.train.class_names.size() == 10);
}
