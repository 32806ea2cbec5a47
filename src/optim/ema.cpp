#include "gradus/optim/ema.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "ops/host.hpp"
#include "optim/options.hpp"
#include "optim/state.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {
Ema::Ema(const std::vector<Tensor>& params, const EmaOptions& options)
    : params_(params), options_(options) {
  detail::require_fraction("Ema", "decay", options.decay);
  if (params.empty()) fail("Ema", "no parameters were given; at least one is required");
  const NoGrad guard;
  std::set<const void*> seen;
  for (const Tensor& param : params) {
    if (!param.defined() || !is_floating_point(param.dtype()))
      fail("Ema", "a parameter that is ", (param.defined() ? name_of(param.dtype()) : "undefined"),
           " was given; floating-point tensors are required");
    const bool known = param.numel() > 0 && !seen.insert(gradus::detail::host_values(param)).second;
    if (known)
      fail("Ema", "a parameter of shape ", param.shape(),
           " was given twice, or shares its memory with another; each is required once: "
           "apply() would exchange it back");
    averages_.push_back(param.clone());
  }
}

/// Converts the averages of parameters that have another dtype now.
void Ema::follow_dtypes() {
  for (std::size_t i = 0; i < params_.size(); ++i)
    if (averages_[i].dtype() != params_[i].dtype())
      averages_[i] = averages_[i].to(params_[i].dtype());
}

void Ema::require_applied(bool applied, const char* operation) const {
  if (applied_ == applied) return;
  fail(operation, applied ? "the parameters are not the averages; call apply() before"
                          : "the parameters are the averages now; call restore() before");
}

Ema::~Ema() { gradus::detail::ends(this); }

void Ema::update() {
  require_applied(false, "Ema.update");
  gradus::detail::host_changes(this, [this] {
    return [this, updates = updates_, before = averages()] {
      updates_ = updates;
      for (std::size_t i = 0; i < before.size(); ++i) averages_[i].copy_(before[i]);
    };
  });
  if (gradus::detail::will_repeat())
    return gradus::detail::repeated([this] { update(); }, {params_, averages_});
  const NoGrad guard;
  follow_dtypes();
  const double t = static_cast<double>(++updates_);
  const double keep =
      options_.warmup ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
  for (std::size_t i = 0; i < params_.size(); ++i)
    detail::dispatch(params_[i].dtype(), [&]<class T>(T) {
      T* const a = averages_[i].mutable_data<T>();
      const T* const p = params_[i].data<T>();
      const T fresh = static_cast<T>(1 - keep);
      detail::for_tiles(params_[i].numel(), [=](Index begin, Index end) {
        detail::loop(end - begin, a + begin, p + begin,
                     [=](T& average, T param) { average += fresh * (param - average); });
      });
    });
}

void Ema::exchange() {
  const NoGrad guard;
  follow_dtypes();
  for (std::size_t i = 0; i < params_.size(); ++i)
    detail::dispatch(params_[i].dtype(), [&]<class T>(T) {
      T* const p = params_[i].mutable_data<T>();
      std::swap_ranges(p, p + params_[i].numel(), averages_[i].mutable_data<T>());
    });
  applied_ = !applied_;
}

void Ema::apply() {
  require_applied(false, "Ema.apply");
  exchange();
}

void Ema::restore() {
  require_applied(true, "Ema.restore");
  exchange();
}

std::vector<Tensor> Ema::averages() const {
  const NoGrad guard;
  std::vector<Tensor> copies;
  for (std::size_t i = 0; i < params_.size(); ++i) {
    const Tensor& t = applied_ ? params_[i] : averages_[i];
    copies.push_back(t.dtype() == params_[i].dtype() ? t.clone() : t.to(params_[i].dtype()));
  }
  return copies;
}

StateDict Ema::state_dict() const {
  require_applied(false, "Ema.state_dict");
  StateDict state;
  state["updates"] = detail::number(static_cast<double>(updates_));
  const std::vector<Tensor> present = averages();
  for (std::size_t i = 0; i < present.size(); ++i) state["average." + text_of(i)] = present[i];
  return state;
}

void Ema::load_state_dict(const StateDict& state) {
  require_applied(false, "Ema.load_state_dict");
  gradus::detail::changes_once(this, "Ema.load_state_dict", "call it between replays");
  detail::StateReader reader(state);
  const std::int64_t updates = reader.count("updates");
  std::vector<Tensor> averages;
  for (std::size_t i = 0; i < averages_.size(); ++i)
    averages.push_back(
        reader.tensor("average." + text_of(i), averages_[i].shape(), params_[i].dtype()));
  reader.finish("Ema.load_state_dict");
  updates_ = updates;
  averages_ = std::move(averages);
}

}  // namespace gradus::optim
