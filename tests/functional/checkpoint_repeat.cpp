// What a function under checkpoint() depends on and changes: the recomputation repeats it, or says
// why it cannot.
#include <cmath>
#include <iostream>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::numbers;
using gradus::test::Numbers;
using gradus::test::some;

namespace {

/// The gradient of sum(y^2) by x.
Numbers slope_of_squares(const Tensor& x, const Tensor& y) {
  return numbers(grad(sum(y * y), {x})[0]);
}

}  // namespace

TEST_CASE("any generator that the function draws from is repeated, and stands where it stood") {
  Generator a(1), b(2);
  const auto f = [&](const Tensor& x) {
    Generator own(3);
    Tensor y = x * rand(x.shape(), float64, &a) + randn(x.shape(), float64, &b);
    y = y * rand(x.shape(), float64, &own) * (1 + a.uniform());
    y = dropout(y, 0.5, {.generator = &b}) * rand(x.shape(), float64);
    y = y * randint(1, 5, x.shape(), int64, &a);
    return index_select(y, 0, randperm(x.size(0), &b)) * static_cast<double>(b.below(7) + 1);
  };
  const Tensor x = some({5, 3}).requires_grad_();
  manual_seed(4);
  const Tensor plain = f(x);
  const Numbers expected = slope_of_squares(x, plain);
  const std::uint64_t offset_a = a.offset(), offset_b = b.offset();
  const std::uint64_t offset = default_generator().offset();
  a.set_state(1, 0);
  b.set_state(2, 0);
  manual_seed(4);
  const Tensor saved = checkpoint(f, {x});
  CHECK(numbers(saved) == numbers(plain));
  CHECK(a.offset() == offset_a);
  CHECK(b.offset() == offset_b);
  CHECK(default_generator().offset() == offset);
  a.set_state(77, 5);
  b.advance(9);
  manual_seed(8);
  for (int i = 0; i < 2; ++i) {
    CHECK(numbers(grad(sum(saved * saved), {x}, {.retain_graph = true})[0]) == expected);
    CHECK(a.seed() == 77);
    CHECK(a.offset() == 5);
    CHECK(b.offset() == offset_b + 9);
    CHECK(default_generator().seed() == 8);
    CHECK(default_generator().offset() == 0);
  }
}

TEST_CASE("a function that seeds generators leaves them as the forward pass did") {
  Generator a(1);
  const auto f = [&](const Tensor& x) {
    manual_seed(11);
    a.set_state(12, 0);
    return x * rand(x.shape(), float64) * rand(x.shape(), float64, &a);
  };
  const Tensor x = some({4}).requires_grad_();
  const Numbers expected = slope_of_squares(x, f(x));
  const Tensor saved = checkpoint(f, {x});
  a.advance(5);
  const std::uint64_t offset = a.offset(), mine = default_generator().offset();
  CHECK(slope_of_squares(x, saved) == expected);
  CHECK(a.offset() == offset);
  CHECK(default_generator().offset() == mine);
}

TEST_CASE("numbers that are drawn by hand from a generator that was seeded anew are refused") {
  Generator a(1);
  const auto f = [&](const Tensor& x) {
    const auto seed = static_cast<double>(a.seed());
    return x * (seed + static_cast<double>(a.advance(4)));
  };
  const Tensor x = some({4}).requires_grad_();
  const Tensor good = checkpoint(f, {x});
  a.advance(3);
  CHECK(slope_of_squares(x, good) == slope_of_squares(x, x));
  const Tensor bad = checkpoint(f, {x});
  a.set_state(5, 0);
  CHECK_THROWS_WITH(slope_of_squares(x, bad), contains("[checkpoint]") && contains("seeded anew"));
}

