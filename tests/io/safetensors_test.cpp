#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "io/malformed.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::Malformed;

namespace {

using V = std::vector<double>;

std::string file(const std::string& header, const std::string& values = std::string(16, '\1')) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return out + header + values;
}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return file("{\"a\":" + entry(dtype, shape, offsets) + "}");
}
std::string two(const std::string& first, const std::string& second) {
  return file("{\"a\":" + entry("\"F32\"", "[2]", first) +
              ",\"b\":" + entry("\"F32\"", "[2]", second) + "}");
}
const std::string good_entry = entry("\"F32\"", "[4]", "[0,16]");
const std::string good = file("{\"a\":" + good_entry + "}");

void add_lengths(std::vector<Malformed>& list) {
  for (std::size_t n = 0; n < 8; ++n)
    list.push_back(
        {"cut within the length", good.substr(0, n), "8 bytes with the header's length"});
  for (std::size_t n = 8; n < 60; n += 6)
    list.push_back({"cut within the header", good.substr(0, n), "is the file cut off?"});
  for (std::size_t n = 1; n <= 16; n += 5)
    list.push_back({"cut within the values", good.substr(0, good.size() - n), "reach beyond"});
  list.push_back({"a byte more", good + "x", "1 bytes follow"});
  for (int byte = 4; byte < 8; ++byte) {
    std::string bytes = good;
    bytes[static_cast<std::size_t>(byte)] = '\x7f';
    list.push_back({"huge header", bytes, "at most 100000000"});
  }
  list.push_back(
      {"length of all ones", std::string(8, '\xff') + good.substr(8), "at most 100000000"});
  list.push_back({"no header", file(""), "must begin with {"});
  list.push_back({"length too small", "\x10" + good.substr(1), "not valid JSON"});
}

void add_json(std::vector<Malformed>& list) {
  for (const char* text :
       {"{", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":{}", "{,}", "{\"a\" 1}", "{'a':1}",
        "{\"a\":1}x", "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", "{\"a\":\"\\x\"}", "{\"a\":tru}",
        "{\"a\":01}", "{\"a\":NaN}", "{\"a", "{\"a\":\"\\ud800\"}"})
    list.push_back({std::string("JSON ") + text, file(text), "not valid JSON"});
  list.push_back({"closing too much", file("{}}"), "not valid JSON"});
  for (const char* text : {"[]", "1", "\"a\"", "null", " {}", "\xef\xbb\xbf{}"})
    list.push_back({std::string("begins ") + text, file(text), "must begin with {"});
  list.push_back({"deep", file("{\"a\":[[[[1]]]]}"), "nested too deeply"});
  list.push_back({"very deep", file("{\"a\":" + std::string(100000, '[')), "nested too deeply"});
  list.push_back({"long list", file("{\"a\":[1,1,1,1,1,1,1,1,1,1]}"), "list is longer than 8"});
  list.push_back({"name twice", file("{\"a\":" + good_entry + ",\"a\":" + good_entry + "}"),
                  "name \"a\" stands twice"});
  list.push_back({"escaped name twice",
                  file("{\"a\":" + good_entry + ",\"\\u0061\":" + good_entry + "}"),
                  "name \"a\" stands twice"});
  list.push_back(
      {"key twice",
       file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}"),
       "name \"dtype\" stands twice"});
  for (const char* value : {"[]", "1", "\"x\"", "null"})
    list.push_back(
        {"metadata", file(std::string("{\"__metadata__\":") + value + "}", ""), "object of texts"});
  for (const char* value : {"1", "null", "[]", "{}", "true"})
    list.push_back({"metadata value",
                    file(std::string("{\"__metadata__\":{\"k\":") + value + "}}", ""),
                    "metadata \"k\" must be a text"});
  list.push_back({"metadata twice", file("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", ""),
                  "name \"k\" stands twice"});
}

