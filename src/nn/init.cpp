#include "gradus/nn/init.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "ops/elementwise/activation_table.hpp"

namespace gradus::nn::init {

namespace {

struct Fans {
  double in, out;
};

Fans fans_of(const Tensor& t, const char* operation) {
  if (t.dim() < 2)
    fail(operation, "a tensor of shape ", t.shape(),
         " was given; a weight (out, in, ...) is required to know its fan; use "
         "uniform_ or zeros_ for a bias");
  double field = 1;
  for (Index i = 2; i < t.dim(); ++i) field *= static_cast<double>(t.size(i));
  return {field * static_cast<double>(t.size(1)), field * static_cast<double>(t.size(0))};
}

void require_floating(const Tensor& t, const char* operation) {
  if (!is_floating_point(t.dtype()))
    fail(operation, "a tensor of dtype ", name_of(t.dtype()),
         " was given; float32 or float64 is required");
}

Tensor fill_uniform(Tensor t, double variance, Generator* generator) {
  const double bound = std::sqrt(3 * variance);
  return uniform_(std::move(t), -bound, bound, generator);
}

double safe_inverse(double fan) { return fan > 0 ? 1 / fan : 0; }

double kaiming_variance(const Tensor& t, const Kaiming& options, const char* operation) {
  const Fans fans = fans_of(t, operation);
  const double gain = calculate_gain(options.nonlinearity, options.slope);
  return gain * gain * safe_inverse(options.fan == Fan::in ? fans.in : fans.out);
}

}  // namespace

double calculate_gain(const std::string& nonlinearity, double slope) {
  if (nonlinearity == "linear" || nonlinearity == "conv") return 1;
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  if (const auto* entry = gradus::detail::find_activation(nonlinearity)) return entry->gain;
  fail("calculate_gain", "the nonlinearity \"", nonlinearity,
       "\" was given; known are linear, conv, ", gradus::detail::names_of_activations());
}

Tensor constant_(Tensor t, double value) {
  const NoGrad guard;
  t.fill_(value);
  return t;
}
Tensor zeros_(Tensor t) { return constant_(std::move(t), 0); }
Tensor ones_(Tensor t) { return constant_(std::move(t), 1); }

Tensor uniform_(Tensor t, double low, double high, Generator* generator) {
  require_floating(t, "uniform_");
  if (!(low <= high))
    fail("uniform_", "low ", low, " and high ", high, " were given; low <= high is required");
  const NoGrad guard;
  t.copy_(rand(t.shape(), t.dtype(), generator) * (high - low) + low);
  return t;
}

Tensor normal_(Tensor t, double mean, double stddev, Generator* generator) {
  require_floating(t, "normal_");
  if (!(stddev >= 0)) fail("normal_", "stddev ", stddev, " was given; 0 or more is required");
  const NoGrad guard;
  t.copy_(randn(t.shape(), t.dtype(), generator) * stddev + mean);
  return t;
}

Tensor trunc_normal_(Tensor t, double mean, double stddev, double low, double high,
                     Generator* generator) {
  require_floating(t, "trunc_normal_");
  if (!(stddev > 0 && low < high))
    fail("trunc_normal_", "stddev ", stddev, ", low ", low, ", high ", high,
         " were given; stddev > 0 and low < high are required");
  // By the inverse of the distribution function, found by bisection: any interval works, also one
  // that draws by rejection would hardly hit.
  Generator& source = generator ? *generator : default_generator();
  const auto cdf = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
  // Probabilities in the right tail are mirrored to the left, where they keep their digits.
  const double a = (low - mean) / stddev, b = (high - mean) / stddev;
  const bool mirror = a > 0;
  const double from = mirror ? -b : a, to = mirror ? -a : b;
  const double p_from = cdf(from), p_to = cdf(to);
  std::vector<double> values(static_cast<std::size_t>(t.numel()));
  for (double& value : values) {
    const double p = p_from + source.uniform() * (p_to - p_from);
    double left = std::max(from, -40.0), right = std::min(to, 40.0);
    for (int i = 0; i < 60 && right - left > 1e-12; ++i) {
      const double middle = (left + right) / 2;
      (cdf(middle) < p ? left : right) = middle;
    }
    const double z = (left + right) / 2;
    value = std::min(std::max(mean + stddev * (mirror ? -z : z), low), high);
  }
  const NoGrad guard;
  t.copy_(from_vector(values, t.shape()));
  return t;
}

Tensor xavier_uniform_(Tensor t, double gain, Generator* generator) {
  const Fans fans = fans_of(t, "xavier_uniform_");
  return fill_uniform(std::move(t), gain * gain * 2 * safe_inverse(fans.in + fans.out), generator);
}
Tensor xavier_normal_(Tensor t, double gain, Generator* generator) {
  const Fans fans = fans_of(t, "xavier_normal_");
  return normal_(std::move(t), 0, gain * std::sqrt(2 * safe_inverse(fans.in + fans.out)),
                 generator);
}

Tensor kaiming_uniform_(Tensor t, const Kaiming& options) {
  const double variance = kaiming_variance(t, options, "kaiming_uniform_");
  return fill_uniform(std::move(t), variance, options.generator);
}
Tensor kaiming_normal_(Tensor t, const Kaiming& options) {
  const double variance = kaiming_variance(t, options, "kaiming_normal_");
  return normal_(std::move(t), 0, std::sqrt(variance), options.generator);
}

Tensor lecun_uniform_(Tensor t, Generator* generator) {
  const double variance = safe_inverse(fans_of(t, "lecun_uniform_").in);
  return fill_uniform(std::move(t), variance, generator);
}
Tensor lecun_normal_(Tensor t, Generator* generator) {
  const double variance = safe_inverse(fans_of(t, "lecun_normal_").in);
  return normal_(std::move(t), 0, std::sqrt(variance), generator);
}

Tensor orthogonal_(Tensor t, double gain, Generator* generator) {
  require_floating(t, "orthogonal_");
  fans_of(t, "orthogonal_");
  const Index rows = t.size(0), cols = rows ? t.numel() / rows : 0;
  const Index count = std::min(rows, cols), length = std::max(rows, cols);
  // `count` orthonormal vectors of `length`, by Gram and Schmidt, twice for the rounding.
  std::vector<double> q = randn({count, length}, float64, generator).to_vector<double>();
  const auto row = [&](Index i) { return q.data() + i * length; };
  const auto dot = [&](const double* a, const double* b) {
    double sum = 0;
    for (Index j = 0; j < length; ++j) sum += a[j] * b[j];
    return sum;
  };
  for (Index i = 0; i < count; ++i) {
    for (Index pass = 0; pass < 2; ++pass)
      for (Index before = 0; before < i; ++before) {
        const double overlap = dot(row(i), row(before));
        for (Index j = 0; j < length; ++j) row(i)[j] -= overlap * row(before)[j];
      }
    const double norm = std::sqrt(dot(row(i), row(i)));
    for (Index j = 0; j < length; ++j) row(i)[j] /= norm;
  }
  const NoGrad guard;
  const Tensor vectors = from_vector(q, {count, length}) * gain;
  t.copy_(reshape(rows <= cols ? vectors : transpose(vectors), t.shape()));
  return t;
}

Tensor for_activation_(Tensor t, const std::string& nonlinearity, Generator* generator) {
  const auto* entry = gradus::detail::find_activation(nonlinearity);
  const gradus::detail::Start start = entry ? entry->start : gradus::detail::Start::xavier;
  if (start == gradus::detail::Start::lecun) return lecun_normal_(std::move(t), generator);
  if (start == gradus::detail::Start::he)
    return kaiming_normal_(std::move(t), {.nonlinearity = nonlinearity, .generator = generator});
  return xavier_uniform_(std::move(t), calculate_gain(nonlinearity), generator);
}

}  // namespace gradus::nn::init
