#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::Approx;
using gradus::test::contains;

namespace {
const double pi = std::acos(-1.0);
}

TEST_CASE(
    "a plateau's relative threshold is that of the best value's magnitude, whatever its sign") {
  struct Row {
    PlateauMode mode;
    ThresholdMode threshold_mode;
    double threshold;
    std::vector<double> metrics;
    std::vector<double> rates;
  };
  const PlateauMode min = PlateauMode::min, max = PlateauMode::max;
  const ThresholdMode rel = ThresholdMode::rel, abs = ThresholdMode::abs;
  const Row rows[] = {
      {min, rel, 1e-4, {-1, -1, -1, -1, -1}, {1, 1, .1, .1, .01}},
      {max, rel, 1e-4, {-1, -1, -1, -1, -1}, {1, 1, .1, .1, .01}},
      {min, rel, 1e-4, {1, 1, 1, 1, 1}, {1, 1, .1, .1, .01}},
      {min, rel, 1e-4, {0, 0, 0, 0, 0}, {1, 1, .1, .1, .01}},
      {max, rel, 1e-4, {0, 0, 0, 0, 0}, {1, 1, .1, .1, .01}},
      {min, rel, .5, {-1, -1.4, -1.6, -2, -2.3}, {1, 1, 1, 1, .1}},
      {max, rel, .5, {-4, -3, -2.1, -1.9, -1}, {1, 1, .1, .1, .1}},
      {min, rel, .1, {0, -1e-9, -2e-9, -3e-9}, {1, 1, 1, 1}},
      {min, abs, .5, {-1, -1.4, -1.4, -2, -2}, {1, 1, .1, .1, .1}},
      {max, abs, .5, {-1, -.6, -.6, .1, .1}, {1, 1, .1, .1, .1}},
  };
  for (const Row& row : rows) {
    Tensor p = ones({1}).requires_grad_();
    SGD opt({p}, {.lr = 1});
    ReduceLROnPlateau plateau(opt, {.mode = row.mode,
                                    .patience = 1,
                                    .threshold = row.threshold,
                                    .threshold_mode = row.threshold_mode});
    for (std::size_t i = 0; i < row.metrics.size(); ++i) {
      plateau.step(row.metrics[i]);
      CAPTURE(row.metrics, i);
      CHECK(opt.lr() == Approx(row.rates[i]));
    }
  }
}

TEST_CASE("schedules without a golden table follow their formulas") {
  const MultiStepLR multi{.milestones = {2, 5}, .gamma = 0.5};
  const double steps[] = {1, 1, .5, .5, .5, .25, .25};
  for (Index t = 0; t < 7; ++t) CHECK(multi.lr(1, t) == steps[t]);
  const PolynomialLR poly{.total = 4, .power = 2};
  const double squares[] = {1, .5625, .25, .0625, 0, 0};
  for (Index t = 0; t < 6; ++t) CHECK(poly.lr(1, t) == squares[t]);
  const LinearWarmup warm{.warmup = 4};
  for (Index t = 0; t < 6; ++t)
    CHECK(warm.lr(2, t) == 2 * std::min(1.0, static_cast<double>(t + 1) / 4));
  CHECK(LinearWarmup{.warmup = 4, .start = WarmupStart::zero}.lr(2, 0) == 0);
  CHECK(LinearWarmup{.warmup = 4, .start = WarmupStart::zero}.lr(2, 4) == 2);
  CHECK(LambdaLR{[](Index t) { return static_cast<double>(t); }}.lr(3, 5) == 15);
}

TEST_CASE("warm restarts begin again after 1, 2 and 4 times the first period") {
  const CosineWarmRestarts s{.first = 3, .mult = 2, .eta_min = 0.5};
  Index t = 0;
  for (const Index period : {3, 6, 12})
    for (Index k = 0; k < period; ++k, ++t) {
      const double x = pi * static_cast<double>(k) / static_cast<double>(period);
      CHECK(std::abs(s.lr(1, t) - (0.5 + 0.25 * (1 + std::cos(x)))) < 1e-15);
    }
}

