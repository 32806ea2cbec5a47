#include <algorithm>
#include <limits>

#include "gradus/gradus.hpp"
#include "io/malformed.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::Malformed;

namespace {

using V = std::vector<double>;

std::string npy(const std::string& header, const std::string& values, int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    out += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return out + header + values;
}
std::string describe(const std::string& type, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

std::vector<Tensor> samples() {
  return {tensor(1.5),
          tensor({1, 2, 3}, int64),
          tensor({{1.5, -2}, {3, 1e30}}),
          tensor({{{0.1}, {0.2}}}, float64),
          tensor({1, 0, 1}, boolean),
          zeros({0, 3}),
          full({1, 1, 1, 1, 1, 1, 1, 2}, 7)};
}

void check_equal(const Tensor& a, const Tensor& b) {
  CHECK(a.dtype() == b.dtype());
  CHECK(a.shape() == b.shape());
  CHECK(a.to_vector<double>() == b.to_vector<double>());
}

std::vector<Malformed> npy_corpus() {
  const std::string valid = npy(describe("<f4", "(2,)"), "abcdefgh");
  std::vector<Malformed> list;
  for (const std::size_t n : {0u, 3u, 5u})
    list.push_back({"magic cut", valid.substr(0, n), "NUMPY"});
  for (const std::size_t n : {6u, 9u})
    list.push_back({"start cut", valid.substr(0, n), "first 10"});
  for (const std::size_t n : {10u, 20u, 60u})
    list.push_back({"header cut", valid.substr(0, n), "cut off"});
  list.push_back({"version 2 cut", npy("", "", 2).substr(0, 11), "first 12"});
  list.push_back({"values cut", valid.substr(0, valid.size() - 1), "but 7 follow"});
  list.push_back({"values too long", valid + "i", "but 9 follow"});
  list.push_back({"other magic", "\x94NUMPY" + valid.substr(6), "NUMPY"});
  list.push_back({"text", "1,2,3\n4,5,6\n", "NUMPY"});
  for (const int version : {0, 4, 255})
    list.push_back({"version", npy(describe("<f4", "(2,)"), "abcdefgh", version),
                    "version " + std::to_string(version)});
  list.push_back({"minor version", valid.substr(0, 7) + "\x01" + valid.substr(8), "version 1.1"});
  list.push_back(
      {"long header", npy("", "", 3).substr(0, 8) + "\xff\xff\xff\xff", "4294967295 bytes"});
  for (const char* type :
       {"|O",  "O8",  "<U5", "|S3", "<c8", "<c16", "<f16", "<f1", "<f3", "<i3", "<i16",
        "|b2", "<M8", "|V4", "<x4", "f4",  "",     "<",    "<f",  "?f4", "|f4", "<f44"})
    list.push_back(
        {"dtype", npy(describe(type, "(2,)"), "abcdefgh"), "dtype '" + std::string(type) + "'"});
  list.push_back(
      {"records",
       npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "abcdefgh"),
       "array of records"});
  for (const auto& [shape, expected] : std::vector<std::pair<std::string, std::string>>{
           {"2", "'('"},
           {"(2)", "tuple"},
           {"(-2,)", "0 or more"},
           {"(2", "0 or more"},
           {"(2,,)", "0 or more"},
           {"(2.0,)", "')'"},
           {"(1e3,)", "')'"},
           {"(x,)", "0 or more"},
           {"[2]", "'('"},
           {"()", "4 bytes of values, but 8"},
           {"(1,)", "but 8 follow"},
           {"(3,)", "but 8 follow"},
           {"(2, 2)", "but 8 follow"},
           {"(0,)", "but 8 follow"},
           {"(1,1,1,1,1,1,1,1,2)", "more than 8 axes"},
           {"(99999999999999999999,)", "too large"},
           {"(4611686018427387904,)", "can be counted"},
           {"(1099511627776,1099511627776)", "can be counted"},
           {"(500000000000000000,2)", "but 8 follow"},
           {"(0,9999999999999999999)", "can be counted"},
           {"(500000000000000000,30)", "bytes than can be counted"}})
    list.push_back({"shape " + shape, npy(describe("<f4", shape), "abcdefgh"), expected});
  for (const auto& [header, expected] : std::vector<std::pair<std::string, std::string>>{
           {"", "'{'"},
           {"{", "text in quotes"},
           {"{}", "lacks 'descr'"},
           {"[]", "'{'"},
           {"{'descr': '<f4', 'fortran_order': False}", "lacks 'shape'"},
           {"{'descr': '<f4', 'shape': (2,)}", "lacks 'fortran_order'"},
           {"{'fortran_order': False, 'shape': (2,)}", "lacks 'descr'"},
           {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "twice"},
           {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "unknown key 'x'"},
           {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "True or False"},
           {"{'descr': '<f4', 'fortran_order': Fals", "True or False"},
           {"{'descr': '<f4", "not closed"},
           {"{descr: '<f4'}", "text in quotes"},
           {"{'descr' '<f4'}", "':'"},
           {"{'descr': '<f4' 'shape': (2,)}", "'}'"},
           {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "more follows"},
           {"{'descr': 4, 'fortran_order': False, 'shape': (2,)}", "text in quotes"}})
    list.push_back({"header " + header, npy(header, "abcdefgh"), expected});
  list.push_back({"boolean 2", npy(describe("|b1", "(2,)"), "\x01\x02"), "the boolean 2"});
  list.push_back(
      {"uint64", npy(describe("<u8", "(1,)"), std::string(8, '\xff')), "beyond the range"});
  return list;
}

std::vector<Malformed> npz_corpus() {
  const io::NamedTensors arrays{{"a", arange(3)}, {"bc", arange(4)}};
  const std::string stored = io::format_npz(arrays),
                    packed = io::format_npz(arrays, {.compress = true});
  const std::size_t end = stored.size() - 22, list_at = stored.find("PK\x01\x02");
  const std::size_t second = stored.find("PK\x01\x02", list_at + 1);
  std::vector<Malformed> list;
  const auto change = [&](const std::string& rule, std::size_t at, const std::string& to,
                          const std::string& expected) {
    std::string bytes = stored;
    list.push_back({rule, bytes.replace(at, to.size(), to), expected});
  };
  const std::string full(4, '\xff'), zero4(4, '\0');
  for (const std::size_t n : {0u, 21u}) list.push_back({"cut", stored.substr(0, n), "too short"});
  for (const std::size_t n : {30u, 200u})
    list.push_back({"cut", stored.substr(0, n), "no end of a zip"});
  list.push_back({"one byte less", stored.substr(0, stored.size() - 1), "no end of a zip"});
  list.push_back({"one byte more", stored + "x", "no end of a zip"});
  list.push_back({"front cut", stored.substr(5), "f.npz: byte"});
  list.push_back({"no zip", std::string(100, 'x'), "no end of a zip"});
  change("end mark", end, "PKxx", "no end of a zip");
  change("several disks", end + 4, std::string("\x01\0", 2), "several parts");
  change("more members", end + 10, std::string("\xff\0", 2), "room for");
  change("three members", end + 10, std::string("\x03\0", 2), "room for");
  change("fewer members", end + 10, std::string("\x01\0", 2), "more follows the list");
  change("list offset", end + 16, std::string("\xf0\xff\xff\x00", 4), "outside of the file");
  change("list size", end + 12, std::string("\xf0\xff\xff\x00", 4), "outside of the file");
  change("list size 0", end + 12, zero4, "room for");
  change("large list without sizes", end + 16, full, "large sizes of the zip file are missing");
  change("list mark", list_at, "PKxx", "list of members is damaged");
  change("second mark", second, "PKxx", "list of members is damaged");
  change("encrypted", list_at + 8, std::string("\x01\0", 2), "encrypted");
  change("method", list_at + 10, std::string("\x0c\0", 2), "method 12");
  change("checksum", list_at + 16, full, "another checksum");
  change("packed size", list_at + 20, std::string("\x01\0\0\0", 4), "declares two sizes");
  change("packed size beyond", list_at + 20, std::string("\0\0\x10\0", 4), "overlap");
  change("last packed size beyond", second + 20, std::string("\0\0\x10\0", 4),
         "reaches beyond the members'");
  change("unpacked size", list_at + 24, std::string("\x01\0\0\0", 4), "declares two sizes");
  change("large size missing", list_at + 24, full, "large size of member \"a.npy\" is missing");
  change("offset", list_at + 42, std::string("\x01\0\0\0", 4), "not where the list says");
  change("offset beyond", second + 42, std::string("\0\0\x10\0", 4), "not where the list says");
  change("offsets equal", second + 42, zero4, "overlap");
  change("name length", list_at + 28, std::string("\xff\0", 2), "f.npz: byte");
  change("name length beyond", second + 28, std::string("\xff\xff", 2), "beyond the list");
  change("extra length", second + 30, std::string("\xff\x0f", 2), "beyond the list");
  change("comment length", second + 32, std::string("\xff\x0f", 2), "beyond the list");
  change("other ending", list_at + 46, "a.txt", "no .npy file");
  change("local mark", 0, "PKxx", "not where the list says");
  change("local name length", 26, std::string("\xff\xff", 2), "reaches beyond the members'");
  change("value", 30 + 5 + 130, "!", "another checksum");
  list.push_back({"method swapped",
                  [&] {
                    std::string b = stored;
                    b[list_at + 10] = 8;
                    return b;
                  }(),
                  "does not unpack"});
  const std::size_t packed_list = packed.find("PK\x01\x02");
  const auto change_packed = [&](const std::string& rule, std::size_t at, const std::string& to,
                                 const std::string& expected) {
    std::string bytes = packed;
    list.push_back({rule, bytes.replace(at, to.size(), to), expected});
  };
  change_packed("packed value", 40, "\xff\xff", "does not unpack");
  change_packed("unpacked size small", packed_list + 24, std::string("\x10\0\0\0", 4),
                "does not unpack");
  change_packed("unpacked size large", packed_list + 24, std::string("\0\0\0\x10", 4),
                "does not unpack");
  change_packed("unpacked size beyond the limit", packed_list + 24, std::string("\0\0\0\0", 4),
                "does not unpack");
  change_packed("packed size small", packed_list + 20, std::string("\x10\0\0\0", 4),
                "does not unpack");
  return list;
}

}  // namespace