TEST_CASE("a captured constant that was changed is refused, whatever the function reads it by") {
  const Shape shape{3, 3};
  using Body = std::function<Tensor(const Tensor& x, const Tensor& c)>;
  const std::vector<std::pair<const char*, Body>> bodies = {
      {"mul", [](const Tensor& x, const Tensor& c) { return x * c; }},
      {"matmul", [](const Tensor& x, const Tensor& c) { return matmul(x, c); }},
      {"constants alone", [](const Tensor& x, const Tensor& c) { return x * (c * 2 + 1); }},
      {"detach", [](const Tensor& x, const Tensor& c) { return x * c.detach(); }},
      {"clone", [](const Tensor& x, const Tensor& c) { return x * c.clone(); }},
      {"reshape",
       [](const Tensor& x, const Tensor& c) {
         return x * c.reshape({9}).reshape({3, 3});
       }},
      {"row", [](const Tensor& x, const Tensor& c) { return x * c[0]; }},
      {"where", [](const Tensor& x, const Tensor& c) { return where(c > 0, x, 2 * x); }},
      {"equality", [](const Tensor& x, const Tensor& c) { return where(eq(c, x), x, x * x); }},
      {"isnan", [](const Tensor& x, const Tensor& c) { return where(isnan(c), x, x * x); }},
      {"to", [](const Tensor& x, const Tensor& c) { return x * c.to(float32).to(float64); }},
      {"to bool", [](const Tensor& x, const Tensor& c) { return x * c.to(boolean); }},
      {"argmax", [](const Tensor& x, const Tensor& c) { return index_select(x, 0, argmax(c, 0)); }},
      {"argsort",
       [](const Tensor& x, const Tensor& c) { return index_select(x, 0, argsort(c, 0)[0]); }},
      {"sort", [](const Tensor& x, const Tensor& c) { return x * sort(c, 0).values; }},
      {"max", [](const Tensor& x, const Tensor& c) { return x * max(c, 0).values; }},
      {"any", [](const Tensor& x, const Tensor& c) { return where(any(c), x, x * x); }},
      {"amax", [](const Tensor& x, const Tensor& c) { return x * amax(c); }},
      {"item", [](const Tensor& x, const Tensor& c) { return x * c.reshape({9})[3].item(); }},
      {"to_vector", [](const Tensor& x, const Tensor& c) { return x * c.to_vector<double>()[2]; }},
      {"data", [](const Tensor& x, const Tensor& c) { return x * c.data<double>()[1]; }},
      {"copy_",
       [](const Tensor& x, const Tensor& c) {
         Tensor own = zeros({3, 3}, float64);
         own.copy_(c);
         return x * own;
       }},
      {"nonzero", [](const Tensor& x,
                     const Tensor& c) { return x * static_cast<double>(nonzero(c).size(0)); }},
      {"nested", [](const Tensor& x, const Tensor& c) {
         return checkpoint([=](const Tensor& y) { return y * c; }, {x}) * 2;
       }}};
  for (const auto& [name, body] : bodies) {
    INFO(name);
    Tensor c = some(shape, 7);
    const Tensor x = some(shape).requires_grad_();
    const auto f = [&](const Tensor& y) { return body(y, c); };
    CHECK(slope_of_squares(x, checkpoint(f, {x})) == slope_of_squares(x, f(x)));
    const Tensor saved = checkpoint(f, {x});
    c.fill_(0);
    CHECK_THROWS_WITH(slope_of_squares(x, saved),
                      contains("[checkpoint] a tensor of shape (3, 3) was changed in "
                               "place after the forward pass"));
    // Through another handle to the same memory, and by a change of all.
    const Tensor again = checkpoint(f, {x});
    c.detach().fill_(1);
    CHECK_THROWS_WITH(slope_of_squares(x, again), contains("was changed in place"));
    const Tensor replaced = checkpoint(f, {x});
    c.set_data(some(shape, 8));
    CHECK_THROWS_WITH(slope_of_squares(x, replaced), contains("was changed in place"));
  }
}

