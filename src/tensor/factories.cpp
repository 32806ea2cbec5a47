#include <cmath>
#include <cstring>
#include <utility>

#include "autograd/node.hpp"
#include "base/messages.hpp"
#include "gradus/random.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/random.hpp"
#include "kernels/move/copy.hpp"

namespace gradus {

using detail::data;
using detail::empty_leaf;

namespace {

/// The shape of nested braces; throws if lists of one depth differ in length.
void find_shape(const Values& values, Shape& shape) {
  if (values.is_number()) return;
  shape.push_back(values.count());
  if (values.count()) find_shape(*values.begin(), shape);
}

void flatten_into(const Values& values, const Shape& shape, int depth, std::vector<double>& flat) {
  if (values.is_number() != (depth == shape.size()) ||
      (!values.is_number() && values.count() != shape[depth]))
    fail("tensor",
         "nested braces of different lengths were given; every list of one depth must have "
         "the length of the first, as in {{1, 2}, {3, 4}}");
  if (values.is_number()) {
    flat.push_back(values.number());
    return;
  }
  for (const Values& item : values) flatten_into(item, shape, depth + 1, flat);
}

constexpr const char* constants = "values from outside tensors are constants; make them before";

}  // namespace

Tensor tensor(const Values& values, DType dtype) {
  detail::happens_once("tensor", constants);
  Shape shape;
  find_shape(values, shape);
  std::vector<double> flat;
  flatten_into(values, shape, 0, flat);
  if (dtype == int64)
    for (const double number : flat)
      if (!(std::abs(number) < 0x1p53)) {  // braces hold doubles, which would lose bits
        fail("tensor", number,
             " was given for int64; a number between -2^53 and 2^53 is required; "
             "pass larger ones as a std::vector<std::int64_t> to from_vector");
      }
  Tensor out = empty_leaf(shape, dtype);
  kernels::run(
      kernels::Cast{float64, flat.data(), dtype, data(out), static_cast<Index>(flat.size())});
  return out;
}

Tensor from_data(const void* from, const Shape& shape, DType dtype) {
  detail::happens_once("from_data", constants);
  Tensor out = empty_leaf(shape, dtype);
  if (out.numel())
    std::memcpy(data(out), from, static_cast<std::size_t>(out.numel()) * size_of(dtype));
  return out;
}

// Of a template, GCC exports what is so marked here, not what the header marks.
#pragma GCC visibility push(default)
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape) {
  detail::happens_once("from_vector", constants);
  if (static_cast<Index>(values.size()) != numel(shape))
    fail("from_vector", values.size(), " values were given for the shape ", shape, ", which has ",
         numel(shape), " elements; the numbers must be equal");
  if constexpr (std::is_same_v<T, bool>) {
    Tensor out = empty_leaf(shape, boolean);
    std::copy(values.begin(), values.end(), static_cast<bool*>(data(out)));
    return out;
  } else {
    return from_data(values.data(), shape, dtype_of<T>);
  }
}
template Tensor from_vector(const std::vector<bool>&, const Shape&);
template Tensor from_vector(const std::vector<std::int64_t>&, const Shape&);
template Tensor from_vector(const std::vector<float>&, const Shape&);
template Tensor from_vector(const std::vector<double>&, const Shape&);
#pragma GCC visibility pop

Tensor full(const Shape& shape, double value, DType dtype) {
  Tensor out = empty_leaf(shape, dtype);
  kernels::run(kernels::Fill{dtype, data(out), value, out.numel()});
  return out;
}
Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor full_like(const Tensor& x, double value) { return full(x.shape(), value, x.dtype()); }
Tensor zeros_like(const Tensor& x) { return full_like(x, 0); }
Tensor ones_like(const Tensor& x) { return full_like(x, 1); }

Tensor arange(double start, double end, double step, DType dtype) {
  const double count = std::ceil((end - start) / step);
  if (!(step != 0) || !std::isfinite(count))
    fail("arange", "start ", start, ", end ", end, ", step ", step,
         " were given; all must be finite and step not 0");
  if (count >= 0x1p63)
    fail("arange", "start ", start, ", end ", end, ", step ", step,
         " were given; fewer than 2^63 values are required");
  if (count < 0)
    fail("arange", "the step ", step, " leads away from end ", end,
         "; its sign must be that of end - start");
  Tensor out = empty_leaf({static_cast<Index>(count)}, dtype);
  kernels::run(kernels::Arange{dtype, data(out), start, step, out.numel()});
  return out;
}
Tensor arange(double end) { return arange(0, end); }

