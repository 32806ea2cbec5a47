#include "gradus/capture.hpp"

#include <cstring>

#include "capture/capture_support.hpp"
#include "gradus/debug.hpp"
#include "gradus/gradus.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::same_bits;

namespace {

bool same_state(const nn::StateDict& a, const nn::StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || !same_bits(tensor, b.at(name))) return false;
  return true;
}

using MakeModel = nn::Sequential (*)();
using Loss = Tensor (*)(const Tensor& output, const Tensor& target);

/// A model, its optimizer and a step; `clip` as in clip_grad_norm, 0 for none.
struct Setup {
  nn::Sequential model;
  std::unique_ptr<optim::Optimizer> optimizer;
  Loss loss;
  double clip;

  Setup(MakeModel make, const std::string& name, Loss loss_, double clip_ = 0)
      : model((manual_seed(3), make())),
        optimizer(optim::make_optimizer(name, model.parameters(), {{"lr", 1e-2}})),
        loss(loss_),
        clip(clip_) {}
  Tensor step(const Tensor& x, const Tensor& y) {
    const Tensor value = loss(model(x), y);
    optimizer->zero_grad();
    value.backward();
    if (clip > 0) clip_grad_norm(model.parameters(), clip);
    optimizer->step();
    return value;
  }
};

struct Case {
  const char* name;
  MakeModel make;
  const char* optimizer;
  Loss loss;
  Shape x, y;
  double clip;
};

Tensor squares(const Tensor& output, const Tensor& target) { return mse_loss(output, target); }
Tensor bits(const Tensor& output, const Tensor& target) {
  return binary_cross_entropy_with_logits(output, target);
}

const Case cases[] = {
    {"tanh",
     [] { return nn::Sequential(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1)); },
     "sgd",
     squares,
     {4, 2},
     {4, 1},
     0},
    {"relu, clipped",
     [] { return nn::Sequential(nn::Linear(5, 16), nn::ReLU(), nn::Linear(16, 3)); },
     "adamw",
     squares,
     {7, 5},
     {7, 3},
     0.1},
    {"gelu, layer norm",
     [] {
       return nn::Sequential(nn::Linear(5, 9), nn::LayerNorm(9), nn::GELU(), nn::Linear(9, 3));
     },
     "momentum",
     squares,
     {6, 5},
     {6, 3},
     0},
    {"batch norm and dropout",
     [] {
       return nn::Sequential(nn::Linear(5, 12), nn::BatchNorm1d(12), nn::ReLU(), nn::Dropout(0.3),
                             nn::Linear(12, 1));
     },
     "adam",
     bits,
     {8, 5},
     {8, 1},
     1},
    {"residual, sigmoid",
     [] {
       return nn::Sequential(nn::Residual(nn::Sequential(nn::Linear(4, 4), nn::Sigmoid())),
                             nn::Linear(4, 2));
     },
     "rmsprop",
     squares,
     {5, 4},
     {5, 2},
     0},
    {"swiglu",
     [] { return nn::Sequential(nn::RMSNorm(6), nn::SwiGLU(6, 10), nn::Linear(6, 2)); },
     "radam",
     squares,
     {5, 6},
     {5, 2},
     0},
    {"convolution",
     [] {
       return nn::Sequential(nn::Conv2d(1, 3, 3), nn::ReLU(), nn::AvgPool2d(2), nn::Flatten(),
                             nn::Linear(12, 2));
     },
     "sgd",
     squares,
     {3, 1, 6, 6},
     {3, 2},
     0},
};

}  // namespace

