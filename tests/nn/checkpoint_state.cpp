// Modes, buffers and parameters of a module under checkpoint(), which change between the forward
// and the backward pass, and in both.
#include <thread>

#include "gradus/functional.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::numbers;
using gradus::test::Numbers;
using gradus::test::some;

TEST_CASE("the recomputation trains or evaluates as the forward pass did") {
  for (const bool training : {true, false}) {
    nn::Sequential net(nn::BatchNorm1d(3, {.dtype = float64}), nn::Dropout(0.5));
    const Tensor x = some({8, 3}).requires_grad_();
    net.train(training);
    const auto gradient = [&](bool saved, bool lambda) {
      manual_seed(3);
      const Tensor y = !saved   ? net(x)
                       : lambda ? checkpoint([&](const Tensor& t) { return net(t); }, {x},
                                             net.named_parameters())
                                : checkpoint(net, x);
      net.train(!training);
      const Numbers g = numbers(grad(sum(y * y), {x})[0]);
      CHECK(net.is_training() == !training);
      net.train(training);
      return g;
    };
    const Numbers wanted = gradient(false, false);
    CHECK(gradient(true, false) == wanted);
    CHECK(gradient(true, true) == wanted);
  }
}

TEST_CASE("running statistics move once, also where backward comes after another forward pass") {
  const auto run = [](bool saved) {
    nn::BatchNorm1d norm(3, {.dtype = float64});
    const Tensor a = some({8, 3}).requires_grad_(), b = some({8, 3}, 2).requires_grad_();
    const auto forward = [&](const Tensor& x) { return saved ? checkpoint(norm, x) : norm(x); };
    const Tensor y = forward(a), z = forward(b);
    const Tensor loss = sum(y * y * y) + sum(z * z * z);
    loss.backward({.retain_graph = true});
    loss.backward();
    return std::vector<Numbers>{numbers(a.grad()), numbers(b.grad()), numbers(norm.running_mean),
                                numbers(norm.running_var), numbers(norm.num_batches_tracked)};
  };
  CHECK(run(true) == run(false));
}

namespace {

/// Divides by the largest singular value, as it was estimated by the passes so far.
struct Spectral : nn::Module {
  Tensor weight = parameter("weight", some({3, 3}));
  Tensor u = buffer("u", ones({3}, float64));
  Tensor forward(const Tensor& x) const override {
    Tensor held = u;
    {
      const NoGrad guard;
      const Tensor v = matmul(weight, u, {.transpose_a = true});
      const Tensor next = matmul(weight, v);
      held.copy_(next / norm(next));
    }
    return matmul(x, weight) /
           dot(u.clone(), matmul(weight, matmul(weight, u.clone(), {.transpose_a = true})));
  }
};

}  // namespace

TEST_CASE("a buffer that the module both reads and changes is as it was then") {
  const auto run = [](bool saved) {
    const Spectral net;
    const Tensor x = some({2, 3}, 4).requires_grad_();
    const auto forward = [&] { return saved ? checkpoint(net, x) : net(x); };
    Tensor loss = sum(forward());
    loss = loss + sum(square(forward()));
    loss.backward();
    return std::vector<Numbers>{numbers(x.grad()), numbers(net.weight.grad()), numbers(net.u)};
  };
  const auto saved = run(true), plain = run(false);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    REQUIRE(saved[i].size() == plain[i].size());
    for (std::size_t j = 0; j < plain[i].size(); ++j)
      CHECK(saved[i][j] == Approx(plain[i][j]).epsilon(1e-12).margin(1e-14));
  }
}

