// -inf in a mask of numbers says what false says in one of bool, also for queries that may look
// nowhere.
#include <cmath>
#include <limits>

#include "gradus/autograd.hpp"
#include "gradus/nn/attention.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Numbers that say what `open` says.
Tensor as_numbers(const Tensor& open, DType dtype) {
  return where(open, zeros(open.shape(), dtype), -infinity);
}

Tensor mask_of(const Shape& shape, const std::vector<int>& open) {
  return from_vector(std::vector<double>(open.begin(), open.end()), shape).to(boolean);
}

bool all_finite(const Tensor& x) { return all(isfinite(x)).item<bool>(); }

/// The value, the gradients by `x`, and the gradients of a sum of their sines.
template <class F>
std::vector<Tensor> derivatives(F f, std::vector<Tensor> x) {
  for (Tensor& t : x) t = t.clone().requires_grad_();
  const Tensor y = f(x);
  std::vector<Tensor> out{y.detach()};
  const std::vector<Tensor> first = grad(sum(sin(y)), x, {.create_graph = true});
  Tensor total = zeros({}, y.dtype());
  for (const Tensor& g : first) {
    out.push_back(g.detach());
    total = total + sum(sin(g));
  }
  for (const Tensor& h : grad(total, x, {.allow_unused = true})) out.push_back(h);
  sum(sin(f(x))).backward();  // the way without create_graph
  for (const Tensor& t : x) out.push_back(t.grad());
  return out;
}

template <class F, class G>
void check_same(F f, G g, const std::vector<Tensor>& x) {
  const std::vector<Tensor> a = derivatives(f, x), b = derivatives(g, x);
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(all_finite(a[i]));
    CHECK(a[i].to_vector<double>() == b[i].to_vector<double>());
  }
}

struct MaskCase {
  Shape shape;
  std::vector<int> open;
};
const MaskCase masks[] = {
    {{2, 3}, {1, 0, 1, 0, 0, 0}},  // the second query looks nowhere
    {{2, 3}, {0, 0, 0, 0, 0, 0}},  // none does
    {{3}, {0, 1, 0}},              // broadcast to all queries
    {{3}, {0, 0, 0}},
    {{2, 1}, {0, 1}},                 // broadcast to all keys
    {{2, 1, 3}, {0, 0, 0, 1, 1, 0}},  // by sample
    {{2, 2, 3}, {0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0}},
};

}  // namespace

TEST_CASE("a mask of numbers blocks as the bool mask that says the same, to second order", "[nn]") {
  for (const DType dtype : {float32, float64}) {
    Generator generator(3);
    const std::vector<Tensor> x{randn({2, 2, 4}, dtype, &generator),
                                randn({2, 3, 4}, dtype, &generator),
                                randn({2, 3, 5}, dtype, &generator)};
    for (const MaskCase& m : masks) {
      const Tensor open = mask_of(m.shape, m.open);
      const auto attention = [](const Tensor& mask) {
        return [mask](const std::vector<Tensor>& v) {
          return scaled_dot_product_attention(v[0], v[1], v[2], {.mask = mask});
        };
      };
      check_same(attention(as_numbers(open, dtype)), attention(open), x);
    }
  }
}

TEST_CASE("a query that a mask of numbers blinds gets 0 and gives 0", "[nn]") {
  const Tensor q = ones({2, 2}).requires_grad_(), k = ones({2, 2}).requires_grad_(),
               v = ones({2, 2}).requires_grad_();
  const Tensor mask = from_vector(std::vector<double>{0, -infinity, -infinity, -infinity}, {2, 2})
                          .to(float32)
                          .requires_grad_();
  const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = mask});
  CHECK(y.to_vector<double>() == std::vector<double>{1, 1, 0, 0});
  sum(y).backward();
  for (const Tensor& x : {q, k, mask}) CHECK(all(eq(x.grad(), 0.0)).item<bool>());
  CHECK(v.grad().to_vector<double>() == std::vector<double>{1, 1, 0, 0});
}

TEST_CASE("finite numbers in a mask with -inf are added to the scores", "[nn]") {
  Generator generator(4);
  const Tensor q = randn({2, 4}, float64, &generator), k = randn({3, 4}, float64, &generator),
               v = randn({3, 2}, float64, &generator);
  const Tensor mask =
      from_vector(std::vector<double>{0.5, -infinity, -1, -infinity, -infinity, -infinity}, {2, 3});
  const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = mask});
  const Tensor weights =
      softmax(slice(matmul(q, k, {.transpose_b = true}) / 2 + mask, 0, 0, 1), -1);
  const Tensor want = matmul(weights, v);
  CHECK(all(abs(slice(y, 0, 0, 1) - want) < 1e-12).item<bool>());
  CHECK(all(eq(slice(y, 0, 1, 2), 0.0)).item<bool>());
}

TEST_CASE("modules with attention take -inf as they take true, to second order", "[nn]") {
  Generator generator(5);
  const nn::MultiheadAttention attention(
      4, 2, {.batch_first = true, .dtype = float64, .generator = &generator});
  nn::TransformerEncoderLayer layer(4, 2,
                                    {.dim_feedforward = 8,
                                     .dropout = 0,
                                     .activation = "gelu",
                                     .batch_first = true,
                                     .dtype = float64,
                                     .generator = &generator});
  const std::vector<Tensor> x{randn({2, 3, 4}, float64, &generator)};
  const Tensor padding = mask_of({2, 3}, {0, 1, 1, 0, 0, 1});
  for (const std::vector<int>& open :
       {std::vector<int>{1, 0, 1, 0, 0, 0, 1, 1, 1}, std::vector<int>{0, 0, 1, 1, 0, 0, 0, 0, 0},
        std::vector<int>(9, 0)}) {
    const Tensor looks = mask_of({3, 3}, open);
    for (const Tensor& hidden : {Tensor(), padding}) {
      const nn::Attend numbers{.mask = as_numbers(looks, float64), .key_padding_mask = hidden},
          truth{.mask = logical_not(looks), .key_padding_mask = hidden};
      const auto with = [&](const auto& module, const nn::Attend& options) {
        return [&module, options](const std::vector<Tensor>& v) {
          if constexpr (std::is_same_v<std::decay_t<decltype(module)>, nn::MultiheadAttention>)
            return module(v[0], v[0], v[0], options);
          else
            return module(v[0], options);
        };
      };
      check_same(with(attention, numbers), with(attention, truth), x);
      check_same(with(layer, numbers), with(layer, truth), x);
    }
  }
}
