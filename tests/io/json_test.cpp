#include "io/json.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace gradus::io::detail;

namespace {

std::string again(const char* text) { return format_json(parse_json(text)); }

}  // namespace

TEST_CASE("A JSON value in braces is an object where every element is a name with a value",
          "[io]") {
  CHECK(format_json({{"a", 1}, {"b", {{"c", nullptr}}}}) == R"({"a":1,"b":{"c":null}})");
  CHECK(format_json({"a", 1, true, {2.5, "x"}}) == R"(["a",1,true,[2.5,"x"]])");
  CHECK(format_json({{"a", 1}, 2}) == R"([["a",1],2])");
  Json json;
  json["z"] = 1;
  json["a"].push_back({"b", 2});
  json["z"] = std::vector<std::vector<int>>{{1, 2}, {}};
  CHECK(format_json(json) == R"({"z":[[1,2],[]],"a":[["b",2]]})");
  CHECK(format_json(json, 1) ==
        "{\n \"z\": [\n  [\n   1,\n   2\n  ],\n  []\n ],\n \"a\": [\n  [\n   \"b\",\n   2\n  ]\n "
        "]\n}");
}

TEST_CASE("JSON numbers come back as they were, whatever their kind", "[io]") {
  CHECK(again("[0,18446744073709551615,-9223372036854775808,0.1,1e300,-0.0,1.0]") ==
        "[0,18446744073709551615,-9223372036854775808,0.1,1e+300,-0.0,1.0]");
  CHECK(format_json({NAN, INFINITY, -INFINITY}) == "[null,null,null]");
  const Json read = parse_json("[7,-7,7.0]");
  CHECK(read.items()[0].is_bits());
  CHECK((read.items()[1].is_whole() && !read.items()[1].is_bits()));
  CHECK((read.items()[2].is_fraction() && !read.items()[2].is_whole()));
  CHECK(read.items()[0].number() == 7.0);
}

TEST_CASE("An object that was read has its members in the order of their names", "[io]") {
  const Json read = parse_json(R"({"b":1,"B":{"y":1,"x":2},"a":[{"d":0,"c":0}]})");
  CHECK(format_json(read) == R"({"B":{"x":2,"y":1},"a":[{"c":0,"d":0}],"b":1})");
  CHECK(read.find("b")->bits() == 1);
  CHECK_FALSE(read.contains("c"));
}

TEST_CASE("JSON that asks for more than it may, or is none, is refused", "[io]") {
  CHECK_THROWS_WITH(
      parse_json("[[1]]", {.depth = 1}),
      "lists and objects are nested too deeply; at most 1 within each other are allowed");
  CHECK_THROWS_WITH(parse_json("[1,[2,3]]", {.list = 1}),
                    "a list is longer than 1 values, the most that are allowed");
  CHECK_NOTHROW(parse_json("[[1],[2]]", {.depth = 2, .list = 2}));
  CHECK_THROWS_WITH(parse_json(R"({"a":{"a":1,"b":2,"a":3}})"),
                    "the name \"a\" stands twice in an object; names must differ");
  CHECK_THROWS_WITH(parse_json(R"(["x\u0000"])"),
                    "the text \"x\\x00\" holds the character 0; texts without it are required");
  for (const char* broken : {"", "[1,2", "{\"a\" 1}", "[1e999]", "1 2", "\"\xff\""})
    CHECK_THROWS_AS(parse_json(broken), JsonError);
}

TEST_CASE("Bytes that are no UTF-8 are refused in JSON or replaced, as was asked", "[io]") {
  CHECK_THROWS_AS(format_json("a\xff"), JsonError);
  CHECK_THROWS_AS(format_json({{"\xff", 1}, {"b", 2}}), JsonError);
  CHECK(format_json("a\xff<\n", -1, Broken::replace) == "\"a\xEF\xBF\xBD<\\n\"");
}
