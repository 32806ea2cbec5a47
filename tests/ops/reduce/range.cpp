// Values, gradients and second derivatives from the smallest to the largest magnitudes, where
// squares and other powers leave the range of the dtype, against the same formulas in long double.
#include <cmath>
#include <functional>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

using Real = long double;

/// v + a e + b f + ab e f with e^2 = f^2 = 0: derivatives of first and second order, exactly.
struct Number {
  Real v = 0, a = 0, b = 0, ab = 0;
};

/// A function of one number from its value, slope and curvature at x.v.
Number chain(const Number& x, Real f, Real slope, Real curvature) {
  return {f, slope * x.a, slope * x.b, slope * x.ab + curvature * x.a * x.b};
}
Number operator+(const Number& x, const Number& y) {
  return {x.v + y.v, x.a + y.a, x.b + y.b, x.ab + y.ab};
}
Number operator*(const Number& x, const Number& y) {
  return {x.v * y.v, x.a * y.v + x.v * y.a, x.b * y.v + x.v * y.b,
          x.ab * y.v + x.a * y.b + x.b * y.a + x.v * y.ab};
}
Number operator+(const Number& x, Real y) { return x + Number{y}; }
Number operator*(const Number& x, Real y) { return x * Number{y}; }
Number operator-(const Number& x, const Number& y) { return x + y * -1; }
Number inverse(const Number& x) {
  return chain(x, 1 / x.v, -1 / (x.v * x.v), 2 / (x.v * x.v * x.v));
}
Number operator/(const Number& x, const Number& y) { return x * inverse(y); }
Number abs_of(const Number& x) { return x.v < 0 ? x * -1 : x; }
Number power(const Number& x, Real p) {
  const Real f = std::pow(x.v, p);
  return chain(x, f, p * f / x.v, p * (p - 1) * f / x.v / x.v);
}
Number root(const Number& x) { return power(x, 0.5L); }
Number max_of(const Number& x, Real y) { return x.v > y ? x : Number{y}; }

using Values = std::vector<Number>;

struct Case {
  std::string name;
  std::function<Tensor(const Tensor&)> f;  // of x (2, 3)
  std::function<Values(const Values&)> reference;
};

constexpr std::size_t rows = 2, cols = 3, size = rows * cols;

/// f of each of the two rows, concatenated.
std::function<Values(const Values&)> by_rows(std::function<Values(const Values&)> f) {
  return [f](const Values& x) {
    Values out;
    for (std::size_t r = 0; r < rows; ++r)
      for (const Number& v : f(Values(&x[r * cols], &x[r * cols] + cols))) out.push_back(v);
    return out;
  };
}

/// f of each of the three columns.
std::function<Values(const Values&)> by_cols(std::function<Values(const Values&)> f) {
  return [f](const Values& x) {
    Values out(size);
    Values single;
    for (std::size_t c = 0; c < cols; ++c) {
      const Values y = f({x[c], x[c + cols]});
      if (y.size() == 1) single.push_back(y[0]);
      for (std::size_t r = 0; y.size() == rows && r < rows; ++r) out[r * cols + c] = y[r];
    }
    return single.empty() ? out : single;
  };
}

std::function<Values(const Values&)> each(std::function<Number(const Number&)> f) {
  return [f](const Values& x) {
    Values out;
    for (const Number& v : x) out.push_back(f(v));
    return out;
  };
}

/// f of the elements at the same place in both rows.
std::function<Values(const Values&)> pairs(std::function<Number(const Number&, const Number&)> f) {
  return by_cols([f](const Values& x) { return Values{f(x[0], x[1])}; });
}

Number p_norm(const Values& x, Real p) {
  const Real unit = std::fabs(x[0].v);  // even long double has no 40th power of 1e300
  Number sum;
  for (const Number& v : x) sum = sum + power(abs_of(v) * (1 / unit), p);
  return power(sum, 1 / p) * unit;
}
std::function<Values(const Values&)> norm_of(Real p) {
  return [p](const Values& x) { return Values{p_norm(x, p)}; };
}

Number average(const Values& x) {
  Number sum;
  for (const Number& v : x) sum = sum + v;
  return sum * (1 / static_cast<Real>(x.size()));
}
/// The mean square of the distances from `center`, but for `correction`.
Number spread(const Values& x, const Number& center, Real correction) {
  Number sum;
  for (const Number& v : x) sum = sum + (v - center) * (v - center);
  return sum * (1 / (static_cast<Real>(x.size()) - correction));
}
std::function<Values(const Values&)> deviation(Real correction) {
  return [=](const Values& x) { return Values{root(spread(x, average(x), correction))}; };
}

