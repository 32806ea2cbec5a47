#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::contains;

namespace {

/// sum (1 - x_i)^2 + 100 (x_(i+1) - x_i^2)^2
Tensor rosenbrock(const Tensor& x) {
  const Index n = x.size(0);
  const Tensor a = slice(x, 0, 0, n - 1), b = slice(x, 0, 1, n);
  const Tensor u = 1 - a, v = b - a * a;
  return sum(u * u) + sum(v * v) * 100;
}

Optimizer::Closure closure_of(Optimizer& opt, Tensor& x) {
  return [&] {
    opt.zero_grad();
    Tensor loss = rosenbrock(x);
    loss.backward();
    return loss;
  };
}

Tensor start(DType dtype) { return tensor({-1.2, 1.0, -0.5, 2.0}, dtype).requires_grad_(); }

}  // namespace

TEST_CASE("LBFGS minimises the Rosenbrock function") {
  Tensor x = start(float64);
  LBFGS opt({x},
            {.max_iter = 200, .max_eval = 400, .tolerance_grad = 1e-10, .tolerance_change = 1e-16});
  const Tensor first = opt.step(closure_of(opt, x));
  CHECK(first.item() > 100);
  CHECK(rosenbrock(x).item() < 1e-18);
  for (const double value : x.to_vector<double>()) CHECK(std::abs(value - 1) < 1e-8);
  CHECK(opt.evaluations() < 120);
  const auto before = opt.evaluations();
  opt.step(closure_of(opt, x));
  CHECK(opt.evaluations() == before + 1);  // nothing is left to do
}

TEST_CASE("LBFGS minimises in float32, with a short history") {
  Tensor x = start(float32);
  LBFGS opt({x}, {.history_size = 3});
  for (int i = 0; i < 10; ++i) opt.step(closure_of(opt, x));
  CHECK(rosenbrock(x).item() < 1e-6);
}

TEST_CASE("LBFGS without a line search minimises a quadratic") {
  Tensor x = tensor({3, -2}, float64).requires_grad_();
  const Tensor scale = tensor({1, 10}, float64);
  LBFGS opt({x}, {.max_iter = 30, .tolerance_change = 1e-20, .line_search = LineSearch::none});
  const auto closure = [&] {
    opt.zero_grad();
    Tensor loss = sum(x * x * scale);
    loss.backward();
    return loss;
  };
  for (int i = 0; i < 3; ++i) opt.step(closure);
  CHECK(closure().item() < 1e-10);
}

TEST_CASE("the line search leaves a point where the function is not finite") {
  // -log x + x by hand, not defined for x <= 0; its minimum is at 1.
  Tensor x = tensor({0.01}, float64).requires_grad_();
  LBFGS opt({x}, {.lr = 100});
  const auto closure = [&] {
    const double at = x.item();
    x.set_grad(tensor({1 - 1 / at}, float64));
    return full({}, at > 0 ? at - std::log(at) : std::nan(""), float64);
  };
  for (int i = 0; i < 5; ++i) opt.step(closure);
  CHECK(std::abs(x.item() - 1) < 1e-6);
}

TEST_CASE("LBFGS respects the bounds on iterations and evaluations") {
  Tensor x = start(float64);
  LBFGS opt({x}, {.max_iter = 1});
  opt.step(closure_of(opt, x));
  CHECK(opt.state_dict().at("lbfgs.iterations").item() == 1);
  LBFGS few({x}, {.max_iter = 100, .max_eval = 5});
  few.step(closure_of(few, x));
  CHECK(few.state_dict().at("lbfgs.iterations").item() < 6);
}

TEST_CASE("LBFGS never calls its closure more often than it may") {
  for (const LineSearch search : {LineSearch::none, LineSearch::strong_wolfe})
    for (const DType dtype : {float32, float64})
      for (const double lr : {1.0, 1e-3, 1e3})
        for (int most = 1; most <= 30; ++most) {
          CAPTURE(search, lr, most);
          Tensor x = start(dtype);
          LBFGS opt({x}, {.lr = lr, .max_iter = 20, .max_eval = most, .line_search = search});
          const auto closure = closure_of(opt, x);
          for (int step = 1; step <= 3; ++step) {
            const auto before = opt.evaluations();
            const double loss = opt.step(closure).item();
            CHECK(opt.evaluations() - before <= most);
            if (search == LineSearch::none) continue;
            // The end of the budget leaves the best point so far.
            const double now = rosenbrock(x).item();
            CHECK(now <= loss);
            if (most >= 25 && loss > 1e-6) CHECK(now < loss);
          }
        }
  Tensor x = start(float64);
  LBFGS opt({x});
  opt.step(closure_of(opt, x));
  CHECK(opt.evaluations() <= 25);  // max_iter * 5 / 4
  for (int iterations = 1; iterations < 8; ++iterations) {
    Tensor y = start(float64);
    LBFGS few({y}, {.max_iter = iterations});
    const double loss = few.step(closure_of(few, y)).item();
    CHECK(rosenbrock(y).item() < loss);
    CHECK(few.state_dict().at("lbfgs.iterations").item() <= iterations);
  }
}

TEST_CASE("LBFGS resumed from its state equals uninterrupted bit for bit") {
  Tensor x = start(float64), y = start(float64);
  const LBFGSOptions options{.max_iter = 5};
  LBFGS a({x}, options), b({y}, options);
  for (int i = 0; i < 2; ++i) {
    a.step(closure_of(a, x));
    b.step(closure_of(b, y));
  }
  LBFGS c({y});
  c.load_state_dict(b.state_dict());
  for (int i = 0; i < 2; ++i) {
    a.step(closure_of(a, x));
    c.step(closure_of(c, y));
  }
  CHECK(x.to_vector<double>() == y.to_vector<double>());
  CHECK(a.evaluations() == c.evaluations());
  StateDict damaged = b.state_dict();
  damaged["lbfgs.direction"] = zeros({3}, float64);
  damaged.erase("lbfgs.0.step");
  damaged["lbfgs.t"] = zeros({2});
  CHECK_THROWS_WITH(c.load_state_dict(damaged),
                    contains("lbfgs.direction is (3,) float64; (4,) float64 is required") &&
                        contains("missing: lbfgs.0.step") &&
                        contains("lbfgs.t has shape (2,); one number is required"));
}

TEST_CASE("LBFGS refuses groups, a step without closure, and losses that are no number") {
  Tensor x = start(float64), y = start(float64);
  CHECK_THROWS_WITH(LBFGS({{{x}, {}}, {{y}, {}}}), contains("[LBFGS] 2 parameter groups"));
  LBFGS opt({x});
  x.set_grad(zeros({4}, float64));
  CHECK_THROWS_WITH(opt.step(), contains("[LBFGS] step() was called without a closure"));
  CHECK_THROWS_WITH(opt.step([&] { return x; }), contains("the closure returned shape (4,)"));
  CHECK_THROWS_WITH(opt.step([] { return Tensor(); }), contains("an undefined tensor"));
}