TEST_CASE("scalars and integers that were changed are refused, too") {
  Tensor scale = tensor(2.0, float64), index = tensor({1, 0}, int64);
  const Tensor x = some({2}).requires_grad_();
  const Tensor a = checkpoint([&](const Tensor& y) { return y * scale; }, {x});
  const Tensor b = checkpoint([&](const Tensor& y) { return index_select(y, 0, index); }, {x});
  scale.fill_(3);
  index.fill_(0);
  CHECK_THROWS_WITH(slope_of_squares(x, a), contains("shape () was changed in place"));
  CHECK_THROWS_WITH(slope_of_squares(x, b), contains("shape (2,) was changed in place"));
}

TEST_CASE("a handle that now refers to another tensor is noticed, also where no value shows it") {
  Tensor c = some({3}, 2);
  const Tensor x = zeros({3}, float64).requires_grad_();
  const Tensor y = sum(checkpoint([&](const Tensor& t) { return t * c; }, {x}));
  const Tensor before = c;
  c = some({3}, 3);
  CHECK_THROWS_WITH(grad(y, {x}, {.retain_graph = true}),
                    contains("[checkpoint] the recomputation uses a tensor of shape (3,), which"));
  c = before;
  CHECK(numbers(grad(y, {x})[0]) == numbers(c));
}

TEST_CASE("numbers, flags and files that changed are noticed") {
  const Tensor x = some({3}).requires_grad_();
  double factor = 2;
  bool square_it = false, cut = false;
  const auto check_refused = [&](const Tensor& y) {
    CHECK_THROWS_WITH(y.backward(), contains("[checkpoint] the recomputation gave other values"));
    CHECK_FALSE(x.grad().defined());
  };
  const Tensor a = sum(checkpoint([&](const Tensor& t) { return t * factor; }, {x}));
  factor = 3;
  check_refused(a);
  const Tensor b = sum(checkpoint([&](const Tensor& t) { return square_it ? t * t : t * 2; }, {x}));
  square_it = true;
  check_refused(b);
  // The same values by another way, through which no gradient flows.
  const Tensor c =
      sum(checkpoint([&](const Tensor& t) { return t * (cut ? t.detach() : t); }, {x}));
  cut = true;
  check_refused(c);
  int draws = 1;
  const auto noisy = [&](const Tensor& t) {
    Tensor y = t;
    for (int i = 0; i < draws; ++i) y = y + rand({3}, float64) * 0;
    return y;
  };
  const Tensor d = sum(checkpoint(noisy, {x}));
  draws = 2;
  CHECK_THROWS_WITH(d.backward(), contains("more random numbers"));
  const Tensor e = sum(checkpoint(noisy, {x}));
  draws = 1;
  check_refused(e);
}

TEST_CASE("a lambda that counts by itself begins anew each time") {
  const auto f = [calls = 0](const Tensor& t) mutable { return t * static_cast<double>(++calls); };
  const Tensor x = some({3}).requires_grad_();
  const Tensor y = sum(checkpoint(f, {x}));
  CHECK(numbers(grad(y, {x}, {.retain_graph = true})[0]) == Numbers{1, 1, 1});
  CHECK(numbers(grad(y, {x})[0]) == Numbers{1, 1, 1});
}

TEST_CASE("tables that a function makes at its first call and keeps are no trouble") {
  Tensor table;
  const auto f = [&](const Tensor& t) {
    if (!table.defined()) table = arange(0, 3, 1, float64) * 2;
    return t * table;
  };
  const Tensor x = some({3}).requires_grad_();
  CHECK(numbers(grad(sum(checkpoint(f, {x})), {x})[0]) == Numbers{0, 2, 4});
}

