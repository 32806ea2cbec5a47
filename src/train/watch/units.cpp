#include "train/watch/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/class_of.hpp"
#include "gradus/nn/activation.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Where 1 - y^2, tanh's derivative, is saturated_slope; y (1 - y), sigmoid's, is a quarter of that
// at (1 +- y) / 2.
constexpr double end = 0.94868329805051381;
static_assert(1 - end * end - limits::saturated_slope < 1e-15 &&
              limits::saturated_slope - 1 + end * end < 1e-15);

constexpr std::pair<std::string_view, Flat> known[] = {
    {"relu", {Kind::relu, 0, infinity}},
    {"relu6", {Kind::relu, 0, 6}},
    {"sigmoid", {Kind::sigmoid, (1 - end) / 2, (1 + end) / 2}},
    {"tanh", {Kind::tanh, -end, end}},
    {"hardsigmoid", {Kind::hard, 0, 1, 1.0 / 6}},
    {"hardtanh", {Kind::hard, -1, 1}},
};

/// Adds the sum and the squares of n values, in lanes.
template <class T>
void add_sums(const T* y, Index n, Look& look) {
  std::array<double, 8> sums{}, squares{};
  Index i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t k = 0; k < 8; ++k) {
      const auto v = static_cast<double>(y[i + static_cast<Index>(k)]);
      sums[k] += v;
      squares[k] += v * v;
    }
  for (; i < n; ++i) {
    const auto v = static_cast<double>(y[i]);
    sums[0] += v;
    squares[0] += v * v;
  }
  for (std::size_t k = 0; k < 8; ++k) {
    look.sum += sums[k];
    look.squares += squares[k];
  }
}

/// One row of `units` values, each a unit of its own.
template <Kind kind, class T>
void look_at_row(const T* y, Index units, const Flat& flat, std::uint8_t* works, Look& look) {
  const auto below = static_cast<T>(flat.below), above = static_cast<T>(flat.above);
  std::int32_t active = 0, saturated = 0;  // of this width, the loop vectorizes
  T slopes = 0;
  for (Index i = 0; i < units; ++i) {
    const bool is_flat = y[i] <= below || y[i] >= above;
    if constexpr (kind == Kind::relu) active += y[i] > below;
    saturated += is_flat;
    works[i] = static_cast<std::uint8_t>(works[i] | !is_flat);
    if constexpr (kind == Kind::sigmoid || kind == Kind::tanh) {
      const T slope = kind == Kind::sigmoid ? y[i] * (1 - y[i]) : 1 - y[i] * y[i];
      slopes += slope * slope;
    }
  }
  look.active += active;
  look.saturated += saturated;
  look.slope_squares += kind == Kind::sigmoid || kind == Kind::tanh
                            ? static_cast<double>(slopes)
                            : flat.slope * flat.slope * static_cast<double>(units - saturated);
}

/// Values as rows of units; a unit has `inner` values in a row (1, or the pixels of a channel).
template <Kind kind, class T>
void look_at_rows(const T* y, Index inner, const Flat& flat, std::vector<std::uint8_t>& works,
                  Look& look) {
  const auto units = static_cast<Index>(works.size());
  std::vector<std::uint8_t> any(inner > 1 ? static_cast<std::size_t>(inner) : 0);
  for (Index r = 0; r < look.rows; ++r, y += units * inner) {
    if (inner == 1) {
      look_at_row<kind>(y, units, flat, works.data(), look);
      continue;
    }
    for (Index u = 0; u < units; ++u) {
      std::fill(any.begin(), any.end(), std::uint8_t{0});
      look_at_row<kind>(y + u * inner, inner, flat, any.data(), look);
      if (std::find(any.begin(), any.end(), 1) != any.end()) works[static_cast<std::size_t>(u)] = 1;
    }
  }
}

}  // namespace

Flat flat_of(const nn::Module& module) {
  const auto* activation = as<const nn::Activation>(module);
  for (const auto& [name, flat] : known)
    if (activation && activation->name() == name) return flat;
  return {};
}

Look look_at(const Flat& flat, const Tensor& out, std::vector<std::uint8_t>& works) {
  const bool image = out.dim() == 4;
  const Index units = out.size(image ? 1 : -1), inner = image ? out.size(2) * out.size(3) : 1;
  Look look{.rows = out.numel() / (units * inner)};
  works.assign(flat.kind == Kind::other ? 0 : static_cast<std::size_t>(units), 0);
  with_values(out, [&](const auto* y, Index count) {
    add_sums(y, count, look);
    switch (flat.kind) {
      case Kind::relu:
        return look_at_rows<Kind::relu>(y, inner, flat, works, look);
      case Kind::sigmoid:
        return look_at_rows<Kind::sigmoid>(y, inner, flat, works, look);
      case Kind::tanh:
        return look_at_rows<Kind::tanh>(y, inner, flat, works, look);
      case Kind::hard:
        return look_at_rows<Kind::hard>(y, inner, flat, works, look);
      case Kind::other:
        return;
    }
  });
  return look;
}

double idle_share(const std::vector<std::uint8_t>& works) {
  const auto idle = std::count(works.begin(), works.end(), 0);
  return works.empty() ? NAN : static_cast<double>(idle) / static_cast<double>(works.size());
}

}  // namespace gradus::train::detail