/// (x - mean) / sqrt(variance + eps); the mean is 0 unless `centered`.
std::function<Values(const Values&)> standardized(bool centered, Real eps) {
  return [=](const Values& x) {
    const Number mean = centered ? average(x) : Number{};
    const Number scale = root(spread(x, mean, 0) + eps);
    Values out;
    for (const Number& v : x) out.push_back((v - mean) / scale);
    return out;
  };
}

std::function<Values(const Values&)> over_length(Real p, Real eps) {
  return [=](const Values& x) {
    const Number length = max_of(p_norm(x, p), eps);
    Values out;
    for (const Number& v : x) out.push_back(v / length);
    return out;
  };
}

Tensor row_of(const Tensor& x, Index r) { return slice(x, 0, r, r + 1); }

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"norm", [](const Tensor& x) { return norm(x); }, norm_of(2)},
      {"norm, last axis", [](const Tensor& x) { return norm(x, 2, {1}); }, by_rows(norm_of(2))},
      {"norm, first axis", [](const Tensor& x) { return norm(x, 2, {0}, {.keepdim = true}); },
       by_cols(norm_of(2))},
      {"norm, axes apart",
       [](const Tensor& x) {
         return norm(reshape(x, {1, 2, 1, 3}), 2, {0, 1, 3});
       },
       norm_of(2)},
      {"norm 1", [](const Tensor& x) { return norm(x, 1, {1}); }, by_rows(norm_of(1))},
      {"norm 3", [](const Tensor& x) { return norm(x, 3, {1}); }, by_rows(norm_of(3))},
      {"norm 3, first axis", [](const Tensor& x) { return norm(x, 3, {0}); }, by_cols(norm_of(3))},
      {"norm 3, axes apart",
       [](const Tensor& x) {
         return norm(reshape(x, {1, 2, 1, 3}), 3, {1, 3});
       },
       norm_of(3)},
      {"norm 40", [](const Tensor& x) { return norm(x, 40); }, norm_of(40)},
      {"norm 1.5", [](const Tensor& x) { return norm(x, 1.5); }, norm_of(1.5L)},
      {"norm 0.5", [](const Tensor& x) { return norm(x, 0.5); }, norm_of(0.5L)},
      {"norm -1", [](const Tensor& x) { return norm(x, -1); }, norm_of(-1)},
      {"norm -2", [](const Tensor& x) { return norm(x, -2, {1}); }, by_rows(norm_of(-2))},
      {"mean", [](const Tensor& x) { return mean(x); },
       [](const Values& x) { return Values{average(x)}; }},
      {"mean, first axis", [](const Tensor& x) { return mean(x, {0}); },
       by_cols([](const Values& x) { return Values{average(x)}; })},
      {"stddev", [](const Tensor& x) { return stddev(x); }, deviation(1)},
      {"stddev, last axis", [](const Tensor& x) { return stddev(x, {1}, 0); },
       by_rows(deviation(0))},
      {"stddev, first axis", [](const Tensor& x) { return stddev(x, {0}); }, by_cols(deviation(1))},
      {"stddev, axes apart",
       [](const Tensor& x) {
         return stddev(reshape(x, {1, 2, 1, 3}), {0, 1, 3});
       },
       deviation(1)},
      {"var", [](const Tensor& x) { return var(x, {1}); },
       by_rows([](const Values& x) { return Values{spread(x, average(x), 1)}; })},
      {"normalize", [](const Tensor& x) { return normalize(x); }, by_rows(over_length(2, 1e-12L))},
      {"normalize, first axis", [](const Tensor& x) { return normalize(x, 2, 0, 1e-300); },
       by_cols(over_length(2, 1e-300L))},
      {"normalize 3", [](const Tensor& x) { return normalize(x, 3, 1); },
       by_rows(over_length(3, 1e-12L))},
      {"layer_norm", [](const Tensor& x) { return layer_norm(x, {3}); },
       by_rows(standardized(true, 1e-5L))},
      {"layer_norm, eps 0", [](const Tensor& x) { return layer_norm(x, {3}, {}, {}, 0); },
       by_rows(standardized(true, 0))},
      {"rms_norm", [](const Tensor& x) { return rms_norm(x, {3}, {}, 1e-6); },
       by_rows(standardized(false, 1e-6L))},
      {"rms_norm, eps 0", [](const Tensor& x) { return rms_norm(x, {3}, {}, 0.); },
       by_rows(standardized(false, 0))},
      {"group_norm", [](const Tensor& x) { return group_norm(x, 1); },
       by_rows(standardized(true, 1e-5L))},
      {"batch_norm",
       [](const Tensor& x) {
         return batch_norm(reshape(x, {6, 1}), {}, {}, {}, {},
                           {.training = true, .momentum = 0.1, .eps = 1e-5});
       },
       standardized(true, 1e-5L)},
      {"asinh", [](const Tensor& x) { return asinh(x); }, each([](const Number& x) {
         const Real h = std::hypot(x.v, 1.0L);
         return chain(x, std::asinh(x.v), 1 / h, -x.v / h / h / h);
       })},
      {"acosh", [](const Tensor& x) { return acosh(abs(x) + 2); }, each([](const Number& x) {
         const Number y = abs_of(x) + 2;
         const Real h = std::sqrt(y.v * y.v - 1);
         return chain(y, std::acosh(y.v), 1 / h, -y.v / h / h / h);
       })},
      {"atan", [](const Tensor& x) { return atan(x); }, each([](const Number& x) {
         const Real h = 1 + x.v * x.v;
         return chain(x, std::atan(x.v), 1 / h, -2 * x.v / h / h);
       })},
      {"softsign", [](const Tensor& x) { return softsign(x); }, each([](const Number& x) {
         const Real h = 1 + std::fabs(x.v);
         return chain(x, x.v / h, 1 / h / h, std::copysign(2 / h / h / h, -x.v));
       })},
      {"hypot", [](const Tensor& x) { return hypot(row_of(x, 0), row_of(x, 1)); },
       pairs([](const Number& a, const Number& b) { return root(a * a + b * b); })},
      {"atan2", [](const Tensor& x) { return atan2(row_of(x, 0), row_of(x, 1)); },
       pairs([](const Number& a, const Number& b) {
         const Number t = a / b;  // the angle to the axis, and the half plane
         const Real h = 1 + t.v * t.v;
         return chain(t, std::atan2(a.v, b.v), 1 / h, -2 * t.v / h / h);
       })},
      {"cosine_embedding_loss",
       [](const Tensor& x) { return cosine_embedding_loss(row_of(x, 0), row_of(x, 1), ones({1})); },
       [](const Values& x) {
         Number product, a{1e-12L}, b{1e-12L};
         for (std::size_t i = 0; i < 3; ++i) {
           product = product + x[i] * x[i + 3];
           a = a + x[i] * x[i];
           b = b + x[i + 3] * x[i + 3];
         }
         return Values{Number{1} - product / root(a) / root(b)};
       }},
      {"triplet_margin_loss",
       [](const Tensor& x) {
         return triplet_margin_loss(row_of(x, 0), row_of(x, 1), row_of(x, 0) * 1.25);
       },
       [](const Values& x) {
         Values near, far;
         for (std::size_t i = 0; i < 3; ++i) {
           near.push_back(x[i] - x[i + 3] + 1e-6L);
           far.push_back(x[i] * -0.25L + 1e-6L);
         }
         return Values{max_of(p_norm(near, 2) - p_norm(far, 2) + 1, 0)};
       }},
  };
  return table;
}

