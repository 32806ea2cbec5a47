#include "gradus/train/pipeline.hpp"

#include <cmath>

#include "gradus/train/setup.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

train::Source table(const std::string& text, const io::CsvOptions& options = {}) {
  train::Source source;
  source.name = "t.csv";
  source.table = io::parse_raw_csv(text, options, "t.csv");
  return source;
}

const io::CsvOptions keep{.missing = io::Missing::keep};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("missing values are filled in and scaled by what the training rows alone show") {
  const train::Source source = table("a,y\n1,0\n3,1\n,0\n100,1\n", keep);
  train::Pipeline pipeline;
  pipeline.fit(source, {0, 1, 2}, {.missing = io::Missing::mean, .indicators = true});
  CHECK(pipeline.features() == std::vector<std::string>{"a", "a is missing"});
  // 1, 3 and the filled-in 2 have mean 2 and deviation sqrt(2 / 3); the 100 was not looked at.
  const double deviation = std::sqrt(2.0 / 3);
  const std::vector<double> x = pipeline.inputs(source).to_vector<double>();
  CHECK(std::abs(x[0] - (-1 / deviation)) < 1e-6);
  CHECK(x[4] == 0);
  CHECK(x[5] == 1);
  CHECK(std::abs(x[6] - (98 / deviation)) < 1e-4);
  CHECK(x[7] == 0);
  pipeline.fit(source, {0, 1, 2}, {.missing = io::Missing::median, .scaler = "none"});
  CHECK(pipeline.inputs(source).to_vector<double>() == std::vector<double>{1, 3, 2, 100});
}

TEST_CASE("categories are those of the training rows; others are refused or count as none") {
  const train::Source source = table("c,y\nred,0\nblue,1\nred,0\ngreen,1\n");
  train::Pipeline pipeline;
  pipeline.fit(source, {0, 1, 2});
  CHECK(pipeline.features() == std::vector<std::string>{"c=blue", "c=red"});
  CHECK_THAT(message_of([&] { pipeline.inputs(source); }),
             contains("t.csv:5: column \"c\" has \"green\"; it was trained on blue, red"));
  pipeline.fit(source, {0, 1, 2}, {.ignore_unknown = true});
  CHECK(pipeline.inputs(source).to_vector<double>() == std::vector<double>{0, 1, 1, 0, 0, 1, 0, 0});
  pipeline.fit(source, {0, 1, 2}, {.embed = true, .ignore_unknown = true});
  CHECK(pipeline.categories() == std::vector<Index>{2});
  CHECK(pipeline.inputs(source).to_vector<double>() == std::vector<double>{2, 1, 2, 0});
}

TEST_CASE("quantities are scaled for the model and come back in their units") {
  const train::Source source = table("a,u,v\n1,10,-1\n2,20,-1\n3,30,-4\n", {.targets = {"u", "v"}});
  train::Pipeline pipeline;
  pipeline.fit(source, {0, 1, 2}, {.dtype = float64});
  CHECK(pipeline.task() == train::Task::regression);
  CHECK(pipeline.num_targets() == 2);
  const data::TensorDataset set = pipeline.dataset(source);
  CHECK(std::abs(set.y().to_vector<double>()[0] - (-std::sqrt(1.5))) < 1e-12);
  const std::vector<double> back = pipeline.unscale(set.y()).to_vector<double>();
  const std::vector<double> given{10, -1, 20, -1, 30, -4};
  for (std::size_t i = 0; i < given.size(); ++i) CHECK(std::abs(back[i] - (given[i])) < 1e-12);
}

TEST_CASE("a pipeline that was saved and read does the same") {
  const train::Source source = table("a,c,k\n1,x,no\n2,y,yes\n,x,no\n4,z,maybe\n", keep);
  train::Pipeline pipeline;
  pipeline.fit(source, {0, 1, 2, 3}, {.missing = io::Missing::mode, .indicators = true});
  const train::Pipeline read = train::Pipeline::parse(pipeline.json(), pipeline.tensors());
  CHECK(read.inputs(source).to_vector<double>() == pipeline.inputs(source).to_vector<double>());
  CHECK(read.class_names() == std::vector<std::string>{"maybe", "no", "yes"});
  CHECK(read.features() == pipeline.features());
  CHECK(read.dataset(source).y().to_vector<Index>() == std::vector<Index>{1, 2, 1, 0});
  CHECK_THAT(message_of([&] { train::Pipeline::parse("{}", {}); }), contains("damaged"));
  CHECK_THAT(message_of([&] {
               train::Pipeline::parse(pipeline.json(), {{"scaler.shift", ones({1}, float64)},
                                                        {"scaler.scale", ones({1}, float64)}});
             }),
             contains("scaler.shift is (1,) float64"));
}