TEST_CASE("a captured step gives the bits of the step itself, over many calls") {
  for (const Case& c : cases) {
    INFO(c.name);
    Setup eager(c.make, c.optimizer, c.loss, c.clip), replayed(c.make, c.optimizer, c.loss, c.clip);
    Generator source(11);
    const auto draw = [&](const Shape& shape) { return rand(shape, float32, &source); };
    const CapturedStep step =
        capture([&](const Tensor& x, const Tensor& y) { return replayed.step(x, y); },
                {draw(c.x), draw(c.y)});
    CHECK(same_state(eager.model.state_dict(), replayed.model.state_dict()));
    for (int i = 0; i < 12; ++i) {
      const Tensor x = draw(c.x), y = draw(c.y);
      manual_seed(static_cast<std::uint64_t>(i));
      const Tensor expected = eager.step(x, y);
      manual_seed(static_cast<std::uint64_t>(i));
      REQUIRE(same_bits(step(x, y), expected));
    }
    CHECK(same_state(eager.model.state_dict(), replayed.model.state_dict()));
    CHECK(same_state(eager.optimizer->state_dict(), replayed.optimizer->state_dict()));
    const auto a = eager.model.parameters(), b = replayed.model.parameters();
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i].grad(), b[i].grad()));
    CHECK(step.captures() == 1);
  }
}

TEST_CASE("a captured classifier checks the labels of every call") {
  Setup eager(
      [] { return nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3)); }, "adamw",
      [](const Tensor&output, const Tensor&target) { return cross_entropy(output, target); }),
      replayed(
          [] { return nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3)); }, "adamw",
          [](const Tensor&output, const Tensor&target) { return cross_entropy(output, target); });
  manual_seed(5);
  const Tensor x = randn({6, 4});
  const CapturedStep step =
      capture([&](const Tensor& in, const Tensor& y) { return replayed.step(in, y); },
              {x, randint(0, 3, {6})});
  for (int i = 0; i < 5; ++i) {
    Tensor y = randint(0, 3, {6});
    if (i == 2) y = where(eq(y, 0), full_like(y, -100), y);  // ignored, so the divisor differs
    CHECK(same_bits(step(x, y), eager.step(x, y)));
  }
  CHECK(same_state(eager.model.state_dict(), replayed.model.state_dict()));
  const auto before = replayed.model.state_dict();
  CHECK_THROWS_WITH(step(x, full({6}, 3, int64)), contains("[cross_entropy] label 3 in row 0"));
  CHECK(same_state(before, replayed.model.state_dict()));
}

TEST_CASE("capturing leaves parameters, gradients, optimizers and generators as they were") {
  Setup s(cases[3].make, "adam", bits, 1);
  const Tensor x = ones({8, 5}), y = ones({8, 1});
  s.step(x, y);
  const auto state = s.model.state_dict(), moments = s.optimizer->state_dict();
  const Tensor grad = s.model.parameters()[0].grad();
  const std::uint64_t offset = default_generator().offset();
  const CapturedStep step =
      capture([&](const Tensor& a, const Tensor& b) { return s.step(a, b); }, {x, y});
  CHECK(same_state(state, s.model.state_dict()));
  CHECK(same_state(moments, s.optimizer->state_dict()));
  CHECK(s.model.parameters()[0].grad().is(grad));
  CHECK(default_generator().offset() == offset);
  CHECK(step.calls() > 10);
}

TEST_CASE("other shapes are captured anew and remembered") {
  Setup s(cases[0].make, "sgd", squares), eager(cases[0].make, "sgd", squares);
  const CapturedStep step = capture([&](const Tensor& a, const Tensor& b) { return s.step(a, b); },
                                    {ones({4, 2}), ones({4, 1})});
  for (const Index rows : {4, 3, 4, 3, 5}) {
    const Tensor x = full({rows, 2}, 0.5), y = ones({rows, 1});
    CHECK(same_bits(step(x, y), eager.step(x, y)));
  }
  CHECK(step.captures() == 3);
  CHECK_THROWS_WITH(step(ones({4, 3}), ones({4, 1})), contains("[linear]"));
  CHECK_THROWS_WITH(step(ones({4, 2})), contains("[function]"));
  CHECK(same_state(eager.model.state_dict(), s.model.state_dict()));
}

