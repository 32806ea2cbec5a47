#include "gradus/train/metrics.hpp"

#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using train::metric;
using train::MetricAccumulator;
using train::Outputs;

namespace {

/// The definition, pair by pair.
double auc_by_pairs(const std::vector<double>& scores, const std::vector<bool>& labels) {
  double won = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (!labels[i] || labels[j]) continue;
      won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      pairs += 1;
    }
  return won / pairs;
}

Tensor labels(const std::vector<Index>& values) { return from_vector(values); }

}  // namespace

TEST_CASE("the area under the curve from ranks is that of all pairs, with ties") {
  Generator generator(3);
  for (const std::uint64_t levels : {2, 5, 1000000})
    for (const int n : {2, 7, 200}) {
      std::vector<double> scores;
      std::vector<bool> truth;
      for (int i = 0; i < n; ++i) {
        scores.push_back(static_cast<double>(generator.below(levels)));
        truth.push_back(i == 0 || (i > 1 && generator.below(3) == 0));
      }
      CHECK(train::roc_auc(scores, truth) == Approx(auc_by_pairs(scores, truth)).epsilon(1e-14));
    }
  CHECK(train::roc_auc({0.1, 0.4, 0.35, 0.8}, {false, false, true, true}) == 0.75);
  CHECK(train::roc_auc({1, 1, 1}, {true, false, true}) == 0.5);
}

TEST_CASE("the area under the curve needs both labels and scores that are numbers") {
  CHECK(std::isnan(train::roc_auc({1, 2}, {true, true})));
  CHECK(std::isnan(train::roc_auc({1, 2}, {false, false})));
  CHECK(std::isnan(train::roc_auc({1, NAN}, {false, true})));
  CHECK(std::isnan(train::roc_auc({}, {})));
  CHECK_THROWS_WITH(train::roc_auc({1}, {}), contains("[roc_auc]"));
}

TEST_CASE("accuracy, precision, recall and F1 are those computed by hand") {
  // Classes 0, 1, 2; nobody is given class 3, and nobody has it.
  const Tensor output =
      tensor({{9, 0, 0, 0}, {9, 1, 2, 0}, {0, 9, 8, 0}, {0, 9, 1, 2}, {0, 1, 9, 0}, {1, 0, 9, 2}});
  const Tensor target = labels({0, 2, 1, 1, 2, 0});
  MetricAccumulator all;
  all.add(output, target, 0.5);
  CHECK(all.outputs() == Outputs::logits);
  CHECK(all.accuracy() == Approx(4.0 / 6));
  const std::vector<std::vector<Index>> confusion{
      {1, 0, 1, 0}, {0, 2, 0, 0}, {1, 0, 1, 0}, {0, 0, 0, 0}};
  CHECK(all.confusion() == confusion);
  const auto classes = all.classes();
  REQUIRE(classes.size() == 4);
  CHECK(classes[0].precision == 0.5);
  CHECK(classes[0].recall == 0.5);
  CHECK(classes[0].f1 == 0.5);
  CHECK(classes[1].precision == 1);
  CHECK(classes[1].f1 == 1);
  CHECK(classes[2].support == 2);
  CHECK(classes[3].precision == 0);
  CHECK(classes[3].recall == 0);
  CHECK(classes[3].support == 0);
  const train::Metrics named = all.metrics();
  CHECK(metric(named, "loss") == 0.5);
  CHECK(metric(named, "precision_macro") == Approx((0.5 + 1 + 0.5) / 3));
  CHECK(metric(named, "recall_macro") == Approx((0.5 + 1 + 0.5) / 3));
  CHECK(metric(named, "f1_macro") == Approx((0.5 + 1 + 0.5) / 3));
  CHECK(std::isnan(metric(named, "auc")));
  CHECK(std::isnan(metric(named, "top5_accuracy")));
}

TEST_CASE("top-k counts the labels among the k largest outputs, the first of equals first") {
  const Tensor output =
      tensor({{5, 4, 3, 2, 1}, {5, 4, 3, 2, 1}, {5, 4, 3, 2, 1}, {1, 1, 1, 1, 1}});
  const Tensor target = labels({0, 1, 4, 2});
  for (const Index k : {1, 2, 3, 4}) {
    MetricAccumulator measure({.top_k = k});
    measure.add(output, target);
    const double expected[] = {0.25, 0.5, 0.75, 0.75};
    CHECK(measure.top_k_accuracy() == expected[k - 1]);
    CHECK(metric(measure.metrics(), "top" + std::to_string(k) + "_accuracy") == expected[k - 1]);
    if (k == 1) CHECK(measure.accuracy() == expected[0]);
  }
}

TEST_CASE("R2, MAE and RMSE of several outputs are those computed by hand") {
  const Tensor output = tensor({{1, 10, 7}, {2, 20, 7}, {4, 30, 6}}, float64);
  const Tensor target = tensor({{1, 11, 7}, {3, 20, 7}, {5, 35, 7}}, float64);
  MetricAccumulator measure;
  measure.add(output, target);
  CHECK(measure.outputs() == Outputs::values);
  // Squared errors 2, 26, 1; squared distances 8, 294, none.
  CHECK(measure.r2() == Approx(((1 - 2.0 / 8) + (1 - 26.0 / 294)) / 2).epsilon(1e-14));
  CHECK(measure.mae() == Approx((2.0 + 6 + 1) / 9).epsilon(1e-14));
  CHECK(measure.rmse() == Approx(std::sqrt(29.0 / 9)).epsilon(1e-14));
  CHECK(std::isnan(measure.accuracy()));
  CHECK(measure.confusion().empty());
}