void add_entries(std::vector<Malformed>& list) {
  for (const char* value : {"1", "[]", "null", "\"x\"", "true"})
    list.push_back(
        {"entry", file(std::string("{\"a\":") + value + "}"), "tensor \"a\": an object"});
  list.push_back({"empty entry", file("{\"a\":{}}"), "lacks \"dtype\""});
  list.push_back(
      {"no dtype", file("{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}"), "lacks \"dtype\""});
  list.push_back(
      {"no shape", file("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}"), "lacks \"shape\""});
  list.push_back(
      {"no offsets", file("{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}"), "lacks \"data_offsets\""});
  list.push_back({"further key",
                  file("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"x\":1}}"),
                  "other keys"});
  for (const char* dtype : {"\"f32\"", "\"F31\"", "\"F8_E4M3\"", "\"C64\"", "\"\"", "\"F32 \"", "4",
                            "null", "[]", "{}", "true"})
    list.push_back({std::string("dtype ") + dtype, one(dtype, "[4]", "[0,16]"),
                    "is not supported; one of F64, F32"});
  for (const char* shape : {"4", "\"4\"", "null", "{}", "true"})
    list.push_back({std::string("shape ") + shape, one("\"F32\"", shape, "[0,16]"),
                    "must be a list of lengths"});
  for (const char* shape : {"[-4]", "[4.0]", "[\"4\"]", "[null]", "[true]", "[1e2]", "[4,-1]",
                            "[99999999999999999999]"})
    list.push_back({std::string("length ") + shape, one("\"F32\"", shape, "[0,16]"),
                    "whole number of 0 or more"});
  for (const char* shape :
       {"[4611686018427387904]", "[4294967296,4294967296]", "[1099511627776,1099511627776,0]"})
    list.push_back({std::string("product ") + shape, one("\"F32\"", shape, "[0,16]"),
                    "more values than can be counted"});
  for (const char* shape :
       {"[]", "[3]", "[5]", "[4,2]", "[0]", "[576460752303423487]", "[576460752303423487,8]"})
    list.push_back(
        {std::string("size ") + shape, one("\"F32\"", shape, "[0,16]"), "span 16 bytes"});
  for (const char* dtype :
       {"\"F64\"", "\"F16\"", "\"BF16\"", "\"I64\"", "\"I16\"", "\"U8\"", "\"BOOL\""})
    list.push_back({std::string("size of ") + dtype, one(dtype, "[4]", "[0,16]"), "span 16 bytes"});
}

void add_layout(std::vector<Malformed>& list) {
  for (const char* offsets : {"[0]", "[]", "[0,16,32]", "16", "null", "{}", "[0,\"16\"]", "[-1,15]",
                              "[0,16.0]", "[null,16]", "[0,-16]", "[0,99999999999999999999]"})
    list.push_back(
        {std::string("offsets ") + offsets, one("\"F32\"", "[4]", offsets), "two whole numbers"});
  list.push_back({"backwards", one("\"F32\"", "[4]", "[16,0]"), "run backwards"});
  list.push_back({"beyond", one("\"F32\"", "[4]", "[4,20]"), "reach beyond the 16 bytes"});
  list.push_back({"far beyond",
                  one("\"F32\"", "[4]", "[18446744073709551599,18446744073709551615]"),
                  "reach beyond"});
  list.push_back({"gap at the beginning", one("\"F32\"", "[3]", "[4,16]"), "gap from 0"});
  list.push_back({"rest at the end", one("\"F32\"", "[3]", "[0,12]"), "4 bytes follow"});
  list.push_back(
      {"overlap", two("[0,8]", "[4,12]"), "tensor \"b\": its values begin at 4 and overlap"});
  list.push_back({"the same values", two("[0,8]", "[0,8]"), "overlap"});
  list.push_back({"gap between",
                  file("{\"a\":" + entry("\"F32\"", "[1]", "[0,4]") +
                       ",\"b\":" + entry("\"F32\"", "[2]", "[8,16]") + "}"),
                  "gap from 4"});
  list.push_back({"no tensors but values", file("{}"), "16 bytes follow"});
  list.push_back({"boolean 2", file("{\"a\":" + entry("\"BOOL\"", "[2]", "[0,2]") + "}", "\1\2"),
                  "value 1 is the boolean 2"});
  list.push_back({"uint64",
                  file("{\"a\":" + entry("\"U64\"", "[1]", "[0,8]") + "}", std::string(8, '\xff')),
                  "beyond the range"});
}

}  // namespace

