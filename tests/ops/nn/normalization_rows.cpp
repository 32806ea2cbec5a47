#include <cmath>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;

/// The mean of x, or of f(x), over all places that agree with `at` on the axes not in `over`.
template <class F>
Real mean_over(const Array& x, const IndexList& at, const std::vector<bool>& over, F f) {
  Real total = 0, count = 0;
  for_each_index(x.shape, [&](const IndexList& other) {
    for (int i = 0; i < at.size(); ++i)
      if (!over[static_cast<std::size_t>(i)] && other[i] != at[i]) return;
    total += f(x.at(other));
    count += 1;
  });
  return total / count;
}

/// (x - mean) / sqrt(var + eps), or without the mean.
Array normalized(const Array& x, const std::vector<bool>& over, Real eps, bool centred = true) {
  Array out(x.shape);
  for_each_index(x.shape, [&](const IndexList& at) {
    const Real m = centred ? mean_over(x, at, over, [](Real v) { return v; }) : 0;
    const Real v = mean_over(x, at, over, [m](Real u) { return (u - m) * (u - m); });
    out.at(at) = (x.at(at) - m) / std::sqrt(v + eps);
  });
  return out;
}

std::vector<bool> last(int count, int rank) {
  std::vector<bool> over(static_cast<std::size_t>(rank));
  for (int i = rank - count; i < rank; ++i) over[static_cast<std::size_t>(i)] = true;
  return over;
}

Array scaled(Array y, const Array& weight) {
  for_each_index(y.shape, [&](const IndexList& at) { y.at(at) *= weight.broadcast_at(at); });
  return y;
}
Array shifted(Array y, const Array& bias) {
  for_each_index(y.shape, [&](const IndexList& at) { y.at(at) += bias.broadcast_at(at); });
  return y;
}
/// The same for one number per channel, the second axis.
Array channel_affine(Array y, const Array& weight, const Array& bias) {
  for_each_index(y.shape, [&](const IndexList& at) {
    y.at(at) = y.at(at) * weight.at({at[1]}) + bias.at({at[1]});
  });
  return y;
}

/// Distinct values, so that no variance comes near 0.
Input spread(const Shape& shape) { return {.shape = shape, .distinct = true}; }

}  // namespace

TEST_CASE("norms over the last axes agree with their references", "[ops]") {
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 4}, {4}}, {{5}, {5}}, {{2, 3, 2}, {3, 2}}, {{2, 1, 3}, {3}}, {{1, 1, 4}, {1, 4}}};
  for (const int affine : {0, 1, 2}) {  // nothing, a weight, a weight and a bias
    std::vector<std::vector<Input>> cases;
    for (const auto& [x, normal] : shapes) {
      cases.push_back({spread(x)});
      if (affine > 0) cases.back().push_back({.shape = normal});
      if (affine > 1) cases.back().push_back({.shape = normal});
    }
    // The number of normalized axes follows from the weight; without one, it is one.
    const auto axes_of = [affine](const std::vector<Array>& v) {
      return last(affine ? v[1].shape.size() : 1, v[0].shape.size());
    };
    const auto with = [affine](Array y, const std::vector<Array>& v) {
      if (affine > 0) y = scaled(y, v[1]);
      return affine > 1 ? shifted(y, v[2]) : y;
    };
    row({.name = "layer_norm with " + std::to_string(affine),
         .f =
             [affine](const std::vector<Tensor>& v) {
               const Shape normal = affine ? v[1].shape() : Shape{v[0].size(-1)};
               return layer_norm(v[0], normal, affine > 0 ? v[1] : Tensor(),
                                 affine > 1 ? v[2] : Tensor(), 0.01);
             },
         .cases = cases,
         .reference =
             [=](const std::vector<Array>& v) {
               return with(normalized(v[0], axes_of(v), 0.01L), v);
             },
         .second_tolerance = 1e-6});
    if (affine > 1) continue;
    row({.name = "rms_norm with " + std::to_string(affine),
         .f =
             [affine](const std::vector<Tensor>& v) {
               const Shape normal = affine ? v[1].shape() : Shape{v[0].size(-1)};
               return rms_norm(v[0], normal, affine > 0 ? v[1] : Tensor(), 0.01);
             },
         .cases = cases,
         .reference =
             [=](const std::vector<Array>& v) {
               return with(normalized(v[0], axes_of(v), 0.01L, false), v);
             },
         .second_tolerance = 1e-6});
  }
}