TEST_CASE("parameters that are frozen or replaced are seen") {
  Setup s(cases[0].make, "sgd", squares);
  const Tensor x = ones({4, 2}), y = zeros({4, 1});
  const CapturedStep step =
      capture([&](const Tensor& a, const Tensor& b) { return s.step(a, b); }, {x, y});
  step(x, y);
  Tensor weight = s.model.parameters()[0];
  weight.requires_grad_(false);
  const auto before = weight.to_vector<float>();
  step(x, y);
  CHECK(step.captures() == 2);
  CHECK(weight.to_vector<float>() == before);
  weight.set_data(zeros({8, 2}));
  step(x, y);
  CHECK(step.captures() == 3);
}

TEST_CASE("replays follow the learning rate of the optimizer") {
  Setup s(cases[0].make, "sgd", squares);
  const Tensor x = ones({4, 2}), y = zeros({4, 1});
  const CapturedStep step =
      capture([&](const Tensor& a, const Tensor& b) { return s.step(a, b); }, {x, y});
  s.optimizer->set_lr(0);
  const auto before = s.model.state_dict();
  step(x, y);
  CHECK(same_state(before, s.model.state_dict()));
}

TEST_CASE("what cannot be repeated is refused with the reason") {
  const Tensor x = ones({2, 2}), y = ones({2, 2});
  Tensor w = ones({2, 2}).requires_grad_();
  Tensor outside = ones({2, 2});
  std::vector<Tensor> kept;
  int hidden = 0;
  struct Refusal {
    Function f;
    const char* text;
  };
  const auto loss = [&](const Tensor& a) { return sum(a * w); };
  const Refusal refusals[] = {
      {[&](const Tensor& a, const Tensor&) { return loss(a).item() > 0 ? a : a * 2; }, "item"},
      {[&](const Tensor& a, const Tensor&) { return a * a.to_vector<double>()[0]; }, "to_vector"},
      {[&](const Tensor& a, const Tensor&) { return a * a.data<float>()[0]; }, "data"},
      {[&](const Tensor& a, const Tensor&) {
         return a + tensor({1, 2});
       },
       "tensor"},
      {[&](const Tensor& a, const Tensor&) { return one_hot(a.to(int64)); }, "one_hot"},
      {[&](const Tensor& a, const Tensor&) { return masked_select(a, a > 0); }, "masked_select"},
      {[&](const Tensor& a, const Tensor&) { return nonzero(a); }, "nonzero"},
      {[&](const Tensor& a, const Tensor&) { return loss(a).backward(), a; }, "zero_grad"},
      {[&](const Tensor& a, const Tensor&) { return kept.push_back(a * 2), a; }, "keeps 1 tensors"},
      {[&](const Tensor& a, const Tensor&) { return inverse(a + eye(2)); }, "inverse"},
      {[&](const Tensor& a, const Tensor&) {
         outside.mutable_data<float>()[0] += 1;
         return a * outside;
       },
       "reads values that the step itself changes"},
      {[&](const Tensor& a, const Tensor&) { return a * ++hidden; }, "called again"},
  };
  for (const Refusal& r : refusals) {
    INFO(r.text);
    CHECK_THROWS_WITH(capture(r.f, {x, y}), contains("[capture]") && contains(r.text));
    kept.clear();
  }
  CHECK_FALSE(w.grad().defined());
  w.register_hook([](const Tensor&) { return Tensor(); });
  CHECK_THROWS_WITH(capture(
                        [&](const Tensor& a) {
                          w.set_grad({});
                          loss(a).backward();
                          return a;
                        },
                        {x}),
                    contains("gradient hook"));
  CHECK_THROWS_WITH(capture([](const Tensor& a) { return a * 2; }, {w}), contains("input 0"));
}