TEST_CASE("one cycle has straight lines, three phases, and ends where it stays") {
  const OneCycle line{.total = 11,
                      .max_lr = 1,
                      .pct_start = 6.0 / 11,
                      .div_factor = 10,
                      .final_div_factor = 10,
                      .anneal = Anneal::linear};
  CHECK(line.lr(5, 0) == Approx(0.1));
  CHECK(line.lr(5, 5) == Approx(1));
  CHECK(line.lr(5, 4) == Approx(0.82));
  CHECK(line.lr(5, 10) == Approx(0.01));
  CHECK(line.lr(5, 99) == Approx(0.01));
  const OneCycle three{.total = 12,
                       .pct_start = 0.25,
                       .div_factor = 4,
                       .final_div_factor = 10,
                       .anneal = Anneal::linear,
                       .three_phase = true};
  CHECK(three.lr(2, 0) == Approx(0.5));
  CHECK(three.lr(2, 2) == Approx(2));
  CHECK(three.lr(2, 3) == Approx(1.25));
  CHECK(three.lr(2, 4) == Approx(0.5));
  CHECK(three.lr(2, 11) == Approx(0.05));
  CHECK(OneCycle{.total = 10, .pct_start = 0}.lr(1, 0) == 1);
  CHECK(OneCycle{.total = 10, .pct_start = 1}.lr(1, 9) == 1);
  CHECK(std::isfinite(OneCycle{.total = 2}.lr(1, 1)));
}

TEST_CASE("cycles shrink by half, or by a power") {
  const Cyclic half{.max_lr = 1, .up = 2, .down = 1, .mode = CyclicMode::triangular2};
  const double expected[] = {0, .5, 1, 0, .25, .5, 0, .125, .25};
  for (Index t = 0; t < 9; ++t) CHECK(half.lr(0, t) == Approx(expected[t]));
  const Cyclic power{
      .max_lr = 1, .base_lr = 0.5, .up = 1, .mode = CyclicMode::exp_range, .gamma = 0.9};
  CHECK(power.lr(9, 0) == 0.5);
  CHECK(power.lr(9, 1) == Approx(0.5 + 0.5 * 0.9));
  CHECK(power.lr(9, 3) == Approx(0.5 + 0.5 * 0.729));
}

TEST_CASE("the momentum of one cycle falls while the rate rises") {
  // PyTorch's two phases, from their definition: anneal(start, end, share of the phase passed).
  const auto anneal = [](double start, double end, double share) {
    return end + (start - end) / 2 * (1 + std::cos(pi * share));
  };
  const OneCycle s{.total = 10};
  const double peak = 0.3 * 10 - 1;
  for (Index t = 0; t < 10; ++t) {
    const double now = static_cast<double>(t);
    const double expected = now <= peak ? anneal(0.95, 0.85, now / peak)
                                        : anneal(0.85, 0.95, (now - peak) / (9 - peak));
    CHECK(std::abs(s.momentum(t).value() - expected) < 1e-15);
  }
  CHECK(s.momentum(99).value() == Approx(0.95));
  const OneCycle three{.total = 12,
                       .pct_start = 0.25,
                       .anneal = Anneal::linear,
                       .three_phase = true,
                       .base_momentum = 0.5,
                       .max_momentum = 0.9};
  const double expected[] = {.9, .7, .5, .7, .9, .9, .9, .9, .9, .9, .9, .9};
  for (Index t = 0; t < 12; ++t) CHECK(three.momentum(t).value() == Approx(expected[t]));
  CHECK_FALSE(OneCycle{.total = 10, .cycle_momentum = false}.momentum(3));
}

TEST_CASE("the momentum of cycles is high where the rate is low") {
  const Cyclic s{.max_lr = 1, .up = 2};
  const double expected[] = {.9, .85, .8, .85, .9, .85};
  for (Index t = 0; t < 6; ++t) CHECK(s.momentum(t).value() == Approx(expected[t]).epsilon(1e-15));
  const Cyclic half{.max_lr = 1,
                    .up = 2,
                    .down = 1,
                    .mode = CyclicMode::triangular2,
                    .base_momentum = 0.5,
                    .max_momentum = 0.9};
  const double shrinking[] = {.9, .7, .5, .9, .8, .7, .9};
  for (Index t = 0; t < 7; ++t) CHECK(half.momentum(t).value() == Approx(shrinking[t]));
  CHECK_FALSE(Cyclic{.max_lr = 1, .cycle_momentum = false}.momentum(0));
}

namespace {
/// The value of a parameter of gradient 2 p after `steps` steps under a schedule.
template <class Opt>
double after(Opt& opt, Tensor& p, Scheduler& scheduler, int steps) {
  for (int i = 0; i < steps; ++i) {
    p.set_grad(p.detach() * 2);
    opt.step();
    scheduler.step();
  }
  return p.item();
}
}  // namespace

