// Parameters that change their dtype under what holds them: optimizers, averages, clipping.
#include <memory>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::Approx;
using gradus::test::contains;

namespace {

using Doubles = std::vector<double>;

/// A matrix, a vector, a table with sparse rows, and a scalar.
std::vector<Tensor> parameters(DType dtype) {
  Generator generator(7);
  std::vector<Tensor> params;
  for (const Shape& shape : {Shape{3, 4}, Shape{3}, Shape{4, 2}, Shape{}})
    params.push_back(randn(shape, dtype, &generator).clone().requires_grad_());
  set_sparse_grad(params[2]);
  return params;
}

void set_gradients(const std::vector<Tensor>& params, int t) {
  Generator generator(100 + static_cast<std::uint64_t>(t));
  for (Tensor param : params) {
    Tensor grad = randn(param.shape(), float64, &generator);
    if (sparse_grad(param)) grad = grad * tensor({{1}, {0}, {0}, {1}}, float64);
    param.set_grad(grad.to(param.dtype()));
  }
}

Doubles values(const std::vector<Tensor>& tensors) {
  Doubles all;
  for (const Tensor& t : tensors) {
    const auto part = t.to_vector<double>();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

struct Change {
  DType from, to;
};
const Change changes[] = {{float32, float64}, {float64, float32}};

}  // namespace

TEST_CASE("every optimizer goes on in the dtype that its parameters have now, with its state") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    for (const auto& [from, to] : changes) {
      INFO(name << " from " << name_of(from) << " to " << name_of(to));
      const NamedOptions options = {{"lr", 0.01}, {"weight_decay", 0.01}};
      auto params = parameters(from);
      const auto opt = make_optimizer(name, params, options);
      for (int t = 0; t < 3; ++t) {
        set_gradients(params, t);
        opt->step();
      }
      // What goes on from a state that was converted by hand.
      std::vector<Tensor> others;
      for (const Tensor& p : params) others.push_back(p.detach().to(to).clone().requires_grad_());
      set_sparse_grad(others[2]);
      const auto other = make_optimizer(name, others);
      StateDict state = opt->state_dict();
      for (auto& [key, value] : state)
        if (key.starts_with("param.") && value.dtype() == from && !key.ends_with(".step") &&
            !key.ends_with("mu_product"))
          value = value.to(to);
      other->load_state_dict(state);

      for (Tensor& p : params) p.set_data(p.detach().to(to));
      CHECK(params[0].grad().dtype() == to);
      for (const auto& [key, value] : opt->state_dict()) {
        INFO(key);
        CHECK(value.dtype() == state.at(key).dtype());
        CHECK(value.to_vector<double>() == state.at(key).to_vector<double>());
      }
      for (int t = 3; t < 6; ++t) {
        set_gradients(params, t);
        set_gradients(others, t);
        CHECK(opt->step({.non_finite = NonFinite::raise}) == StepResult::updated);
        other->step();
      }
      CHECK(values(params) == values(others));
      const auto there = make_optimizer(name, params);
      there->load_state_dict(opt->state_dict());
    }
  }
}

TEST_CASE("every optimizer takes a gradient that was there before the dtype changed") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    INFO(name);
    nn::Linear layer(3, 2);
    const auto opt = make_optimizer(name, layer.parameters(), {{"lr", 0.1}});
    sum(square(layer(ones({4, 3})))).backward();
    opt->step();
    const double before = layer.weight.to_vector<double>()[0];
    layer.to(float64);
    CHECK(layer.weight.to_vector<double>()[0] == before);
    opt->step();  // with the gradient that was converted
    CHECK(layer.weight.to_vector<double>()[0] != before);
    opt->zero_grad();
    sum(square(layer(ones({4, 3}, float64)))).backward();
    opt->step();
    layer.to(float32);
    opt->zero_grad();
    sum(square(layer(ones({4, 3})))).backward();
    opt->step();
    CHECK(layer.weight.dtype() == float32);
  }
}

TEST_CASE("LBFGS goes on in another dtype with its history") {
  for (const auto& [from, to] : changes) {
    const auto closure_of = [](Optimizer& opt, const Tensor& x) {
      return [&opt, x] {
        opt.zero_grad();
        const Tensor scale = tensor({1, 10, 100}, x.dtype());
        Tensor loss = sum(square(x - 1) * scale);
        loss.backward();
        return loss;
      };
    };
    Tensor x = tensor({3, -2, 5}, from).requires_grad_();
    LBFGS opt({x}, {.max_iter = 3});
    opt.step(closure_of(opt, x));
    const double before = opt.step(closure_of(opt, x)).item();
    Tensor y = x.detach().to(to).clone().requires_grad_();
    LBFGS other({y});
    other.load_state_dict(opt.state_dict());
    x.set_data(x.detach().to(to));
    CHECK(opt.step(closure_of(opt, x)).item() < before);
    other.step(closure_of(other, y));
    CHECK(x.dtype() == to);
    CHECK(x.to_vector<double>() == y.to_vector<double>());
  }
}

