// Why deep networks of sigmoids hardly learn: on its way back the gradient is multiplied in every
// layer by the derivative of the activation, at most 1/4 for a sigmoid and far less where it
// saturates. The norm of the gradient of each layer's weights at the start of training, beside
// three remedies: ReLU with He's initial values, and the same sigmoids with batch norm or residual
// connections. `--svg FILE` also draws the curves.
//
//   $ build/release/bin/examples/attenuation
//   chains of sigmoids with weights 1: d output / d input
//      4 at 0          0.00390625
//      5 at 0          0.0009765625
//     10 at 0          9.5367431640625e-07
//      5 at output 0.9 5.9049e-06
//   gradient norm per layer
//     layer  sigmoid, Xavier   ReLU, He          + batch norm      + residual
//         1  1.4e-13 #         4.1e-01 #######   3.6e-01 #######   3.1e-01 #######
//         2  3.9e-13 #         5.1e-01 #######   3.9e-01 #######   1.0e+00 #######
//         3  1.5e-12 #         3.5e-01 #######   3.9e-01 #######   1.7e+00 #######
//         4  6.9e-12 #         3.5e-01 #######   3.7e-01 #######   2.6e+00 #######
//         5  2.4e-11 ##        3.6e-01 #######   3.5e-01 #######   3.0e+00 #######
//         6  1.0e-10 ##        2.9e-01 #######   3.0e-01 #######   3.1e+00 #######
//         7  4.8e-10 ##        3.2e-01 #######   2.9e-01 #######   3.4e+00 #######
//         8  1.6e-09 ###       2.8e-01 #######   3.0e-01 #######   3.5e+00 #######
//         9  8.0e-09 ###       2.8e-01 #######   2.8e-01 #######   3.9e+00 #######
//        10  3.2e-08 ###       3.5e-01 #######   2.6e-01 #######   3.8e+00 #######
//        11  1.3e-07 ####      4.7e-01 #######   2.9e-01 #######   4.0e+00 #######
//        12  5.9e-07 ####      6.8e-01 #######   3.1e-01 #######   3.6e+00 #######
//        13  2.4e-06 ####      7.6e-01 #######   2.6e-01 #######   4.2e+00 #######
//        14  1.2e-05 #####     5.7e-01 #######   2.5e-01 #######   3.0e+00 #######
//        15  5.9e-05 #####     6.5e-01 #######   2.4e-01 #######   5.6e+00 #######
//        16  2.8e-04 #####     8.5e-01 #######   2.0e-01 #######   4.1e+00 #######
//        17  1.2e-03 ######    1.2e+00 #######   1.6e-01 #######   4.3e+00 #######
//        18  4.8e-03 ######    9.5e-01 #######   1.6e-01 #######   4.3e+00 #######
//        19  1.6e-02 ######    8.3e-01 #######   1.6e-01 #######   6.4e+00 #######
//        20  8.3e-02 ######    7.8e-01 #######   1.7e-01 #######   5.1e+00 #######
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <gradus/gradus.hpp>
#include <string>

using namespace gradus;

namespace {

constexpr int layers = 20;
constexpr Index width = 32, samples = 64;

/// d output / d input of a chain of sigmoids with weights 1, where each has the given output: the
/// biases move the output of one to where the next has to start.
double chain(int length, double output) {
  const double start = std::log(output / (1 - output));
  const Tensor x = tensor(start, float64).requires_grad_();
  Tensor a = sigmoid(x);
  for (int i = 1; i < length; ++i) a = sigmoid(a + (start - output));
  a.backward();
  return x.grad().item();
}

struct Curve {
  const char* name;
  const char* color;
  std::array<double, layers> norms;  ///< of the gradient of each layer's weights
};

enum class Remedy { none, relu, batch_norm, residual };

Curve measure(const char* name, const char* color, Remedy remedy) {
  Generator generator(1);
  const Tensor x = randn({samples, width}, float64, &generator);
  const Tensor y = randn({samples, 1}, float64, &generator);
  nn::Sequential model;
  std::vector<Tensor> weights;
  for (int i = 0; i < layers; ++i) {
    const nn::Linear linear(width, width, {.bias = false, .dtype = float64});
    weights.push_back(linear.weight);
    nn::init::for_activation_(linear.weight, remedy == Remedy::relu ? "relu" : "sigmoid",
                              &generator);
    switch (remedy) {
      case Remedy::none:
        model.append(nn::Sequential(linear, nn::Sigmoid()));
        break;
      case Remedy::relu:
        model.append(nn::Sequential(linear, nn::ReLU()));
        break;
      case Remedy::batch_norm:
        model.append(
            nn::Sequential(linear, nn::BatchNorm1d(width, {.dtype = float64}), nn::Sigmoid()));
        break;
      case Remedy::residual:
        model.append(nn::Residual(nn::Sequential(linear, nn::Sigmoid())));
        break;
    }
  }
  model.append(nn::Linear(width, 1, {.dtype = float64, .generator = &generator}));
  mse_loss(model(x), y).backward();

  Curve curve{name, color, {}};
  for (std::size_t i = 0; i < layers; ++i) curve.norms[i] = norm(weights[i].grad()).item();
  return curve;
}

using Curves = std::array<Curve, 4>;

void print_factors() {
  std::printf("chains of sigmoids with weights 1: d output / d input\n");
  for (const int length : {4, 5, 10})
    std::printf("  %2d at 0          %.14g\n", length, chain(length, 0.5));
  std::printf("  %2d at output 0.9 %.10g\n", 5, chain(5, 0.9));
}

template <class... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(), pattern, args...);
  return text.data();
}