TEST_CASE("a captured step may return its inputs, parameters and what shares their memory") {
  const Tensor w = tensor({1, 2, 3}).requires_grad_();
  const CapturedStep step = capture(
      [&](const std::vector<Tensor>& in) {
        const Tensor y = w * in[0];
        return std::vector<Tensor>{in[0], w.detach(), y, reshape(y, {3, 1}), w};
      },
      {ones({3})});
  CHECK(w.to_vector<double>() == std::vector<double>{1, 2, 3});
  const std::vector<Tensor> found = step.run({tensor({4, 5, 6})});
  CHECK(found[0].to_vector<double>() == std::vector<double>{4, 5, 6});
  CHECK(found[1].to_vector<double>() == std::vector<double>{1, 2, 3});
  CHECK(found[2].to_vector<double>() == std::vector<double>{4, 10, 18});
  CHECK(found[3].shape() == Shape{3, 1});
  CHECK(found[3].to_vector<double>() == std::vector<double>{4, 10, 18});
  CHECK(found[4].to_vector<double>() == std::vector<double>{1, 2, 3});
  CHECK(w.to_vector<double>() == std::vector<double>{1, 2, 3});
}

TEST_CASE("a second gradient after a step or clipping has used the first is refused") {
  const Tensor w = ones({3}).requires_grad_();
  optim::SGD optimizer({w}, {.lr = 0.1});
  const auto twice = [&](const Tensor& x) {
    Tensor loss;
    for (int i = 0; i < 2; ++i) {
      loss = sum(square(w * x));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
    return loss;
  };
  CHECK_THROWS_WITH(capture(twice, {zeros({3})}),
                    contains("[capture]") && contains("second gradient"));
  CHECK(w.to_vector<double>() == std::vector<double>{1, 1, 1});
  const auto replaced = [&](const Tensor& x) {
    const Tensor loss = sum(square(w * x));
    optimizer.zero_grad();
    loss.backward();
    clip_grad_norm({w}, 1.0);
    Tensor(w).set_grad(w.grad() * 2);
    optimizer.step();
    return loss;
  };
  CHECK_THROWS_WITH(capture(replaced, {zeros({3})}), contains("second gradient"));
  const auto summed = [&](const Tensor& x) {  // nothing has used the first
    optimizer.zero_grad();
    for (int i = 0; i < 2; ++i) sum(square(w * x)).backward();
    optimizer.step();
    return sum(w);
  };
  const CapturedStep step = capture(summed, {zeros({3})});
  CHECK(step(ones({3})).item() == Approx(3 * 0.6));
}

TEST_CASE(
    "a step may write to memory from outside through a view, and clear gradients at its end") {
  Tensor state = zeros({6});
  const auto fold = [&](const Tensor& x) {
    const NoGrad guard;
    Tensor a = reshape(state, {2, 3}), b = reshape(state, {3, 2});
    a.copy_(a * 0.5 + reshape(x, {2, 3}));
    b.copy_(b + 1);
    return sum(state);
  };
  const CapturedStep step = capture(fold, {ones({6})});
  CHECK(sum(state).item() == 0);
  const std::uint32_t version = state.version();
  CHECK(step(ones({6})).item() == 12);
  CHECK(step(ones({6})).item() == 18);
  CHECK(state.version() > version);
  const Tensor w = ones({3}).requires_grad_();
  optim::SGD optimizer({w}, {.lr = 0.1});
  const auto cleared = [&](const Tensor& x) {
    optimizer.zero_grad();
    const Tensor loss = sum(square(w * x));
    loss.backward();
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  };
  const CapturedStep other = capture(cleared, {ones({3})});
  CHECK(other(ones({3})).item() == Approx(3));
  CHECK(w.to_vector<double>()[0] == Approx(0.8));
  CHECK_FALSE(w.grad().defined());
}

TEST_CASE("a captured step gives its memory back") {
  const MemoryStats before = memory_stats();
  {
    Setup s(cases[1].make, "adamw", squares, 1);
    const Tensor x = ones({7, 5}), y = ones({7, 3});
    const CapturedStep step =
        capture([&](const Tensor& a, const Tensor& b) { return s.step(a, b); }, {x, y});
    for (int i = 0; i < 3; ++i) step(x, y);
    CHECK(step.bytes() > 0);
    CHECK(memory_stats().live_nodes == before.live_nodes);
  }
  CHECK(memory_stats().live_tensors == before.live_tensors);
  CHECK(memory_stats().live_bytes == before.live_bytes);
}