TEST_CASE("a schedule that cycles the momentum drives SGD and Adam as if it were set by hand") {
  const OneCycle cycle{.total = 20, .max_lr = 0.1};
  Tensor p = full({}, 1, float64).requires_grad_();
  SGD sgd({p}, {.lr = 0.1});
  Scheduler scheduler(sgd, cycle);
  double x = 1, b = 0;
  for (Index t = 0; t < 15; ++t) {
    b = cycle.momentum(t).value() * b + 2 * x;
    x -= cycle.lr(0.1, t) * b;
  }
  CHECK(std::abs(after(sgd, p, scheduler, 15) - x) < 1e-14);
  CHECK(sgd.momentum() == cycle.momentum(15).value());

  Tensor q = full({}, 1, float64).requires_grad_();
  Adam adam({q}, {.lr = 0.1});
  Scheduler by_beta(adam, cycle);
  double y = 1, m = 0, v = 0;
  for (Index t = 0; t < 15; ++t) {
    const double beta = cycle.momentum(t).value(), g = 2 * y, n = static_cast<double>(t + 1);
    m = beta * m + (1 - beta) * g;
    v = 0.999 * v + 0.001 * g * g;
    y -= cycle.lr(0.1, t) * (m / (1 - std::pow(beta, n))) /
         (std::sqrt(v / (1 - std::pow(0.999, n))) + 1e-8);
  }
  CHECK(std::abs(after(adam, q, by_beta, 15) - y) < 1e-13);
  CHECK(adam.options().betas[0] == cycle.momentum(15).value());
}

TEST_CASE("a cycled momentum is saved with the optimizer and goes on after loading") {
  const auto make = [] { return full({}, 1, float64).requires_grad_(); };
  const Cyclic cycle{.max_lr = 0.05, .base_lr = 0.01, .up = 3};
  Tensor whole = make(), first = make(), second = make();
  SGD straight({whole}, {.momentum = 0.3}), before({first}, {.momentum = 0.3}), resumed({second});
  Scheduler a(straight, cycle), b(before, cycle), c(resumed, cycle);
  const double expected = after(straight, whole, a, 8);
  after(before, first, b, 5);
  NoGrad guard;
  second.copy_(first);
  resumed.load_state_dict(before.state_dict());
  c.load_state_dict(b.state_dict());
  CHECK(resumed.momentum() == before.momentum());
  CHECK(after(resumed, second, c, 3) == expected);
}

TEST_CASE("a momentum that a schedule brings in the middle of a run finds its moments") {
  Tensor p = full({}, 1, float64).requires_grad_();
  SGD opt({p}, {.lr = 0.1});
  p.set_grad(full({}, 1, float64));
  opt.step();
  CHECK(opt.momentum() == 0);
  Scheduler scheduler(opt, SequentialLR{.schedules = {StepLR{}, Cyclic{.max_lr = 0.1, .up = 2}},
                                        .milestones = {1}});
  CHECK(opt.momentum() == 0);
  scheduler.step();
  CHECK(opt.momentum() == 0.9);
  opt.step();
  opt.step();
  CHECK(p.item() == Approx(0.9 - 0.1 - 0.1 * 1.9));
}

TEST_CASE("momentum is asked of an algorithm that has none with an error") {
  Tensor p = ones({1}).requires_grad_();
  Adagrad opt({p});
  CHECK_FALSE(opt.has_momentum());
  CHECK_THROWS_WITH(opt.momentum(), contains("Adagrad has neither a momentum nor a beta1"));
  CHECK_THROWS_WITH(Scheduler(opt, OneCycle{.total = 5}),
                    contains("[OneCycle] Adagrad was given") && contains("cycle_momentum = false"));
  CHECK_NOTHROW(Scheduler(opt, OneCycle{.total = 5, .cycle_momentum = false}));
  SGD sgd({p});
  CHECK(sgd.has_momentum());
  CHECK_THROWS_WITH(sgd.set_momentum(0, 1), contains("[set_momentum] momentum = 1"));
  CHECK_THROWS_WITH(sgd.momentum(1), contains("[momentum] group 1"));
  CHECK(RMSprop({p}).has_momentum());
  CHECK(Muon({p}).momentum() == 0.95);
  CHECK(Lion({p}).momentum() == 0.9);
}

TEST_CASE("schedules follow one another, each from its own zero") {
  const SequentialLR s{.schedules = {LinearWarmup{.warmup = 2}, CosineAnnealing{.total = 4}},
                       .milestones = {2}};
  CHECK(s.lr(1, 0) == 0.5);
  CHECK(s.lr(1, 1) == 1);
  CHECK(s.lr(1, 2) == 1);
  CHECK(s.lr(1, 4) == Approx(0.5));
  CHECK(s.lr(1, 6) == 0);
  CHECK(s.length() == 6);
  const WarmupCosine same{.warmup = 2, .total = 6};
  for (Index t = 0; t < 8; ++t) CHECK(s.lr(1, t) == same.lr(1, t));
}

