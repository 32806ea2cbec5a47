#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::Approx;
using gradus::test::contains;

namespace {

/// Parameters of a small network in a fixed state.
std::vector<Tensor> network_parameters(DType dtype) {
  Generator generator(7);
  std::vector<Tensor> params;
  for (const Shape& shape : {Shape{3, 4}, Shape{3}, Shape{5, 3}, Shape{}})
    params.push_back(randn(shape, dtype, &generator).clone().requires_grad_());
  return params;
}

void set_all_gradients(const std::vector<Tensor>& params, int t) {
  Generator generator(100 + static_cast<std::uint64_t>(t));
  for (Tensor param : params) param.set_grad(randn(param.shape(), param.dtype(), &generator));
}

}  // namespace

TEST_CASE("training resumed from a state equals uninterrupted training bit for bit") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    for (const DType dtype : {float32, float64}) {
      INFO(name << " " << name_of(dtype));
      auto straight = network_parameters(dtype), resumed = network_parameters(dtype);
      const NamedOptions options = {{"lr", 0.01}};
      const auto a = make_optimizer(name, straight, options);
      auto b = make_optimizer(name, resumed, options);
      for (int t = 0; t < 12; ++t) {
        set_all_gradients(straight, t);
        set_all_gradients(resumed, t);
        if (t == 4) a->set_lr(0.004), b->set_lr(0.004);
        if (t == 7) {
          const StateDict state = b->state_dict();
          b = make_optimizer(name, resumed);
          b->load_state_dict(state);
          CHECK(b->lr() == 0.004);
          CHECK(b->initial_lr() == 0.01);
        }
        a->step();
        b->step();
      }
      for (std::size_t i = 0; i < straight.size(); ++i)
        CHECK(straight[i].to_vector<double>() == resumed[i].to_vector<double>());
    }
  }
}

TEST_CASE("a state is a copy") {
  Tensor p = ones({2}).requires_grad_();
  Adam opt({p});
  p.set_grad(ones({2}));
  opt.step();
  const StateDict state = opt.state_dict();
  opt.step();
  CHECK(state.at("param.0.step").item() == 1);
  CHECK(opt.state_dict().at("param.0.step").item() == 2);
  CHECK(state.at("param.0.exp_avg").to_vector<float>()[0] == Approx(0.1));
}

TEST_CASE("parameters without a gradient are left alone, with their step count") {
  Tensor a = ones({2}).requires_grad_(), b = ones({2}).requires_grad_();
  AdamW opt({a, b}, {.weight_decay = 0.5});
  a.set_grad(ones({2}));
  opt.step();
  CHECK(b.to_vector<float>() == std::vector<float>{1, 1});
  CHECK(opt.state_dict().at("param.1.step").item() == 0);
  CHECK(opt.state_dict().count("param.1.exp_avg") == 0);
  opt.zero_grad();
  CHECK_FALSE(a.grad().defined());
}

TEST_CASE("groups have options and rates of their own") {
  Tensor a = ones({1}).requires_grad_(), b = ones({1}).requires_grad_();
  SGD opt({{{a}, {.lr = 0.5}}, {{b}, {.lr = 0.25, .weight_decay = 1}}});
  REQUIRE(opt.num_groups() == 2);
  a.set_grad(ones({1}));
  b.set_grad(ones({1}));
  opt.step();
  CHECK(a.item() == 0.5);
  CHECK(b.item() == 0.5);
  opt.set_lr(1, 0.125);
  CHECK(opt.lr(0) == 0.5);
  CHECK(opt.lr(1) == 0.125);
  CHECK(opt.initial_lr(1) == 0.25);
  opt.set_lr(0.1);
  CHECK(opt.lr(0) == 0.1);
  CHECK(opt.options(1).lr == 0.1);
  CHECK(opt.parameters().size() == 2);
}

TEST_CASE("one-element lists of parameters are not taken for groups") {
  Tensor a = ones({1}).requires_grad_();
  CHECK(SGD({a}).num_groups() == 1);
  CHECK(Adam({a}, {.lr = 0.5}).lr() == 0.5);
}

TEST_CASE("a step with a closure evaluates it while recording and returns its loss") {
  Tensor p = full({}, 3).requires_grad_();
  SGD opt({p}, {.lr = 0.5});
  const NoGrad guard;
  const Tensor loss = opt.step([&] {
    opt.zero_grad();
    Tensor l = p * p;
    l.backward();
    return l;
  });
  CHECK(loss.item() == 9);
  CHECK(p.item() == 0);
}

TEST_CASE("a step takes options in braces and closures of any kind") {
  Tensor p = full({}, 3).requires_grad_();
  SGD opt({p}, {.lr = 1});
  p.set_grad(full({}, 1));
  opt.step({.grad_scale = 0.5});
  CHECK(p.item() == 2.5);
  opt.step({});
  CHECK(p.item() == 1.5);
  struct Counter {
    int calls = 0;
    Tensor operator()() {
      ++calls;
      return tensor(7.0);
    }
  } counter;
  CHECK(opt.step(counter).item() == 7);
  const Optimizer::Closure closure = [] { return tensor(8.0); };
  CHECK(opt.step(closure).item() == 8);
}

TEST_CASE("a backward pass that needs a value from before the step throws") {
  Tensor p = ones({2}).requires_grad_();
  SGD opt({p});
  const Tensor loss = sum(p * p);
  p.set_grad(ones({2}));
  opt.step();
  CHECK_THROWS_AS(loss.backward(), Error);
}

