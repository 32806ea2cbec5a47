#include "gradus/nn/conv.hpp"

#include <algorithm>
#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;

namespace {

/// The largest absolute value, as a part of `bound`.
double reach(const Tensor& x, double bound) { return max(abs(x)).item() / bound; }

}  // namespace

TEST_CASE("convolution modules compute conv1d and conv2d with their options", "[nn]") {
  Generator random(1);
  const nn::Conv2d conv(4, 6, {3, 2},
                        {.stride = {2, 1},
                         .padding = 1,
                         .dilation = {1, 2},
                         .groups = 2,
                         .dtype = float64,
                         .generator = &random});
  CHECK(conv.weight.shape() == Shape{6, 2, 3, 2});
  CHECK(conv.bias.shape() == Shape{6});
  const Tensor x = reshape(sin(arange(0, 2 * 4 * 5 * 6, 1, float64)), {2, 4, 5, 6});
  const Tensor y = conv2d(x, conv.weight, conv.bias,
                          {.stride = {2, 1}, .padding = 1, .dilation = {1, 2}, .groups = 2});
  CHECK(conv(x).to_vector<double>() == y.to_vector<double>());

  const nn::Conv1d line(4, 2, 3,
                        {.stride = 2, .padding = 2, .dilation = 2, .groups = 2, .bias = false});
  CHECK(line.weight.shape() == Shape{2, 2, 3});
  CHECK_FALSE(line.bias.defined());
  const Tensor z = reshape(cos(arange(4 * 9)), {4, 9});
  CHECK(line(z).to_vector<float>() ==
        conv1d(z, line.weight, {}, {.stride = 2, .padding = 2, .dilation = 2, .groups = 2})
            .to_vector<float>());
}

TEST_CASE("convolution modules start uniform in 1/sqrt(fan_in)", "[nn]") {
  Generator random(2);
  const nn::Conv2d conv(8, 64, 3, {.groups = 2, .generator = &random});
  const double bound = 1 / std::sqrt(4.0 * 9);
  CHECK(reach(conv.weight, bound) <= 1);
  CHECK(reach(conv.weight, bound) > 0.99);
  CHECK(reach(conv.bias, bound) <= 1);
  CHECK(reach(conv.bias, bound) > 0.9);
  const nn::Conv1d line(16, 64, 5, {.generator = &random});
  CHECK(reach(line.weight, 1 / std::sqrt(80.0)) <= 1);
  CHECK(reach(line.weight, 1 / std::sqrt(80.0)) > 0.99);
  Generator again(2);
  const nn::Conv2d same(8, 64, 3, {.groups = 2, .generator = &again});
  CHECK(same.weight.to_vector<float>() == conv.weight.to_vector<float>());
}

TEST_CASE("pooling modules compute their functions", "[nn]") {
  const Tensor x = reshape(sin(arange(2 * 5 * 6)), {2, 5, 6});
  CHECK(nn::MaxPool2d({2, 3})(x).to_vector<float>() == max_pool2d(x, {2, 3}).to_vector<float>());
  CHECK(nn::MaxPool2d(2, {.stride = 1, .padding = 1, .dilation = 2})(x).to_vector<float>() ==
        max_pool2d(x, 2, {.stride = 1, .padding = 1, .dilation = 2}).to_vector<float>());
  CHECK(
      nn::AvgPool2d(3, {.stride = 2, .padding = 1, .count_include_pad = false})(x)
          .to_vector<float>() ==
      avg_pool2d(x, 3, {.stride = 2, .padding = 1, .count_include_pad = false}).to_vector<float>());
  CHECK(nn::MaxPool1d(2, {.stride = 1})(x).to_vector<float>() ==
        max_pool1d(x, 2, {.stride = 1}).to_vector<float>());
  CHECK(nn::AvgPool1d(3, {.padding = 1})(x).to_vector<float>() ==
        avg_pool1d(x, 3, {.padding = 1}).to_vector<float>());
}