TEST_CASE("a parameter that is no floating-point number any more is refused by name") {
  Tensor p = ones({2});
  SGD opt({p});
  p.set_data(ones({2}, int64));
  CHECK_THROWS_WITH(opt.step(), contains("[SGD] parameter 0 has become int64"));
}

TEST_CASE("averages follow the dtype of their parameters, also while they are applied") {
  nn::Linear layer(3, 2);
  Ema ema(layer.parameters(), {.decay = 0.5});
  const auto train = [&] {
    const NoGrad guard;
    for (Tensor& p : layer.parameters()) p.copy_(p + 1);
    ema.update();
  };
  train();
  const auto averaged = values(ema.averages()), trained = values(layer.parameters());
  layer.to(float64);
  CHECK(ema.averages()[0].dtype() == float64);
  CHECK(ema.state_dict().at("average.0").dtype() == float64);
  ema.load_state_dict(ema.state_dict());
  ema.apply();
  CHECK(values(layer.parameters()) == averaged);
  layer.to(float32);
  CHECK(values(ema.averages()) == averaged);
  ema.restore();
  CHECK(layer.weight.dtype() == float32);
  CHECK(values(layer.parameters()) == trained);
  layer.to(float64);
  train();
  CHECK(ema.averages()[0].dtype() == float64);
  for (std::size_t i = 0; i < averaged.size(); ++i)
    CHECK(values(ema.averages())[i] == Approx((averaged[i] + trained[i] + 1) / 2));
}

TEST_CASE("a captured step is captured anew when the dtype has changed") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs" || name == "muon") continue;
    INFO(name);
    manual_seed(3);
    nn::Linear captured(3, 2);
    nn::Linear eager(3, 2);
    eager.load_state_dict(captured.state_dict());
    const auto a = make_optimizer(name, captured.parameters(), {{"lr", 0.1}});
    const auto b = make_optimizer(name, eager.parameters(), {{"lr", 0.1}});
    Ema average(captured.parameters()), reference(eager.parameters());
    const auto step_of = [](const nn::Linear& layer, Optimizer& opt, Ema& ema) {
      return [&](const Tensor& x) {
        Tensor loss = sum(square(layer(x)));
        opt.zero_grad();
        loss.backward();
        clip_grad_norm(layer.parameters(), 1);
        opt.step();
        ema.update();
        return loss;
      };
    };
    const auto eager_step = step_of(eager, *b, reference);
    const auto step = capture(step_of(captured, *a, average), {ones({4, 3})});
    for (const DType dtype : {float32, float64, float32}) {
      captured.to(dtype);
      eager.to(dtype);
      for (int i = 0; i < 2; ++i) {
        const Tensor x = randn({4, 3}, dtype);
        CHECK(step(x).item() == eager_step(x).item());
      }
    }
    CHECK(values(captured.parameters()) == values(eager.parameters()));
    CHECK(values(average.averages()) == values(reference.averages()));
  }
}

TEST_CASE("averages of one parameter twice are refused") {
  Tensor p = ones({2}).requires_grad_();
  CHECK_THROWS_WITH(Ema({p, p}), contains("[Ema]") && contains("given twice"));
  CHECK_THROWS_WITH(Ema({p, p.detach()}), contains("shares its memory"));
}

TEST_CASE("clipping, penalties and schedules work in the dtype of the moment") {
  nn::Linear layer(3, 2);
  SGD opt(layer.parameters(), {.lr = 1});
  Scheduler scheduler(opt, ExponentialLR{.gamma = 0.5});
  sum(layer(ones({4, 3}))).backward();
  layer.to(float64);
  const double norm = clip_grad_norm(layer.parameters(), 1);
  CHECK(norm > 1);
  CHECK(grad_norm(layer.parameters()) == Approx(1).epsilon(1e-6));
  clip_grad_value(layer.parameters(), 0.1);
  add_penalty_grad(layer.parameters(), 0, 1);
  scheduler.step();
  opt.step();
  CHECK(opt.lr() == 0.5);
  CHECK(layer.weight.dtype() == float64);
}
