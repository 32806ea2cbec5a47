#include "gradus/optim/clip.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "ops/host.hpp"
#include "optim/options.hpp"
#include "optim/state.hpp"
#include "optim/sweep.hpp"

namespace gradus {
namespace {

using optim::detail::dispatch;
using optim::detail::for_tiles;

/// fold(sum, x) over all values in eight interleaved lanes, so that it vectorizes with a fixed
/// order.
template <class T, class Fold, class Join>
double fold_lanes(const T* x, Index n, Fold fold, Join join) {
  constexpr Index lanes = 8;
  double lane[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (Index k = 0; k < lanes; ++k) lane[k] = fold(lane[k], static_cast<double>(x[i + k]));
  for (; i < n; ++i) lane[0] = fold(lane[0], static_cast<double>(x[i]));
  for (Index k = 1; k < lanes; ++k) lane[0] = join(lane[0], lane[k]);
  return lane[0];
}

template <class Fold, class Join>
double fold_gradient(const Tensor& grad, Fold fold, Join join) {
  const Index n = grad.numel();
  double total = 0;
  dispatch(grad.dtype(), [&]<class T>(T) {
    const T* x = grad.data<T>();
    if (n <= optim::detail::tile_size) {
      total = fold_lanes(x, n, fold, join);
      return;
    }
    std::vector<double> parts(static_cast<std::size_t>(optim::detail::tile_count(n)));
    for_tiles(n, [&](Index begin, Index end) {
      parts[static_cast<std::size_t>(begin / optim::detail::tile_size)] =
          fold_lanes(x + begin, end - begin, fold, join);
    });
    for (const double part : parts) total = join(total, part);
  });
  return total;
}

/// The gradients of the parameters that have one, each once: a parameter that is given twice, such
/// as one that two modules share, is not to be counted and scaled twice.
std::vector<Tensor> gradients_of(const std::vector<Tensor>& params) {
  std::vector<Tensor> grads;
  std::vector<const void*> places;
  for (const Tensor& param : params) {
    Tensor grad = param.grad();
    if (!grad.defined() || grad.numel() == 0) continue;
    dispatch(grad.dtype(), [&]<class T>(T) { places.push_back(grad.data<T>()); });
    grads.push_back(std::move(grad));
  }
  std::vector<const void*> sorted = places;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return grads;
  std::set<const void*> seen;
  std::vector<Tensor> once;
  for (std::size_t i = 0; i < grads.size(); ++i)
    if (seen.insert(places[i]).second) once.push_back(grads[i]);
  return once;
}

/// What changes of the parameters when their gradients do.
detail::Touches touched(const std::vector<Tensor>& params) {
  detail::Touches touches;
  for (const Tensor& param : params)
    if (const Tensor grad = param.grad(); grad.defined()) touches.updates.push_back(grad);
  return touches;
}

template <class Fold, class Join>
double fold_gradients(const std::vector<Tensor>& grads, Fold fold, Join join) {
  double total = 0;
  for (const Tensor& grad : grads) total = join(total, fold_gradient(grad, fold, join));
  return total;
}

double largest_entry(const std::vector<Tensor>& grads) {
  // Written so that a NaN wins.
  const auto larger = [](double a, double b) { return a > b || a != a ? a : b; };
  return fold_gradients(
      grads, [=](double s, double x) { return larger(s, std::abs(x)); }, larger);
}

/// sum |g / unit|^p.
double sum_of_powers(const std::vector<Tensor>& grads, double p, double unit) {
  const auto add = [](double a, double b) { return a + b; };
  if (p == 2 && unit == 1)
    return fold_gradients(
        grads, [](double s, double x) { return s + x * x; }, add);
  if (p == 1 && unit == 1)
    return fold_gradients(
        grads, [](double s, double x) { return s + std::abs(x); }, add);
  return fold_gradients(
      grads, [=](double s, double x) { return s + std::pow(std::abs(x) / unit, p); }, add);
}

double norm_of(const std::vector<Tensor>& grads, double p) {
  detail::require(p > 0, "grad_norm", "norm_type", p, "a number above 0, or infinity,");
  if (std::isinf(p)) return largest_entry(grads);
  const auto root = [p](double sum) { return p == 2 ? std::sqrt(sum) : std::pow(sum, 1 / p); };
  const double sum = sum_of_powers(grads, p, 1);
  if (sum > 1e-280 && std::isfinite(sum)) [[likely]]
    return root(sum);
  // 0, not finite, or of powers beyond the range of double: in units of the largest entry.
  const double unit = largest_entry(grads);
  if (!(unit > 0) || std::isinf(unit)) return unit;
  return unit * root(sum_of_powers(grads, p, unit));
}

/// f(g) for every entry, in place.
template <class F>
void change_gradients(const std::vector<Tensor>& grads, F f) {
  const NoGrad guard;
  for (Tensor grad : grads) {
    dispatch(grad.dtype(), [&]<class T>(T) {
      T* const g = grad.mutable_data<T>();
      for_tiles(grad.numel(), [=](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) f(g[i]);
      });
    });
  }
}

void scale_gradients(const std::vector<Tensor>& grads, double coefficient) {
  if (coefficient == 1) return;
  if (coefficient > 0 && coefficient < static_cast<double>(std::numeric_limits<float>::min()))
    // float32 would lose the factor's digits.
    return change_gradients(grads, [coefficient]<class T>(T& g) {
      g = static_cast<T>(static_cast<double>(g) * coefficient);
    });
  change_gradients(grads, [coefficient]<class T>(T& g) { g *= static_cast<T>(coefficient); });
}

}  // namespace

double grad_norm(const std::vector<Tensor>& params, double norm_type) {
  return norm_of(gradients_of(params), norm_type);
}

double clip_coefficient(double norm, double max_norm) {
  detail::require(max_norm >= 0, "clip_grad_norm", "max_norm", max_norm, "a number >= 0");
  const double coefficient = max_norm / (norm + 1e-6);
  return coefficient > 1 ? 1 : coefficient;
}

double clip_grad_norm(const std::vector<Tensor>& params, double max_norm, ClipNormOptions options) {
  if (detail::will_repeat())
    return detail::repeated([=] { return clip_grad_norm(params, max_norm, options); },
                            touched(params));
  const std::vector<Tensor> grads = gradients_of(params);
  const double norm = norm_of(grads, options.norm_type);
  const double coefficient = clip_coefficient(norm, max_norm);
  if (options.error_if_nonfinite && !std::isfinite(norm))
    fail("clip_grad_norm", "the norm of the gradients is ", norm,
         "; a finite norm is required; lower the learning rate, or look for "
         "the first non-finite value in anomaly mode");
  scale_gradients(grads, coefficient);
  return norm;
}

void clip_grad_value(const std::vector<Tensor>& params, double clip_value) {
  detail::require(clip_value >= 0, "clip_grad_value", "clip_value", clip_value, "a number >= 0");
  if (detail::will_repeat())
    return detail::repeated([=] { clip_grad_value(params, clip_value); }, touched(params));
  change_gradients(gradients_of(params), [clip_value]<class T>(T& g) {
    const T limit = static_cast<T>(clip_value);
    // Comparisons keep NaN as it is.
    g = g > limit ? limit : g < -limit ? -limit : g;
  });
}

namespace optim {

PercentileClip::PercentileClip(const PercentileClipOptions& options) : options_(options) {
  detail::require(options.percentile >= 0 && options.percentile <= 100, "PercentileClip",
                  "percentile", options.percentile, "0 <= value <= 100");
  detail::require(options.window >= 1, "PercentileClip", "window",
                  static_cast<double>(options.window), "at least 1");
}

double PercentileClip::clip(const std::vector<Tensor>& params) {
  gradus::detail::changes_once(this, "PercentileClip.clip", "it keeps a history of norms");
  const std::vector<Tensor> grads = gradients_of(params);
  const double norm = norm_of(grads, 2);
  scale_gradients(grads, coefficient(norm));
  return norm;
}

double PercentileClip::coefficient(double norm) {
  if (std::isfinite(norm)) {
    if (static_cast<Index>(history_.size()) >= options_.window) history_.erase(history_.begin());
    history_.push_back(norm);
  }
  const double limit = threshold();
  return std::isinf(limit) || norm <= limit ? 1 : clip_coefficient(norm, limit);
}

double PercentileClip::threshold() const {
  if (history_.empty()) return std::numeric_limits<double>::infinity();
  std::vector<double> sorted = history_;
  std::sort(sorted.begin(), sorted.end());
  const double place = options_.percentile / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

StateDict PercentileClip::state_dict() const { return {{"history", from_vector(history_)}}; }

void PercentileClip::load_state_dict(const StateDict& state) {
  gradus::detail::changes_once(this, "PercentileClip.load_state_dict", "call it between replays");
  detail::StateReader reader(state);
  const auto found = state.find("history");
  const bool fits = found != state.end() && found->second.defined() && found->second.dim() == 1;
  const Tensor history =
      reader.tensor("history", fits ? found->second.shape() : Shape{0}, DType::float64);
  reader.finish("PercentileClip.load_state_dict");
  history_ = history.to_vector<double>();
}

}  // namespace optim
}  // namespace gradus
