// checkpoint() of modules: nothing has to be listed, and the second pass is like the first.
#include "gradus/capture.hpp"
#include "gradus/functional.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::numbers;
using gradus::test::Numbers;
using gradus::test::some;

namespace {

/// All that a pass leaves behind: the value, gradients of x and of all parameters, buffers, and
/// where the generators are.
struct Outcome {
  Numbers value, by_x;
  std::vector<Numbers> grads, buffers;
  std::vector<std::uint64_t> offsets;
};

void check_close(const Numbers& a, const Numbers& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a[i] == Approx(b[i]).epsilon(1e-12).margin(1e-14));
}

/// Sums in another order may round differently; the rest are the same bits.
void check_like(const Outcome& a, const Outcome& b) {
  CHECK(a.value == b.value);
  CHECK(a.offsets == b.offsets);
  CHECK(a.buffers == b.buffers);
  check_close(a.by_x, b.by_x);
  REQUIRE(a.grads.size() == b.grads.size());
  for (std::size_t i = 0; i < a.grads.size(); ++i) check_close(a.grads[i], b.grads[i]);
}

/// One training pass of `forward(module, x)`, from generators in a fixed state.
template <class M, class F>
Outcome outcome(const std::function<M(Generator*)>& make, F forward, const Tensor& input) {
  Generator own(5);
  manual_seed(9);
  M module = make(&own);
  module.train();
  const Tensor x = input.clone().requires_grad_();
  const Tensor y = forward(module, x);
  Outcome out{numbers(y), {}, {}, {}, {}};
  default_generator().advance(3);  // others draw before the backward pass
  own.advance(2);
  const std::uint64_t offset = default_generator().offset(), of_own = own.offset();
  sum(y * y).backward();
  CHECK(default_generator().offset() == offset);
  CHECK(own.offset() == of_own);
  out.offsets = {offset, of_own};
  out.by_x = numbers(x.grad());
  for (const Tensor& p : module.parameters())
    out.grads.push_back(p.grad().defined() ? numbers(p.grad()) : Numbers{});
  for (const auto& [name, buffer] : module.named_buffers()) out.buffers.push_back(numbers(buffer));
  return out;
}

template <class M>
void check_like_plain(const char* name, const std::function<M(Generator*)>& make, const Tensor& x) {
  INFO(name);
  const auto plain = outcome<M>(
      make, [](const M& module, const Tensor& t) { return module(t); }, x);
  const auto saved = outcome<M>(
      make, [](const M& module, const Tensor& t) { return checkpoint(module, t); }, x);
  const auto twice = outcome<M>(
      make,
      [](const M& module, const Tensor& t) {
        return checkpoint([module](const Tensor& u) { return checkpoint(module, u); }, {t},
                          module.named_parameters());
      },
      x);
  check_like(saved, plain);
  check_like(twice, plain);
}

}  // namespace

TEST_CASE("a module under checkpoint gives what it gives without") {
  const Tensor rows = some({6, 4}), sequence = some({5, 3, 4});
  check_like_plain<nn::Linear>(
      "Linear", [](Generator* g) { return nn::Linear(4, 3, {.dtype = float64, .generator = g}); },
      rows);
  check_like_plain<nn::Dropout>(
      "Dropout", [](Generator* g) { return nn::Dropout(0.5, g); }, rows);
  check_like_plain<nn::Dropout>(
      "Dropout of the thread's numbers", [](Generator*) { return nn::Dropout(0.5); }, rows);
  check_like_plain<nn::BatchNorm1d>(
      "BatchNorm", [](Generator*) { return nn::BatchNorm1d(4, {.dtype = float64}); }, rows);
  check_like_plain<nn::Sequential>(
      "Sequential",
      [](Generator* g) {
        return nn::Sequential(nn::Linear(4, 8, {.dtype = float64, .generator = g}),
                              nn::BatchNorm1d(8, {.dtype = float64}), nn::ReLU(),
                              nn::Dropout(0.3, g), nn::Dropout(0.2),
                              nn::Linear(8, 2, {.dtype = float64, .generator = g}),
                              nn::Dropout(0.3, g));
      },
      rows);
  check_like_plain<nn::RNN>(
      "RNN",
      [](Generator* g) {
        return nn::RNN(4, 5, {.num_layers = 3, .dropout = 0.4, .dtype = float64, .generator = g});
      },
      sequence);
  check_like_plain<nn::GRU>(
      "GRU",
      [](Generator* g) {
        return nn::GRU(4, 5, {.num_layers = 2, .dropout = 0.4, .dtype = float64, .generator = g});
      },
      sequence);
  check_like_plain<nn::LSTM>(
      "LSTM",
      [](Generator*) {
        return nn::LSTM(4, 5, {.num_layers = 2, .dropout = 0.4, .dtype = float64});
      },
      sequence);
  check_like_plain<nn::TransformerEncoderLayer>(
      "TransformerEncoderLayer",
      [](Generator* g) {
        return nn::TransformerEncoderLayer(
            4, 2, {.dim_feedforward = 8, .dropout = 0.2, .dtype = float64, .generator = g});
      },
      sequence);
}