TEST_CASE("tensors and metadata come back from safetensors as they went") {
  const gradus::test::TemporaryFolder folder;
  const io::NamedTensors tensors{{"fc1.weight", tensor({{1.5, -2}, {3, 1e30}})},
                                 {"mask", tensor({1, 0, 1}, boolean)},
                                 {"steps", tensor(7, int64)},
                                 {"empty", zeros({0, 3}, float64)},
                                 {"päth \"q\"", tensor({0.1}, float64)}};
  io::write_safetensors(folder / "m.safetensors", tensors, {{"format", "gradus"}, {"b", "ü\n"}});
  const auto back = io::read_safetensors(folder / "m.safetensors");
  CHECK(back.tensors.size() == tensors.size());
  for (const auto& [name, x] : tensors) {
    const Tensor& y = back.at(name);
    CHECK(y.dtype() == x.dtype());
    CHECK(y.shape() == x.shape());
    CHECK(y.to_vector<double>() == x.to_vector<double>());
  }
  CHECK(back.text("format") == "gradus");
  CHECK(back.text("b") == "ü\n");
  CHECK(back.text("none").empty());
  CHECK_THROWS_WITH(back.at("fc1.wieght"), contains("did you mean \"fc1.weight\"?"));
  CHECK_THROWS_WITH(io::SafeTensors().at("x"), contains("among 0"));
  CHECK(io::parse_safetensors(io::format_safetensors({})).tensors.empty());
  // Values begin at a multiple of 8, wide ones first.
  const std::string bytes = io::format_safetensors(tensors);
  CHECK((8 + static_cast<unsigned char>(bytes[0]) + 256 * static_cast<unsigned char>(bytes[1])) %
            8 ==
        0);
}

TEST_CASE("every dtype of safetensors is read") {
  const auto read = [](const char* dtype, const std::string& values, int count) {
    const auto t = io::parse_safetensors(
        file("{\"a\":" +
                 entry(std::string("\"") + dtype + "\"", "[" + std::to_string(count) + "]",
                       "[0," + std::to_string(values.size()) + "]") +
                 "}",
             values));
    return t.at("a");
  };
  CHECK(read("I8", "\1\xff", 2).to_vector<double>() == V{1, -1});
  CHECK(read("U8", "\1\xff", 2).to_vector<double>() == V{1, 255});
  CHECK(read("I16", "\1\2\xfe\xff", 2).to_vector<double>() == V{513, -2});
  CHECK(read("U16", "\xfe\xff", 1).to_vector<double>() == V{65534});
  CHECK(read("I32", "\xfe\xff\xff\xff", 1).to_vector<double>() == V{-2});
  CHECK(read("U32", "\xfe\xff\xff\xff", 1).to_vector<double>() == V{4294967294.0});
  CHECK(read("U64", std::string("\5\0\0\0\0\0\0\0", 8), 1).dtype() == int64);
  CHECK(read("BF16", std::string("\xc0\x3f\x80\xff", 4), 2).to_vector<double>() ==
        V{1.5, -std::numeric_limits<double>::infinity()});
  const auto halves =
      read("F16",
           std::string("\x00\x3e\x00\xc0\xff\x7b\x01\x80\xff\x03\x00\x04\x00\x7c\x01\x7e\x00\x80",
                       18),
           9)
          .to_vector<double>();
  CHECK(V(halves.begin(), halves.begin() + 7) == V{1.5, -2, 65504, -0x1p-24, 1023 * 0x1p-24,
                                                   0x1p-14,
                                                   std::numeric_limits<double>::infinity()});
  CHECK(std::isnan(halves[7]));
  CHECK(std::signbit(halves[8]));
  CHECK(read("F64", std::string(8, '\0'), 1).dtype() == float64);
  CHECK(read("BOOL", std::string("\0\1", 2), 2).dtype() == boolean);
}

TEST_CASE("half precision is read as NumPy reads it") {
  const gradus::test::TemporaryFolder folder;
  if (!gradus::test::run_numpy("import sys, numpy as np\n"
                               "a = np.arange(65536, dtype=np.uint16).view(np.float16)\n"
                               "np.save(sys.argv[1] + \"/h.npy\", a)\n"
                               "np.save(sys.argv[1] + \"/f.npy\", a.astype(np.float32))\n",
                               folder.path())) {
    SUCCEED("no NumPy");
    return;
  }
  const auto half = io::read_npy(folder / "h.npy").to_vector<float>();
  const auto full = io::read_npy(folder / "f.npy").to_vector<float>();
  int different = 0;
  for (std::size_t i = 0; i < full.size(); ++i)
    different += !(half[i] == full[i] && std::signbit(half[i]) == std::signbit(full[i])) &&
                 !(std::isnan(half[i]) && std::isnan(full[i]));
  CHECK(different == 0);
}

TEST_CASE("malformed safetensors files are refused with the broken rule") {
  std::vector<Malformed> list;
  add_lengths(list);
  add_json(list);
  add_entries(list);
  add_layout(list);
  CHECK(list.size() >= 100);
  CHECK(io::parse_safetensors(good).at("a").numel() == 4);
  gradus::test::check_refused(list, "read_safetensors",
                              [](const std::string& b) { io::parse_safetensors(b, "f.st"); });
}