TEST_CASE("non-finite gradients are ignored, refused, skipped, or end the run, as asked") {
  const double inf = std::numeric_limits<double>::infinity();
  Tensor a = ones({2}).requires_grad_(), b = ones({3}).requires_grad_();
  AdamW opt({a, b});
  for (const double bad : {inf, -inf, std::nan("")}) {
    a.set_grad(ones({2}));
    b.set_grad(full({3}, bad));
    CHECK(opt.step({.non_finite = NonFinite::skip}) == StepResult::skipped);
    CHECK(opt.step({.non_finite = NonFinite::stop}) == StepResult::stopped);
    CHECK_THROWS_WITH(opt.step({.non_finite = NonFinite::raise}),
                      contains("[AdamW]") && contains("parameter 1 of shape (3,)"));
  }
  CHECK(opt.skipped_steps() == 6);
  CHECK(a.to_vector<float>() == std::vector<float>{1, 1});
  CHECK(opt.state_dict().at("param.0.step").item() == 0);
  b.set_grad(ones({3}));
  CHECK(opt.step({.grad_scale = inf, .non_finite = NonFinite::skip}) == StepResult::skipped);
  CHECK_THROWS_WITH(opt.step({.grad_scale = inf, .non_finite = NonFinite::raise}),
                    contains("grad_scale = inf"));
  CHECK(opt.step({.non_finite = NonFinite::raise}) == StepResult::updated);
  CHECK(a.to_vector<float>()[0] < 1);
  b.set_grad(full({3}, inf));
  CHECK(opt.step() == StepResult::updated);
}

TEST_CASE("parameters of no elements are carried along") {
  Tensor empty = zeros({0, 3}).requires_grad_(), other = zeros({0}).requires_grad_();
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    INFO(name);
    const auto opt = make_optimizer(name, {empty, other});
    empty.set_grad(zeros({0, 3}));
    CHECK(opt->step() == StepResult::updated);
  }
}

TEST_CASE("the factory knows presets and options by name") {
  Tensor p = ones({2, 2}).requires_grad_();
  CHECK(optimizer_names().size() == 15);
  for (const std::string& name : optimizer_names()) {
    const auto opt = make_optimizer(name, {p}, {{"lr", 0.125}});
    CHECK(opt->lr() == 0.125);
    CHECK(opt->initial_lr() == 0.125);
  }
  const auto state = make_optimizer("nesterov", {p}, {{"momentum", 0.5}})->state_dict();
  CHECK(state.at("group.0.momentum").item() == 0.5);
  CHECK(state.at("group.0.nesterov").item() == 1);
}

TEST_CASE("newton-schulz brings singular values near 1 and keeps directions") {
  Generator generator(3);
  for (const Shape& shape : {Shape{4, 4}, Shape{3, 7}, Shape{7, 3}, Shape{1, 5}}) {
    const Tensor x = randn(shape, float64, &generator);
    const Tensor y = newton_schulz(x, 12);
    const bool tall = shape[0] > shape[1];
    const Tensor gram = matmul(y, y, {.transpose_a = tall, .transpose_b = !tall});
    const auto g = gram.to_vector<double>();
    const auto n = static_cast<std::size_t>(gram.size(0));
    // Eigenvalues of the Gram matrix lie within its Gershgorin discs: squares of 0.5 to 1.4.
    double trace = 0;
    for (std::size_t i = 0; i < n; ++i) trace += g[i * n + i];
    CHECK(trace > 0.45 * static_cast<double>(n));
    CHECK(trace < 1.6 * static_cast<double>(n));
    // <x, O(x)> is near the sum of the singular values, at least the Frobenius norm times 0.6.
    CHECK(sum(x * y).item() > 0.6 * std::sqrt(sum(x * x).item()));
    // Five steps against the recurrence written out.
    Tensor z = x * (1 / (std::sqrt(sum(x * x).item()) + 1e-7));
    for (int i = 0; i < 5; ++i) {
      const Tensor zz = matmul(z, z, {.transpose_b = true});
      z = z * 3.4445 + matmul(zz * -4.7750 + matmul(zz, zz) * 2.0315, z);
    }
    const auto expected = z.to_vector<double>(), found = newton_schulz(x).to_vector<double>();
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] - expected[i]) < 1e-12);
  }
}

TEST_CASE("muon orthogonalizes matrices, with nesterov, decay and the shape's factor") {
  Generator generator(5);
  for (const double nesterov : {0.0, 1.0}) {
    Tensor w = randn({6, 2, 2}, float64, &generator).clone().requires_grad_();
    Tensor expected = w.detach().clone();
    const auto opt = make_optimizer("muon", {w}, {{"weight_decay", 0.1}, {"nesterov", nesterov}});
    Tensor m = zeros({6, 4}, float64);
    for (int t = 0; t < 5; ++t) {
      const Tensor g = randn({6, 4}, float64, &generator);
      w.set_grad(g.reshape({6, 2, 2}));
      opt->step();
      m = m * 0.95 + g * 0.05;
      const Tensor u = newton_schulz(nesterov != 0 ? m * 0.95 + g * 0.05 : m);
      expected = expected * (1 - 0.02 * 0.1) - u.reshape({6, 2, 2}) * (0.02 * std::sqrt(1.5));
    }
    const auto a = w.to_vector<double>(), b = expected.to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-12);
  }
}

TEST_CASE("the rate of muon's AdamW follows the schedule, and groups can opt out") {
  Tensor w = ones({2, 2}, float64).requires_grad_();
  Muon opt({w}, {.orthogonalize = false, .adamw_lr = 0.1});
  opt.set_lr(0.01);  // half of the default
  w.set_grad(ones({2, 2}, float64));
  opt.step();
  CHECK(w.to_vector<double>()[0] == Approx(0.95));
}