TEST_CASE("R2 of values far from zero keeps its digits") {
  std::vector<double> to, out;
  for (int i = 0; i < 1000; ++i) {
    to.push_back(1e9 + i % 10);
    out.push_back(to.back() + (i % 2 ? 0.5 : -0.5));
  }
  MetricAccumulator measure;
  measure.add(from_vector(out, {1000, 1}), from_vector(to, {1000, 1}));
  CHECK(measure.r2() == Approx(1 - 250.0 / 8250).epsilon(1e-9));
}

TEST_CASE("one logit a sample is a binary classifier with an area under the curve") {
  const Tensor output = tensor({{-1}, {2}, {0.5}, {-0.5}});
  for (const DType dtype : {float32, int64, boolean}) {
    MetricAccumulator measure({.outputs = Outputs::logit});
    measure.add(output, tensor({0, 1, 0, 1}).reshape({4, 1}).to(dtype));
    CHECK(measure.accuracy() == 0.5);
    CHECK(measure.auc() == 0.75);
    CHECK(measure.classes()[1].recall == 0.5);
  }
  MetricAccumulator found;
  found.add(output, labels({0, 1, 0, 1}));
  CHECK(found.outputs() == Outputs::logit);
  MetricAccumulator two;
  two.add(tensor({{0, -1}, {0, 2}, {0, 0.5}, {1, 0.5}}), labels({0, 1, 0, 1}));
  CHECK(two.auc() == 0.75);
}

TEST_CASE("batches measure the same as all samples at once") {
  Generator generator(5);
  const Tensor output = randn({37, 3}, float64, &generator);
  const Tensor target = randint(0, 3, {37}, int64, &generator);
  const Tensor values = randn({37, 3}, float64, &generator);
  MetricAccumulator classes, classes_at_once, regression, regression_at_once;
  const data::TensorDataset set(output, target, values);
  data::DataLoader loader(set, {.batch_size = 5});
  for (auto [x, y, v] : loader.each<3>()) {
    classes.add(x, y, 2);
    regression.add(x, v, mean(x).item());
  }
  classes_at_once.add(output, target, 2);
  regression_at_once.add(output, values, mean(output).item());
  for (const auto& [name, value] : classes_at_once.metrics())
    CHECK(metric(classes.metrics(), name) == Approx(value).epsilon(1e-13));
  for (const auto& [name, value] : regression_at_once.metrics())
    CHECK(metric(regression.metrics(), name) == Approx(value).epsilon(1e-12));
  CHECK(classes.samples() == 37);
  classes.reset();
  CHECK(classes.samples() == 0);
  CHECK(std::isnan(classes.loss()));
}

TEST_CASE("a NaN among the outputs is what argmax takes, and no number appears from it") {
  MetricAccumulator measure;
  measure.add(tensor({{0, NAN, 9}, {NAN, 1, 2}}), labels({2, 2}));
  CHECK(measure.accuracy() == 0);
  CHECK(measure.confusion()[2][1] == 1);
  CHECK(measure.confusion()[2][0] == 1);
  MetricAccumulator values;
  values.add(tensor({NAN, 1}), tensor({0, 1}));
  CHECK(std::isnan(values.rmse()));
  CHECK(std::isnan(values.mae()));
}

TEST_CASE("more classes than a matrix can show are still counted") {
  MetricAccumulator measure;
  measure.add(eye(1200), arange(0, 1200, 1, int64));
  CHECK(measure.accuracy() == 1);
  CHECK(measure.confusion().empty());
  CHECK(measure.classes().size() == 1200);
}

TEST_CASE("outputs that mean nothing known have a loss alone") {
  MetricAccumulator measure;
  measure.add(zeros({2, 3, 4}), zeros({2, 3}, int64), 1.5);
  CHECK(measure.outputs() == Outputs::none);
  CHECK(measure.metrics().size() == 1);
  CHECK(measure.loss() == 1.5);
}

TEST_CASE("outputs and targets that do not fit are refused with both shapes") {
  CHECK_THROWS_WITH(MetricAccumulator({.top_k = 0}), contains("top_k"));
  MetricAccumulator any;
  CHECK_THROWS_WITH(any.add(zeros({2, 3}), zeros({3})), contains("(2, 3)") && contains("(3,)"));
  CHECK_THROWS_WITH(any.add(zeros({2, 3}), labels({0, 3})), contains("0 to 2"));
  CHECK_THROWS_WITH(any.add(zeros({2, 3}), labels({0, -1})), contains("0 to 2"));
  CHECK_THROWS_WITH(MetricAccumulator({.outputs = Outputs::logit}).add(zeros({2, 3}), zeros({2})),
                    contains("one logit"));
  CHECK_THROWS_WITH(
      MetricAccumulator({.outputs = Outputs::logit}).add(zeros({2, 1}), tensor({0, 0.5})),
      contains("label"));
  CHECK_THROWS_WITH(MetricAccumulator({.outputs = Outputs::logits}).add(zeros({2}), zeros({2})),
                    contains("(N, C)"));
  CHECK_THROWS_WITH(MetricAccumulator({.outputs = Outputs::values}).add(zeros({2, 1}), zeros({2})),
                    contains("equal shapes"));
  MetricAccumulator fixed;
  fixed.add(zeros({2, 3}), labels({0, 1}));
  CHECK_THROWS_WITH(fixed.add(zeros({2, 4}), labels({0, 1})), contains("reset"));
}
