// Writing to a tensor that stands for a part of another: through memory that both share, or
// refused.
#include <functional>
#include <type_traits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

// x[0] = y would bind a handle that is gone at once.
static_assert(!std::is_assignable_v<decltype(std::declval<Tensor&>()[0]), const Tensor&>);
static_assert(!std::is_assignable_v<decltype(std::declval<const Tensor&>()[0]), Tensor>);
static_assert(!std::is_assignable_v<decltype(std::declval<Tensor&>().grad()), const Tensor&>);
static_assert(!std::is_assignable_v<decltype(select(std::declval<Tensor&>(), 0, 0)), Tensor>);
static_assert(std::is_assignable_v<Tensor&, const Tensor&> &&
              std::is_assignable_v<Tensor&, Tensor>);
template <class A, class B>
concept Swappable = requires(A&& a, B&& b) {
  std::swap(std::forward<A>(a), std::forward<B>(b));
};
static_assert(Swappable<Tensor&, Tensor&> && !Swappable<Tensor, Tensor&>);
template <class A>
concept SwapsIn = requires(A&& a, Tensor& b) {
  std::forward<A>(a).swap(b);
};
static_assert(SwapsIn<Tensor&> && !SwapsIn<Tensor>);

namespace {

using Doubles = std::vector<double>;
using View = std::function<Tensor(const Tensor&)>;

/// What the writer does, or an Error; and then x is as it was.
void written_or_refused(const Tensor& x, const View& view, bool shares) {
  const auto size = static_cast<std::size_t>(view(x).numel());
  const std::function<void(Tensor)> writers[] = {
      [](Tensor part) { part.fill_(7); },
      [](Tensor part) { part.copy_(tensor(7.0, part.dtype())); },
      [](Tensor part) { std::fill_n(part.mutable_data<double>(), part.numel(), 7.0); },
      [](Tensor part) { nn::init::constant_(part, 7); },
  };
  for (std::size_t way = 0; way < std::size(writers); ++way) {
    CAPTURE(way);
    const Doubles before = x.to_vector<double>();
    if (shares) {
      writers[way](view(x));
      CHECK(view(x).to_vector<double>() == Doubles(size, 7));
      CHECK(x.to_vector<double>() != before);
      Tensor(x).copy_(from_vector(before, x.shape()));
    } else {
      CHECK_THROWS_WITH(writers[way](view(x)),
                        contains("copy of values of another") && contains("clone()"));
      CHECK(x.to_vector<double>() == before);
    }
  }
}

}  // namespace

TEST_CASE("views share memory, and what is written to them is written to their tensor") {
  const Tensor x = arange(0, 12, 1, float64).reshape({3, 4}).clone();
  const View views[] = {
      [](const Tensor& t) { return t.reshape({12}); },
      [](const Tensor& t) { return t.detach(); },
      [](const Tensor& t) { return flatten(t); },
      [](const Tensor& t) { return unsqueeze(t, 0).detach(); },
      [](const Tensor& t) {
        return unflatten(t, 1, {2, 2});
      },
      [](const Tensor& t) { return t.to(float64); },
  };
  for (const View& view : views) written_or_refused(x, view, true);
  for (const Tensor& one : {tensor({3}, float64), tensor(3.0, float64), full({1, 1}, 3, float64)}) {
    written_or_refused(
        one,
        [](const Tensor& t) {
          return t.reshape({1, 1, 1});
        },
        true);
    written_or_refused(
        one, [](const Tensor& t) { return t.detach(); }, true);
  }
}