TEST_CASE("a scheduler sets the rate of every group from its own base") {
  Tensor a = ones({1}).requires_grad_(), b = ones({1}).requires_grad_();
  SGD opt({{{a}, {.lr = 1}}, {{b}, {.lr = 0.5}}});
  Scheduler scheduler(opt, WarmupCosine{.warmup = 2, .total = 4}, {.unit = Unit::epoch});
  CHECK(scheduler.unit() == Unit::epoch);
  CHECK(opt.lr(0) == 0.5);
  CHECK(opt.lr(1) == 0.25);
  scheduler.step();
  CHECK(opt.lr(0) == 1);
  CHECK(scheduler.lr(1) == 0.5);
}

TEST_CASE("a scheduler resumed from its state and the optimizer's goes on as before") {
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p}, {.lr = 0.5});
  Scheduler scheduler(opt, CosineAnnealing{.total = 10});
  for (int i = 0; i < 3; ++i) scheduler.step();
  SGD fresh({p}, {.lr = 123});
  fresh.load_state_dict(opt.state_dict());
  Scheduler resumed(fresh, CosineAnnealing{.total = 10});
  resumed.load_state_dict(scheduler.state_dict());
  CHECK(resumed.time() == 3);
  CHECK(fresh.lr() == opt.lr());
  scheduler.step();
  resumed.step();
  CHECK(fresh.lr() == opt.lr());
  CHECK_THROWS_WITH(resumed.load_state_dict({}), contains("missing: time"));
  CHECK_THROWS_WITH(resumed.load_state_dict({{"time", full({}, -1)}}), contains("time = -1"));
}

TEST_CASE("a schedule says when its length and the run's disagree") {
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p});
  const Scheduler steps(opt, CosineAnnealing{.total = 100});
  CHECK(steps.check_length(100).empty());
  CHECK_THAT(
      steps.check_length(500),
      contains("CosineAnnealing is 100 steps long, but the run has 500") && contains("last 400"));
  CHECK_THAT(steps.check_length(50), contains("does not come to its end"));
  const Scheduler epochs(opt, PolynomialLR{.total = 5}, {.unit = Unit::epoch});
  CHECK_THAT(epochs.check_length(9), contains("5 epochs long"));
  CHECK(Scheduler(opt, ExponentialLR{}).check_length(7).empty());
}

TEST_CASE("the rate falls when the metric has not improved for longer than patience") {
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p}, {.lr = 1});
  ReduceLROnPlateau plateau(opt, {.factor = 0.5, .patience = 2, .cooldown = 1, .min_lr = 0.2});
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(plateau.best() == inf);
  CHECK_FALSE(plateau.step(10));
  CHECK_FALSE(plateau.step(9.9999));  // by less than the threshold
  CHECK_FALSE(plateau.step(std::nan("")));
  CHECK(plateau.step(11));
  CHECK(opt.lr() == 0.5);
  CHECK_FALSE(plateau.step(11));  // cooling
  CHECK_FALSE(plateau.step(11));
  const StateDict state = plateau.state_dict();
  ReduceLROnPlateau resumed(opt, {.factor = 0.5, .patience = 2, .min_lr = 0.2});
  resumed.load_state_dict(state);
  CHECK(resumed.best() == 10);
  CHECK_FALSE(resumed.step(11));
  CHECK(resumed.step(11));
  CHECK(opt.lr() == 0.25);
  for (int i = 0; i < 2; ++i) CHECK_FALSE(resumed.step(12));
  CHECK(resumed.step(12));
  CHECK(opt.lr() == 0.2);
  for (int i = 0; i < 9; ++i) CHECK_FALSE(resumed.step(12));
  CHECK(plateau.unit() == Unit::epoch);
  CHECK_THROWS_WITH(plateau.load_state_dict({}), contains("missing: best") && contains("cooling"));
}

TEST_CASE("a metric can be maximised, with an absolute threshold") {
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p}, {.lr = 1});
  ReduceLROnPlateau plateau(opt, {.mode = PlateauMode::max,
                                  .patience = 0,
                                  .threshold = 0.5,
                                  .threshold_mode = ThresholdMode::abs});
  CHECK_FALSE(plateau.step(-3));
  CHECK_FALSE(plateau.step(-2));
  CHECK(plateau.step(-1.5));
  CHECK(plateau.best() == -2);
  CHECK(opt.lr() == Approx(0.1));
}