TEST_CASE("names and metadata that cannot be written are refused") {
  const Tensor x = arange(2);
  CHECK_THROWS_WITH(io::format_safetensors({{"", x}}), contains("the name \"\""));
  CHECK_THROWS_WITH(io::format_safetensors({{"__metadata__", x}}), contains("__metadata__"));
  CHECK_THROWS_WITH(io::format_safetensors({{"a", x}, {"a", x}}), contains("twice"));
  CHECK_THROWS_WITH(io::format_safetensors({{"\xff", x}}), contains("UTF-8"));
  CHECK_THROWS_WITH(io::format_safetensors({}, {{"a", ""}, {"a", ""}}), contains("twice"));
  CHECK_THROWS_WITH(io::format_safetensors({{"a", Tensor()}}), contains("undefined"));
  const std::string nul("a\0b", 3);
  CHECK_THROWS_WITH(io::format_safetensors({{nul, x}}), contains("character 0"));
  CHECK_THROWS_WITH(io::format_safetensors({}, {{nul, ""}}), contains("character 0"));
  CHECK_THROWS_WITH(io::format_safetensors({}, {{"a", nul}}), contains("character 0"));
}

namespace {

std::string refusal(const std::string& bytes) {
  try {
    io::parse_safetensors(bytes, "f.st");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

/// The same file with other bytes for a part of its header, as long as those.
std::string replace(std::string bytes, const std::string& from, const std::string& to) {
  const std::size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a bit that flips anywhere in a file is found, and in a tensor's values by name") {
  const std::string bytes = io::format_safetensors(
      {{"first", tensor({{1, 2, 3}, {4, 5, 6}})}, {"second", arange(2).to(int64)}},
      {{"fill", "12"}, {"name", "\"quoted\""}});
  REQUIRE(refusal(bytes).empty());
  // Wide values stand first: second has the 16 bytes before the last 24.
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      INFO("byte " << at << ", bit " << bit);
      const std::string text = refusal(flipped);
      REQUIRE_FALSE(text.empty());
      if (at >= bytes.size() - 24)
        REQUIRE_THAT(text, contains("f.st: tensor \"first\" has the checksum"));
      else if (at >= bytes.size() - 40)
        REQUIRE_THAT(text, contains("f.st: tensor \"second\" has the checksum"));
    }
}

TEST_CASE("tensors that change their names, shapes or dtypes with each other are found") {
  const std::string bytes =
      io::format_safetensors({{"a", tensor({{1, 2, 3}, {4, 5, 6}})}, {"b", ones({3, 2})}});
  CHECK_THAT(refusal(replace(bytes, "[2,3]", "[3,2]")), contains("tensor \"a\" has the checksum"));
  CHECK_THAT(refusal(replace(bytes, "F32", "I32")), contains("tensor \"a\" has the checksum"));
  const std::string swapped = replace(replace(bytes, "\"a\":{", "\"x\":{"), "\"b\":{", "\"a\":{");
  CHECK_THAT(refusal(swapped), contains("checksum"));
}

TEST_CASE("files without checksums are read, and those that lack some are refused") {
  CHECK(io::parse_safetensors(good).at("a").numel() == 4);
  CHECK(io::parse_safetensors(good).metadata.empty());
  const auto with = [](const std::string& sums) {
    return refusal(
        file("{\"__metadata__\":{\"gradus.crc32\":" + sums + "},\"a\":" + good_entry + "}"));
  };
  CHECK_THAT(with("\"{}\""), contains("a checksum for each of 1 tensors"));
  CHECK_THAT(with("\"[]\""), contains("a checksum for each of 1 tensors"));
  CHECK_THAT(with("\"[[]]\""), contains("nested too deeply"));
  CHECK_THAT(with("\"\""), contains("not valid JSON"));
  CHECK_THAT(with(R"("{\"__metadata__\":\"00000000\",\"b\":\"0\"}")"), contains("none was saved"));
  CHECK_THAT(with(R"("{\"__metadata__\":\"00000001\",\"a\":\"0\"}")"),
             contains("the metadata has the checksum 00000000"));
  // What is read and written again has the sums of what it is then.
  io::SafeTensors again = io::parse_safetensors(io::format_safetensors({{"a", arange(2)}}));
  again.tensors[0].second = arange(3);
  CHECK(refusal(io::format_safetensors(again.tensors, again.metadata)).empty());
}
