// What readers and writers just allow, and just do not.
#include "gradus/gradus.hpp"
#include "io/csv/table.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

using namespace gradus;
using gradus::test::contains;

TEST_CASE("no character that numbers or quotes need is a delimiter") {
  for (const char c : {'0', '5', '9', 'a', 'z', 'A', 'Z', '+', '-', '.', '"', ' '})
    CHECK_THROWS_WITH(io::parse_csv("1,2\n", {.delimiter = c}), contains("the delimiter"));
}

TEST_CASE("a raw table says whether its first line names the columns") {
  CHECK(io::parse_raw_csv("a,b\n1,2\n3,4\n").named);
  CHECK_FALSE(io::parse_raw_csv("1,2\n3,4\n").named);
}

TEST_CASE("blanks may follow a closing quote: tabs, too, where they do not delimit") {
  const auto t = io::parse_csv("\"1\"\t,2\n\"3\" \t ,4\n", {.delimiter = ','});
  CHECK(t.x.to_vector<double>() == std::vector<double>{1, 3});
  CHECK_THROWS_WITH(io::parse_csv("\"1\" x,2\n"), contains("closing quote"));
}

TEST_CASE("the longest name of a member of .npz, and one too long") {
  const std::string name(0xff00, 'n');
  CHECK(io::parse_npz(io::format_npz({{name, arange(2)}}))[0].first == name);
  CHECK_THROWS_WITH(io::format_npz({{name + "n", arange(2)}}), contains("65281 bytes"));
}

TEST_CASE("an entry that reaches beyond the list of members of .npz is refused") {
  const std::string bytes = io::format_npz({{std::string(300, 'n'), arange(2)}});
  const std::size_t entry = bytes.rfind("PK\x01\x02");
  REQUIRE(entry != std::string::npos);
  for (const std::size_t field : {28, 30, 32}) {  // lengths of name, extra field and comment
    std::string damaged = bytes;
    damaged[entry + field] = static_cast<char>(damaged[entry + field] + 100);
    INFO(field);
    CHECK_THROWS_WITH(io::parse_npz(damaged), contains("reaches beyond the list of members"));
  }
}

TEST_CASE("a field of an entry of .npz that reaches beyond its extra fields is not read") {
  std::string bytes = io::format_npz({{"a", arange(3)}});
  const std::size_t entry = bytes.rfind("PK\x01\x02"), end = bytes.rfind("PK\x05\x06");
  const std::string size = bytes.substr(entry + 24, 4);
  // 5 bytes are declared, 2 are there; the comment goes on as if it were the next field.
  const std::string extra("\x02\0\x05\0..", 6),
      comment = "..." + std::string("\x01\0\x08\0", 4) + size + std::string(4, '\0');
  bytes[end + 12] = static_cast<char>(bytes[end + 12] + extra.size() + comment.size());
  bytes[entry + 30] = static_cast<char>(extra.size());
  bytes[entry + 32] = static_cast<char>(comment.size());
  bytes.insert(end, comment).insert(end, extra);
  CHECK(io::parse_npz(bytes).size() == 1);  // nothing is looked for while the size fits
  bytes.replace(entry + 24, 4, 4, '\xff');
  CHECK_THROWS_WITH(io::parse_npz(bytes), contains("large size of member \"a.npy\" is missing"));
}

TEST_CASE("a packed file is no .npz") {
  const gradus::test::TemporaryFolder folder;
  io::write_npz(folder / "a.npz", {{"a", arange(3)}});
  const std::string packed = gradus::test::gzip(io::read_file(folder / "a.npz"));
  io::write_file_atomically(folder / "b.npz", packed);
  CHECK_THROWS_WITH(io::read_npz(folder / "b.npz"), contains("no end of a zip"));
}

TEST_CASE("texts are numbered in the table's cells and nowhere behind them") {
  io::detail::Columns columns;
  columns.list.resize(1);
  columns.list[0].values = {"b", "a"};
  columns.cells = {0, 1, 0, 1e15};
  columns.cells.pop_back();  // what stays in memory is no code
  io::detail::sort_codes(columns, 0);
  CHECK(columns.cells == std::vector<double>{1, 0, 1});
  CHECK(columns.list[0].values == std::vector<std::string>{"a", "b"});
}
