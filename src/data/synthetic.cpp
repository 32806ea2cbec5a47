#include "gradus/data/synthetic.hpp"

#include <cmath>
#include <numbers>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"

namespace gradus::data {
namespace {

using std::numbers::pi;

void check(const SyntheticOptions& o, const char* operation) {
  if (o.n < 0 || !(o.noise >= 0) || !std::isfinite(o.noise) || o.classes < 1 || o.features < 1)
    fail(operation, "n = ", o.n, ", noise = ", o.noise, ", classes = ", o.classes,
         ", features = ", o.features,
         " were given; n and noise of 0 or more, and 1 class and feature or more, "
         "are required");
}

/// Points of the plane with noise; `point(i, c, u, v)` sets the i-th of class c = i mod classes.
template <class Point>
TensorDataset plane(const SyntheticOptions& o, Index classes, const char* operation, Point point) {
  check(o, operation);
  Generator generator(o.seed);
  std::vector<double> xs;
  std::vector<Index> labels;
  for (Index i = 0; i < o.n; ++i) {
    double u = 0, v = 0;
    const Index label = point(i, i % classes, u, v, generator);
    xs.push_back(u);
    xs.push_back(v);
    labels.push_back(label);
  }
  const Tensor exact = from_vector(xs, {o.n, 2});
  const Tensor noise = randn({o.n, 2}, float64, &generator) * o.noise;
  return TensorDataset((exact + noise).to(float32), from_vector(labels));
}

}  // namespace

TensorDataset make_xor(const SyntheticOptions& options) {
  return plane(options, 4, "make_xor", [](Index, Index c, double& u, double& v, Generator&) {
    u = c < 2 ? 0 : 1;
    v = static_cast<double>(c % 2);
    return static_cast<Index>(u != v);
  });
}

TensorDataset make_moons(const SyntheticOptions& options) {
  return plane(options, 2, "make_moons", [](Index, Index c, double& u, double& v, Generator& g) {
    const double angle = pi * g.uniform();
    u = c ? 1 - std::cos(angle) : std::cos(angle);
    v = c ? 0.5 - std::sin(angle) : std::sin(angle);
    return c;
  });
}

TensorDataset make_circles(const SyntheticOptions& options) {
  return plane(options, 2, "make_circles", [](Index, Index c, double& u, double& v, Generator& g) {
    const double angle = 2 * pi * g.uniform(), radius = c ? 0.5 : 1;
    u = radius * std::cos(angle);
    v = radius * std::sin(angle);
    return c;
  });
}

TensorDataset make_spirals(const SyntheticOptions& options) {
  const double classes = static_cast<double>(options.classes);
  check(options, "make_spirals");
  return plane(options, options.classes, "make_spirals",
               [classes](Index, Index c, double& u, double& v, Generator& g) {
                 const double radius = g.uniform();
                 const double angle = 2 * pi * (static_cast<double>(c) / classes + 1.5 * radius);
                 u = radius * std::cos(angle);
                 v = radius * std::sin(angle);
                 return c;
               });
}

TensorDataset make_blobs(const SyntheticOptions& options) {
  check(options, "make_blobs");
  Generator generator(options.seed);
  const Tensor centres =
      rand({options.classes, options.features}, float64, &generator) * 20.0 - 10.0;
  std::vector<Index> labels;
  for (Index i = 0; i < options.n; ++i) labels.push_back(i % options.classes);
  const Tensor at = TensorDataset(centres).gather(labels).at(0);
  const Tensor cloud = randn({options.n, options.features}, float64, &generator);
  return TensorDataset((at + cloud * (options.noise > 0 ? options.noise : 1.0)).to(float32),
                       from_vector(labels));
}

TensorDataset make_sine(const SyntheticOptions& options) {
  check(options, "make_sine");
  Generator generator(options.seed);
  std::vector<double> x, y;
  for (Index i = 0; i < options.n; ++i) {
    x.push_back(pi * (2 * generator.uniform() - 1));
    y.push_back(std::sin(x.back()));
  }
  const Tensor noise = randn({options.n, 1}, float64, &generator) * options.noise;
  return TensorDataset(from_vector(x, {options.n, 1}).to(float32),
                       (from_vector(y, {options.n, 1}) + noise).to(float32));
}

TensorDataset make_random_labels(const SyntheticOptions& options) {
  check(options, "make_random_labels");
  Generator generator(options.seed);
  const Tensor x = randn({options.n, options.features}, float32, &generator);
  return TensorDataset(x, randint(0, options.classes, {options.n}, int64, &generator));
}

}  // namespace gradus::data
