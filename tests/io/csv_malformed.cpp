#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/peak_memory.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

struct MalformedTable {
  const char* rule;
  std::string text;
  std::vector<std::string> expected;  // parts of the message
  io::CsvOptions options = {};
};

const std::string good_table = "a,b,y\n1,2,0.5\n3,4,1.5\n5,6,2.5\n";

std::string many_commas() {
  std::string text = "a;y\n";
  for (int i = 0; i < 1100; ++i) text += "0," + std::to_string(1000 + i) + ";1\n";
  return text;
}

std::string many_names() {
  std::string text = "id,y\n";
  for (int i = 0; i < 30; ++i) text += "n" + std::to_string(i) + ",0.5\n";
  return text;
}

std::vector<MalformedTable> malformed_tables() {
  using io::Missing;
  std::vector<MalformedTable> list{
      {"empty", "", {"f.csv:1:1", "empty"}},
      {"blank", " \n\r\n\t\n", {"f.csv:1:1", "empty"}},
      {"only a mark", "\xef\xbb\xbf", {"empty"}},
      {"only a header", "a,b,y\n", {"no row is left"}},
      {"zero byte", std::string("a,b\n1,\0002\n", 9), {"f.csv:2:3", "zero byte"}},
      {"zero byte first", std::string("\0a", 2), {"f.csv:1:1", "zero byte"}},
      {"UTF-16",
       "\xff\xfe"
       "a",
       {"UTF-16", "iconv"}},
      {"UTF-16, other order",
       "\xfe\xff"
       "a",
       {"UTF-16"}},
      {"spreadsheet", "PK\x03\x04rest", {"spreadsheet", "save the sheet as CSV"}},
      {"short row", "a,b,y\n1,2,3.5\n4,5\n", {"f.csv:3:3", "2 fields", "3 are required"}},
      {"long row", "a,b,y\n1,2,3.5\n4,5,6.5,7\n", {"f.csv:3:9", "4 fields"}},
      {"row of one field", "a,b,y\n1,2,3.5\n4\n", {"f.csv:3:1", "1 fields"}},
      {"very long row", "1,2.5\n1,2,3,4,5,6,7\n", {"7 fields", "2 are required"}},
      {"trailing delimiter", "1,2,3.5\n4,5,6.5,\n", {"f.csv:2:9", "4 fields"}},
      {"text in a column of numbers",
       "a,y\n1,0.5\nx,1.5\n",
       {"f.csv:3:1", "\"x\"", "\"a\"", ".categorical"}},
      {"number with a unit", "a,y\n1,0.5\n2kg,1.5\n", {"f.csv:3:1", "\"2kg\""}},
      {"two points", "1,0.5\n1.2.3,1.5\n", {"f.csv:2:1", "\"1.2.3\""}},
      {"number with blanks", "1,0.5\n1 2,1.5\n", {"\"1 2\""}},
      {"bare sign", "1,0.5\n+,1.5\n", {"\"+\""}},
      {"two signs", "1,0.5\n+-3,1.5\n", {"\"+-3\""}},
      {"hexadecimal", "1,0.5\n0x10,1.5\n", {"\"0x10\""}},
      {"exponent without digits", "1,0.5\n1e,1.5\n", {"\"1e\""}},
      {"decimal comma", "a;y\n1;0.5\n1,5;1.5\n", {"f.csv:3:1", "\"1,5\"", ".decimal = ','"}},
      {"decimal commas alone", "a;y\n1,5;1\n2,25;2\n", {"\"a\"", "\"1,5\"", ".decimal = ','"}},
      {"decimal commas alone, many", many_commas(), {"1000 different", ".decimal = ','"}},
      {"decimal point where a comma is asked for",
       "a;y\n1;0,5\n1.5;1,5\n",
       {"\"1.5\"", ".decimal = '.'"},
       {.decimal = ','}},
      {"infinite", "1,0.5\ninf,1.5\n", {"f.csv:2:1", "\"inf\"", "finite"}},
      {"negative infinite", "1,0.5\n-Infinity,1.5\n", {"\"-Infinity\"", "finite"}},
      {"too large for double", "1,0.5\n1e999,1.5\n", {"\"1e999\"", "finite"}, {.dtype = float64}},
      {"too large for float", "1,0.5\n1e39,1.5\n", {"\"1e39\"", "float32"}},
      {"missing value", "a,b,y\n1,,0.5\n", {"f.csv:2:3", "\"b\"", "missing", "median or mode"}},
      {"missing at the end", "a,b,y\n1,2,\n", {"f.csv:2:5", "\"y\"", "missing"}},
      {"missing in quotes", "a,y\n1,0.5\n\"\",1.5\n", {"f.csv:3:1", "missing"}},
      {"NA", "a,y\nNA,0.5\n", {"f.csv:2:1", "\"NA\"", "missing"}},
      {"NaN", "a,y\n1,0.5\nNaN,0.5\n", {"f.csv:3:1", "\"NaN\"", "missing"}},
      {"question mark", "a,y\n1,0.5\n?,0.5\n", {"\"?\"", "missing"}},
      {"every row misses something",
       "a,y\n,0.5\n1,\n",
       {"no row is left of 2", "missing value"},
       {.missing = Missing::drop}},
      {"a column without values",
       "a,b,y\n,1,0.5\n,2,1.5\n",
       {"\"a\"", "no value at all"},
       {.missing = Missing::mean}},
      {"open quote", "a,y\n\"1,0.5\n2,1.5\n", {"f.csv:2:1", "never closed"}},
      {"open quote at the end", "a,y\n1,\"", {"f.csv:2:3", "never closed"}},
      {"text behind a quote", "a,y\n\"1\"2,0.5\n", {"f.csv:2:1", "text follows"}},
      {"odd quotes", "a,y\n\"x\"\"\"y,0.5\n", {"text follows"}},
      {"column name twice", "a,a,y\n1,2,0.5\n", {"f.csv:1:3", "\"a\"", "twice"}},
      {"only a target", "y\n0.5\n1.5\n", {"only column is the target"}},
      {"unknown target",
       "size,price\n1,2\n",
       {"\"prise\"", "did you mean \"price\"?"},
       {.target = "prise"}},
      {"target number too large", good_table, {"\"3\"", "-3 to 2"}, {.target = "3"}},
      {"target number too small", good_table, {"\"-4\"", "-3 to 2"}, {.target = "-4"}},
      {"target between columns", good_table, {"\"1.5\"", "no target column"}, {.target = "1.5"}},
      {"text target in regression",
       "a,y\n1,low\n",
       {"f.csv:2:3", "\"low\"", "number is required"},
       {.task = io::Task::regression}},
      {"unknown categorical",
       good_table,
       {"\"aa\"", "did you mean \"a\"?"},
       {.categorical = {"aa"}}},
      {"too many names", many_names(), {"f.csv:12:1", "more than 10"}, {.max_categories = 10}},
      {"fewer rows than declared", "3,2,no,yes\n1,2,0\n3,4,1\n", {"declares 3 rows", "2 follow"}},
      {"more rows than declared", "1,2,no,yes\n1,2,0\n3,4,1\n", {"declares 1 rows", "2 follow"}},
      {"label beyond the classes", "2,2,no,yes\n1,2,0\n3,4,2\n", {"f.csv:3:5", "0 to 1"}},
      {"label between the classes",
       "2,2,no,yes\n1,2,0\n3,4,0.5\n",
       {"f.csv:3:5", "not the number of a class"}},
      {"delimiter is a digit", good_table, {"delimiter \"1\""}, {.delimiter = '1'}},
      {"delimiter is a quote", good_table, {"delimiter \"\\x22\""}, {.delimiter = '"'}},
      {"delimiter is a line end", good_table, {"delimiter \"\\n\""}, {.delimiter = '\n'}},
      {"delimiter is the decimal mark", good_table, {"both ,"}, {.delimiter = ',', .decimal = ','}},
      {"decimal mark", good_table, {"decimal mark \"x\""}, {.decimal = 'x'}},
      {"dtype", good_table, {"dtype int64"}, {.dtype = int64}},
      {"no categories", good_table, {"max_categories = 0"}, {.max_categories = 0}},
      {"every row bad",
       "a,b,y\n1\n2\n",
       {"no row is left of 2", "1 fields"},
       {.drop_bad_rows = true}},
      {"control characters", "1,0.5\n\x01\x1f,1.5\n", {"\"\\x01\\x1f\""}},
      {"long text", "1,0.5\n" + std::string(500, 'z') + ",1.5\n", {std::string(40, 'z') + "…\""}},
  };
  return list;
}

}  // namespace

