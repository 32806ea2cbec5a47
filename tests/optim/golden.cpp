#include <cmath>
#include <functional>
#include <memory>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

struct Golden {
  const char* name;
  std::function<std::unique_ptr<optim::Optimizer>(const std::vector<Tensor>&)> make;
  double expected[3];
};

template <class O, class Options>
std::function<std::unique_ptr<optim::Optimizer>(const std::vector<Tensor>&)> with(Options options) {
  return
      [options](const std::vector<Tensor>& params) { return std::make_unique<O>(params, options); };
}

const std::vector<Golden>& golden_table() {
  using namespace optim;
  static const std::vector<Golden> table = {
      {"SGD", with<SGD>(SGDOptions{.lr = 0.1}), {0.9, 0.85, 0.875}},
      {"SGD wd",
       with<SGD>(SGDOptions{.lr = 0.1, .weight_decay = 0.01}),
       {0.899, 0.848101, 0.872252899}},
      {"Momentum", with<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9}), {0.9, 0.76, 0.659}},
      {"Nesterov",
       with<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
       {0.81, 0.634, 0.5681}},
      {"Adam", with<Adam>(AdamOptions{.lr = 0.1}), {0.900000001, 0.806782038298, 0.750415901496}},
      {"Adam L2",
       with<Adam>(AdamOptions{.lr = 0.1, .weight_decay = 0.01}),
       {0.90000000099, 0.806666779214, 0.7494927716}},
      {"AdamW",
       with<AdamW>(AdamWOptions{.lr = 0.1}),
       {0.899000001, 0.804883038297, 0.747712018457}},
      {"AMSGrad",
       with<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true}),
       {0.900000001, 0.806782038298, 0.750415901496}},
      {"Adagrad",
       with<Adagrad>(AdagradOptions{.lr = 0.1}),
       {0.90000000001, 0.855278640464, 0.877100429486}},
      {"RMSprop .99",
       with<RMSprop>(RMSpropOptions{.lr = 0.1}),
       {0.0000001, -0.449013114744, -0.228908938546}},
      {"RMSprop .9",
       with<RMSprop>(RMSpropOptions{.lr = 0.1, .alpha = 0.9}),
       {0.683772243983, 0.536330292176, 0.611793928957}},
      {"Adadelta",
       with<Adadelta>(AdadeltaOptions{}),
       {0.996837738151, 0.994752608289, 0.995905683404}},
      {"Adamax",
       with<Adamax>(AdamaxOptions{.lr = 0.1}),
       {0.900000001, 0.826242033243, 0.78889801022}},
      {"NAdam",
       with<NAdam>(NAdamOptions{.lr = 0.1}),
       {0.894354823221, 0.841962493847, 0.857663076483}},
      {"RAdam", with<RAdam>(RAdamOptions{.lr = 0.1}), {0.9, 0.826315789474, 0.78904641678}},
  };
  return table;
}

}  // namespace

TEST_CASE("optimizers give the golden values of three steps") {
  for (const Golden& row : golden_table()) {
    INFO(row.name);
    Tensor w = full({}, 1, float64).requires_grad_();
    const auto opt = row.make({w});
    const double grads[3] = {1, 0.5, -0.25};
    for (int step = 0; step < 3; ++step) {
      w.set_grad(full({}, grads[step], float64));
      REQUIRE(opt->step() == optim::StepResult::updated);
      CAPTURE(step);
      CHECK(std::abs(w.item() - row.expected[step]) <= 6e-13);
    }
  }
}

namespace {

void check_table(const optim::Schedule& schedule, double base, const std::vector<double>& expected,
                 double tolerance) {
  Tensor w = zeros({2}).requires_grad_();
  optim::SGD opt({w}, {.lr = base});
  optim::Scheduler scheduler(opt, schedule);
  INFO(schedule.name());
  for (std::size_t t = 0; t < expected.size(); ++t) {
    CAPTURE(t);
    CHECK(scheduler.time() == static_cast<Index>(t));
    CHECK(std::abs(opt.lr() - expected[t]) <= tolerance);
    scheduler.step();
  }
}

}  // namespace

TEST_CASE("schedules give the golden tables") {
  using namespace optim;
  const double digits = 6e-11;
  check_table(StepLR{.step_size = 3, .gamma = 0.5}, 1, {1, 1, 1, .5, .5, .5, .25, .25}, 1e-15);
  check_table(ExponentialLR{.gamma = 0.9}, 1, {1, .9, .81, .729, .6561}, 1e-15);
  check_table(CosineAnnealing{.total = 5}, 1,
              {1, .9045084972, .6545084972, .3454915028, .0954915028, 0, 0, 0}, digits);
  check_table(CosineWarmRestarts{.first = 5}, 1,
              {1, .9045084972, .6545084972, .3454915028, .0954915028, 1, .9045084972}, digits);
  check_table(Cyclic{.max_lr = 1, .base_lr = 0.1, .up = 2}, 1, {.1, .55, 1, .55, .1, .55}, 1e-15);
  check_table(OneCycle{.total = 10, .max_lr = 1}, 0.5,
              {.04, .52, 1, .9504846320, .8117456539, .6112620219, .3887419781, .1882583461,
               .0495193680, .000004},
              digits);
}

TEST_CASE("warm-up and cosine give the golden table with either start") {
  using namespace optim;
  const WarmupCosine zero{.warmup = 50, .total = 500, .start = WarmupStart::zero};
  const double base = 3e-4;
  CHECK(zero.lr(base, 0) == 0);
  CHECK(std::abs(zero.lr(base, 1) - 6e-6) <= 1e-18);
  CHECK(std::abs(zero.lr(base, 49) - 2.94e-4) <= 1e-18);
  CHECK(std::abs(zero.lr(base, 50) - 3e-4) <= 1e-18);
  CHECK(std::abs(zero.lr(base, 100) - 2.910e-4) <= 5e-8);
  CHECK(std::abs(zero.lr(base, 200) - 2.25e-4) <= 1e-18);
  CHECK(std::abs(zero.lr(base, 300) - 1.240e-4) <= 5e-8);
  CHECK(std::abs(zero.lr(base, 400) - 3.509e-5) <= 5e-9);
  CHECK(std::abs(zero.lr(base, 499) - 3.655e-9) <= 5e-13);
  CHECK(zero.lr(base, 500) == 0);
  const WarmupCosine one{.warmup = 50, .total = 500};
  CHECK(std::abs(one.lr(base, 0) - 6e-6) <= 1e-18);
  CHECK(std::abs(one.lr(base, 49) - 3e-4) <= 1e-18);
  CHECK(one.lr(base, 200) == zero.lr(base, 200));
}
