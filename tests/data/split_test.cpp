#include <algorithm>
#include <map>
#include <set>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

/// `counts[c]` labels c, interleaved.
Tensor labels_of(const std::vector<Index>& counts) {
  std::vector<Index> labels, left = counts;
  for (bool any = true; any;) {
    any = false;
    for (std::size_t c = 0; c < left.size(); ++c)
      if (left[c] > 0) {
        labels.push_back(static_cast<Index>(c));
        --left[c];
        any = true;
      }
  }
  return from_vector(labels);
}

void check_partition(const std::vector<std::vector<Index>>& parts, Index n) {
  std::vector<Index> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  CHECK(all == arange(0, static_cast<double>(n), 1, int64).to_vector<Index>());
}

}  // namespace

TEST_CASE("a stratified split keeps every class in proportion to within one sample") {
  for (const auto& counts : std::vector<std::vector<Index>>{
           {50, 50, 50}, {178, 182, 177, 183, 181, 182, 181, 179, 174, 180}, {1000, 7, 3}, {9}})
    for (const auto& [validation, test] :
         std::vector<std::pair<double, double>>{{.15, .15}, {.2, 0}, {0, .3}, {.1, .25}, {0, 0}}) {
      const Tensor labels = labels_of(counts);
      const auto values = labels.to_vector<Index>();
      const auto parts =
          data::split_indices(labels, {.validation = validation, .test = test, .seed = 11});
      check_partition({parts.train, parts.validation, parts.test}, labels.size(0));
      const auto check = [&](const std::vector<Index>& part, double fraction) {
        std::map<Index, double> found;
        for (const Index i : part) ++found[values[static_cast<std::size_t>(i)]];
        for (std::size_t c = 0; c < counts.size(); ++c)
          CHECK(std::abs(found[static_cast<Index>(c)] - fraction * static_cast<double>(counts[c])) <
                1);
        CHECK(std::abs(static_cast<double>(part.size()) -
                       fraction * static_cast<double>(values.size())) <= 2);
        if (fraction == 0) CHECK(part.empty());
      };
      check(parts.train, 1 - validation - test);
      check(parts.validation, validation);
      check(parts.test, test);
    }
}

TEST_CASE("round fractions of round classes are split exactly") {
  const auto parts =
      data::split_indices(labels_of({50, 50, 50}), {.validation = .2, .test = .1, .seed = 0});
  CHECK(parts.train.size() == 105);
  CHECK(parts.validation.size() == 30);
  CHECK(parts.test.size() == 15);
}

TEST_CASE("the split depends on the seed alone") {
  const Tensor labels = labels_of({30, 20});
  const auto a = data::split_indices(labels, {.test = .3, .seed = 1});
  const auto b = data::split_indices(labels, {.test = .3, .seed = 1});
  const auto c = data::split_indices(labels, {.test = .3, .seed = 2});
  CHECK(a.test == b.test);
  CHECK(a.train == b.train);
  CHECK(a.test != c.test);
  CHECK_FALSE(std::is_sorted(a.train.begin(), a.train.end()));
}

TEST_CASE("splitting a data set keeps samples and targets together") {
  data::TensorDataset set(arange(40).reshape({20, 2}), labels_of({10, 10}));
  set.class_names = {"a", "b"};
  const data::Split parts = data::split(set, {.validation = .2, .test = .2, .seed = 3});
  CHECK(parts.train.size() == 12);
  CHECK(parts.test.class_names == set.class_names);
  for (const auto* part : {&parts.train, &parts.validation, &parts.test})
    for (Index i = 0; i < part->size(); ++i) {
      const Index row = static_cast<Index>(part->x()[i][0].item()) / 2;
      CHECK(part->y()[i].item() == set.y()[row].item());
    }
  CHECK(parts.notes.empty());
  const data::Split quantities = data::split(
      data::TensorDataset(arange(20).reshape({10, 2}), arange(10)), {.test = .25, .seed = 3});
  CHECK(quantities.train.size() + quantities.test.size() == 10);
}