TEST_CASE("arrays come back from .npy as they went") {
  const gradus::test::TemporaryFolder folder;
  for (const Tensor& x : samples()) {
    check_equal(io::parse_npy(io::format_npy(x)), x);
    io::write_npy(folder / "x.npy", x);
    check_equal(io::read_npy(folder / "x.npy"), x);
    CHECK(io::format_npy(x).find('\n') % 64 == 63);
  }
}

TEST_CASE("every number type, byte order and layout is read") {
  const auto read = [](const std::string& type, const std::string& values, bool fortran = false) {
    return io::parse_npy(
        npy(describe(type, "(" + std::string(fortran ? "1, 2" : "2,") + ")", fortran), values));
  };
  CHECK(read("|i1", "\x01\xff").to_vector<double>() == V{1, -1});
  CHECK(read("|u1", "\x01\xff").to_vector<double>() == V{1, 255});
  CHECK(read("<i2", std::string("\x01\x02\xfe\xff", 4)).to_vector<double>() == V{513, -2});
  CHECK(read(">i2", std::string("\x01\x02\xff\xfe", 4)).to_vector<double>() == V{258, -2});
  CHECK(read(">u2", std::string("\x01\x02\xff\xfe", 4)).to_vector<double>() == V{258, 65534});
  CHECK(read("<u4", std::string("\1\0\0\0\xff\xff\xff\xff", 8)).to_vector<double>() ==
        V{1, 4294967295.0});
  CHECK(read(">f4", std::string("\x3f\xc0\0\0\xc0\0\0\0", 8)).to_vector<double>() == V{1.5, -2});
  CHECK(read("<f2", std::string("\x00\x3c\x01\x00", 4)).to_vector<double>() == V{1, 0x1p-24});
  CHECK(read(">f2", std::string("\xfb\xff\x7c\x00", 4)).to_vector<double>() ==
        V{-65504, std::numeric_limits<double>::infinity()});
  CHECK(read("|b1", std::string("\0\1", 2)).dtype() == boolean);
  const std::string bytes("\1\2\3\4\5\6", 6);
  const auto c = io::parse_npy(npy(describe("|u1", "(2, 3)"), bytes));
  const auto f = io::parse_npy(npy(describe("|u1", "(2, 3)", true), bytes));
  CHECK(c.to_vector<double>() == V{1, 2, 3, 4, 5, 6});
  CHECK(f.to_vector<double>() == V{1, 3, 5, 2, 4, 6});
  for (const int version : {2, 3})
    check_equal(io::parse_npy(npy(describe("|u1", "(2, 3)"), bytes, version)), c);
  check_equal(
      io::parse_npy(npy("{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"|u1\"}", bytes)),
      c);
}

