#include "gradus/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "ops/host.hpp"
#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {
namespace {

using gradus::detail::host_values;

/// Whether float32, and so every dtype of a parameter, can hold a factor to its full precision.
bool fits_all(double scale) {
  const double size = std::abs(scale);
  return scale == 0 || !std::isfinite(scale) ||
         (size >= static_cast<double>(std::numeric_limits<float>::min()) &&
          size <= static_cast<double>(std::numeric_limits<float>::max()));
}

constexpr const char* by_hand = "call it between replays; they follow the rate";

}  // namespace

Optimizer::~Optimizer() { gradus::detail::ends(this); }

void Optimizer::add_group(const std::vector<Tensor>& params, double lr) {
  const std::size_t group = num_groups();
  std::set<const void*> seen;
  for (const Slot& slot : slots_)
    if (slot.numel > 0) seen.insert(host_values(slot.param));
  for (const Tensor& param : params) {
    const std::string which = "parameter " + text_of(slots_.size());
    if (!param.defined())
      fail(name_, which, " is undefined; a tensor is required; was its layer ever built?");
    if (!is_floating_point(param.dtype()))
      fail(name_, which, " has dtype ", name_of(param.dtype()),
           "; float32 or float64 is required; leave buffers out of the list");
    if (!param.is_leaf())
      fail(name_, which, " is the result of operation ", param.operation(),
           "; a leaf is required; pass the tensor it was computed from, or detach() it");
    if (param.numel() > 0 && !seen.insert(host_values(param)).second)
      fail(name_, which, " of shape ", param.shape(),
           " was given twice, or shares its memory with another; each parameter must "
           "be in one group, once");
    Slot slot;
    slot.param = param;
    slot.group = group;
    slot.dtype = param.dtype();
    slot.numel = param.numel();
    if (sparse_grad(param) && slot.numel > 0) slot.row = slot.numel / param.size(0);
    slots_.push_back(std::move(slot));
  }
  initial_lr_.push_back(lr);
}

void Optimizer::make_moments(Slot& slot) {
  const auto names = moment_names(slot);
  while (slot.moments.size() < names.size())
    slot.moments.push_back(full(slot.param.shape(), initial_moment(slot), slot.dtype).clone());
  for (std::size_t i = 0; i < slot.moments.size(); ++i)
    slot.data[i] = const_cast<void*>(host_values(slot.moments[i]));
}

/// Converts the state of a parameter that has another dtype now.
void Optimizer::follow_dtype(std::size_t place) {
  Slot& slot = slots_[place];
  const DType dtype = slot.param.dtype();
  if (!is_floating_point(dtype))
    fail(name_, "parameter ", place, " has become ", name_of(dtype),
         "; float32 or float64 is required; leave buffers out of the list");
  std::vector<Tensor> moments;
  for (const Tensor& moment : slot.moments) moments.push_back(moment.to(dtype));
  slot.moments = std::move(moments);
  slot.dtype = dtype;
  if (!slot.moments.empty()) make_moments(slot);
}

/// All gradients times a factor that float32 cannot hold, multiplied in double.
std::vector<Tensor> Optimizer::scaled_gradients(double scale) const {
  std::vector<Tensor> scaled;
  for (const Slot& slot : slots_) {
    const Tensor grad = slot.param.grad();
    scaled.push_back(grad.defined() ? (grad.to(float64) * scale).to(slot.dtype) : Tensor());
  }
  return scaled;
}

/// Tries every update: of a finite gradient more than finite numbers may come when it is applied.
/// `scaled`: if not empty, what stands for the gradients and their scale.
bool Optimizer::stays_finite(const StepOptions& options, const std::vector<Tensor>& scaled) {
  if (!std::isfinite(options.grad_scale)) {
    if (options.non_finite == NonFinite::raise)
      fail(name_, "grad_scale = ", options.grad_scale,
           " was given; a finite number is required; is the norm of the gradients finite?");
    return false;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Tensor grad = scaled.empty() ? slots_[i].param.grad() : scaled[i];
    if (!grad.defined()) continue;
    Slot attempt = slots_[i];
    attempt.trial = true;
    if (attempt.step == 0) make_moments(attempt);
    attempt.grad = host_values(grad);
    ++attempt.step;
    update(attempt, scaled.empty() ? options.grad_scale : 1);
    if (!attempt.fails) continue;
    if (options.non_finite == NonFinite::raise) refuse_gradient(i, options.grad_scale);
    return false;
  }
  return true;
}

void Optimizer::refuse_gradient(std::size_t place, double grad_scale) const {
  const Slot& slot = slots_[place];
  const Tensor grad = slot.param.grad();
  const std::string which =
      compose("the gradient of parameter ", place, " of shape ", grad.shape());
  if (!all(isfinite(grad)).item<bool>())
    fail(name_, which,
         " holds NaN or infinity; finite values are required; lower the learning "
         "rate, clip gradients, or look for the first such value in anomaly mode");
  fail(name_, which, " is finite, but what the update makes of it in ", name_of(slot.dtype),
       " (with grad_scale = ", grad_scale,
       ", weight decay, momentum, squares, learning rate) is not; finite values are "
       "required; clip gradients, scale the loss down, or train in float64");
}

