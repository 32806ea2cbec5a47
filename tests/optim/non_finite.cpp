// What the policies for gradients that are not finite look at: what is applied, in its dtype, and
// what comes of it.
#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::Approx;
using gradus::test::contains;

namespace {

using Doubles = std::vector<double>;

/// Algorithms that keep squares of the gradient.
bool squares(const std::string& name) {
  for (const char* other : {"sgd", "momentum", "nesterov", "adamax", "lion"})
    if (name == other) return false;
  return true;
}

bool finite(const Tensor& x) {
  for (const double value : x.to_vector<double>())
    if (!std::isfinite(value)) return false;
  return true;
}

}  // namespace

TEST_CASE("a gradient that its scale makes infinite in the parameter's dtype is not applied") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    for (const double sign : {1.0, -1.0}) {
      INFO(name << " " << sign);
      Tensor p = ones({1}).requires_grad_(), fine = ones({2}).requires_grad_();
      const auto opt = make_optimizer(name, {fine, p}, {{"maximize", sign < 0 ? 1 : 0}});
      p.set_grad(full({1}, sign * 1e30));
      fine.set_grad(full({2}, 1e-20));
      CHECK(opt->step({.grad_scale = 1e20, .non_finite = NonFinite::skip}) == StepResult::skipped);
      CHECK(opt->step({.grad_scale = 1e20, .non_finite = NonFinite::stop}) == StepResult::stopped);
      CHECK_THROWS_WITH(opt->step({.grad_scale = 1e20, .non_finite = NonFinite::raise}),
                        contains("parameter 1 of shape (1,) is finite, but") &&
                            contains("float32") && contains("grad_scale = 1e+20"));
      CHECK(opt->skipped_steps() == 2);
      CHECK(p.item() == 1);
      CHECK(fine.to_vector<double>() == Doubles{1, 1});
      CHECK(opt->state_dict().at("param.1.step").item() == 0);
      // The same numbers fit into float64.
      for (Tensor& t : std::vector<Tensor>{p, fine}) t.set_data(t.detach().to(float64));
      CHECK(opt->step({.grad_scale = 1e20, .non_finite = NonFinite::raise}) == StepResult::updated);
      CHECK(finite(p));
    }
  }
}

TEST_CASE("scales that float32 cannot hold scale gradients all the same") {
  for (const double factor : {1e-50, 1e50, 1e-44}) {
    Tensor p = zeros({2}).requires_grad_(), q = zeros({2}, float64).requires_grad_();
    SGD opt({p, q}, {.lr = 1});
    const double size = factor < 1 ? 1e30 : 1e-30;
    p.set_grad(tensor({size, -3 * size}));
    q.set_grad(tensor({size, -3 * size}, float64));
    CHECK(opt.step({.grad_scale = factor, .non_finite = NonFinite::raise}) == StepResult::updated);
    CHECK(p.to_vector<double>()[0] == Approx(-size * factor).epsilon(1e-6));
    CHECK(p.to_vector<double>()[1] == Approx(3 * size * factor).epsilon(1e-6));
    CHECK(q.to_vector<double>()[1] == Approx(3 * size * factor).epsilon(1e-12));
  }
  Tensor p = ones({1}).requires_grad_();
  SGD opt({p}, {.lr = 1});
  p.set_grad(full({1}, std::numeric_limits<double>::infinity()));
  CHECK(opt.step({.grad_scale = 1e-50, .non_finite = NonFinite::skip}) == StepResult::skipped);
  p.set_grad(full({1}, 1));
  CHECK(opt.step({.grad_scale = 1e300, .non_finite = NonFinite::skip}) == StepResult::skipped);
  CHECK(opt.step({.grad_scale = 0, .non_finite = NonFinite::skip}) == StepResult::updated);
  CHECK(p.item() == 1);
}

