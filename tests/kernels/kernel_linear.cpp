// Small layers against plain loops in double: all sizes around the batches, all activations.
#include "kernel_support.hpp"
#include "kernels/products/linear_small.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using namespace gradus::test;

namespace {

struct Layer {
  Activation act;
  Index m, n, k;
};

double value_of(Activation act, double z) {
  switch (act) {
    case Activation::none:
      return z;
    case Activation::relu:
      return z > 0 ? z : 0;
    case Activation::tanh:
      return std::tanh(z);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-z));
    case Activation::gelu:
      return z * std::erfc(-z / std::sqrt(2.0)) / 2;
    case Activation::silu:
      return z / (1 + std::exp(-z));
  }
  return z;
}

double slope_of(Activation act, double z) {
  const double h = 1e-5;
  if (act == Activation::relu) return z > 0 ? 1 : 0;
  return (value_of(act, z + h) - value_of(act, z - h)) / (2 * h);
}

/// Values between two guards, which say whether something was written beside them.
struct Guarded {
  explicit Guarded(const std::vector<float>& values) : memory(values) {
    memory.insert(memory.begin(), 17, 42.f);
    memory.insert(memory.end(), 17, 42.f);
  }
  float* data() { return memory.data() + 17; }
  std::vector<float> values() const { return {memory.begin() + 17, memory.end() - 17}; }
  bool intact() const {
    const auto is_guard = [](float x) { return x == 42.f; };
    return std::all_of(memory.begin(), memory.begin() + 17, is_guard) &&
           std::all_of(memory.end() - 17, memory.end(), is_guard);
  }
  std::vector<float> memory;
};

struct Case {
  explicit Case(const Layer& l)
      : x(random_values(l.m * l.k, 1, -1, 1)),
        w(random_values(l.n * l.k, 2, -1, 1)),
        b(random_values(l.n, 3, -1, 1)),
        g(random_values(l.m * l.n, 4, -1, 1)) {}
  std::vector<float> x, w, b, g;
};

std::vector<double> product_of(const Layer& l, const Case& c, bool bias) {
  std::vector<double> z;
  for (Index i = 0; i < l.m; ++i)
    for (Index o = 0; o < l.n; ++o) {
      double sum = bias ? double{c.b[at(o)]} : 0;
      for (Index p = 0; p < l.k; ++p)
        sum += double{c.x[at(i * l.k + p)]} * double{c.w[at(o * l.k + p)]};
      z.push_back(sum);
    }
  return z;
}

