#include "apps/command.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

const std::string example = program("examples/sick");

/// `--data FOLDER`, if the tables are here.
std::string tables() {
  const std::string folder = shared_data("tabular");
  return folder.empty() ? "" : " --data '" + folder + "'";
}

/// `with_lint` is the kind of the first finding, `without` that of the run alone, "" where the run
/// does not show it.
void names_the_cause(const std::string& name, const std::string& with_lint,
                     const std::string& without) {
  Ran ran = run(example + " " + name + tables());
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains(" " + with_lint + "\n"));
  if (without.empty()) return;
  ran = run(example + " " + name + " --no-lint" + tables());
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains(" " + without + "\n"));
}

}  // namespace

TEST_CASE("a learning rate 100 times too high is named") {
  names_the_cause("lr_high", "learning_rate_high", "learning_rate_high");
}
TEST_CASE("a learning rate 1000 times too low is named") {
  names_the_cause("lr_low", "learning_rate_low", "learning_rate_low");
}
TEST_CASE("20 sigmoid layers are named") {
  names_the_cause("deep_sigmoids", "deep_sigmoids", "vanishing_gradient");
}
TEST_CASE("ReLU with biases of -5 is named") {
  names_the_cause("dead_relu", "dead_units", "dead_units");
}
TEST_CASE("wine that is not scaled is named") {
  names_the_cause("unscaled", "inputs_not_scaled", "");
}
TEST_CASE("random labels are named") { names_the_cause("random_labels", "no_signal", "no_signal"); }
TEST_CASE("40 rows for a large network are named") {
  names_the_cause("few_rows", "overfitting", "overfitting");
}
TEST_CASE("a squared error on a saturated sigmoid is named") {
  names_the_cause("saturated", "squared_error_on_sigmoid", "saturated_units");
}
TEST_CASE("a deep network without activations is named") {
  names_the_cause("linear", "linear_after_linear", "");
}

TEST_CASE("healthy runs raise no alarm") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN(
      "skipped: 20 trainings take many minutes under a sanitizer, and the cases above run its "
      "code");
  SUCCEED();
  return;
#endif
  const std::string data = tables();
  const Ran ran = run(example + " --healthy" + data);
  INFO(ran.out);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains(data.empty() ? "alarms in 0 of 11" : "alarms in 0 of 20"));
}

TEST_CASE("the example refuses cases and options that it does not know") {
  CHECK(run(example + " --sick").status == 2);
  CHECK(run(example + " nothing").status == 3);
}