TEST_CASE("a module of several tensors is checkpointed with a list of them") {
  Generator own(5);
  const nn::MultiheadAttention attention(4, 2,
                                         {.dropout = 0.5, .dtype = float64, .generator = &own});
  const Tensor q = some({5, 3, 4}).requires_grad_(), k = some({6, 3, 4}, 2).requires_grad_();
  const auto gradients = [&](bool saved) {
    own.set_state(7, 0);
    const Tensor y = saved ? checkpoint(attention, {q, k, k}) : attention(q, k, k);
    own.advance(1);
    std::vector<Numbers> all = {numbers(y)};
    std::vector<Tensor> inputs = attention.parameters();
    inputs.push_back(q);
    inputs.push_back(k);
    for (const Tensor& g : grad(sum(y * y), inputs)) all.push_back(numbers(g));
    return all;
  };
  CHECK(gradients(true) == gradients(false));
}

TEST_CASE("parameters may be listed as inputs and used by the module that holds them") {
  const nn::Linear layer(2, 2, {.dtype = float64});
  const Tensor x = some({3, 2}).requires_grad_();
  const std::vector<Tensor> all = {x, layer.weight, layer.bias};
  const Tensor plain = layer(x);
  const auto expected = grad(sum(plain * plain), all);
  const Tensor saved = checkpoint([&](const std::vector<Tensor>& v) { return layer(v[0]); }, all);
  const auto found = grad(sum(saved * saved), all, {.create_graph = true});
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(numbers(found[i]) == numbers(expected[i]));
  // A second derivative mixes them.
  const auto by_weight = [&](const Tensor& y) {
    const Tensor by_x = grad(sum(y * y * y), {x}, {.create_graph = true})[0];
    return numbers(grad(sum(by_x * by_x), {layer.weight})[0]);
  };
  const Numbers wanted = by_weight(layer(x)), mixed = by_weight(checkpoint(layer, x));
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(mixed[i] == Approx(wanted[i]));
}

TEST_CASE("a gradient hook of a parameter runs once, and an unused parameter gets no gradient") {
  struct Net : nn::Module {
    nn::Linear used = add("used", nn::Linear(2, 2, {.dtype = float64}));
    nn::Linear spare = add("spare", nn::Linear(2, 2, {.dtype = float64}));
    Tensor forward(const Tensor& x) const override { return used(x); }
  };
  const Net net;
  int calls = 0;
  Tensor weight = net.used.weight;
  weight.register_hook([&](const Tensor& g) {
    ++calls;
    return g * 2;
  });
  const Tensor x = some({3, 2});
  sum(net(x)).backward();
  const Numbers wanted = numbers(weight.grad());
  weight.set_grad({});
  sum(checkpoint(net, x)).backward();
  CHECK(calls == 2);
  CHECK(numbers(weight.grad()) == wanted);
  CHECK_FALSE(net.spare.weight.grad().defined());
}

TEST_CASE("a module known by its base class is called by reference") {
  const nn::Sequential net(nn::Linear(2, 2, {.dtype = float64}), nn::Tanh());
  const nn::Module& base = net;
  const Tensor x = some({3, 2}).requires_grad_();
  CHECK(numbers(grad(sum(checkpoint(base, x)), {x})[0]) == numbers(grad(sum(net(x)), {x})[0]));
  const auto part = net.children()[0].second;
  CHECK(numbers(checkpoint(*part, x)) == numbers((*part)(x)));
}

TEST_CASE("a captured step may hold checkpoints") {
  const auto train = [](bool saved, bool captured) {
    manual_seed(6);
    Generator own(2);
    nn::Sequential net(nn::Linear(3, 8), nn::BatchNorm1d(8), nn::ReLU(), nn::Dropout(0.5, &own),
                       nn::Linear(8, 2));
    {
      const NoGrad guard;
      for (Tensor& p : net.parameters()) p.copy_(some(p.shape(), 3).to(float32));
    }
    optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9});
    const auto step = [&](const Tensor& x, const Tensor& y) {
      const Tensor loss = cross_entropy(saved ? checkpoint(net, x) : net(x), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      return loss;
    };
    const Tensor x = some({16, 3}).to(float32), y = randint(0, 2, {16});
    std::vector<Numbers> all;
    if (captured) {
      const CapturedStep replay = capture(step, {x, y});
      for (int i = 0; i < 5; ++i) all.push_back(numbers(replay(x, y)));
    } else {
      for (int i = 0; i < 5; ++i) all.push_back(numbers(step(x, y)));
    }
    for (const auto& [name, tensor] : net.state_dict()) all.push_back(numbers(tensor));
    return all;
  };
  const auto plain = train(false, false);
  CHECK(train(true, false) == plain);
  CHECK(train(true, true) == plain);
}