/// Puts the state back to where it is now, in place: a step that is replayed has its addresses.
std::function<void()> Optimizer::undo() {
  std::vector<std::pair<Slot, std::vector<Tensor>>> before;
  for (const Slot& slot : slots_) {
    std::vector<Tensor> moments;
    for (const Tensor& moment : slot.moments) moments.push_back(moment.clone());
    before.emplace_back(slot, std::move(moments));
  }
  return [this, before = std::move(before), skipped = skipped_] {
    skipped_ = skipped;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto& [slot, moments] = before[i];
      slots_[i].step = slot.step;
      slots_[i].number = slot.number;
      for (std::size_t m = 0; m < slots_[i].moments.size(); ++m)
        if (m < moments.size())
          slots_[i].moments[m].copy_(moments[m]);
        else
          slots_[i].moments[m].fill_(initial_moment(slot));
    }
  };
}

StepResult Optimizer::step(const StepOptions& options) {
  gradus::detail::host_changes(this, [this] { return undo(); });
  if (!gradus::detail::will_repeat()) return step_now(options);
  gradus::detail::Touches touches;
  for (const Slot& slot : slots_) {
    Tensor grad = slot.param.grad();
    if (!grad.defined()) continue;
    touches.reads.push_back(std::move(grad));
    touches.updates.push_back(slot.param);
    touches.updates.insert(touches.updates.end(), slot.moments.begin(), slot.moments.end());
  }
  return gradus::detail::repeated([this, options] { return step_now(options); }, touches);
}

StepResult Optimizer::step_now(const StepOptions& options) {
  const NoGrad guard;
  const auto place = [this](const Slot& slot) {
    return static_cast<std::size_t>(&slot - slots_.data());
  };
  bool fresh = false;
  for (const Slot& slot : slots_) {
    if (slot.param.dtype() != slot.dtype) [[unlikely]]
      follow_dtype(place(slot));
    fresh |= slot.step == 0;
  }
  const bool fits = fits_all(options.grad_scale);
  const std::vector<Tensor> scaled =
      fits ? std::vector<Tensor>() : scaled_gradients(options.grad_scale);
  if (options.non_finite != NonFinite::ignore && !stays_finite(options, scaled)) {
    ++skipped_;
    return options.non_finite == NonFinite::stop ? StepResult::stopped : StepResult::skipped;
  }
  if (fresh)  // what may fail comes first, so that either all parameters change or none
    for (Slot& slot : slots_)
      if (slot.step == 0 && slot.param.grad().defined()) make_moments(slot);
  for (Slot& slot : slots_) {
    Tensor grad = slot.param.grad();
    if (!grad.defined()) continue;
    if (!fits) grad = scaled[place(slot)];
    slot.grad = host_values(grad);
    ++slot.step;
    update(slot, fits ? options.grad_scale : 1);
  }
  return StepResult::updated;
}

Tensor Optimizer::step_closure(const Closure& closure) {
  Tensor loss;
  {
    const EnableGrad guard;
    loss = closure();
  }
  step();
  return loss;
}

void Optimizer::zero_grad() {
  for (Slot& slot : slots_) slot.param.set_grad({});
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> list;
  for (const Slot& slot : slots_) list.push_back(slot.param);
  return list;
}

void Optimizer::check_group(std::size_t group, const char* operation) const {
  if (group >= num_groups())
    fail(operation, "group ", group, " of ", name_, " was asked for; it has ", num_groups(),
         ", counted from 0");
}

double Optimizer::lr(std::size_t group) const {
  check_group(group, "lr");
  return const_cast<Optimizer*>(this)->lr_of(group);
}

double Optimizer::initial_lr(std::size_t group) const {
  check_group(group, "initial_lr");
  return initial_lr_[group];
}

void Optimizer::set_lr(std::size_t group, double lr) {
  check_group(group, "set_lr");
  detail::require_not_negative("set_lr", "lr", lr);
  gradus::detail::changes_once(this, "set_lr", by_hand);
  lr_of(group) = lr;
}

bool Optimizer::has_momentum() const {
  return const_cast<Optimizer*>(this)->momentum_of(0) != nullptr;
}

double Optimizer::momentum(std::size_t group) const {
  check_group(group, "momentum");
  const double* value = const_cast<Optimizer*>(this)->momentum_of(group);
  if (!value)
    fail("momentum", name_,
         " has neither a momentum nor a beta1; ask has_momentum() first, or take "
         "an algorithm with momentum");
  return *value;
}

void Optimizer::set_momentum(std::size_t group, double momentum) {
  this->momentum(group);  // throws if there is none
  detail::require_fraction("set_momentum", "momentum", momentum);
  gradus::detail::changes_once(this, "set_momentum", by_hand);
  *momentum_of(group) = momentum;
  // The first momentum above 0 may want a moment that was not there.
  for (Slot& slot : slots_)
    if (slot.group == group && slot.step > 0) make_moments(slot);
}

void Optimizer::set_lr(double lr) {
  for (std::size_t group = 0; group < num_groups(); ++group) set_lr(group, lr);
}

}  // namespace gradus::optim