TEST_CASE("memory that a function changes is changed once, and read as it was") {
  const auto run = [](bool saved) {
    Tensor count = zeros({}, int64), mean = ones({3}, float64), other = ones({3}, float64);
    const auto f = [&](const Tensor& t) {
      const Tensor y = t * mean.clone() * count.to(float64);
      count.copy_(count + 1);
      mean.copy_(mean * 0.5 + t.detach());
      other.mutable_data<double>()[1] += 4;
      return y + mean.clone() + other.clone();
    };
    const Tensor x = some({3}).requires_grad_();
    const auto call = [&] { return saved ? checkpoint(f, {x}) : f(x); };
    const Tensor a = call(), b = call(), c = call();
    const Numbers g = numbers(grad(sum(a * b * c), {x})[0]);
    return std::vector<Numbers>{numbers(count), numbers(mean), numbers(other), g};
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("what was read from a changed buffer is refused as without the checkpoint") {
  Tensor buffer = ones({3}, float64);
  const auto f = [&](const Tensor& t) {
    const Tensor y = t * buffer;
    buffer.copy_(buffer + 1);
    return y;
  };
  const Tensor x = some({3}).requires_grad_();
  CHECK_THROWS_WITH(sum(f(x)).backward(), contains("changed in place"));
  const Tensor y = sum(checkpoint(f, {x}));
  CHECK_THROWS_WITH(y.backward(), contains("changed in place"));
  CHECK(numbers(buffer) == Numbers{3, 3, 3});
  // A graph from before still knows the buffer.
  buffer.fill_(2);
  const Tensor before = sum(x * buffer);
  const Tensor after = sum(checkpoint(
      [&](const Tensor& t) {
        buffer.copy_(buffer.clone());
        return t * 2;
      },
      {x}));
  CHECK_THROWS_WITH(before.backward(), contains("changed in place"));
  const Tensor between = sum(x * buffer);
  after.backward();
  CHECK_NOTHROW(between.backward());
}

TEST_CASE("a second derivative does not take what is in a changed buffer by then") {
  Tensor buffer = ones({3}, float64);
  const auto f = [&](const Tensor& t) {
    buffer.copy_(buffer + 1);
    return t * buffer * t;
  };
  const Tensor x = some({3}).requires_grad_();
  const Tensor slope = grad(sum(checkpoint(f, {x})), {x}, {.create_graph = true})[0];
  CHECK(numbers(slope) == numbers(4 * x));
  buffer.fill_(9);
  CHECK_THROWS_WITH(grad(sum(slope), {x}), contains("changed in place"));
}

TEST_CASE("effects that would happen twice are refused by name") {
  Tensor w = some({3}, 2).requires_grad_(), c = some({3}, 3);
  const Tensor x = some({3}).requires_grad_();
  const auto refuses = [&](const std::function<void()>& act, const char* text) {
    INFO(text);
    CHECK_THROWS_WITH(checkpoint(
                          [&](const Tensor& t) {
                            act();
                            return t * 2;
                          },
                          {x}),
                      contains("[checkpoint]") && contains(text));
  };
  refuses([&] { c.set_data(zeros({3}, float64)); }, "calls set_data");
  refuses([&] { w.register_hook([](const Tensor& g) { return g; }); }, "calls register_hook");
  refuses([&] { sum(w * w).backward(); }, "adds to the gradient");
  refuses([&] { w.set_grad({}); }, "replaces the gradient");
  optim::SGD optimizer({w}, {.lr = 0.1});
  w.set_grad(ones({3}, float64));
  refuses([&] { optimizer.step(); }, "the step of an optimizer");
  const CapturedStep step = capture([](const Tensor& t) { return t * 2; }, {c});
  CHECK_THROWS_WITH(checkpoint([&](const Tensor& t) { return t * step(c); }, {x}),
                    contains("[capture] a captured step is called by a function under checkpoint"));
  // On what the function itself makes they are fine, also the derivatives of a loss of its own.
  const auto inner = [](const Tensor& t) {
    Tensor own = (t.detach() * 2).requires_grad_();
    own.register_hook([](const Tensor& g) { return g * 3; });
    sum(own * own).backward();
    const Tensor slope = grad(sum(t * t * t), {t}, {.create_graph = true})[0];
    return own.grad() * t + slope;
  };
  CHECK(slope_of_squares(x, checkpoint(inner, {x})) == slope_of_squares(x, inner(x)));
}

TEST_CASE("another precision of products is refused") {
  const Tensor x = ones({2, 2}).requires_grad_();
  const Tensor y = sum(checkpoint([](const Tensor& t) { return matmul(t, t); }, {x}));
  try {
    set_matmul_precision(Precision::bfloat16);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), contains("bfloat16"));
    std::cout << "skipped: this processor or build has no bfloat16\n";
    return;
  }
  CHECK_THROWS_WITH(y.backward({.retain_graph = true}),
                    contains("set_matmul_precision was called after"));
  set_matmul_precision(Precision::full);
  CHECK_NOTHROW(y.backward());
}

