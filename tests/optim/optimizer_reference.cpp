#include <cmath>
#include <functional>
#include <memory>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

// Every optimizer against the textbook's formula for one number, kept apart from the library's
// code.

using namespace gradus;

namespace {

/// The parameter after step t (1, 2, …) from its value and gradient; keeps its own moments.
using Naive = std::function<double(double p, double g, int t)>;

double bias(double beta, int t) { return 1 - std::pow(beta, t); }

Naive sgd(double lr, double momentum, double dampening, double decay, bool nesterov) {
  return [=, b = 0.0](double p, double g, int t) mutable {
    g += decay * p;
    b = t == 1 ? g : momentum * b + (1 - dampening) * g;
    if (momentum == 0) return p - lr * g;
    return p - lr * (nesterov ? g + momentum * b : b);
  };
}

Naive adam(double lr, double b1, double b2, double eps, double l2, double decoupled, bool amsgrad) {
  return [=, m = 0.0, v = 0.0, top = 0.0](double p, double g, int t) mutable {
    p -= lr * decoupled * p;
    g += l2 * p;
    m += (1 - b1) * (g - m);
    v += (1 - b2) * (g * g - v);
    top = std::max(top, v);
    const double second = (amsgrad ? top : v) / bias(b2, t);
    return p - lr * (m / bias(b1, t)) / (std::sqrt(second) + eps);
  };
}

Naive adagrad(double lr, double lr_decay, double decay, double start, double eps) {
  return [=, s = start](double p, double g, int t) mutable {
    g += decay * p;
    s += g * g;
    return p - lr / (1 + (t - 1) * lr_decay) * g / (std::sqrt(s) + eps);
  };
}

Naive adadelta(double lr, double rho, double eps, double decay) {
  return [=, s = 0.0, u = 0.0](double p, double g, int) mutable {
    g += decay * p;
    s = rho * s + (1 - rho) * g * g;
    const double d = g * std::sqrt((u + eps) / (s + eps));
    u = rho * u + (1 - rho) * d * d;
    return p - lr * d;
  };
}

Naive rmsprop(double lr, double alpha, double eps, double decay, double momentum, bool centered) {
  return [=, s = 0.0, a = 0.0, b = 0.0](double p, double g, int) mutable {
    g += decay * p;
    s = alpha * s + (1 - alpha) * g * g;
    a = alpha * a + (1 - alpha) * g;
    b = momentum * b + g / (std::sqrt(centered ? s - a * a : s) + eps);
    return p - lr * b;
  };
}

Naive adamax(double lr, double b1, double b2, double eps, double decay) {
  return [=, m = 0.0, u = 0.0](double p, double g, int t) mutable {
    g += decay * p;
    m = b1 * m + (1 - b1) * g;
    u = std::max(b2 * u, std::abs(g) + eps);
    return p - lr / bias(b1, t) * m / u;
  };
}

Naive nadam(double lr, double b1, double b2, double eps, double l2, double decoupled, double psi) {
  return [=, m = 0.0, v = 0.0, product = 1.0](double p, double g, int t) mutable {
    p *= 1 - lr * decoupled;
    g += l2 * p;
    const auto mu = [=](int k) { return b1 * (1 - 0.5 * std::pow(0.96, k * psi)); };
    product *= mu(t);
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const double hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product);
    return p - lr * hat / (std::sqrt(v / bias(b2, t)) + eps);
  };
}

Naive radam(double lr, double b1, double b2, double eps, double l2, double decoupled) {
  return [=, m = 0.0, v = 0.0](double p, double g, int t) mutable {
    p *= 1 - lr * decoupled;
    g += l2 * p;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const double hat = m / bias(b1, t), r = 2 / (1 - b2) - 1;
    const double rt = r - 2 * t * std::pow(b2, t) / bias(b2, t);
    if (rt <= 5) return p - lr * hat;
    const double rect = std::sqrt((rt - 4) * (rt - 2) * r / ((r - 4) * (r - 2) * rt));
    return p - lr * hat * rect * std::sqrt(bias(b2, t)) / (std::sqrt(v) + eps);
  };
}