TEST_CASE("malformed .npy files are refused with the broken rule") {
  const auto list = npy_corpus();
  CHECK(list.size() >= 50);
  gradus::test::check_refused(list, "read_npy",
                              [](const std::string& b) { io::parse_npy(b, "f.npy"); });
}

TEST_CASE("arrays come back from .npz as they went, stored or deflated") {
  const gradus::test::TemporaryFolder folder;
  io::NamedTensors arrays;
  for (const Tensor& x : samples()) arrays.emplace_back("array" + std::to_string(arrays.size()), x);
  arrays.emplace_back("large", arange(100000));
  for (const bool compress : {false, true}) {
    io::write_npz(folder / "x.npz", arrays, {.compress = compress});
    const auto back = io::read_npz(folder / "x.npz");
    REQUIRE(back.size() == arrays.size());
    for (std::size_t i = 0; i < back.size(); ++i) {
      CHECK(back[i].first == arrays[i].first);
      check_equal(back[i].second, arrays[i].second);
    }
  }
  CHECK(io::parse_npz(io::format_npz({})).empty());
  CHECK_THROWS_WITH(io::format_npz({{"", arange(1)}}), contains("0 bytes"));
  CHECK_THROWS_WITH(io::format_npz({{"a", arange(1)}, {"a", arange(1)}}), contains("twice"));
}