TEST_CASE("schedules refuse options that make no sense") {
  const auto refused = [](auto schedule, const char* text) {
    CHECK_THROWS_WITH(Schedule(schedule), contains(text));
  };
  refused(StepLR{.step_size = 0}, "[StepLR] step_size = 0");
  refused(StepLR{.gamma = 0}, "[StepLR] gamma = 0");
  refused(MultiStepLR{.milestones = {3, 3}}, "[MultiStepLR] milestone 1 is 3");
  refused(MultiStepLR{.milestones = {-1}}, "milestone 0 is -1");
  refused(MultiStepLR{.gamma = -1}, "gamma = -1");
  refused(ExponentialLR{.gamma = std::nan("")}, "[ExponentialLR] gamma = nan");
  refused(PolynomialLR{.total = 0}, "[PolynomialLR] total = 0");
  refused(PolynomialLR{.power = 0}, "power = 0");
  refused(CosineAnnealing{}, "[CosineAnnealing] total = 0 was given; at least 1 is required");
  refused(CosineAnnealing{.total = 1, .eta_min = -1}, "eta_min = -1");
  refused(CosineWarmRestarts{}, "[CosineWarmRestarts] first = 0");
  refused(CosineWarmRestarts{.first = 1, .mult = 0}, "mult = 0");
  refused(CosineWarmRestarts{.first = 1, .eta_min = -1}, "eta_min");
  refused(LinearWarmup{}, "[LinearWarmup] warmup = 0");
  refused(WarmupCosine{.warmup = -1}, "[WarmupCosine] warmup = -1");
  refused(WarmupCosine{.warmup = 5, .total = 5}, "total = 5 was given; at least 6");
  refused(WarmupCosine{.total = 5, .eta_min = -1}, "eta_min");
  refused(OneCycle{.total = 1}, "[OneCycle] total = 1");
  refused(OneCycle{.total = 5, .pct_start = 2}, "pct_start = 2");
  refused(OneCycle{.total = 5, .pct_start = 0.6, .three_phase = true}, "pct_start = 0.6");
  refused(OneCycle{.total = 5, .div_factor = 0}, "div_factor = 0");
  refused(OneCycle{.total = 5, .final_div_factor = 0}, "final_div_factor = 0");
  refused(OneCycle{.total = 5, .max_lr = -1}, "max_lr = -1");
  refused(Cyclic{}, "[Cyclic] max_lr = 0");
  refused(Cyclic{.max_lr = 1, .up = 0}, "up = 0");
  refused(Cyclic{.max_lr = 1, .down = -1}, "down = -1");
  refused(Cyclic{.max_lr = 1, .gamma = 0}, "gamma = 0");
  refused(Cyclic{.max_lr = 1, .base_lr = -1}, "base_lr = -1");
  refused(Cyclic{.max_lr = 1, .base_lr = 2}, "base_lr = 2");
  refused(OneCycle{.total = 5, .base_momentum = 0}, "[OneCycle] base_momentum = 0");
  refused(OneCycle{.total = 5, .base_momentum = 0.96}, "base_momentum = 0.96");
  refused(OneCycle{.total = 5, .max_momentum = 1}, "max_momentum = 1");
  refused(Cyclic{.max_lr = 1, .base_momentum = 0.95}, "[Cyclic] base_momentum = 0.95");
  CHECK_NOTHROW(Schedule(OneCycle{.total = 5, .cycle_momentum = false, .base_momentum = 2}));
  refused(LambdaLR{}, "[LambdaLR] an empty function");
  refused(SequentialLR{}, "[SequentialLR] 0 schedules");
  refused(SequentialLR{.schedules = {StepLR{}, StepLR{}}}, "2 schedules and 0 milestones");
  refused(SequentialLR{.schedules = {StepLR{}, StepLR{}}, .milestones = {-2}}, "milestone 0");
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p});
  const auto plateau = [&](const PlateauOptions& options, const char* text) {
    CHECK_THROWS_WITH(ReduceLROnPlateau(opt, options), contains(text));
  };
  plateau({.factor = 1}, "[ReduceLROnPlateau] factor = 1");
  plateau({.patience = -1}, "patience");
  plateau({.threshold = -1}, "threshold");
  plateau({.cooldown = -1}, "cooldown");
  plateau({.min_lr = -1}, "min_lr");
  plateau({.eps = -1}, "eps");
}
