// Numbers that a function under checkpoint() captures, and that changed before the backward pass
// although its result is the same: the gradient is that of the forward pass, or it is refused.
#include <memory>
#include <optional>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::numbers;
using gradus::test::Numbers;
using gradus::test::some;

namespace {

struct Case {
  const char* name;
  std::function<Tensor(const Tensor& x, double number)> f;
  double before, after;
  double x = 0;  // each element of the input, of shape (3, 3)
};

/// d<c, y>/dx with fixed c.
Numbers by(const Tensor& x, const Tensor& y) {
  return numbers(grad(sum(y * some(y.shape())), {x})[0]);
}

Tensor input(const Case& c) { return full({3, 3}, c.x, float64).requires_grad_(); }

/// The numbers count, but only for the derivative.
void check_hidden(const Case& c) {
  const Tensor x = input(c), before = c.f(x, c.before), after = c.f(x, c.after);
  CHECK(numbers(before) == numbers(after));
  CHECK(by(x, before) != by(x, after));
}

Index whole(double number) { return static_cast<Index>(number); }

/// With numbers that are part of derivative rules alone.
std::vector<Case> numbers_of_rules() {
  using T = const Tensor&;
  const Tensor c = some({3, 3}, 5), one = ones({3, 3}, float64);
  return {
      {"mul", [](T x, double r) { return x * r; }, 2, 3},
      {"mul from the left", [](T x, double r) { return r * x; }, 2, 3},
      {"div", [](T x, double r) { return x / r; }, 2, 3},
      {"a longer chain", [c](T x, double r) { return matmul(tanh(x * r), c) * r; }, 2, 3},
      {"pow", [](T x, double r) { return pow(x, r); }, 2.5, 3.5, 1},
      {"pow of a number", [](T x, double r) { return pow(r, x); }, 2, 3},
      {"leaky_relu", [](T x, double r) { return leaky_relu(x, r); }, 0.1, 0.2},
      {"elu", [](T x, double r) { return elu(x, r); }, 1, 2},
      {"hardtanh", [](T x, double r) { return hardtanh(x, -1, r); }, 1, 2, 1},
      {"lerp", [one](T x, double r) { return lerp(x, one, r); }, 0.25, 0.3, 1},
      {"addcmul", [c](T x, double r) { return addcmul(c, x, c, r); }, 2, 3},
      {"addcdiv", [c](T x, double r) { return addcdiv(c, x, c, r); }, 2, 3},
      {"dropout",
       [](T x, double r) {
         Generator g(4);
         return dropout(x, r, {.generator = &g});
       },
       0.3, 0.31},
      {"matmul", [c](T x, double r) { return matmul(x, c, {.transpose_b = r > 0}); }, 0, 1},
      {"sum", [](T x, double r) { return sum(x, {whole(r)}); }, 0, 1},
      {"amax", [](T x, double r) { return amax(x, {whole(r)}); }, 0, 1},
      {"logsumexp", [](T x, double r) { return logsumexp(x, {whole(r)}); }, 0, 1},
      {"softmax", [](T x, double r) { return softmax(x, whole(r)); }, 0, 1},
      {"log_softmax", [](T x, double r) { return log_softmax(x, whole(r)); }, 0, 1},
      {"cumsum", [](T x, double r) { return cumsum(x, whole(r)); }, 0, 1},
      {"flip", [](T x, double r) { return flip(x, {whole(r)}); }, 0, 1},
      {"slice", [](T x, double r) { return slice(x, 1, whole(r), whole(r) + 2); }, 0, 1},
      {"select", [](T x, double r) { return select(x, 1, whole(r)); }, 0, 1},
      {"triu", [](T x, double r) { return triu(x, whole(r)); }, 0, 1},
      {"pad",
       [](T x, double r) {
         return pad(x, {whole(r), 1 - whole(r)});
       },
       0, 1},
      {"avg_pool2d",
       [](T x, double r) {
         return avg_pool2d(x.reshape({1, 1, 3, 3}), 2, {.padding = 1, .count_include_pad = r > 0});
       },
       0, 1},
      {"a gradient inside",
       [](T x, double r) { return grad(sum(x * x * r), {x}, {.create_graph = true})[0]; }, 2, 3}};
}

}  // namespace

TEST_CASE("a number that changed where no value shows it has the gradient of the forward pass") {
  for (const Case& c : numbers_of_rules()) {
    INFO(c.name);
    check_hidden(c);
    const Tensor x = input(c);
    double number = c.before;
    const auto f = [&](const Tensor& t) { return c.f(t, number); };
    const auto nested = [&](const Tensor& t) { return checkpoint(f, {t}); };
    const Numbers wanted = by(x, f(x));
    const Tensor once = checkpoint(f, {x}), twice = checkpoint(nested, {x});
    const Tensor unchanged = checkpoint(nested, {x});
    CHECK(by(x, unchanged) == wanted);
    number = c.after;
    CHECK(by(x, once) == wanted);
    CHECK(by(x, twice) == wanted);
  }
}