TEST_CASE("malformed .npz files are refused with the broken rule") {
  const auto list = npz_corpus();
  CHECK(list.size() >= 40);
  gradus::test::check_refused(list, "read_npz",
                              [](const std::string& b) { io::parse_npz(b, "f.npz"); });
  std::string twice = io::format_npz({{"a", arange(1)}, {"b", arange(1)}});
  twice[twice.rfind("b.npy")] = 'a';
  CHECK_THROWS_WITH(io::parse_npz(twice, "f"), contains("two members are called \"a.npy\""));
}

TEST_CASE("NumPy reads what is written, and the other way round") {
  const gradus::test::TemporaryFolder folder;
  io::write_npz(folder / "out.npz",
                {{"w", tensor({{1.5, 2}, {3, 4}})}, {"n", tensor({1, 2}, int64)}},
                {.compress = true});
  io::write_npy(folder / "out.npy", tensor({1, 0}, boolean));
  const bool ran = gradus::test::run_numpy(
      "import sys, numpy as np\n"
      "d = sys.argv[1] + \"/\"\n"
      "z = np.load(d + \"out.npz\")\n"
      "assert z[\"w\"].dtype == np.float32 and z[\"w\"].tolist() == [[1.5, 2], [3, 4]]\n"
      "assert z[\"n\"].dtype == np.int64 and z[\"n\"].tolist() == [1, 2]\n"
      "assert np.load(d + \"out.npy\").tolist() == [True, False]\n"
      "a = np.arange(6).reshape(2, 3)\n"
      "kinds = \"<f2 <f4 <f8 >f2 >f4 >f8 <i1 <i2 <i4 <i8 >i2 >i4 >i8 <u1 <u2 <u4 <u8 >u2 >u4 "
      ">u8\".split()\n"
      "arrays = {k[1:] + (\"l\" if k[0] == \"<\" else \"b\") + o: np.array(a.astype(k), order=o) "
      "for k in kinds for o in \"CF\"}\n"
      "np.savez(d + \"a.npz\", **arrays)\n"
      "np.savez_compressed(d + \"b.npz\", **arrays)\n"
      "with open(d + \"v2.npy\", \"wb\") as f: np.lib.format.write_array(f, a, version=(2, 0))\n"
      "with open(d + \"v3.npy\", \"wb\") as f: np.lib.format.write_array(f, a, version=(3, 0))\n",
      folder.path());
  if (!ran) {
    SUCCEED("no NumPy");
    return;
  }
  const V expected{0, 1, 2, 3, 4, 5};
  for (const char* name : {"a.npz", "b.npz"}) {
    const auto arrays = io::read_npz(folder / name);
    CHECK(arrays.size() == 40);
    for (const auto& [key, x] : arrays) {
      CAPTURE(key);
      CHECK(x.shape() == Shape{2, 3});
      CHECK(x.to_vector<double>() == expected);
    }
  }
  for (const char* name : {"v2.npy", "v3.npy"})
    CHECK(io::read_npy(folder / name).to_vector<double>() == expected);
}