double weight(std::size_t i) { return (i % 2 ? -0.625 : 1) * (1 + 0.25 * static_cast<double>(i)); }
Number weighted(const Values& y) {
  Number sum;
  for (std::size_t i = 0; i < y.size(); ++i) sum = sum + y[i] * weight(i);
  return sum;
}
Tensor weighted(const Tensor& y) {
  std::vector<double> w;
  for (Index i = 0; i < y.numel(); ++i) w.push_back(weight(static_cast<std::size_t>(i)));
  return sum(reshape(y, {y.numel()}) * from_vector(w).to(y.dtype()));
}

/// The direction of second derivatives.
double along(std::size_t i) { return 0.5 + static_cast<double>(i % 3); }

struct Derivatives {
  std::vector<Real> value, gradient, second;
};
Derivatives derivatives_of(const Case& c, const std::vector<double>& at) {
  Derivatives out;
  for (std::size_t i = 0; i < at.size(); ++i) {
    Values x;
    for (std::size_t j = 0; j < at.size(); ++j)
      x.push_back({at[j], j == i ? 1.0L : 0.0L, along(j), 0});
    const Values y = c.reference(x);
    for (std::size_t j = 0; i == 0 && j < y.size(); ++j) out.value.push_back(y[j].v);
    out.gradient.push_back(weighted(y).a);
    out.second.push_back(weighted(y).ab);
  }
  return out;
}

Real largest_magnitude(const std::vector<Real>& values) {
  Real most = 0;
  for (const Real v : values) most = std::max(most, std::fabs(v));
  return most;
}

