#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::contains;

TEST_CASE("weight decay is left off biases and parameters of one axis") {
  Tensor w = ones({2, 2}).requires_grad_(), b = ones({2}).requires_grad_(),
         scale = ones({2}).requires_grad_(), odd = ones({1, 2}).requires_grad_();
  const auto groups = no_decay_groups<AdamWOptions>(
      {{"fc.weight", w}, {"fc.bias", b}, {"norm.weight", scale}, {"odd.bias", odd}},
      {.lr = 0.5, .weight_decay = 0.1});
  REQUIRE(groups.size() == 2);
  REQUIRE(groups[0].params.size() == 1);
  CHECK(groups[0].params[0].is(w));
  CHECK(groups[0].options.weight_decay == 0.1);
  CHECK(groups[1].params.size() == 3);
  CHECK(groups[1].options.weight_decay == 0);
  CHECK(groups[1].options.lr == 0.5);
  AdamW opt(groups);
  CHECK(opt.num_groups() == 2);
  CHECK(no_decay_groups<SGDOptions>({{"b", b}}).size() == 1);
}

TEST_CASE("penalties have the sums and gradients of their formulas") {
  Tensor a = tensor({1, -2, 0}, float64).requires_grad_(),
         b = tensor({{3}}, float64).requires_grad_();
  CHECK(l1_penalty({a, b}).item() == 6);
  CHECK(l2_penalty({a, b}).item() == 14);
  const Tensor loss = elastic_penalty({a, b}, 0.5, 0.25);
  CHECK(loss.item() == 6.5);
  loss.backward();
  CHECK(a.grad().to_vector<double>() == std::vector<double>{1, -1.5, 0});
  CHECK(b.grad().item() == 2);
  const auto expected = a.grad().to_vector<double>();
  a.set_grad(ones({3}, float64));
  b.set_grad({});
  add_penalty_grad({a, b}, 0.5, 0.25);
  const auto found = a.grad().to_vector<double>();
  for (std::size_t i = 0; i < 3; ++i) CHECK(found[i] == 1 + expected[i]);
  CHECK_FALSE(b.grad().defined());
  CHECK_THROWS_WITH(l1_penalty({}), contains("[l1_penalty] no parameters"));
  CHECK_THROWS_WITH(l2_penalty({}), contains("[l2_penalty] no parameters"));
  CHECK_THROWS_WITH(elastic_penalty({a}, -1, 0), contains("[elastic_penalty] l1 = -1"));
  CHECK_THROWS_WITH(add_penalty_grad({a}, 0, -1), contains("[add_penalty_grad] l2 = -1"));
}

TEST_CASE("averages of weights follow, are applied, and give the weights back") {
  for (const DType dtype : {float32, float64}) {
    Tensor p = tensor({1, 2}, dtype).requires_grad_();
    Ema ema({p}, {.decay = 0.75});
    {
      const NoGrad guard;
      p.copy_(tensor({5, 6}, dtype));
    }
    ema.update();
    CHECK(ema.averages()[0].to_vector<float>() == std::vector<float>{2, 3});
    ema.apply();
    CHECK(ema.applied());
    CHECK(p.to_vector<float>() == std::vector<float>{2, 3});
    CHECK(ema.averages()[0].to_vector<float>() == std::vector<float>{2, 3});
    CHECK_THROWS_WITH(ema.update(), contains("[Ema.update] the parameters are the averages now"));
    CHECK_THROWS_WITH(ema.apply(), contains("[Ema.apply]"));
    CHECK_THROWS_WITH(ema.state_dict(), contains("[Ema.state_dict]"));
    CHECK_THROWS_WITH(ema.load_state_dict({}), contains("call restore() before"));
    ema.restore();
    CHECK(p.to_vector<float>() == std::vector<float>{5, 6});
    CHECK_THROWS_WITH(ema.restore(), contains("call apply() before"));
    Ema resumed({p}, {.decay = 0.75});
    resumed.load_state_dict(ema.state_dict());
    resumed.update();
    ema.update();
    CHECK(resumed.averages()[0].to_vector<float>() == ema.averages()[0].to_vector<float>());
    CHECK(ema.averages()[0].to_vector<float>()[0] == 2.75f);
    CHECK_THROWS_WITH(resumed.load_state_dict({}),
                      contains("missing: updates") && contains("missing: average.0"));
  }
}

TEST_CASE("averages may start quickly") {
  Tensor p = zeros({1}, float64).requires_grad_();
  Ema ema({p}, {.decay = 0.9, .warmup = true});
  {
    const NoGrad guard;
    p.fill_(1);
  }
  double expected = 0;
  for (int t = 1; t <= 200; ++t) {
    ema.update();
    const double keep = std::min(0.9, (1.0 + t) / (10.0 + t));
    expected = keep * expected + (1 - keep);
    CHECK(std::abs(ema.averages()[0].item() - expected) < 1e-14);
  }
  CHECK_THROWS_WITH(Ema({}), contains("[Ema] no parameters"));
  CHECK_THROWS_WITH(Ema({zeros({1}, int64)}), contains("that is int64"));
  CHECK_THROWS_WITH(Ema({Tensor()}), contains("undefined"));
  CHECK_THROWS_WITH(Ema({p}, {.decay = 1}), contains("decay = 1"));
}