TEST_CASE("the memory that reading takes is seen, also after it was given back") {
  const gradus::test::PeakMemory memory;
  {
    const std::string text(std::size_t{64} << 20, 'x');
    CHECK(text.back() == 'x');
  }
  CHECK(memory.growth().value_or(std::uint64_t{64} << 20) >= std::uint64_t{60} << 20);
}

TEST_CASE("malformed CSV is refused with place, field, rule and fix") {
  const auto list = malformed_tables();
  CHECK(list.size() >= 50);
  for (const MalformedTable& bad : list) {
    CAPTURE(bad.rule);
    std::string message;
    const gradus::test::PeakMemory memory;
    try {
      io::parse_csv(bad.text, bad.options, "f.csv");
    } catch (const Error& e) {
      message = e.what();
    }
    CHECK(memory.growth().value_or(0) <= bad.text.size() + gradus::test::reading_allowance);
    CHECK_THAT(message, contains("[read_csv] "));
    for (const std::string& part : bad.expected) CHECK_THAT(message, contains(part));
  }
}

TEST_CASE("cutting a CSV file anywhere is read or refused") {
  const std::string text = "3,2,no,yes\r\n\"1\",2,0\r\n3,\"4\",1\r\n5,6,1\r\n";
  int read = 0;
  for (std::size_t length = 0; length <= text.size(); ++length) try {
      const auto table = io::parse_csv(text.substr(0, length));
      CHECK(table.x.size(0) > 0);
      ++read;
    } catch (const Error& e) {
      CHECK_THAT(e.what(), contains("[read_csv]"));
    }
  CHECK(read >= 2);
}