TEST_CASE("a number that changed has the second derivative of the forward pass, too") {
  double number = 2;
  const Tensor x = zeros({3}, float64).requires_grad_();
  const Tensor y = checkpoint([&](const Tensor& t) { return t * t * number; }, {x});
  number = 3;
  const Tensor slope = grad(sum(y), {x}, {.create_graph = true})[0];
  CHECK(numbers(grad(sum(slope), {x})[0]) == Numbers{4, 4, 4});
}

TEST_CASE(
    "a number that changed a value on the way is refused, also where the result is the same") {
  const auto constant = [](const Tensor& x, double r) { return x * full({3, 3}, r, float64); };
  const auto scalar = [](const Tensor& x, double r) { return x * tensor(r, float64); };
  const auto between = [](const Tensor& x, double r) { return (x + r) * (x - 1.0); };
  const auto normed = [](const Tensor& x, double r) { return layer_norm(x, {3}, {}, {}, r); };
  const auto rolled = [](const Tensor& x, double r) { return roll(x, {whole(r)}); };
  const auto own = [](const Tensor& x, double r) {
    return custom(
               "own", {x}, [r](const std::vector<Tensor>& v) { return v[0] * r; },
               [](const Vjp& k) { return k.grad * (1 + k.out()); }) *
           (x - 1.0);
  };
  const std::vector<Case> cases = {
      {"a constant", constant, 2, 3},      {"a constant number", scalar, 2, 3},
      {"a factor of 0", between, 2, 3, 1}, {"what layer_norm keeps", normed, 1e-5, 1e-3, 1},
      {"lengths of parts", rolled, 1, 2},  {"an operation of one's own", own, 2, 3, 1}};
  for (const Case& c : cases) {
    INFO(c.name);
    check_hidden(c);
    const Tensor x = input(c);
    double number = c.before;
    const auto f = [&](const Tensor& t) { return c.f(t, number); };
    const Tensor y = checkpoint(f, {x});
    CHECK(by(x, checkpoint(f, {x})) == by(x, f(x)));
    number = c.after;
    CHECK_THROWS_WITH(by(x, y), contains("[checkpoint] the recomputation gave other values"));
  }
}

TEST_CASE("the same operations on other inputs are refused, also where values agree") {
  const Tensor a = ones({2}, float64).requires_grad_(), b = ones({2}, float64).requires_grad_();
  bool flag = false;
  const auto inputs = [&](const Tensor& p, const Tensor& q) { return (flag ? p : q) * 2.0; };
  const auto results = [&](const Tensor& p, const Tensor& q) {
    const Tensor u = p * 3.0, v = q * 3.0;
    return (flag ? u : v) + (flag ? v : u) * (flag ? v : u);
  };
  for (const Function& f : {Function(inputs), Function(results)}) {
    flag = false;
    const Tensor y = sum(checkpoint(f, {a, b}));
    flag = true;
    CHECK_THROWS_WITH(y.backward(), contains("[checkpoint] the recomputation"));
    CHECK_FALSE(a.grad().defined());
    CHECK_FALSE(b.grad().defined());
  }
}

namespace {

/// Its rule holds a pointer into it.
struct Scaling {
  double factor;
  Tensor operator()(const Tensor& x) const {
    return custom(
        "scaling", {x}, [this](const std::vector<Tensor>& v) { return v[0] * factor; },
        [this](const Vjp& k) { return k.grad * factor; });
  }
};

/// Fills the stack that later calls find.
[[gnu::noinline]] void leave_bytes(int value) {
  volatile char bytes[4096];
  for (volatile char& byte : bytes) byte = static_cast<char>(value);
}

}  // namespace

TEST_CASE("what a rule holds besides numbers is no reason to refuse") {
  const Tensor x = some({3}).requires_grad_();
  Tensor scaled;
  {
    const auto scaling = std::make_unique<Scaling>(Scaling{2});
    scaled = checkpoint(*scaling, {x});
  }
  CHECK(numbers(grad(sum(scaled), {x})[0]) == Numbers{2, 2, 2});
  // Bytes between the members, and those of an absent number, are whatever they are.
  const auto padded = [](const Tensor& t) {
    leave_bytes(static_cast<int>(default_generator().offset()));
    const bool negative = t.dim() == 1;
    const std::optional<double> none;
    const char sign = negative ? -1 : 1;
    return custom(
        "padded", {t}, [](const std::vector<Tensor>& v) { return -v[0]; },
        [sign, none, negative](const Vjp& k) {
          return k.grad * (negative ? none.value_or(1) * sign : 0);
        });
  };
  for (int i = 0; i < 4; ++i) {
    const Tensor y = checkpoint(padded, {x});
    default_generator().advance(37);
    CHECK(numbers(grad(sum(y), {x})[0]) == Numbers{-1, -1, -1});
  }
}
