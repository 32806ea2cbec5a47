#include "gradus/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "autograd/capture.hpp"
#include "gradus/autograd.hpp"
#include "gradus/sparse.hpp"
#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {
namespace {

const void* values(const Tensor& t) {
  return t.dtype() == DType::float32 ? static_cast<const void*>(t.data<float>())
                                     : static_cast<const void*>(t.data<double>());
}

template <class T>
bool all_finite(const T* x, Index n) {
  // x - x is 0 or NaN; the sum vectorizes, unlike a search.
  bool good = true;
  for (Index i = 0; i < n; ++i) good &= x[i] - x[i] == 0;
  return good;
}

}  // namespace

Optimizer::~Optimizer() = default;

void Optimizer::add_group(const std::vector<Tensor>& params, double lr) {
  const std::size_t group = num_groups();
  std::set<const void*> seen;
  for (const Slot& slot : slots_)
    if (slot.numel > 0) seen.insert(values(slot.param));
  for (const Tensor& param : params) {
    const std::string which = "parameter " + text_of(slots_.size());
    if (!param.defined())
      fail(name_, which + " is undefined; a tensor is required; was its layer ever built?");
    if (!is_floating_point(param.dtype()))
      fail(name_, which + " has dtype " + name_of(param.dtype()) +
                      "; float32 or float64 is required; leave buffers out of the list");
    if (!param.is_leaf())
      fail(name_, which + " is the result of operation " + param.operation() +
                      "; a leaf is required; pass the tensor it was computed from, or detach() it");
    if (param.numel() > 0 && !seen.insert(values(param)).second)
      fail(name_, which + " of shape " + to_string(param.shape()) +
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
    slot.data[i] = const_cast<void*>(values(slot.moments[i]));
}

bool Optimizer::gradients_finite(const StepOptions& options) const {
  bool good = std::isfinite(options.grad_scale);
  for (std::size_t i = 0; good && i < slots_.size(); ++i) {
    const Tensor grad = slots_[i].param.grad();
    if (!grad.defined()) continue;
    detail::dispatch(slots_[i].dtype,
                     [&]<class T>(T) { good = all_finite(grad.data<T>(), slots_[i].numel); });
    if (!good && options.non_finite == NonFinite::raise)
      fail(name_, "the gradient of parameter " + text_of(i) + " of shape " +
                      to_string(grad.shape()) +
                      " holds NaN or infinity; finite values are required; lower the learning "
                      "rate, clip gradients, or look for the first such value in anomaly mode");
  }
  if (!good && options.non_finite == NonFinite::raise)
    fail(name_,
         "grad_scale = " + text_of(options.grad_scale) +
             " was given; a finite number is required; is the norm of the gradients finite?");
  return good;
}

/// Puts the state back to where it is now, in place: a captured step has its addresses.
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
  if (!gradus::detail::is_capturing()) return step_now(options);
  gradus::detail::before_change(this, [this] { return undo(); });
  return gradus::detail::replayable([this, options] { return step_now(options); });
}

StepResult Optimizer::step_now(const StepOptions& options) {
  if (options.non_finite != NonFinite::ignore && !gradients_finite(options)) {
    ++skipped_;
    return options.non_finite == NonFinite::stop ? StepResult::stopped : StepResult::skipped;
  }
  const NoGrad guard;
  for (Slot& slot : slots_)  // first what may fail, so that either all parameters change or none
    if (slot.step == 0 && slot.param.grad().defined()) make_moments(slot);
  for (Slot& slot : slots_) {
    const Tensor grad = slot.param.grad();
    if (!grad.defined()) continue;
    slot.grad = slot.dtype == DType::float32 ? static_cast<const void*>(grad.data<float>())
                                             : static_cast<const void*>(grad.data<double>());
    ++slot.step;
    update(slot, options.grad_scale);
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
    fail(operation, "group " + text_of(group) + " of " + name_ + " was asked for; it has " +
                        text_of(num_groups()) + ", counted from 0");
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
  lr_of(group) = lr;
}

bool Optimizer::has_momentum() const {
  return const_cast<Optimizer*>(this)->momentum_of(0) != nullptr;
}

double Optimizer::momentum(std::size_t group) const {
  check_group(group, "momentum");
  const double* value = const_cast<Optimizer*>(this)->momentum_of(group);
  if (!value)
    fail("momentum", std::string(name_) +
                         " has neither a momentum nor a beta1; ask has_momentum() first, or take "
                         "an algorithm with momentum");
  return *value;
}

void Optimizer::set_momentum(std::size_t group, double momentum) {
  this->momentum(group);  // throws if there is none
  detail::require_fraction("set_momentum", "momentum", momentum);
  *momentum_of(group) = momentum;
  // The first momentum above 0 may want a moment that was not there.
  for (Slot& slot : slots_)
    if (slot.group == group && slot.step > 0) make_moments(slot);
}

void Optimizer::set_lr(double lr) {
  for (std::size_t group = 0; group < num_groups(); ++group) set_lr(group, lr);
}

}  // namespace gradus::optim
