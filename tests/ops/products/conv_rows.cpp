#include <cmath>
#include <limits>

#include "gradus/functional.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;

/// x as (N, C, H, W): axes that are missing, for one dimension also the height, have length 1.
Array as_images(Array x, int axes) {
  if (x.shape.size() == axes + 1) x.shape.insert(0, 1);
  if (axes == 1) x.shape.insert(2, 1);
  return x;
}

/// out (N, C, H, W) as the operation gives it for x.
Array as_given(Array out, const Array& x, int axes) {
  if (axes == 1) out.shape.erase(2);
  if (x.shape.size() == axes + 1) out.shape.erase(0);
  return out;
}

Index output_length(Index input, Index kernel, Index stride, Index padding, Index dilation) {
  return (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

/// x at (n, c, y, z), 0 outside of the plane.
Real padded(const Array& x, Index n, Index c, Index y, Index z) {
  if (y < 0 || z < 0 || y >= x.shape[2] || z >= x.shape[3]) return 0;
  return x.at({n, c, y, z});
}

/// Seven loops, straight from the definition.
Array naive_conv(const std::vector<Array>& in, int axes, const Conv2dOptions& o) {
  const Array x = as_images(in[0], axes);
  Array w = in[1];
  if (axes == 1) w.shape.insert(2, 1);
  const auto& [stride, padding, dilation, groups] = o;
  const Index per_group = w.shape[0] / groups;
  Array out(
      Shape{x.shape[0], w.shape[0],
            output_length(x.shape[2], w.shape[2], stride.height, padding.height, dilation.height),
            output_length(x.shape[3], w.shape[3], stride.width, padding.width, dilation.width)});
  for_each_index(out.shape, [&](const IndexList& i) {
    Real s = in.size() > 2 ? in[2].at({i[1]}) : 0;
    for (Index c = 0; c < w.shape[1]; ++c)
      for (Index y = 0; y < w.shape[2]; ++y)
        for (Index z = 0; z < w.shape[3]; ++z)
          s += w.at({i[1], c, y, z}) *
               padded(x, i[0], i[1] / per_group * w.shape[1] + c,
                      i[2] * stride.height - padding.height + y * dilation.height,
                      i[3] * stride.width - padding.width + z * dilation.width);
    out.at(i) = s;
  });
  return as_given(out, in[0], axes);
}

std::vector<Input> inputs(const std::vector<Shape>& shapes) {
  std::vector<Input> out;
  for (const Shape& shape : shapes) out.push_back({.shape = shape});
  return out;
}

void check_conv2d(const std::vector<Shape>& shapes, const Conv2dOptions& o = {}) {
  row({.name = "conv2d",
       .f =
           [=](const std::vector<Tensor>& x) {
             return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), o);
           },
       .cases = {inputs(shapes)},
       .reference = [=](const std::vector<Array>& x) { return naive_conv(x, 2, o); }});
}

void check_conv1d(const std::vector<Shape>& shapes, const Conv1dOptions& o = {}) {
  row({.name = "conv1d",
       .f =
           [=](const std::vector<Tensor>& x) {
             return conv1d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), o);
           },
       .cases = {inputs(shapes)},
       .reference =
           [=](const std::vector<Array>& x) {
             return naive_conv(x, 1,
                               {.stride = {1, o.stride},
                                .padding = {0, o.padding},
                                .dilation = {1, o.dilation},
                                .groups = o.groups});
           }});
}

struct Pool {
  Size2 kernel, stride, padding, dilation = 1;
  bool count_padding = true;
};

/// The largest value, or the mean, of each window.
Array naive_pool(const Array& given, int axes, const Pool& p, bool largest) {
  const Array x = as_images(given, axes);
  Array out(Shape{x.shape[0], x.shape[1],
                  output_length(x.shape[2], p.kernel.height, p.stride.height, p.padding.height,
                                p.dilation.height),
                  output_length(x.shape[3], p.kernel.width, p.stride.width, p.padding.width,
                                p.dilation.width)});
  for_each_index(out.shape, [&](const IndexList& i) {
    Real best = -std::numeric_limits<Real>::infinity(), total = 0, present = 0;
    for (Index y = 0; y < p.kernel.height; ++y)
      for (Index z = 0; z < p.kernel.width; ++z) {
        const Index at_y = i[2] * p.stride.height - p.padding.height + y * p.dilation.height;
        const Index at_x = i[3] * p.stride.width - p.padding.width + z * p.dilation.width;
        total += padded(x, i[0], i[1], at_y, at_x);
        if (at_y < 0 || at_x < 0 || at_y >= x.shape[2] || at_x >= x.shape[3]) continue;
        best = std::max(best, x.at({i[0], i[1], at_y, at_x}));
        ++present;
      }
    const auto whole = static_cast<Real>(p.kernel.height * p.kernel.width);
    out.at(i) = largest ? best : total / (p.count_padding ? whole : present);
  });
  return as_given(out, given, axes);
}