TEST_CASE("writing to a part that is a copy is refused, never lost") {
  const Tensor x = arange(0, 12, 1, float64).reshape({3, 4}).clone(), v = ones({3}, float64);
  const View parts[] = {
      [](const Tensor& t) { return t[0]; },
      [](const Tensor& t) { return t[-1]; },
      [](const Tensor& t) { return t[0].reshape({t[0].numel()}); },
      [](const Tensor& t) { return t[0].detach(); },
      [](const Tensor& t) { return select(t, -1, 1); },
      [](const Tensor& t) { return slice(t, 0, 1, 2); },
      [](const Tensor& t) { return slice(t, 0, 0, 3); },
      [](const Tensor& t) { return split(t, 1)[1]; },
      [](const Tensor& t) { return chunk(t, 3)[2]; },
      [](const Tensor& t) { return unbind(t)[0]; },
      [](const Tensor& t) { return squeeze(slice(t, 0, 0, 1), {0}); },
      [](const Tensor& t) {
        return expand(t, t.dim() == 1 ? Shape{2, 3} : Shape{2, 3, 4});
      },
      [](const Tensor& t) { return unfold(t, 0, 2, 1); },
  };
  for (const View& part : parts)
    for (const Tensor& t : {x, v}) written_or_refused(t, part, false);
  const View of_matrices[] = {
      [](const Tensor& t) { return t[1][2]; },
      [](const Tensor& t) { return transpose(t); },
      [](const Tensor& t) {
        return permute(t, {1, 0});
      },
      [](const Tensor& t) { return movedim(t, {0}, {1}); },
      [](const Tensor& t) { return diagonal(t); },
      [](const Tensor& t) { return t.reshape({12})[3]; },
  };
  for (const View& part : of_matrices) written_or_refused(x, part, false);
}

TEST_CASE("a single result that is reshaped or detached is a copy, and refused as one") {
  const Tensor x = ones({3}, float64);
  const Tensor results[] = {sum(x), sum(x) * 2, x.to(float64)[1] + 1,
                            sum(x, {0}, {.keepdim = true})};
  for (const Tensor& result : results) {
    written_or_refused(
        result,
        [](const Tensor& t) {
          return t.reshape({1, 1});
        },
        false);
    written_or_refused(
        result, [](const Tensor& t) { return t.detach(); }, false);
    written_or_refused(
        result, [](const Tensor& t) { return unsqueeze(t, 0); }, false);
    written_or_refused(
        result, [](const Tensor& t) { return flatten(t).detach(); }, false);
  }
}

TEST_CASE("gradients, values and dtypes of such a copy are not set either") {
  const Tensor x = ones({3, 2});
  CHECK_THROWS_WITH(x[0].set_grad(ones({2})), contains("[set_grad]") && contains("clone()"));
  CHECK_THROWS_WITH(x[0].set_data(ones({2})), contains("[set_data]") && contains("clone()"));
  CHECK_THROWS_WITH(x[0].fill_(1), contains("[fill_]"));
  CHECK_THROWS_WITH(x[0].copy_(ones({2})), contains("[copy_]"));
  CHECK_THROWS_WITH(x[0].mutable_data<float>(), contains("[mutable_data]"));
}

TEST_CASE("a copy that is meant as one is written to: clones, leaves, parameters, gradients") {
  const Tensor x = ones({3, 2});
  Tensor copy = x[0].clone();
  copy.fill_(5);
  Tensor leaf = x[0].requires_grad_();
  optim::SGD opt({leaf}, {.lr = 1});
  sum(leaf * 2).backward();
  opt.step();
  CHECK(leaf.to_vector<double>() == Doubles{-1, -1});
  struct Net : nn::Module {
    explicit Net(const Tensor& t) : weight(parameter("w", t[1])), mean(buffer("m", t[2])) {}
    Tensor weight, mean;
  };
  Net net(x);
  net.load_state_dict({{"w", zeros({2})}, {"m", zeros({2})}});
  CHECK(net.mean.to_vector<double>() == Doubles{0, 0});
  CHECK(x.to_vector<double>() == Doubles(6, 1));
  // Gradients that rules made of slices and reshapes.
  Tensor p = ones({1}).requires_grad_(), q = ones({2, 2}).requires_grad_();
  sum(p.reshape({}) * transpose(q)).backward();
  clip_grad_norm({p, q}, 0.1);
  p.grad().fill_(0);
  q.grad().fill_(0);
  for (Tensor g : grad(sum(p.reshape({}) * transpose(q)), {p, q})) g.fill_(0);
  p.retain_grad();
  const Tensor part = q[0];
  Tensor(part).retain_grad();
  sum(part * p).backward();
  CHECK(part.grad().to_vector<double>() == Doubles{1, 1});
  Tensor(part).set_grad({});
}
