// Single cases of "a zero cotangent gives zero" and "NaN operands give NaN", which the rows of the
// operations' table test in general: sizes at which other kernels run, and corners of one
// operation.
#include <cmath>
#include <limits>

#include "gradus/autograd.hpp"
#include "gradus/capture.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

using Numbers = std::vector<double>;

/// x (rows, cols) with row `at` filled with `value`.
Tensor with_row(const Tensor& x, Index at, double value) {
  const Tensor rows = reshape(arange(0, static_cast<double>(x.size(0)), 1, int64), {x.size(0), 1});
  return where(eq(rows, static_cast<double>(at)), value, x);
}

Tensor without_row(const Tensor& x, Index at) { return with_row(x, at, 0); }

void check_close(const Tensor& got, const Tensor& want, double tolerance) {
  REQUIRE(all(isfinite(got)).item<bool>());
  CHECK(max(abs(got - want)).item() <= tolerance * (1 + max(abs(want)).item()));
}

}  // namespace

TEST_CASE("products of any size keep a zero cotangent zero beside infinities and NaN", "[ops]") {
  using Product = Tensor (*)(const Tensor&, const Tensor&);
  const Product products[] = {
      [](const Tensor& a, const Tensor& b) { return matmul(a, b); },
      [](const Tensor& a, const Tensor& b) { return matmul(a, b, {.transpose_b = true}); },
      [](const Tensor& a, const Tensor& b) {
        return transpose(matmul(b, a, {.transpose_b = true}));
      },
      [](const Tensor& a, const Tensor& b) { return linear(a, b); },
      [](const Tensor& a, const Tensor& b) { return linear_act(a, b, {}, LinearActivation::gelu); },
      [](const Tensor& a, const Tensor& b) {
        return einsum("ij,kj->ik", {a, b});
      },
  };
  Generator generator(1);
  for (const DType dtype : {float32, float64})
    for (const Index n : {3, 16, 40, 130}) {
      const Tensor x = randn({n, n}, dtype, &generator), w = randn({n, n}, dtype, &generator),
                   weight = randn({n, n}, dtype, &generator);
      const Tensor keep = ne(without_row(ones({n, n}), 1), 0.0);
      for (const Product product : products)
        for (const bool twice : {false, true}) {  // the second time into the first one's sum
          const auto derive = [&](double value) {
            const Tensor a = with_row(x, 1, value).detach().requires_grad_(),
                         b = w.clone().requires_grad_();
            Tensor loss = sum(where(keep, product(a, b), 0) * weight);
            if (twice) loss = loss + sum(where(keep, product(a, b), 0) * weight);
            return grad(loss, {a, b});
          };
          const auto want = derive(0);
          for (const double value : {no_number, infinity, -infinity}) {
            const auto got = derive(value);
            for (std::size_t i = 0; i < 2; ++i)
              check_close(got[i], want[i], dtype == float32 ? 1e-4 : 1e-11);
          }
        }
    }
}

TEST_CASE("convolutions keep a zero cotangent zero for whole images", "[ops]") {
  Generator generator(2);
  const Tensor x = randn({3, 4, 12, 12}, float32, &generator),
               w = randn({8, 4, 3, 3}, float32, &generator);
  const Tensor image = reshape(arange(0, 3, 1, int64), {3, 1, 1, 1});
  const auto derive = [&](double value) {
    const Tensor a = where(eq(image, 1.0), value, x).detach().requires_grad_(),
                 b = w.clone().requires_grad_();
    return grad(sum(where(eq(image, 1.0), 0, square(conv2d(a, b)))), {a, b});
  };
  const auto want = derive(0);
  for (const double value : {no_number, infinity}) {
    const auto got = derive(value);
    check_close(got[0], want[0], 1e-4);
    check_close(got[1], want[1], 1e-4);
  }
}