void check_max2d(const Shape& shape, const Pool& p) {
  row({.name = "max_pool2d",
       .f =
           [=](const std::vector<Tensor>& x) {
             return max_pool2d(x[0], p.kernel,
                               {.stride = p.stride, .padding = p.padding, .dilation = p.dilation});
           },
       .cases = {{{.shape = shape, .distinct = true}}},
       .reference = [=](const std::vector<Array>& x) { return naive_pool(x[0], 2, p, true); }});
}

void check_avg2d(const Shape& shape, const Pool& p) {
  row({.name = "avg_pool2d",
       .f =
           [=](const std::vector<Tensor>& x) {
             return avg_pool2d(
                 x[0], p.kernel,
                 {.stride = p.stride, .padding = p.padding, .count_include_pad = p.count_padding});
           },
       .cases = {{{.shape = shape}}},
       .reference = [=](const std::vector<Array>& x) { return naive_pool(x[0], 2, p, false); }});
}

}  // namespace

TEST_CASE("conv2d agrees with seven loops", "[ops]") {
  check_conv2d({{1, 1, 3, 3}, {1, 1, 2, 2}});
  check_conv2d({{2, 2, 3, 4}, {3, 2, 2, 3}, {3}});
  check_conv2d({{2, 3, 3}, {2, 2, 2, 2}, {2}});
  check_conv2d({{1, 2, 2, 3}, {2, 2, 1, 1}, {2}});
  check_conv2d({{1, 1, 2, 2}, {1, 1, 2, 2}});
}

TEST_CASE("conv2d with strides, padding, dilation and groups", "[ops]") {
  check_conv2d({{1, 1, 5, 4}, {1, 1, 2, 2}}, {.stride = 2});
  check_conv2d({{1, 1, 4, 5}, {2, 1, 2, 3}}, {.stride = {3, 1}});
  check_conv2d({{1, 2, 2, 2}, {1, 2, 3, 3}}, {.padding = 1});
  check_conv2d({{1, 1, 2, 1}, {1, 1, 2, 3}}, {.padding = {1, 3}});
  check_conv2d({{1, 1, 5, 4}, {1, 1, 2, 2}}, {.dilation = {3, 2}});
  check_conv2d({{1, 4, 2, 2}, {4, 2, 2, 1}, {4}}, {.groups = 2});
  check_conv2d({{2, 3, 2, 2}, {3, 1, 2, 2}, {3}}, {.groups = 3});
  check_conv2d({{1, 2, 3, 2}, {2, 2, 1, 1}}, {.stride = {2, 1}, .padding = {1, 0}});
  check_conv2d({{2, 2, 4, 3}, {2, 1, 2, 2}, {2}},
               {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2});
}

TEST_CASE("conv2d of nothing", "[ops]") {
  check_conv2d({{0, 1, 2, 2}, {1, 1, 2, 2}, {1}});
  check_conv2d({{1, 0, 2, 2}, {2, 0, 2, 2}, {2}});
  check_conv2d({{1, 1, 0, 2}, {1, 1, 2, 2}}, {.padding = 1});
}

TEST_CASE("conv1d agrees with its loops", "[ops]") {
  check_conv1d({{2, 2, 5}, {3, 2, 3}, {3}});
  check_conv1d({{2, 4}, {1, 2, 2}});
  check_conv1d({{1, 2, 7}, {2, 1, 2}, {2}},
               {.stride = 2, .padding = 1, .dilation = 3, .groups = 2});
  check_conv1d({{1, 1, 1}, {1, 1, 1}});
}

TEST_CASE("conv2d of a tensor with itself", "[ops]") {
  row({.name = "conv2d of a tensor with itself",
       .f = [](const std::vector<Tensor>& x) { return conv2d(x[0], x[0], {}, {.padding = 1}); },
       .cases = {{{.shape = {2, 2, 2, 2}}}},
       .reference =
           [](const std::vector<Array>& x) {
             return naive_conv({x[0], x[0]}, 2, {.padding = 1});
           }});
}

TEST_CASE("large convolutions, on several threads", "[ops]") {
  const Conv2dOptions o = {.stride = 2, .padding = 1};
  row({.name = "conv2d of many images",
       .f = [=](const std::vector<Tensor>& x) { return conv2d(x[0], x[1], x[2], o); },
       .cases = {{{.shape = {5, 3, 17, 12}, .differentiable = false},
                  {.shape = {8, 3, 3, 3}, .differentiable = false},
                  {.shape = {8}, .differentiable = false}}},
       .reference = [=](const std::vector<Array>& x) { return naive_conv(x, 2, o); },
       .differentiable = false});
}