/// What is wrong, or "": errors are relative to the largest value, but for some steps of the
/// smallest numbers; what is beyond the dtype has to be infinite.
std::string fault(const Tensor& got, const std::vector<Real>& want, Real tolerance) {
  const bool single = got.dtype() == float32;
  const Real most = single ? static_cast<Real>(std::numeric_limits<float>::max())
                           : static_cast<Real>(std::numeric_limits<double>::max());
  const Real least = single ? static_cast<Real>(std::numeric_limits<float>::denorm_min())
                            : static_cast<Real>(std::numeric_limits<double>::denorm_min());
  const std::vector<double> values = got.to(float64).to_vector<double>();
  if (values.size() != want.size()) return "a shape of " + text_of(values.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const bool fits = std::fabs(want[i]) <= most;
    const Real error = std::fabs(values[i] - want[i]);
    if (fits ? error <= tolerance * std::min(largest_magnitude(want), most) + 8 * least
             : values[i] == std::copysign(INFINITY, static_cast<double>(want[i])))
      continue;
    return text_of(values[i]) + " instead of " + text_of(static_cast<double>(want[i])) + " at " +
           text_of(i);
  }
  return "";
}

void check(const Case& c, DType type, double magnitude) {
  std::vector<double> given;
  for (const double place : {0.75, -0.4375, 0.3125, -0.59375, 0.8125, 0.5})
    given.push_back(place * magnitude);
  const Tensor x = reshape(from_vector(given), {rows, cols}).to(type).requires_grad_();
  const Derivatives want = derivatives_of(c, x.to(float64).to_vector<double>());
  const Real tolerance = type == float32 ? 2e-6L : 4e-15L;
  INFO(c.name << " of magnitude " << magnitude << ", " << name_of(type));
  const Tensor y = c.f(x);
  CHECK(fault(y, want.value, tolerance) == "");
  if (!all(isfinite(y)).item<bool>()) return;
  const Tensor recorded = grad(weighted(y), {x}, {.create_graph = true})[0];
  CHECK(fault(recorded, want.gradient, 4 * tolerance) == "");
  CHECK(fault(grad(weighted(c.f(x)), {x})[0], want.gradient, 4 * tolerance) == "");
  const Real limit = type == float32 ? 1e36L : 1e306L, most = largest_magnitude(want.second);
  if (most > limit || most < 1 / limit) return;
  std::vector<double> direction;
  for (std::size_t i = 0; i < size; ++i) direction.push_back(along(i));
  const Tensor second = grad(sum(recorded * reshape(from_vector(direction), {rows, cols}).to(type)),
                             {x}, {.allow_unused = true})[0];
  CHECK(fault(second, want.second, 40 * tolerance) == "");
}

}  // namespace

TEST_CASE("operations that square are right from the smallest magnitude to the largest") {
  for (const Case& c : cases()) {
    for (const double m : {1.6e-38, 1e-30, 1e-23, 1e-19, 1e-10, 1., 1e10, 1e19, 1e25, 1e30, 1e38})
      check(c, float32, m);
    for (const double m : {1e-300, 1e-200, 1e-160, 1e-30, 1., 1e30, 1e154, 1e200, 1e300})
      check(c, float64, m);
  }
}

TEST_CASE("derivatives of hypot keep their digits whatever the ratio of its operands") {
  for (const DType type : {float32, float64})
    for (const double scale : {1e-8, 1.0, 1e6})
      for (const double ratio : {1.0, 30.0, 1e3, 1e4, 1e6, 1e8})
        for (const bool swapped : {false, true}) {
          if (type == float32 && scale != 1 && ratio > 1e6) continue;  // beyond its range
          const double large = -0.7 * scale * (ratio > 1e4 ? 1 : ratio), small = large / -ratio;
          Tensor a = tensor(swapped ? small : large, type).requires_grad_();
          Tensor b = tensor(swapped ? large : small, type).requires_grad_();
          const Real x = a.item(), y = b.item(), h = std::hypot(x, y);
          INFO(x << " " << y << " " << name_of(type));
          const auto matches = [&](const Tensor& got, Real want) {
            CHECK(std::fabs(got.item() - want) <=
                  (type == float32 ? 2e-6L : 4e-15L) * std::fabs(want));
          };
          matches(hypot(a, b), h);
          const auto first = grad(hypot(a, b), {a, b}, {.create_graph = true});
          matches(first[0], x / h);
          matches(first[1], y / h);
          const auto by_a = grad(first[0], {a, b}, {.create_graph = true});
          matches(by_a[0], y * y / (h * h * h));
          matches(by_a[1], -x * y / (h * h * h));
          matches(grad(first[1], {b}, {.create_graph = true})[0], x * x / (h * h * h));
          matches(grad(by_a[0], {a}, {.create_graph = true})[0],
                  -3 * x * y * y / (h * h * h * h * h));
        }
}