TEST_CASE("norms of channels agree with their references", "[ops]") {
  std::vector<std::vector<Input>> cases, running;
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 4}, Shape{2, 4, 3}, Shape{2, 4, 1, 2}}) {
    cases.push_back({spread(shape), {.shape = {4}}, {.shape = {4}}});
    running.push_back({{.shape = shape},
                       {.shape = {4}},
                       {.shape = {4}},
                       {.shape = {4}, .differentiable = false},
                       {.shape = {4}, .low = 0.5, .differentiable = false}});
  }
  for (const Index groups : {1, 2})
    row({.name = "group_norm " + std::to_string(groups),
         .f =
             [groups](const std::vector<Tensor>& v) {
               return group_norm(v[0], groups, v[1], v[2], 0.01);
             },
         .cases = cases,
         .reference =
             [groups](const std::vector<Array>& v) {
               const Shape& x = v[0].shape;
               const Index field = static_cast<Index>(v[0].values.size()) / (x[0] * groups);
               const Array flat({x[0] * groups, field}, v[0].values);
               const Array y(x, normalized(flat, {false, true}, 0.01L).values);
               return channel_affine(y, v[1], v[2]);
             },
         .second_tolerance = 1e-6});
  row({.name = "batch_norm in training",
       .f =
           [](const std::vector<Tensor>& v) {
             return batch_norm(v[0], {}, {}, v[1], v[2],
                               {.training = true, .momentum = 0.1, .eps = 0.01});
           },
       .cases = cases,
       .reference =
           [](const std::vector<Array>& v) {
             std::vector<bool> over(static_cast<std::size_t>(v[0].shape.size()), true);
             over[1] = false;
             return channel_affine(normalized(v[0], over, 0.01L), v[1], v[2]);
           },
       .second_tolerance = 1e-6});
  row({.name = "batch_norm in evaluation",
       .f =
           [](const std::vector<Tensor>& v) {
             return batch_norm(v[0], v[3], v[4], v[1], v[2],
                               {.training = false, .momentum = 0.1, .eps = 0.01});
           },
       .cases = running,
       .reference =
           [](const std::vector<Array>& v) {
             Array y = v[0];
             for_each_index(y.shape, [&](const IndexList& at) {
               y.at(at) = (y.at(at) - v[3].at({at[1]})) / std::sqrt(v[4].at({at[1]}) + 0.01L);
             });
             return channel_affine(y, v[1], v[2]);
           }});
}

TEST_CASE("normalize agrees with its reference", "[ops]") {
  // Magnitudes differ, and stay away from 0.
  const auto apart = [](Index i) {
    return 0.25 * static_cast<double>((i * 7) % 12 + 1) * (i % 2 ? 1 : -1);
  };
  for (const double p : {1.0, 2.0, 3.0, HUGE_VAL})
    for (const int axis : {0, 1})
      row({.name = "normalize p " + std::to_string(p) + " axis " + std::to_string(axis),
           .f = [=](const std::vector<Tensor>& v) { return normalize(v[0], p, axis); },
           .cases = {{{.shape = {3, 4}, .generate = apart}},
                     {{.shape = {2, 2, 2}, .generate = apart}}},
           .reference =
               [=](const std::vector<Array>& v) {
                 Array y = v[0];
                 for_each_index(y.shape, [&](const IndexList& at) {
                   Real sum = 0, most = 0;
                   IndexList other = at;
                   for (Index j = 0; j < y.shape[axis]; ++j) {
                     other[axis] = j;
                     sum += std::pow(std::fabs(v[0].at(other)), static_cast<Real>(p));
                     most = std::fmax(most, std::fabs(v[0].at(other)));
                   }
                   y.at(at) /= std::isinf(p) ? most : std::pow(sum, 1 / static_cast<Real>(p));
                 });
                 return y;
               },
           .float32_gradient_tolerance = 3e-5});
  const Tensor x = zeros({2, 3}, float64).requires_grad_();
  sum(normalize(x)).backward();
  for (const double g : x.grad().to_vector<double>()) CHECK(std::isfinite(g));
}

TEST_CASE("batch statistics and running statistics have the known values", "[ops]") {
  const Tensor x = tensor({{1}, {2}, {3}, {4}}, float64);
  const Tensor mean = zeros({1}, float64), variance = ones({1}, float64);
  const double expected[] = {-1.3416354200, -0.4472118067, 0.4472118067, 1.3416354200};
  const std::vector<double> y =
      batch_norm(x, mean, variance, {}, {}, {.training = true}).to_vector<double>();
  const std::vector<double> z = layer_norm(reshape(x, {1, 4}), {4}).to_vector<double>();
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(y[i] == Approx(expected[i]).epsilon(1e-9));
    CHECK(z[i] == Approx(expected[i]).epsilon(1e-9));
  }
  CHECK(mean.item() == Approx(0.25).epsilon(1e-12));
  CHECK(variance.item() == Approx(0.9 + 0.1 * 5 / 3).epsilon(1e-12));
}

TEST_CASE("each of many channels is normalized by its own statistics", "[ops]") {
  Generator g(4);
  const Index channels = 150;
  for (const DType dtype : {float32, float64}) {
    const Tensor x = randn({4, channels}, dtype, &g) + arange(channels).to(dtype);
    const auto train = [&](const Tensor& part) {
      const Index n = part.size(1);
      return batch_norm(part, zeros({n}, dtype), ones({n}, dtype), {}, {}, {.training = true});
    };
    const Tensor all = train(x);
    for (Index c = 0; c < channels; ++c) {
      INFO(name_of(dtype) << ", channel " << c);
      CHECK(slice(all, 1, c, c + 1).to_vector<double>() ==
            train(slice(x, 1, c, c + 1)).to_vector<double>());
    }
  }
}

TEST_CASE("what float32 leaves of a large mean is taken off, too", "[ops]") {
  // The mean is 2^25 + 1, between 2^25 and 2^25 + 4; the variance is 3.
  const Tensor x = tensor({33554432, 33554432, 33554432, 33554436}).to(float32);
  const std::vector<double> y = layer_norm(x, {4}).to_vector<double>();
  for (std::size_t i = 0; i < 3; ++i) CHECK(y[i] == Approx(-1 / std::sqrt(3)).epsilon(1e-5));
  CHECK(y[3] == Approx(std::sqrt(3)).epsilon(1e-5));
}
