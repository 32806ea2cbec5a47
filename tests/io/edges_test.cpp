// What readers and writers just allow, and just do not.
#include "gradus/gradus.hpp"
#include "support/catch.hpp"

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