TEST_CASE("weight decay that is added to the gradient is judged with it, group by group") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    INFO(name);
    const bool decoupled = name == "adamw" || name == "lion" || name == "muon";
    Tensor p = full({2}, 1e30).requires_grad_();
    const auto opt = make_optimizer(name, {p}, {{"weight_decay", 1e10}, {"lr", 1e-11}});
    p.set_grad(ones({2}));
    CHECK(opt->step({.non_finite = NonFinite::skip}) ==
          (decoupled ? StepResult::updated : StepResult::skipped));
    CHECK(finite(p));
  }
  Tensor a = full({2}, 1e30).requires_grad_(), b = full({2}, 1e30).requires_grad_();
  SGD opt({{{a}, {.lr = 1}}, {{b}, {.lr = 1, .weight_decay = 1e10}}});
  a.set_grad(ones({2}));
  CHECK(opt.step({.non_finite = NonFinite::skip}) == StepResult::updated);
  b.set_grad(ones({2}));
  CHECK_THROWS_WITH(opt.step({.non_finite = NonFinite::raise}), contains("parameter 1"));
}

TEST_CASE("gradients whose squares are infinite are not applied where squares are kept") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    INFO(name);
    Tensor p = ones({2}).requires_grad_();
    const auto opt = make_optimizer(name, {p}, {{"lr", 1e-3}});
    p.set_grad(tensor({1, 1e25}));
    CHECK(opt->step({.non_finite = NonFinite::skip}) ==
          (squares(name) ? StepResult::skipped : StepResult::updated));
    p.set_grad(tensor({1, 1}));
    opt->step({.non_finite = NonFinite::raise});
    CHECK(finite(p));
    CHECK(p.to_vector<double>()[0] < 1);  // no infinite square has stopped it for good
    for (const auto& [key, value] : opt->state_dict()) CHECK(finite(value));
  }
}

TEST_CASE("rows that a sparse update leaves out are not judged") {
  Tensor p = tensor({{1e30, 1e30}, {1, 1}}).requires_grad_();
  set_sparse_grad(p);
  SGD opt({p}, {.lr = 1, .weight_decay = 1e10});
  p.set_grad(tensor({{0, 0}, {1, 0}}));
  CHECK(opt.step({.non_finite = NonFinite::skip}) == StepResult::updated);
  p.set_grad(tensor({{0, 1}, {1, 0}}));
  CHECK(opt.step({.non_finite = NonFinite::skip}) == StepResult::skipped);
}

TEST_CASE("momentum that a finite gradient makes infinite is not applied") {
  for (const double sign : {1.0, -1.0}) {
    Tensor p = ones({1}).requires_grad_();
    SGD opt({p}, {.lr = 0.1, .momentum = 0.9, .nesterov = true});
    p.set_grad(full({1}, sign * 3e38));
    CHECK(opt.step({.non_finite = NonFinite::skip}) == StepResult::skipped);
    CHECK_THROWS_WITH(opt.step({.non_finite = NonFinite::raise}),
                      contains("parameter 0 of shape (1,) is finite, but") && contains("momentum"));
    CHECK(p.item() == 1);
    CHECK(opt.state_dict().at("param.0.step").item() == 0);
    // Alone 1e38 fits, but not what gathers in the buffer.
    SGD heavy({p}, {.lr = 1e-38, .momentum = 0.9});
    p.set_grad(full({1}, sign * 1e38));
    int updates = 0;
    while (heavy.step({.non_finite = NonFinite::skip}) == StepResult::updated && updates < 20)
      ++updates;
    CHECK(updates == 3);  // 1, 1.9, 2.71, 3.439 > 3.4028
    CHECK(heavy.state_dict().at("param.0.momentum_buffer").item() == Approx(sign * 2.71e38));
    CHECK(finite(p));
  }
}