TEST_CASE("an input that was given twice, or is used by its own handle too, counts once") {
  const Tensor x = some({3}).requires_grad_();
  const auto product = [](const Tensor& a, const Tensor& b) { return a * b * a; };
  CHECK(slope_of_squares(x, checkpoint(product, {x, x})) == slope_of_squares(x, product(x, x)));
  const auto both = [&](const Tensor& a) { return a * x; };
  CHECK(slope_of_squares(x, checkpoint(both, {x})) == slope_of_squares(x, both(x)));
  Tensor middle = x * x;
  const auto deep = [&](const Tensor& a) { return a * middle; };
  const Numbers wanted = slope_of_squares(x, deep(middle));
  middle = x * x;
  CHECK(slope_of_squares(x, checkpoint(deep, {middle})) == wanted);
  middle = x * x;
  CHECK_THROWS_WITH(checkpoint(deep, {x}), contains("pass it as an input"));
}

TEST_CASE("what is used is listed by name, and only what is reached gets a gradient") {
  const Tensor w = some({3}, 2).requires_grad_(), unused = some({3}, 3).requires_grad_();
  const Tensor x = some({3}).requires_grad_();
  const Tensor y =
      checkpoint([&](const Tensor& t) { return t * w; }, {x}, {{"w", w}, {"u", unused}});
  sum(y).backward();
  CHECK(numbers(w.grad()) == numbers(x));
  CHECK_FALSE(unused.grad().defined());
  Tensor moved = w;
  const Tensor z = sum(checkpoint([&](const Tensor& t) { return t * w; }, {x}, {{"gain\x1b", w}}));
  const NoGrad guard;
  moved.fill_(0);
  CHECK_THROWS_WITH(z.backward(), contains("gain\\x1b was changed in place"));
}

TEST_CASE("an input is named by its place") {
  Tensor x = some({3});
  const Tensor w = some({3}, 2).requires_grad_();
  const Tensor y = sum(checkpoint([](const Tensor& a, const Tensor& b) { return a * b; }, {w, x}));
  x.fill_(0);
  CHECK_THROWS_WITH(y.backward(), contains("[checkpoint] input 1 was changed in place"));
}

TEST_CASE("losses and norms under checkpoint have the bits of those without") {
  const Tensor x = some({64, 33}).requires_grad_(), y = some({64, 33}, 2).requires_grad_();
  const auto f = [](const Tensor& a, const Tensor& b) {
    return mse_loss(a, b) + sum(layer_norm(a, {33}) * softmax(b, 1)) + norm(a) +
           bce_with_logits(a, sigmoid(b)) + kl_div(log_softmax(a, 1), softmax(b, 1));
  };
  const Tensor plain = f(x, y), saved = checkpoint(f, {x, y});
  CHECK(numbers(saved) == numbers(plain));
  const auto wanted = grad(plain, {x, y}), found = grad(saved, {x, y});
  CHECK(numbers(found[0]) == numbers(wanted[0]));
  CHECK(numbers(found[1]) == numbers(wanted[1]));
}
