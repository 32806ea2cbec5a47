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