Naive lion(double lr, double b1, double b2, double decay) {
  return [=, m = 0.0](double p, double g, int) mutable {
    const double c = b1 * m + (1 - b1) * g;
    m = b2 * m + (1 - b2) * g;
    return p - lr * (decay * p + (c > 0 ? 1 : c < 0 ? -1 : 0));
  };
}

struct Reference {
  const char* name;
  optim::NamedOptions options;
  Naive naive;
};

std::vector<Reference> references() {
  const double lr = 0.01;
  return {
      {"sgd", {{"lr", lr}}, sgd(lr, 0, 0, 0, false)},
      {"sgd", {{"lr", lr}, {"weight_decay", 0.1}}, sgd(lr, 0, 0, 0.1, false)},
      {"momentum", {{"lr", lr}, {"weight_decay", 0.1}}, sgd(lr, 0.9, 0, 0.1, false)},
      {"sgd", {{"lr", lr}, {"momentum", 0.8}, {"dampening", 0.3}}, sgd(lr, 0.8, 0.3, 0, false)},
      {"nesterov", {{"lr", lr}, {"weight_decay", 0.1}}, sgd(lr, 0.9, 0, 0.1, true)},
      {"adam", {{"lr", lr}}, adam(lr, 0.9, 0.999, 1e-8, 0, 0, false)},
      {"adam",
       {{"lr", lr}, {"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-3}, {"weight_decay", 0.1}},
       adam(lr, 0.8, 0.95, 1e-3, 0.1, 0, false)},
      {"amsgrad", {{"lr", lr}, {"beta2", 0.9}}, adam(lr, 0.9, 0.9, 1e-8, 0, 0, true)},
      {"adamw", {{"lr", lr}}, adam(lr, 0.9, 0.999, 1e-8, 0, 0.01, false)},
      {"adamw",
       {{"lr", lr}, {"weight_decay", 0.5}, {"amsgrad", 1}, {"beta2", 0.9}},
       adam(lr, 0.9, 0.9, 1e-8, 0, 0.5, true)},
      {"adagrad", {{"lr", lr}}, adagrad(lr, 0, 0, 0, 1e-10)},
      {"adagrad",
       {{"lr", lr}, {"lr_decay", 0.1}, {"weight_decay", 0.1}, {"initial_accumulator_value", 0.5}},
       adagrad(lr, 0.1, 0.1, 0.5, 1e-10)},
      {"adadelta", {}, adadelta(1, 0.9, 1e-6, 0)},
      {"adadelta", {{"rho", 0.7}, {"weight_decay", 0.1}}, adadelta(1, 0.7, 1e-6, 0.1)},
      {"rmsprop", {{"lr", lr}}, rmsprop(lr, 0.99, 1e-8, 0, 0, false)},
      {"rmsprop",
       {{"lr", lr}, {"momentum", 0.5}, {"weight_decay", 0.1}},
       rmsprop(lr, 0.99, 1e-8, 0.1, 0.5, false)},
      {"rmsprop", {{"lr", lr}, {"centered", 1}}, rmsprop(lr, 0.99, 1e-8, 0, 0, true)},
      {"rmsprop",
       {{"lr", lr}, {"centered", 1}, {"momentum", 0.9}, {"alpha", 0.9}},
       rmsprop(lr, 0.9, 1e-8, 0, 0.9, true)},
      {"adamax", {{"lr", lr}, {"weight_decay", 0.1}}, adamax(lr, 0.9, 0.999, 1e-8, 0.1)},
      {"nadam", {{"lr", lr}, {"weight_decay", 0.1}}, nadam(lr, 0.9, 0.999, 1e-8, 0.1, 0, 4e-3)},
      {"nadam",
       {{"lr", lr}, {"weight_decay", 0.1}, {"decoupled_weight_decay", 1}},
       nadam(lr, 0.9, 0.999, 1e-8, 0, 0.1, 4e-3)},
      {"radam", {{"lr", lr}, {"weight_decay", 0.1}}, radam(lr, 0.9, 0.999, 1e-8, 0.1, 0)},
      {"radam",
       {{"lr", lr}, {"weight_decay", 0.1}, {"decoupled_weight_decay", 1}},
       radam(lr, 0.9, 0.999, 1e-8, 0, 0.1)},
      {"lion", {{"lr", lr}, {"weight_decay", 0.1}}, lion(lr, 0.9, 0.99, 0.1)},
      // Muon takes AdamW for vectors, with a rate of its own.
      {"muon", {{"adamw_lr", lr}}, adam(lr, 0.9, 0.95, 1e-10, 0, 0, false)},
  };
}

/// The gradient of element i at step t: of changing sign, and never tiny.
double gradient(Index i, int t) {
  return std::sin(0.7 * static_cast<double>(i) + 0.3 * t) + 0.25 * std::cos(1.9 * t) + 0.01;
}

Tensor gradients(Index n, int t, DType dtype, double factor) {
  std::vector<double> g;
  for (Index i = 0; i < n; ++i) g.push_back(factor * gradient(i, t));
  return from_vector(g).to(dtype);
}

/// The largest difference from the naive formula after 100 steps on n elements.
double deviation(const Reference& row, Index n, DType dtype, bool maximize = false,
                 double scale = 1) {
  Tensor p = linspace(-1, 1, n, DType::float64).to(dtype).clone().requires_grad_();
  std::vector<double> expected = p.to_vector<double>();
  std::vector<Naive> naive(static_cast<std::size_t>(n), row.naive);
  optim::NamedOptions options = row.options;
  if (maximize) options["maximize"] = 1;
  const auto opt = optim::make_optimizer(row.name, {p}, options);
  for (int t = 1; t <= 100; ++t) {
    p.set_grad(gradients(n, t, dtype, (maximize ? -1 : 1) / scale));
    opt->step({.grad_scale = scale});
    for (std::size_t i = 0; i < naive.size(); ++i)
      expected[i] = naive[i](expected[i], gradient(static_cast<Index>(i), t), t);
  }
  double worst = 0;
  const auto values = p.to_vector<double>();
  for (std::size_t i = 0; i < naive.size(); ++i)
    worst = std::max(worst, std::abs(values[i] - expected[i]));
  return worst;
}

}  // namespace

TEST_CASE("a hundred steps of every optimizer follow the formulas") {
  for (const Reference& row : references()) {
    INFO(row.name << " " << row.options.size() << " options");
    CHECK(deviation(row, 5, float64) < 1e-12);
    CHECK(deviation(row, 21, float32) < 2e-5);
  }
}

TEST_CASE("maximize and grad_scale change the sign and the size of gradients") {
  for (const Reference& row : references()) {
    INFO(row.name);
    CHECK(deviation(row, 3, float64, true) < 1e-12);
    CHECK(deviation(row, 3, float64, false, 0.125) < 1e-12);
  }
}

TEST_CASE(
    "parameters of many tiles follow the formulas, with the same bits for any number of threads") {
  const Index n = 40001;
  const int threads = num_threads();
  for (const char* name : {"adamw", "nesterov", "amsgrad"}) {
    INFO(name);
    std::vector<float> results[2];
    for (int pass = 0; pass < 2; ++pass) {
      set_num_threads(pass + 1);
      Tensor p = linspace(-1, 1, n).clone().requires_grad_();
      const auto opt = optim::make_optimizer(name, {p}, {{"lr", 0.01}});
      for (int t = 1; t <= 3; ++t) {
        p.set_grad(gradients(n, t, float32, 1));
        opt->step();
      }
      results[pass] = p.to_vector<float>();
    }
    set_num_threads(threads);
    CHECK(results[0] == results[1]);
    // The same elements alone, beside the borders of tiles.
    for (const Index i : {Index{0}, Index{16383}, Index{16384}, Index{32768}, n - 1}) {
      Tensor p = full({1}, -1 + 2.0 * static_cast<double>(i) / static_cast<double>(n - 1))
                     .requires_grad_();
      const auto opt = optim::make_optimizer(name, {p}, {{"lr", 0.01}});
      for (int t = 1; t <= 3; ++t) {
        p.set_grad(full({1}, gradient(i, t)));
        opt->step();
      }
      CHECK(std::abs(p.item() - double{results[0][static_cast<std::size_t>(i)]}) < 1e-6);
    }
  }
}