TEST_CASE("columns are found by name, and by position where there are no names") {
  const train::Source named = table("a,b,y\n1,2,0\n3,4,1\n5,7,0\n");
  train::Pipeline pipeline;
  pipeline.fit(named, {0, 1, 2}, {.scaler = "none"});
  const auto read = [&](const std::string& text) {
    io::CsvOptions options = pipeline.csv_options();
    options.targets.clear();
    options.target = "none";
    return pipeline.inputs(table(text, options)).to_vector<double>();
  };
  CHECK(read("b,more,a\n2,9,1\n") == std::vector<double>{1, 2});
  CHECK(read("1,2\n") == std::vector<double>{1, 2});
  CHECK_THAT(message_of([&] { read("b,c\n1,2\n"); }), contains("column \"a\" is missing"));
  const train::Source bare = table("1,2,0\n3,4,1\n5,7,0\n");
  pipeline.fit(bare, {0, 1, 2}, {.scaler = "none"});
  CHECK(read("8,9\n") == std::vector<double>{8, 9});
  CHECK(read("8,9,1\n") == std::vector<double>{8, 9});
  CHECK(read("p,q\n8,9\n") == std::vector<double>{8, 9});
}

TEST_CASE("a pipeline says what it cannot learn from, and which data do not fit it") {
  train::Pipeline p;
  const train::Source good = table("a,y\n1,0\n2,1\n3,0\n4,1\n");
  CHECK_THAT(message_of([&] { p.fit(good, {}); }), contains("no training rows"));
  CHECK_THAT(message_of([&] { p.fit(good, {0, 1}, {.scaler = "robust"}); }), contains("robust"));
  CHECK_THAT(message_of([&] { p.fit(table("a,b,y\n,1,0\n2,1,1\n", keep), {0}); }),
             contains("column \"a\" has no value in the training part"));
  CHECK_THAT(message_of([&] {
               p.fit(table("y\n0\n1\n"), {0, 1});
             }),
             contains("no column is left to predict from"));
  CHECK_THAT(message_of([&] {
               p.fit(table("a,y\n1,x\n2,x\n"), {0, 1});
             }),
             contains("single class"));
  CHECK_THAT(message_of([&] {
               p.fit(table("a,y,z\n1,x,2\n2,u,3\n", {.targets = {"y", "z"}}), {0, 1});
             }),
             contains("the target column \"y\" holds texts"));
  p.fit(good, {0, 1, 2, 3});
  train::Source arrays;
  arrays.name = "x.npy";
  arrays.arrays = data::TensorDataset(ones({2, 3}));
  CHECK_THAT(message_of([&] { p.inputs(arrays); }), contains("x.npy: holds tensors"));
  CHECK_THAT(message_of([&] { p.dataset(table("a,y\n1,5\n")); }), contains("the target has \"5\""));
  CHECK_THAT(message_of([&] { p.dataset(table("a,z\n1,5\n")); }),
             contains("there is no target column \"y\""));
  arrays.arrays = data::TensorDataset(ones({2, 3}), from_vector(std::vector<Index>{0, 1}));
  arrays.arrays.class_names = {"0", "1"};
  p.fit(arrays, {0, 1});
  CHECK_THAT(message_of([&] {
               p.dataset(data::TensorDataset(ones({2, 3})));
             }),
             contains("no targets"));
  CHECK_THAT(message_of([&] {
               p.dataset(data::TensorDataset(ones({1, 3}), from_vector(std::vector<Index>{2})));
             }),
             contains("2 classes"));
  CHECK_THAT(message_of([&] {
               p.dataset(data::TensorDataset(ones({1, 4}), from_vector(std::vector<Index>{0})));
             }),
             contains("samples of shape (4,)"));
  io::CsvOptions none{.target = "none"};
  CHECK(p.inputs(table("1,1,1\n1,1,1\n", none)).shape() == Shape{2, 3});
  CHECK_THAT(message_of([&] { p.inputs(table("1,1\n", none)); }), contains("has 2 columns; 3 are"));
  CHECK_THAT(message_of([&] { p.inputs(table("a,1,1\nb,2,2\n", none)); }), contains("holds texts"));
  CHECK_THAT(message_of([&] { p.dataset(table("1,1,1,0\n1,1,1,1\n")); }),
             contains("targets in the same form"));
}
