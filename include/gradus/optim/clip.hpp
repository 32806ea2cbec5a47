#pragma once

#include <vector>

#include "gradus/optim/optimizer.hpp"

namespace gradus {

/// The norm of all gradients taken as one vector, (sum |g|^p)^(1/p), or max |g| for infinity;
/// accumulated in double, whatever the range of the entries. Parameters without a gradient are left
/// out, and one that is given twice counts once; without any it is 0.
double grad_norm(const std::vector<Tensor>& params, double norm_type = 2);

/// The factor that limits a norm to max_norm: min(1, max_norm / (norm + 1e-6)). With
/// `opt.step({.grad_scale = clip_coefficient(grad_norm(params), 1.0)})` clipping needs no pass of
/// its own.
double clip_coefficient(double norm, double max_norm);

struct ClipNormOptions {
  double norm_type = 2;
  bool error_if_nonfinite = false;  ///< throw for a norm that is infinite or NaN
};

/// Scales all gradients by clip_coefficient(norm, max_norm) and returns the norm from before. A
/// norm that is not finite throws if asked to; otherwise the gradients become what the formula
/// gives, 0 and NaN.
double clip_grad_norm(const std::vector<Tensor>& params, double max_norm,
                      ClipNormOptions options = {});

/// Limits every entry of every gradient to [-clip_value, clip_value]. Changes the gradient's
/// direction; clip_grad_norm does not.
void clip_grad_value(const std::vector<Tensor>& params, double clip_value);

namespace optim {

struct PercentileClipOptions {
  double percentile = 10;  ///< 0 to 100
  Index window = 1000;     ///< so many of the latest norms are remembered
};

/// Clips at a percentile of the norms seen so far, the present one included (AutoClip, Seetharaman
/// et al. 2020), so that no threshold has to be known. Norms that are not finite are not
/// remembered.
class PercentileClip {
 public:
  explicit PercentileClip(const PercentileClipOptions& options = {});
  /// Remembers the norm of all gradients, clips them, and returns the norm from before.
  double clip(const std::vector<Tensor>& params);
  /// The same for a norm alone: remembers it and returns the factor, for step({.grad_scale = …}).
  double coefficient(double norm);
  /// The percentile of the norms remembered, linearly interpolated; infinity without any.
  double threshold() const;

  /// "history", in the order of time.
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  PercentileClipOptions options_;
  std::vector<double> history_;
};

}  // namespace optim
}  // namespace gradus