TEST_CASE("a captured step mends its products, too", "[ops]") {
  Generator generator(3);
  Tensor w = randn({5, 4}, float32, &generator).requires_grad_();
  const auto of = [&](const Tensor& x, const Tensor& keep) {
    w.set_grad({});
    sum(where(keep, square(linear(x, w)), 0)).backward();
    return w.grad().clone();
  };
  const Tensor x = randn({3, 4}, float32, &generator);
  const Tensor keep = from_vector(Numbers{1, 0, 1}, {3, 1}).to(boolean);
  auto step = capture(of, {x, keep});
  const Tensor want = of(without_row(x, 1), keep);
  for (const double value : {no_number, infinity, 1.0})
    check_close(step(with_row(x, 1, value), keep), want, 1e-5);
}

TEST_CASE("rows that where does not take leak nothing out of any operation on rows", "[ops]") {
  const std::vector<std::pair<const char*, Tensor (*)(const Tensor&)>> operations = {
      {"softmax", [](const Tensor& x) { return softmax(x, 1); }},
      {"softmax of columns", [](const Tensor& x) { return transpose(softmax(transpose(x), 0)); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x, 1); }},
      {"logsumexp", [](const Tensor& x) { return logsumexp(x, {1}, {.keepdim = true}); }},
      {"prod", [](const Tensor& x) { return prod(x, {1}, {.keepdim = true}); }},
      {"cumprod", [](const Tensor& x) { return cumprod(x, 1); }},
      {"logcumsumexp", [](const Tensor& x) { return logcumsumexp(x, 1); }},
      {"var", [](const Tensor& x) { return var(x, {1}, 1, {.keepdim = true}); }},
      {"stddev", [](const Tensor& x) { return stddev(x, {1}, 1, {.keepdim = true}); }},
      {"norm 1", [](const Tensor& x) { return norm(x, 1, {1}, {.keepdim = true}); }},
      {"norm 2", [](const Tensor& x) { return norm(x, 2, {1}, {.keepdim = true}); }},
      {"norm 3", [](const Tensor& x) { return norm(x, 3, {1}, {.keepdim = true}); }},
      {"norm inf", [](const Tensor& x) { return norm(x, infinity, {1}, {.keepdim = true}); }},
      {"normalize", [](const Tensor& x) { return normalize(x); }},
      {"layer_norm", [](const Tensor& x) { return layer_norm(x, {3}); }},
      {"rms_norm", [](const Tensor& x) { return rms_norm(x, {3}); }},
      {"amax", [](const Tensor& x) { return amax(x, {1}, {.keepdim = true}); }},
      {"matmul",
       [](const Tensor& x) {
         return matmul(x, ones({3, 2}, x.dtype()) * 2);
       }},
  };
  const Tensor keep = from_vector(Numbers{1, 0, 1}, {3, 1}).to(boolean);
  for (const auto& [name, f] : operations)
    for (const DType dtype : {float32, float64})
      for (const double value : {no_number, infinity, -infinity}) {
        INFO(name << ", " << name_of(dtype) << ", " << value);
        const Tensor plain = from_vector(Numbers{1, 2, 4, 1, 1, 2, 3, 1, 2}, {3, 3}).to(dtype);
        const auto derive = [&](const Tensor& from) {
          const Tensor x = from.detach().clone().requires_grad_();
          const Tensor g = grad(sum(where(keep, sin(f(x)), 0)), {x}, {.create_graph = true})[0];
          const Tensor first = grad(sum(where(keep, sin(f(x)), 0)), {x})[0];
          return std::vector<Tensor>{g.detach(), first, grad(sum(sin(g)), {x})[0]};
        };
        const auto want = derive(plain), got = derive(with_row(plain, 1, value));
        for (std::size_t i = 0; i < want.size(); ++i)
          check_close(got[i], without_row(want[i], 1), dtype == float32 ? 1e-5 : 1e-12);
      }
}