void check_layer(const Layer& l, bool bias) {
  const Case c(l);
  const std::vector<double> z = product_of(l, c, bias);
  std::vector<double> want;
  for (const double value : z) want.push_back(value_of(l.act, value));
  const auto nans = [](Index n) { return std::vector<float>(at(n), NAN); };
  Guarded out(nans(l.m * l.n)), pre(nans(l.m * l.n));
  small_linear({float32, l.act, l.m, l.n, l.k, c.x.data(), c.w.data(), bias ? c.b.data() : nullptr,
                out.data(), pre.data()});
  CHECK(largest_error(out.values(), want) < 2e-5);
  CHECK(largest_error(pre.values(), z) < 2e-5);
  CHECK((out.intact() && pre.intact()));
  // Adding to 0.5, or over NaN; the bias the other way round.
  for (const bool into : {false, true}) {
    std::vector<double> dz, dx(at(l.m * l.k)), dw(at(l.n * l.k), into ? 0.5 : 0),
        db(at(l.n), into ? 0 : 0.5);
    for (std::size_t i = 0; i < z.size(); ++i) dz.push_back(double{c.g[i]} * slope_of(l.act, z[i]));
    for (Index i = 0; i < l.m; ++i)
      for (Index o = 0; o < l.n; ++o) {
        const double d = dz[at(i * l.n + o)];
        db[at(o)] += d;
        for (Index p = 0; p < l.k; ++p) {
          dx[at(i * l.k + p)] += d * double{c.w[at(o * l.k + p)]};
          dw[at(o * l.k + p)] += d * double{c.x[at(i * l.k + p)]};
        }
      }
    const auto initial = [&](Index n, bool adds) {
      return adds ? std::vector<float>(at(n), 0.5f) : nans(n);
    };
    Guarded got_x(nans(l.m * l.k)), got_w(initial(l.n * l.k, into)), got_b(initial(l.n, !into));
    const bool from_pre = l.act == Activation::gelu || l.act == Activation::silu;
    const float* const saved = l.act == Activation::none ? nullptr
                               : from_pre                ? pre.data()
                                                         : out.data();
    run(SmallLinearBackward{l.act, into, !into, l.m, l.n, l.k, c.g.data(), saved, c.x.data(),
                            c.w.data(), got_x.data(), got_w.data(), got_b.data()});
    CHECK(largest_error(got_x.values(), dx) < 5e-5);
    CHECK(largest_error(got_w.values(), dw) < 5e-5);
    CHECK(largest_error(got_b.values(), db) < 5e-5);
    CHECK((got_x.intact() && got_w.intact() && got_b.intact()));
    Guarded only_w(initial(l.n * l.k, into));  // what is not wanted changes nothing
    run(SmallLinearBackward{l.act, into, !into, l.m, l.n, l.k, c.g.data(), saved, c.x.data(),
                            c.w.data(), nullptr, only_w.data(), nullptr});
    CHECK(same_bits(only_w.memory, got_w.memory));
  }
}

}  // namespace

TEST_CASE("small layers agree with plain loops, forward and backward") {
  const Activation all[] = {Activation::none,    Activation::relu, Activation::tanh,
                            Activation::sigmoid, Activation::gelu, Activation::silu};
  for (const Activation act : all)
    for (const Index m : {1, 3, 4, 9, 64})
      for (const Index n : {1, 3, 8, 9, 15, 16})
        for (const Index k : {1, 2, 8, 9, 15, 16}) {
          CAPTURE(static_cast<int>(act), m, n, k);
          const Layer layer{act, m, n, k};
          REQUIRE(is_small_linear(float32, m, n, k));
          check_layer(layer, k % 2 == 0);
        }
}

TEST_CASE("a layer beyond 64 rows, 16 inputs or 16 outputs, or in float64, is not small") {
  CHECK(is_small_linear(float32, 64, 16, 16));
  CHECK_FALSE(is_small_linear(float32, 65, 16, 16));
  CHECK_FALSE(is_small_linear(float32, 64, 17, 16));
  CHECK_FALSE(is_small_linear(float32, 64, 16, 17));
  CHECK_FALSE(is_small_linear(float64, 4, 4, 4));
}

TEST_CASE("an infinite weight or input beside a cotangent of 0 is mended, also for one row") {
  for (const Index m : {1, 2}) {
    const std::vector<float> g = {0, 1, 0, 1}, w = {INFINITY, 1, 2, 3}, x = {1, 2, 3, 4};
    std::vector<float> dx(at(2 * m));
    run(SmallLinearBackward{Activation::none, false, false, m, 2, 2, g.data(), nullptr, x.data(),
                            w.data(), dx.data(), nullptr, nullptr});
    for (Index i = 0; i < m; ++i) {
      CHECK(dx[at(2 * i)] == 2);
      CHECK(dx[at(2 * i + 1)] == 3);
    }
  }
  const std::vector<float> g = {0, 1}, x = {INFINITY, 5, 2, 3};  // (2, 1), (2, 2)
  const float w[] = {1, 1};
  std::vector<float> dw(2);
  run(SmallLinearBackward{Activation::none, false, false, 2, 1, 2, g.data(), nullptr, x.data(), w,
                          nullptr, dw.data(), nullptr});
  CHECK(dw == std::vector<float>{2, 3});
}