TEST_CASE("what a module uses and what was changed since is named") {
  nn::Sequential net(nn::Linear(2, 2, {.dtype = float64}), nn::BatchNorm1d(2, {.dtype = float64}));
  net.eval();
  const Tensor x = some({3, 2}).requires_grad_();
  {
    const Tensor y = sum(checkpoint(net, x));
    const NoGrad guard;
    net.parameters()[0].fill_(1);
    CHECK_THROWS_WITH(y.backward(),
                      contains("[checkpoint] 0.weight was changed in place after the forward"));
  }
  {
    const Tensor y = sum(checkpoint(net, x));
    net.named_buffers()[0].second.fill_(1);
    CHECK_THROWS_WITH(y.backward(), contains("1.running_mean was changed in place"));
  }
  {
    const Tensor y = sum(checkpoint(net, x));
    net.to(float32);
    CHECK_THROWS_WITH(y.backward(), contains("was changed in place"));
    net.to(float64);
  }
  {
    const Tensor y = sum(checkpoint(net, x));
    net.requires_grad_(false);
    CHECK_THROWS_WITH(y.backward(), contains("was frozen after the forward pass"));
    net.requires_grad_();
  }
  {
    net.train();
    const Tensor y = sum(checkpoint(net, x));
    net.to(float32);
    CHECK_THROWS_WITH(y.backward(), contains("[checkpoint]"));
    net.to(float64);
  }
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("an exception in the recomputation leaves everything as it was") {
  struct Moody : nn::Module {
    nn::BatchNorm1d norm = add("norm", nn::BatchNorm1d(2, {.dtype = float64}));
    nn::Dropout dropout = add("dropout", nn::Dropout(0.5));
    std::shared_ptr<bool> broken = std::make_shared<bool>(false);
    Tensor forward(const Tensor& x) const override {
      const Tensor y = dropout(norm(x));
      if (*broken) fail("Moody", "broken");
      return y;
    }
  };
  Moody net;
  const Tensor x = some({4, 2}).requires_grad_();
  manual_seed(1);
  const Tensor y = sum(square(checkpoint(net, x)));
  net.eval();
  const Numbers mean = numbers(net.norm.running_mean),
                count = numbers(net.norm.num_batches_tracked);
  const std::uint64_t offset = default_generator().offset();
  const std::uint32_t version = net.norm.running_mean.version();
  *net.broken = true;
  CHECK_THROWS_WITH(y.backward({.retain_graph = true}), contains("broken"));
  CHECK(numbers(net.norm.running_mean) == mean);
  CHECK(numbers(net.norm.num_batches_tracked) == count);
  CHECK(net.norm.running_mean.version() == version);
  CHECK(default_generator().offset() == offset);
  CHECK_FALSE(net.is_training());
  CHECK_FALSE(net.norm.is_training());
  CHECK_FALSE(x.grad().defined());
  CHECK(is_grad_enabled());
  *net.broken = false;
  y.backward();
  net.train();
  manual_seed(1);
  CHECK(numbers(grad(sum(square(net(x))), {x})[0]) == numbers(x.grad()));
}

TEST_CASE("a backward pass in another thread repeats the numbers of the forward pass") {
  nn::Sequential net(nn::Linear(3, 4, {.dtype = float64}), nn::BatchNorm1d(4, {.dtype = float64}),
                     nn::Dropout(0.5));
  const Tensor x = some({6, 3}).requires_grad_();
  const auto gradients = [&](bool saved) {
    manual_seed(4);
    std::vector<Tensor> losses;
    for (int i = 0; i < 4; ++i) losses.push_back(sum(square(saved ? checkpoint(net, x) : net(x))));
    std::vector<Numbers> all(losses.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < losses.size(); ++i)
      threads.emplace_back([&, i] {
        manual_seed(i);
        all[i] = numbers(grad(losses[i], {x})[0]);
      });
    for (std::thread& thread : threads) thread.join();
    all.push_back(numbers(net.named_buffers()[0].second));
    return all;
  };
  const auto plain = gradients(false);
  nn::BatchNorm1d fresh(4, {.dtype = float64});
  for (const auto& [name, buffer] : net.named_buffers()) {
    Tensor to = buffer;
    to.copy_(name == "1.running_mean"  ? fresh.running_mean
             : name == "1.running_var" ? fresh.running_var
                                       : fresh.num_batches_tracked);
  }
  CHECK(gradients(true) == plain);
}
