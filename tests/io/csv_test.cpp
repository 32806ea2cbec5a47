#include <algorithm>
#include <cstring>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

namespace {

using gradus::test::gzip;

Numbers x_of(const io::Table& t) { return t.x.to_vector<double>(); }
std::vector<Index> labels_of(const io::Table& t) { return t.y.to_vector<Index>(); }

std::string refusal_of(const std::string& text, const io::CsvOptions& options) {
  try {
    io::parse_raw_csv(text, options, "f.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("numbers with a header become features and a target") {
  const auto t = io::parse_csv("a,b,price\n1,2,10.5\n-3,+4e1,20.25\n");
  CHECK(t.columns == Names{"a", "b"});
  CHECK(t.target == "price");
  CHECK(t.x.shape() == Shape{2, 2});
  CHECK(x_of(t) == Numbers{1, 2, -3, 40});
  CHECK(t.y.shape() == Shape{2, 1});
  CHECK(t.y.dtype() == float32);
  CHECK(t.y.to_vector<double>() == Numbers{10.5, 20.25});
  CHECK(t.report.rows_read == 2);
  CHECK(t.report.rows_refused == 0);
}

TEST_CASE("delimiters, line ends, blanks and marks do not matter") {
  for (const char* text : {"1,2,3.5\n4,5,6.5\n", "1;2;3.5\n4;5;6.5", "1\t2\t3.5\r\n4\t5\t6.5\r\n",
                           "\xef\xbb\xbf"
                           "1,2,3.5\n4,5,6.5\n",
                           "\n\n1 , 2,3.5\n   \n4,5, 6.5\n\n", "1,2,3.5\r4,5,6.5\r",
                           "\"1\",\"2\",\"3.5\"\n\"4\",\"5\",\"6.5\"\n"}) {
    CAPTURE(text);
    const auto t = io::parse_csv(text);
    CHECK(x_of(t) == Numbers{1, 2, 4, 5});
    CHECK(t.y.to_vector<double>() == Numbers{3.5, 6.5});
    CHECK(t.columns == Names{"column 0", "column 1"});
  }
  CHECK(x_of(io::parse_csv("1|2|3.5\n4|5|6.5\n", {.delimiter = '|'})) == Numbers{1, 2, 4, 5});
  CHECK(x_of(io::parse_csv("1,5;2;3,5\n4;5;6,5\n", {.decimal = ','})) == Numbers{1.5, 2, 4, 5});
}

TEST_CASE("quotes hold delimiters, line ends and doubled quotes") {
  const auto t = io::parse_csv(
      "\"the \"\"size\"\"\",kind,y\n1,\"a,b\",0.5\n2,\"line\none\",1.5\n3,\"a,b\",2.5\n",
      {.categories = io::Categories::codes});
  CHECK(t.columns == Names{"the \"size\"", "kind"});
  CHECK(x_of(t) == Numbers{1, 0, 2, 1, 3, 0});
  CHECK_THROWS_WITH(io::parse_csv("a,b\n\"x\n\ny\",1\n\"z\",oops\n", {}, "f.csv"),
                    contains("f.csv:5:5"));
}

TEST_CASE("texts become one column a value, or numbers in alphabetical order") {
  const std::string text = "size,colour,y\n1,red,0.1\n2,blue,0.2\n3,red,0.3\n4,green,0.4\n";
  const auto hot = io::parse_csv(text);
  CHECK(hot.columns == Names{"size", "colour=blue", "colour=green", "colour=red"});
  CHECK(x_of(hot) == Numbers{1, 0, 0, 1, 2, 1, 0, 0, 3, 0, 0, 1, 4, 0, 1, 0});
  const auto codes = io::parse_csv(text, {.categories = io::Categories::codes});
  CHECK(x_of(codes) == Numbers{1, 2, 2, 0, 3, 2, 4, 1});
  const auto numbers = io::parse_csv("zip,y\n10,0.5\n20,1.5\n10,2.5\n", {.categorical = {"zip"}});
  CHECK(numbers.columns == Names{"zip=10", "zip=20"});
}

TEST_CASE("labels come from text, from few whole numbers, or as asked") {
  const auto text = io::parse_csv("x,y\n1,cat\n2,ant\n3,cat\n");
  CHECK(text.class_names == Names{"ant", "cat"});
  CHECK(labels_of(text) == std::vector<Index>{1, 0, 1});
  CHECK(text.y.dtype() == int64);
  const auto signs = io::parse_csv("1,-1\n2,1\n3,-1\n4,1\n");
  CHECK(signs.class_names == Names{"-1", "1"});
  CHECK(labels_of(signs) == std::vector<Index>{0, 1, 0, 1});
  const auto counts = io::parse_csv("1,10\n2,11\n3,12\n4,13\n");
  CHECK(counts.class_names.empty());
  CHECK(counts.y.shape() == Shape{4, 1});
  CHECK(io::parse_csv("1,10\n2,11\n", {.task = io::Task::regression}).y.dtype() == float32);
  const auto forced = io::parse_csv("1,1.5\n2,10\n", {.task = io::Task::classification});
  CHECK(forced.class_names == Names{"1.5", "10"});
}

TEST_CASE("the target is found by name, by number, or left out") {
  const std::string text = "a,b,c\n1.5,2.5,3.5\n4.5,5.5,6.5\n";
  CHECK(io::parse_csv(text, {.target = "a"}).columns == Names{"b", "c"});
  CHECK(io::parse_csv(text, {.target = "1"}).columns == Names{"a", "c"});
  CHECK(io::parse_csv(text, {.target = "-3"}).target == "a");
  const auto none = io::parse_csv(text, {.target = "none"});
  CHECK(none.columns == Names{"a", "b", "c"});
  CHECK_FALSE(none.y.defined());
  CHECK(none.dataset().tensors().size() == 1);
  CHECK(io::parse_csv("1,2\n3,4\n", {.header = true}).columns == Names{"1"});
  CHECK(io::parse_csv("a,b\nc,d\n", {.header = false}).x.size(0) == 2);
}

TEST_CASE("missing values are left out or filled in as asked") {
  const std::string text = "a,b,k,y\n1,,u,0.5\nNA,2,v,1.5\n3,4,,2.5\n5,6,v,\n8,9,v,3.5\n";
  const auto with = [&](io::Missing policy) {
    return io::parse_csv(text, {.missing = policy, .categories = io::Categories::codes});
  };
  const auto dropped = with(io::Missing::drop);
  CHECK(x_of(dropped) == Numbers{8, 9, 0});
  CHECK(dropped.report.rows_read == 5);
  CHECK(dropped.report.rows_refused == 4);
  CHECK(dropped.report.refusals.size() == 4);
  CHECK(dropped.report.missing ==
        std::vector<std::pair<std::string, Index>>{{"a", 1}, {"b", 1}, {"k", 1}, {"y", 1}});
  CHECK(x_of(with(io::Missing::mean)) == Numbers{1, 5, 0, 4, 2, 1, 3, 4, 1, 8, 9, 1});
  CHECK(x_of(with(io::Missing::median)) == Numbers{1, 4, 0, 3, 2, 1, 3, 4, 1, 8, 9, 1});
  CHECK(with(io::Missing::mean).report.rows_refused == 1);
  CHECK(x_of(io::parse_csv("a,y\n-99,0.5\n2,1.5\n", {.missing = io::Missing::drop,
                                                     .missing_texts = {"-99"}})) == Numbers{2});
  CHECK(x_of(io::parse_csv("1,0.5\n3,0.5\n,0.5\n9,0.5\n4,0.5\n",
                           {.missing = io::Missing::median})) == Numbers{1, 3, 3.5, 9, 4});
}

TEST_CASE("bad rows are left out when asked, and said so") {
  const auto t = io::parse_csv("a,b\n1,0.5\n2\n3,1.5,7\nx,2.5\n5,3.5\n", {.drop_bad_rows = true});
  CHECK(x_of(t) == Numbers{1, 5});
  CHECK(t.report.rows_read == 5);
  CHECK(t.report.rows_refused == 3);
  REQUIRE(t.report.refusals.size() == 3);
  CHECK_THAT(t.report.refusals[0], contains("text:3:1") && contains("1 fields"));
  CHECK_THAT(t.report.refusals[2], contains("text:5:1") && contains("\"x\""));
  CHECK_THAT(t.report.to_string(), contains("3 of 5 rows were left out"));
}

TEST_CASE("the first line of scikit-learn's data is recognised") {
  const auto t = io::parse_csv("4,2,no,yes\n1,2,0\n3,4,1\n5,6,1\n7,8,1\n");
  CHECK(t.class_names == Names{"no", "yes"});
  CHECK(t.x.shape() == Shape{4, 2});
  CHECK(labels_of(t) == std::vector<Index>{0, 1, 1, 1});
  CHECK(t.report.class_counts == std::vector<std::pair<std::string, Index>>{{"no", 1}, {"yes", 3}});
}

TEST_CASE("constant columns and unbalanced classes are reported") {
  std::string text = "a,b,y\n";
  for (int i = 0; i < 22; ++i)
    text += std::to_string(i) + ",5," + (i < 2 ? "rare" : "common") + "\n";
  const auto t = io::parse_csv(text);
  CHECK(t.report.constant_columns == Names{"b"});
  CHECK_THAT(t.report.to_string(), contains("\"b\" is constant") && contains("common 20, rare 2"));
}

TEST_CASE("numbers are read to the last bit") {
  for (const double v :
       {0.1, 1.0 / 3, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.123456789}) {
    char text[64];
    std::snprintf(text, sizeof text, "%.17g,0.5\n%.17g,0.5\n", v, -v);
    CHECK(x_of(io::parse_csv(text, {.dtype = float64})) == Numbers{v, -v});
  }
  CHECK(x_of(io::parse_csv("1e-999,0.5\n-0.0,0.5\n", {.dtype = float64})) == Numbers{0, 0});
}

TEST_CASE("files are read, packed or not") {
  const gradus::test::TemporaryFolder folder;
  const std::string text = "a,y\n1,0.5\n2,1.5\n";
  gradus::test::write_bytes(folder / "t.csv", text);
  gradus::test::write_bytes(folder / "t.csv.gz", gzip(text));
  gradus::test::write_bytes(folder / "two.gz", gzip("a,y\n1,0.5\n") + gzip("2,1.5\n"));
  for (const char* name : {"t.csv", "t.csv.gz", "two.gz"})
    CHECK(x_of(io::read_csv(folder / name)) == Numbers{1, 2});
  CHECK_THROWS_WITH(io::read_csv(folder / "no.csv"), contains("no.csv: No such file"));
  CHECK_THROWS_WITH(io::read_csv(folder.path()), contains("is a folder"));
}

TEST_CASE("public tables are read") {
  const auto read = [](const char* name, Shape shape, Names classes) {
    const std::string path = gradus::test::shared_data(std::string("tabular/") + name);
    if (path.empty()) {
      SUCCEED("not here");
      return;
    }
    const auto t = io::read_csv(path);
    CHECK(t.x.shape() == shape);
    CHECK(t.class_names == classes);
    CHECK(t.y.shape() == Shape{shape[0]});
  };
  read("iris.csv", {150, 4}, {"setosa", "versicolor", "virginica"});
  read("wine_data.csv", {178, 13}, {"class_0", "class_1", "class_2"});
  read("breast_cancer.csv", {569, 30}, {"malignant", "benign"});
}

TEST_CASE("a table may have a hundred thousand named columns, and one name twice is found") {
  std::string names, numbers;
  for (int i = 0; i < 100'000; ++i) {
    names += "c" + std::to_string(i) + ",";
    numbers += "1,";
  }
  const auto table = io::parse_csv(names + "y\n" + numbers + "2\n");
  CHECK(table.x.shape() == Shape{1, 100'000});
  CHECK(table.columns.back() == "c99999");
  CHECK_THROWS_WITH(io::parse_csv(names + "c5\n" + numbers + "2\n"),
                    gradus::test::contains("\"c5\" occurs twice"));
}

TEST_CASE("text is UTF-8, or is read by the encoding that is named") {
  const std::string latin = "caf\xe9,y\n\xc5ngstr\xf6m,1\nb,2\n";
  for (const char* const place : {"f.csv:1:4: the byte \\xe9", ".encoding"})
    CHECK_THAT(refusal_of(latin, {}), contains(place));
  CHECK_THAT(refusal_of("a,y\r\n1,2\r\n3,\xff\r\n", {}), contains("f.csv:3:3: the byte \\xff"));
  CHECK_THAT(refusal_of("a,y\r1,2\r3,\xff\r", {}), contains("f.csv:3:3"));
  CHECK_THAT(refusal_of("größe,y\n1,2\nü,\xc3\n", {}), contains("f.csv:3:4"));
  const io::RawTable table =
      io::parse_raw_csv(latin, {.encoding = io::Encoding::latin1, .target = "none"});
  CHECK(table.columns[0].name == "café");
  CHECK(table.columns[0].values == std::vector<std::string>{"b", "Ångström"});
  const io::CsvOptions windows{.encoding = io::Encoding::windows1252, .target = "none"};
  CHECK(io::parse_raw_csv("\x80 \x93\xe4\x94,y\n1,2\n", windows).columns[0].name == "€ “ä”");
  CHECK_THAT(refusal_of("a\x81,y\n1,2\n", windows), contains("f.csv:1:2: the byte \\x81"));
  // The mark at a file's beginning says more than the option.
  CHECK(io::parse_raw_csv("\xef\xbb\xbf"
                          "café,y\n1,2\n",
                          windows)
            .columns[0]
            .name == "café");
  CHECK(io::parse_raw_csv("\xef\xbb\xbfüber,y\n1,2\n").columns[0].name == "über");
}

TEST_CASE("what a column holds is judged by all of its cells, and the odd one is named") {
  const auto column_of = [](const std::string& cells, io::CsvOptions options = {}) {
    std::string text = "a,b\n";
    for (const char c : cells)
      text += c == ' ' ? ",0\n" : c == 'N' ? "1O,0\n" : std::string(1, c) + ",0\n";
    options.target = "none";
    options.missing = io::Missing::keep;
    return std::pair(text, options);
  };
  for (const char* cells : {"N12345678", "1N2345678", "12345678N", "NN123456", "N1"}) {
    CAPTURE(cells);
    const auto [text, options] = column_of(cells);
    const std::string line = std::to_string(std::string(cells).find('N') + 2);
    const std::string message = refusal_of(text, options);
    for (const std::string& part : {"f.csv:" + line + ":1: column \"a\" has \"1O\" among numbers",
                                    std::string(".categorical"), std::string(".missing_texts")})
      CHECK_THAT(message, contains(part));
  }
  {
    auto [text, options] = column_of("N12345678");
    options.categorical = {"a"};
    CHECK(io::parse_raw_csv(text, options).columns[0].values.size() == 9);
    options.categorical = {};
    options.missing_texts = {"1O"};
    CHECK(io::parse_raw_csv(text, options).columns[0].missing == 1);
    options.missing_texts = {};
    options.drop_bad_rows = true;
    const io::RawTable table = io::parse_raw_csv(text, options);
    CHECK(table.rows == 8);
    CHECK_FALSE(table.columns[0].is_text);
    CHECK_THAT(table.report.refusals.at(0), contains("text:2:1: column \"a\" has \"1O\""));
  }
  // Texts with a number among them stay texts, wherever it stands, and that is said.
  for (const char* cells : {"abc1", "1abc", "a1bc", "1a b c"}) {
    CAPTURE(cells);
    const auto [text, options] = column_of(cells);
    const io::RawTable table = io::parse_raw_csv(text, options);
    CHECK(table.columns[0].values == std::vector<std::string>{"1", "a", "b", "c"});
    CHECK(table.report.mixed_columns == std::vector<std::pair<std::string, Index>>{{"a", 1}});
    CHECK_THAT(table.report.to_string(), contains("column \"a\": 1 number among texts"));
    CHECK(table.columns[0].missing == std::count(cells, cells + std::strlen(cells), ' '));
  }
  // A spelling of "missing" that fills most of a column, and a column of more numbers than a column
  // of texts may have.
  std::string gaps = "a,b\n", many = "a,b\nx,1\n";
  for (int i = 0; i < 60; ++i) gaps += (i % 3 ? "unknown" : std::to_string(i)) + ",0\n";
  for (int i = 0; i < 1500; ++i) many += std::to_string(i) + ",1\n";
  CHECK_THAT(refusal_of(gaps, {}), contains("f.csv:3:1: column \"a\" has \"unknown\" among"));
  CHECK_THAT(refusal_of(many, {}), contains("f.csv:2:1: column \"a\" has \"x\" among numbers"));
  CHECK(io::parse_raw_csv(many, {.drop_bad_rows = true}).rows == 1500);
}

TEST_CASE("texts that a spreadsheet would run are written with an apostrophe and read back") {
  CHECK(io::csv_field("=1+1") == "'=1+1");
  CHECK(io::csv_field("@sum") == "'@sum");
  CHECK(io::csv_field("+cmd|' /C calc'!A0,\"x\"") == "\"'+cmd|' /C calc'!A0,\"\"x\"\"\"");
  for (const char* plain : {"-5", "+2.5e3", "-1e-3", "café", "it's", "a=b", "'quoted'", "x y"})
    CHECK(io::csv_field(plain) == plain);
  for (const std::string text : {"=1+1", "+a", "-a", "@a",  "\ta",  "\r",  "\n=x",   "'=x", "''=x",
                                 "'-5",  "'",  "''", " =x", "＝1",  "-5",  "a\"b",   "a,b", "a\nb",
                                 " a ",  "\"", "NA", "-",   "None", "'a'", "= \"q\""}) {
    CAPTURE(text);
    const std::string file = "n,t\n1," + io::csv_field(text) + "\n2,other\n";
    const io::RawTable table = io::parse_raw_csv(file, {.target = "none", .categorical = {"t"}});
    const auto& values = table.columns[1].values;
    CHECK(std::count(values.begin(), values.end(), text) == 1);
  }
}