TEST_CASE("an update is left out exactly where it would make something infinite or NaN") {
  const std::vector<NamedOptions> more = {{},
                                          {{"momentum", 0.9}},
                                          {{"momentum", 0.5}, {"dampening", -1}},
                                          {{"momentum", 0.9}, {"nesterov", 0}},
                                          {{"centered", 1}},
                                          {{"rho", 1}},
                                          {{"eps", 0}},
                                          {{"beta1", 0}, {"beta2", 0}},
                                          {{"weight_decay", 1e10}},
                                          {{"weight_decay", 1e10}, {"decoupled_weight_decay", 1}},
                                          {{"orthogonalize", 0}},
                                          {{"initial_accumulator_value", 3e38}},
                                          {{"maximize", 1}}};
  int updated = 0, skipped = 0;
  for (const std::string& name : optimizer_names())
    for (NamedOptions options : more)
      for (const double lr : {0.0, 1e-3, 1.0, 1e20, 1e39})
        for (const bool sparse : {false, true}) {
          Tensor p = full({2, 2}, 0.5).requires_grad_(), q = full({2, 2}, 0.5).requires_grad_();
          for (const Tensor& t : {p, q}) set_sparse_grad(t, sparse);
          options["lr"] = lr;
          std::unique_ptr<Optimizer> judging, blind;
          try {
            judging = make_optimizer(name, {p}, options);
            blind = make_optimizer(name, {q}, options);
          } catch (const Error&) {
            continue;  // it has no such option
          }
          if (name == "lbfgs") continue;  // takes closures only
          for (const double size : {1.0, 1e10, 1e18, 3e19, -1e30, 1e38, -3e38, 3e38, 1.0, 1e-30}) {
            INFO(name << " " << size << " " << lr << " " << sparse << " "
                      << (options.empty() ? "" : options.rbegin()->first));
            blind->load_state_dict(judging->state_dict());
            q.set_data(p.detach());
            const auto before = p.to_vector<float>();
            const auto state = judging->state_dict();
            for (Tensor* t : {&p, &q}) t->set_grad(tensor({{size, 1}, {0, 0}}));
            blind->step();
            bool good = finite(q);
            for (const auto& [key, value] : blind->state_dict()) good = good && finite(value);
            const StepResult result = judging->step({.non_finite = NonFinite::skip});
            CHECK(result == (good ? StepResult::updated : StepResult::skipped));
            ++(good ? updated : skipped);
            CHECK(p.to_vector<float>() == (good ? q.to_vector<float>() : before));
            const auto expected = good ? blind->state_dict() : state;
            for (const auto& [key, value] : judging->state_dict())
              CHECK(value.to_vector<double>() == expected.at(key).to_vector<double>());
          }
        }
  CHECK(updated > 1000);
  CHECK(skipped > 1000);
}

TEST_CASE("what was infinite before an update does not keep it from the rest") {
  for (const char* name : {"sgd", "lion"}) {  // the others multiply it by a weight decay of 0
    INFO(name);
    Tensor p = tensor({-std::numeric_limits<double>::infinity(), 1}).requires_grad_();
    const auto opt = make_optimizer(name, {p}, {{"lr", 1e-3}});
    p.set_grad(tensor({0, 1}));
    CHECK(opt->step({.non_finite = NonFinite::raise}) == StepResult::updated);
    CHECK(p.to_vector<double>()[1] < 1);
    p.set_grad(tensor({NAN, 1}));
    CHECK(opt->step({.non_finite = NonFinite::skip}) == StepResult::skipped);
  }
}

TEST_CASE("muon takes directions of gradients whose squares are beyond their dtype") {
  Generator generator(5);
  const Tensor x = randn({4, 3}, float64, &generator);
  const auto expected = newton_schulz(x).to_vector<double>();
  for (const double scale : {1e200, 1e300}) {
    const auto found = newton_schulz(x * scale).to_vector<double>();
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(found[i] == Approx(expected[i]).epsilon(1e-5));
  }
  const auto single = newton_schulz((x * 1e30).to(float32)).to_vector<double>();
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(single[i] == Approx(expected[i]).epsilon(1e-3));
}