TEST_CASE("max_pool2d agrees with its loops", "[ops]") {
  check_max2d({2, 1, 4, 4}, {2, 2, 0});
  check_max2d({1, 2, 5, 3}, {{3, 2}, {1, 2}, {1, 0}});
  check_max2d({2, 3, 3}, {3, 1, 1});
  check_max2d({1, 1, 5, 5}, {2, 1, 0, {2, 3}});
  check_max2d({1, 1, 1, 1}, {1, 1, 0});
  check_max2d({0, 2, 2, 2}, {2, 2, 0});
}

TEST_CASE("avg_pool2d agrees with its loops", "[ops]") {
  check_avg2d({2, 1, 4, 4}, {2, 2, 0});
  check_avg2d({1, 2, 5, 3}, {{3, 2}, {1, 2}, {1, 0}});
  check_avg2d({2, 3, 3}, {3, 1, 1});
  check_avg2d({2, 3, 3}, {3, 1, 1, 1, false});
  check_avg2d({1, 1, 5, 4}, {{2, 3}, {3, 1}, {1, 1}, 1, false});
  check_avg2d({0, 2, 2, 2}, {2, 2, 0});
}

TEST_CASE("pooling in one dimension", "[ops]") {
  row({.name = "max_pool1d",
       .f =
           [](const std::vector<Tensor>& x) {
             return max_pool1d(x[0], 3, {.stride = 2, .padding = 1});
           },
       .cases = {{{.shape = {2, 2, 5}, .distinct = true}}, {{.shape = {1, 4}, .distinct = true}}},
       .reference =
           [](const std::vector<Array>& x) {
             return naive_pool(x[0], 1, {{1, 3}, {1, 2}, {0, 1}}, true);
           }});
  row({.name = "max_pool1d, dilated",
       .f =
           [](const std::vector<Tensor>& x) {
             return max_pool1d(x[0], 2, {.stride = 1, .dilation = 3});
           },
       .cases = {{{.shape = {1, 2, 6}, .distinct = true}}},
       .reference =
           [](const std::vector<Array>& x) {
             return naive_pool(x[0], 1, {{1, 2}, 1, 0, {1, 3}}, true);
           }});
  for (const bool count : {true, false})
    row({.name = "avg_pool1d",
         .f =
             [=](const std::vector<Tensor>& x) {
               return avg_pool1d(x[0], 3, {.stride = 2, .padding = 1, .count_include_pad = count});
             },
         .cases = {{{.shape = {2, 2, 5}}}, {{.shape = {1, 4}}}},
         .reference =
             [=](const std::vector<Array>& x) {
               return naive_pool(x[0], 1, {{1, 3}, {1, 2}, {0, 1}, 1, count}, false);
             }});
}

TEST_CASE("the stride of a pooling is its kernel unless given", "[ops]") {
  const Tensor x = reshape(arange(16), {1, 4, 4});
  CHECK(max_pool2d(x, 2).to_vector<float>() == std::vector<float>{5, 7, 13, 15});
  CHECK(avg_pool2d(x, {2, 4}).to_vector<float>() == std::vector<float>{3.5, 11.5});
  CHECK(max_pool1d(reshape(x, {1, 16}), 8).to_vector<float>() == std::vector<float>{7, 15});
  CHECK(avg_pool1d(reshape(x, {1, 16}), 8).to_vector<float>() == std::vector<float>{3.5, 11.5});
}

TEST_CASE("the first of equal values gets the gradient of max_pool2d, and NaN wins", "[ops]") {
  Tensor x = tensor({{{1, 3, 3}, {3, 2, 0}, {0, 0, 0}}}).requires_grad_();
  const Tensor y = max_pool2d(x, 2, {.stride = 1});
  CHECK(y.to_vector<float>() == std::vector<float>{3, 3, 3, 2});
  CHECK(grad(y, {x}, {.grad_outputs = {tensor({{{1, 2}, {4, 8}}})}})[0].to_vector<float>() ==
        std::vector<float>{0, 3, 0, 4, 8, 0, 0, 0, 0});
  const double nan = std::nan("");
  const Tensor z = tensor({{5, nan, 7, nan, -1, -2}}).requires_grad_();
  const Tensor pooled = max_pool1d(z, 4, {.stride = 2});
  CHECK(std::isnan(pooled.to_vector<float>()[0]));
  CHECK(grad(pooled, {z}, {.grad_outputs = {tensor({{1, 2}})}})[0].to_vector<float>() ==
        std::vector<float>{0, 1, 0, 2, 0, 0});
}

TEST_CASE("second derivatives through a small convolutional network", "[ops]") {
  const Conv2dOptions o = {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2};
  const auto network = [&](const Tensor& x, const Tensor& w, const Tensor& b) {
    return avg_pool2d(tanh(conv2d(square(x), w, b, o)), {2, 1}, {.padding = {1, 0}});
  };
  CHECK(gradcheck(
      network,
      {make_tensor({.shape = {1, 2, 4, 3}, .low = 0.2, .high = 1}, float64, 3),
       make_tensor({.shape = {2, 1, 2, 2}}, float64, 4), make_tensor({.shape = {2}}, float64, 5)},
      {.order = 2}));
}