Tensor linspace(double start, double end, Index steps, DType dtype) {
  if (steps < 0) fail("linspace", steps, " steps were asked for; 0 or more are required");
  Tensor out = empty_leaf({steps}, dtype);
  kernels::run(kernels::Linspace{dtype, data(out), start, end, steps});
  return out;
}

Tensor eye(Index n, Index m, DType dtype) {
  if (m == -1) m = n;
  const Tensor out = zeros({n, m}, dtype), diagonal = ones({std::min(n, m)}, dtype);
  const Index length = diagonal.numel(), stride = m + 1;
  if (length > 0)
    kernels::run_strided<kernels::CopyInto>(dtype, data(diagonal), data(out), 1, &length, &stride);
  return out;
}

// ------------------------------------------------------------------ random numbers

Generator& default_generator() {
  thread_local Generator generator;
  return generator;
}
void manual_seed(std::uint64_t seed) { default_generator().set_state(seed, 0); }

Generator::~Generator() { detail::ends(this); }

void Generator::set_state(std::uint64_t seed, std::uint64_t offset) {
  using detail::HostChange;
  if (detail::mode.observer && !detail::mode.observer->host_changes(
                                   {HostChange::Kind::generator, this, "manual_seed or set_state",
                                    "every replay would go on where the last one ended"}))
    return;
  seed_ = seed;
  offset_ = offset;
}

detail::Draw Generator::take(std::uint64_t count) {
  return {seed_, std::exchange(offset_, offset_ + count)};
}

std::uint64_t Generator::advance(std::uint64_t count) {
  const detail::Draw draw = detail::draw(*this, count).draw;
  if (draw.seed != seed_)
    fail("checkpoint",
         "the function draws from a generator that was seeded anew after the forward pass, so its "
         "numbers cannot be repeated; seed it after backward");
  return draw.offset;
}

std::uint64_t Generator::below(std::uint64_t bound) {
  if (bound == 0) fail("Generator.below", "the bound 0 was given; 1 or more is required");
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % bound;
  for (;;) {
    const detail::Draw draw = detail::draw(*this, 1).draw;
    const auto words = philox(draw.seed, draw.offset);
    const std::uint64_t number = std::uint64_t{words[0]} << 32 | words[1];
    if (number < limit) return number % bound;
  }
}
double Generator::uniform() {
  const detail::Draw draw = detail::draw(*this, 1).draw;
  const auto words = philox(draw.seed, draw.offset);
  return static_cast<double>((std::uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
}

namespace {
Tensor drawn(const char* operation, kernels::Distribution distribution, const Shape& shape,
             DType dtype, Generator* generator) {
  if (!is_floating_point(dtype))
    fail(operation, "dtype ", name_of(dtype),
         " was asked for; float32 or float64 is "
         "required; use randint for integers");
  Generator& g = generator ? *generator : default_generator();
  Tensor out = empty_leaf(shape, dtype);
  const detail::Drawn draw = detail::draw(g, philox_blocks(out.numel()), true);
  kernels::run(
      kernels::Random{distribution, dtype, data(out), out.numel(), 0, 1, draw.draw, draw.replayed});
  return out;
}
}  // namespace

Tensor rand(const Shape& shape, DType dtype, Generator* generator) {
  return drawn("rand", kernels::Distribution::uniform, shape, dtype, generator);
}

Tensor randn(const Shape& shape, DType dtype, Generator* generator) {
  return drawn("randn", kernels::Distribution::normal, shape, dtype, generator);
}

Tensor randint(Index low, Index high, const Shape& shape, DType dtype, Generator* generator) {
  if (low >= high)
    fail("randint", "low ", low, " and high ", high, " were given; low < high is required");
  Generator& g = generator ? *generator : default_generator();
  Tensor out = empty_leaf(shape, int64);
  const detail::Drawn draw = detail::draw(g, philox_blocks(out.numel()), true);
  kernels::run(kernels::RandomIntegers{static_cast<Index*>(data(out)), out.numel(), low, high,
                                       draw.draw, draw.replayed});
  return out.to(dtype);
}

Tensor randperm(Index n, Generator* generator) {
  Generator& g = generator ? *generator : default_generator();
  Tensor out = arange(0, static_cast<double>(n), 1, int64);
  auto* order = static_cast<std::int64_t*>(data(out));
  for (Index i = n - 1; i > 0; --i)
    std::swap(order[i], order[g.below(static_cast<std::uint64_t>(i) + 1)]);
  return out;
}

}  // namespace gradus