TEST_CASE("labels that a loss ignores give 0 for any logits, to second order", "[ops]") {
  const Tensor label = tensor({2, -100, 0}, int64);
  const Tensor plain = from_vector(Numbers{1, 2, 4, 0, 0, 0, 3, 1, 2}, {3, 3});
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> losses = {
      {"mean", [&](const Tensor& x) { return cross_entropy(x, label); }},
      {"sum",
       [&](const Tensor& x) { return cross_entropy(x, label, {.reduction = Reduction::sum}); }},
      {"none",
       [&](const Tensor& x) {
         return sum(cross_entropy(x, label, {.reduction = Reduction::none}));
       }},
      {"smoothed",
       [&](const Tensor& x) { return cross_entropy(x, label, {.label_smoothing = 0.1}); }},
      {"weighted",
       [&](const Tensor& x) {
         CrossEntropyOptions options;
         options.weight = tensor({1.0, 2.0, 3.0}, x.dtype());
         return cross_entropy(x, label, options);
       }},
      {"nll", [&](const Tensor& x) { return nll_loss(log_softmax(x, 1), label); }},
      {"places",
       [&](const Tensor& x) {
         return cross_entropy(reshape(transpose(x), {1, 3, 3}), reshape(label, {1, 3}));
       }},
  };
  for (const auto& [name, loss] : losses)
    for (const DType dtype : {float32, float64})
      for (const double value : {no_number, infinity, -infinity}) {
        INFO(name << ", " << name_of(dtype) << ", " << value);
        const auto derive = [&](const Tensor& from) {
          const Tensor x = from.to(dtype).detach().clone().requires_grad_();
          const Tensor first = grad(loss(x), {x})[0];
          const Tensor g = grad(loss(x), {x}, {.create_graph = true})[0];
          return std::vector<Tensor>{first, g.detach(), grad(sum(sin(g)), {x})[0]};
        };
        const auto want = derive(plain), got = derive(with_row(plain, 1, value));
        for (std::size_t i = 0; i < want.size(); ++i)
          check_close(got[i], without_row(want[i], 1), dtype == float32 ? 1e-5 : 1e-12);
      }
}

TEST_CASE("a power of 0 or an exponent of 0 leaves no NaN in the gradient of the base", "[ops]") {
  const auto by_base = [](double a, double b) {
    const Tensor x = tensor(a, float64).requires_grad_(), y = tensor(b, float64).requires_grad_();
    return grad(pow(x, y), {x})[0].item();
  };
  CHECK(by_base(0, -infinity) == 0);
  CHECK(by_base(0.5, infinity) == 0);
  CHECK(by_base(2, -infinity) == 0);
  CHECK(by_base(no_number, 0) == 0);
  CHECK(std::isnan(by_base(no_number, 2)));
  CHECK(std::isnan(by_base(0, no_number)));
  CHECK(std::isnan(by_base(2, no_number)));
  const Tensor x = tensor(0.0, float64).requires_grad_();
  CHECK(grad(pow(x, -infinity), {x})[0].item() == 0);
}

TEST_CASE("a NaN operand beside 0 or infinity is no zero cotangent", "[ops]") {
  using Two = Tensor (*)(const Tensor&, const Tensor&);
  const auto gradients = [](Two f, double a, double b) {
    const Tensor x = tensor(a, float64).requires_grad_(), y = tensor(b, float64).requires_grad_();
    const auto g = grad(f(x, y), {x, y});
    return std::vector<double>{g[0].item(), g[1].item()};
  };
  for (const double other : {0.0, 1.0, infinity, -infinity}) {
    INFO(other);
    const auto by_nan = gradients(div, other, no_number), of_nan = gradients(div, no_number, other);
    CHECK((std::isnan(by_nan[0]) && std::isnan(by_nan[1]) && std::isnan(of_nan[1])));
    for (const auto& g : {gradients(atan2, other, no_number), gradients(atan2, no_number, other)})
      CHECK((std::isnan(g[0]) && std::isnan(g[1])));
    if (std::isinf(other)) continue;  // hypot is infinite there
    for (const auto& g : {gradients(hypot, other, no_number), gradients(hypot, no_number, other)})
      CHECK((std::isnan(g[0]) && std::isnan(g[1])));
  }
  const Tensor x = tensor(no_number, float64).requires_grad_();
  CHECK(std::isnan(grad(0 / x, {x})[0].item()));
  // A row of NaN is one also for cotangents that sum to 0.
  for (const bool create_graph : {false, true}) {
    const Tensor row = full({1, 2}, no_number, float64).requires_grad_();
    const Tensor y = log_softmax(row, 1);
    const Tensor g =
        grad(sum(y * tensor({1.0, -1.0}, float64)), {row}, {.create_graph = create_graph})[0];
    CHECK(all(isnan(g)).item<bool>());
  }
}