void trim(std::string& text) { text.erase(text.find_last_not_of(' ') + 1); }

/// A row per layer; a bar's length counts powers of 100 above 1e-15.
void print_chart(const Curves& curves) {
  constexpr std::size_t longest = 8;
  std::string chart = "gradient norm per layer\n  layer  ";
  for (const Curve& curve : curves) chart += format("%-18s", curve.name);
  for (std::size_t i = 0; i < layers; ++i) {
    trim(chart);
    chart += format("\n  %5zu  ", i + 1);
    for (const Curve& curve : curves) {
      const double length = (std::log10(curve.norms[i]) + 15) / 2;
      std::string bar(static_cast<std::size_t>(std::max(length, 0.0)), '#');
      bar.resize(longest, ' ');
      chart += format("%.1e %s  ", curve.norms[i], bar.c_str());
    }
  }
  trim(chart);
  std::printf("%s\n", chart.c_str());
}

/// The curves over the layers, in logarithmic scale from 1e-14 to 10.
std::string svg(const Curves& curves) {
  constexpr double left = 60, top = 20, step = 25, decade = 18, lowest = -14, highest = 1;
  const double right = left + step * (layers - 1), bottom = top + decade * (highest - lowest);
  const auto y = [&](double norm) { return top + decade * (highest - std::log10(norm)); };
  std::string out = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      right + 160, bottom + 45);
  for (double power = highest - 1; power >= lowest; power -= 2) {
    const double at = y(std::pow(10, power));
    out += format("<path d=\"M%g %gH%g\" stroke=\"#ddd\"/>", left, at, right);
    out += format("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">1e%g</text>\n", left - 6, at + 4,
                  power);
  }
  for (int i = 0; i < layers; ++i)
    out += format("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%d</text>\n", left + step * i,
                  bottom + 16, i + 1);
  out += format("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">layer</text>\n", (left + right) / 2,
                bottom + 34);
  double legend = top + 14;
  for (const Curve& curve : curves) {
    out +=
        format("<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"", curve.color);
    for (std::size_t i = 0; i < layers; ++i)
      out += format("%g,%.1f ", left + step * static_cast<double>(i), y(curve.norms[i]));
    out += format("\"/>\n<text x=\"%g\" y=\"%g\" fill=\"%s\">%s</text>\n", right + 14, legend,
                  curve.color, curve.name);
    legend += 18;
  }
  return out + "</svg>\n";
}

}  // namespace

int main(int argc, char** argv) {
  const bool draw = argc == 3 && std::string(argv[1]) == "--svg";
  if (argc != 1 && !draw) {
    std::fprintf(stderr, "usage: attenuation [--svg FILE]\n");
    return 2;
  }
  const Curves curves{measure("sigmoid, Xavier", "#d62728", Remedy::none),
                      measure("ReLU, He", "#1f77b4", Remedy::relu),
                      measure("+ batch norm", "#2ca02c", Remedy::batch_norm),
                      measure("+ residual", "#9467bd", Remedy::residual)};
  print_factors();
  print_chart(curves);
  if (!draw) return 0;
  try {
    io::write_file_atomically(argv[2], svg(curves));
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