TEST_CASE("a convolutional network trains end to end", "[nn]") {
  Generator random(3);
  const nn::Sequential model(nn::Conv2d(1, 4, 3, {.padding = 1, .generator = &random}), nn::Tanh(),
                             nn::MaxPool2d(2), nn::Flatten(),
                             nn::Linear(16, 2, {.generator = &random}));
  CHECK(model.named_parameters().front().first == "0.weight");
  CHECK(model.num_parameters() == 4 * 9 + 4 + 16 * 2 + 2);
  // Stripes across, or down, of three phases.
  std::vector<Tensor> images;
  for (const double phase : {0.0, 1.0, 2.0}) {
    const Tensor wave = sin(arange(4) * 2 + phase);
    images.push_back(outer(wave, ones({4})));
    images.push_back(outer(ones({4}), wave));
  }
  const Tensor x = unsqueeze(stack(images), 1), labels = tensor({0, 1, 0, 1, 0, 1}, int64);
  const auto loss_now = [&] { return cross_entropy(model(x), labels); };
  const double before = loss_now().item();
  for (int step = 0; step < 60; ++step) {
    loss_now().backward();
    for (Tensor p : model.parameters()) {
      const NoGrad guard;
      p.copy_(p - p.grad() * 0.5);
      p.set_grad({});
    }
  }
  CHECK(loss_now().item() < before / 4);
}

TEST_CASE("convolution and pooling modules describe themselves", "[nn]") {
  CHECK(nn::Conv2d(3, 8, 3).describe() == "Conv2d(3, 8, 3)");
  CHECK(nn::Conv2d(4, 8, {3, 1}, {.stride = 2, .padding = {1, 0}, .groups = 2, .bias = false})
            .describe() ==
        "Conv2d(4, 8, (3, 1), stride = 2, padding = (1, 0), groups = 2, bias = false)");
  CHECK(nn::Conv1d(3, 8, 5, {.dilation = 2}).describe() == "Conv1d(3, 8, 5, dilation = 2)");
  CHECK(nn::MaxPool2d(2).describe() == "MaxPool2d(2)");
  CHECK(nn::MaxPool1d(3, {.stride = 2, .padding = 1, .dilation = 2}).describe() ==
        "MaxPool1d(3, stride = 2, padding = 1, dilation = 2)");
  CHECK(nn::AvgPool2d({2, 3}, {.count_include_pad = false}).describe() ==
        "AvgPool2d((2, 3), count_include_pad = false)");
  CHECK(nn::AvgPool1d(2, {.stride = 1}).describe() == "AvgPool1d(2, stride = 1)");
}

TEST_CASE("convolution and pooling modules refuse options that cannot be", "[nn]") {
  CHECK_THROWS_WITH(nn::Conv2d(0, 1, 3), contains("[Conv2d] in_channels = 0"));
  CHECK_THROWS_WITH(nn::Conv2d(1, 0, 3), contains("[Conv2d] out_channels = 0"));
  CHECK_THROWS_WITH(nn::Conv2d(1, 1, {3, 0}), contains("kernel = (3, 0)"));
  CHECK_THROWS_WITH(nn::Conv2d(1, 1, 3, {.stride = 0}), contains("stride = 0"));
  CHECK_THROWS_WITH(nn::Conv2d(1, 1, 3, {.padding = -1}), contains("padding = -1"));
  CHECK_THROWS_WITH(nn::Conv1d(1, 1, 3, {.dilation = 0}),
                    contains("[Conv1d] dilation") && contains("0"));
  CHECK_THROWS_WITH(nn::Conv1d(4, 6, 3, {.groups = 4}), contains("groups = 4"));
  CHECK_THROWS_WITH(nn::MaxPool2d(0), contains("[MaxPool2d] kernel = 0"));
  CHECK_THROWS_WITH(nn::MaxPool1d(2, {.dilation = 0}), contains("[MaxPool1d] dilation = 0"));
  CHECK_THROWS_WITH(nn::AvgPool1d(2, {.stride = -1}), contains("[AvgPool1d] stride = -1"));
  CHECK_THROWS_WITH(nn::AvgPool2d(2, {.padding = -1}), contains("[AvgPool2d] padding = -1"));
}