TEST_CASE("a class that is too small for a part is noted, and stays in training") {
  data::TensorDataset set(arange(21).reshape({21, 1}), labels_of({20, 1}));
  const data::Split parts = data::split(set, {.test = .5, .seed = 3});
  REQUIRE(parts.notes.size() == 1);
  CHECK_THAT(parts.notes[0], contains("class 1") && contains("test part"));
}

TEST_CASE("folds validate every sample once and keep classes in proportion") {
  for (const int k : {2, 3, 5, 10}) {
    const Tensor labels = labels_of({33, 20, 11});
    const auto values = labels.to_vector<Index>();
    const auto folds = data::k_fold(labels, k, 1);
    REQUIRE(folds.size() == static_cast<std::size_t>(k));
    std::vector<std::vector<Index>> validation;
    std::map<Index, std::set<std::ptrdiff_t>> counts;
    for (const data::Fold& fold : folds) {
      check_partition({fold.train, fold.validation}, 64);
      validation.push_back(fold.validation);
      for (Index c = 0; c < 3; ++c)
        counts[c].insert(
            std::count_if(fold.validation.begin(), fold.validation.end(),
                          [&](Index i) { return values[static_cast<std::size_t>(i)] == c; }));
    }
    check_partition(validation, 64);
    for (const auto& [c, different] : counts) CHECK(*different.rbegin() - *different.begin() <= 1);
    check_partition({data::k_fold(64, k, 1)[0].train, data::k_fold(64, k, 1)[0].validation}, 64);
  }
}

TEST_CASE("splits refuse fractions, labels and folds that make no sense") {
  const Tensor labels = labels_of({5, 5});
  CHECK_THROWS_WITH(data::split_indices(labels, {.validation = .5, .test = .5}),
                    contains("below 1"));
  CHECK_THROWS_WITH(data::split_indices(labels, {.validation = -.1}), contains("-0.1"));
  CHECK_THROWS_WITH(data::split_indices(labels, {.test = 1}), contains("test = 1"));
  CHECK_THROWS_WITH(data::split_indices(arange(4), {}), contains("float32"));
  CHECK_THROWS_WITH(data::split_indices(Tensor(), {}), contains("undefined"));
  CHECK_THROWS_WITH(data::split_indices(Index{-1}, {}), contains("-1 samples"));
  CHECK_THROWS_WITH(data::k_fold(10, 1), contains("1 folds"));
  CHECK_THROWS_WITH(data::k_fold(labels, 6), contains("largest class: 5"));
}

TEST_CASE("the digits come with the library") {
  const data::TensorDataset digits = data::load_digits();
  CHECK(digits.x().shape() == Shape{1797, 64});
  CHECK(digits.y().shape() == Shape{1797});
  CHECK(digits.x().dtype() == float32);
  CHECK(digits.class_names.size() == 10);
  const auto pixels = digits.x().to_vector<double>();
  CHECK(*std::min_element(pixels.begin(), pixels.end()) == 0);
  CHECK(*std::max_element(pixels.begin(), pixels.end()) == 16);
  CHECK(digits.x()[0][2].item() == 5);
  CHECK(digits.y()[1].item() == 1);
  const data::DataReport report = data::inspect(digits);
  Index total = 0;
  for (const auto& [name, count] : report.class_counts) total += count;
  CHECK(total == 1797);
  CHECK(report.class_counts[0] == std::pair<std::string, Index>("0", 178));
  CHECK(report.constant_columns == std::vector<std::string>{"0", "32", "39"});
}

TEST_CASE("samples that two parts share are counted") {
  const data::TensorDataset a(tensor({{1, 2}, {3, 4}, {5, 6}}));
  const data::TensorDataset b(tensor({{3, 4}, {1, 3}, {3, 4}}));
  CHECK(data::count_shared(b, a) == 2);
  CHECK(data::count_shared(a, b) == 1);
  CHECK_THROWS_WITH(data::count_shared(a, data::TensorDataset(arange(3))), contains("(3, 2)"));
}
