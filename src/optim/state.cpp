#include "optim/state.hpp"

#include <cmath>
#include <set>

#include "autograd/events.hpp"
#include "base/messages.hpp"
#include "gradus/optim/optimizer.hpp"
#include "optim/options.hpp"

namespace gradus::optim {

namespace detail {

Tensor number(double value) { return full({}, value, DType::float64); }

const Tensor* StateReader::take(const std::string& key) {
  taken_.insert(key);
  const auto found = state_.find(key);
  if (found == state_.end()) {
    note("missing: " + key);
    return nullptr;
  }
  if (!found->second.defined()) {
    note("undefined: " + key);
    return nullptr;
  }
  return &found->second;
}

double StateReader::number(const std::string& key) {
  const Tensor* t = take(key);
  if (!t) return 0;
  if (t->numel() == 1) return t->item();
  note(key + " has shape " + to_string(t->shape()) + "; one number is required");
  return 0;
}

std::int64_t StateReader::count(const std::string& key) {
  const double value = number(key);
  if (value >= 0 && value < 0x1p53 && value == std::floor(value))
    return static_cast<std::int64_t>(value);
  note(key + " = " + text_of(value) + "; a whole number >= 0 is required");
  return 0;
}

double StateReader::finite(const std::string& key, double least) {
  const double value = number(key);
  if (std::isfinite(value) && value >= least) return value;
  note(key + " = " + text_of(value) + "; a finite number" + (least == 0 ? " of 0 or more" : "") +
       " is required");
  return 0;
}

void StateReader::note(const std::string& fault) {
  constexpr int most = 8;
  if (++noted_ <= most)
    faults_ += "; " + printable(fault);
  else
    ++more_;
}

Tensor StateReader::tensor(const std::string& key, const Shape& shape, DType dtype) {
  const Tensor* t = take(key);
  if (!t) return {};
  if (t->shape() == shape && t->dtype() == dtype) return t->detach().clone();
  note(key + " is " + to_string(t->shape()) + " " + name_of(t->dtype()) + "; " + to_string(shape) +
       " " + name_of(dtype) + " is required");
  return {};
}

Tensor StateReader::moment(const std::string& key, const Shape& shape, DType dtype) {
  const Tensor values = tensor(key, shape, dtype);
  if (!values.defined()) return values;
  const bool squares = key.find("_sq") != key.npos || key.find("square") != key.npos;
  for (const double value : values.to_vector<double>()) {
    if (std::isfinite(value) && (value >= 0 || !squares)) continue;
    note(key + " holds " + text_of(value) + "; finite numbers" + (squares ? " of 0 or more" : "") +
         " are required");
    break;
  }
  return values;
}

void StateReader::finish(const char* operation) {
  for (const auto& [key, value] : state_)
    if (!taken_.contains(key)) note("unexpected: " + key);
  if (!faults_.empty())
    fail(operation,
         "the saved state does not fit; the same algorithm with the same parameters in "
         "the same order is required",
         faults_, (more_ ? "; and " + text_of(more_) + " more" : ""));
}

}  // namespace detail

namespace {
std::string group_key(std::size_t group, const std::string& name) {
  return compose("group.", group, ".", name);
}
std::string param_key(std::size_t param, const std::string& name) {
  return compose("param.", param, ".", name);
}
}  // namespace

StateDict Optimizer::state_dict() const {
  StateDict state;
  for (std::size_t g = 0; g < num_groups(); ++g) {
    for (const Option& option : group_options(g))
      state[group_key(g, option.name)] = detail::number(option.value);
    state[group_key(g, "initial_lr")] = detail::number(initial_lr_[g]);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    state[param_key(i, "step")] = detail::number(static_cast<double>(slot.step));
    if (number_name()) state[param_key(i, number_name())] = detail::number(slot.number);
    const auto names = moment_names(slot);
    for (std::size_t k = 0; k < slot.moments.size(); ++k)
      state[param_key(i, names[k])] = slot.moments[k].dtype() == slot.param.dtype()
                                          ? slot.moments[k].clone()
                                          : slot.moments[k].to(slot.param.dtype());
  }
  save_more(state);
  return state;
}

void Optimizer::load_state_dict(const StateDict& state) {
  gradus::detail::changes_once(this, "load_state_dict", "call it between replays");
  detail::StateReader reader(state);
  std::vector<std::vector<Option>> before, options;
  std::vector<double> initial_lr;
  for (std::size_t g = 0; g < num_groups(); ++g) {
    options.push_back(group_options(g));
    before.push_back(options.back());
    for (Option& option : options.back()) option.value = reader.finite(group_key(g, option.name));
    initial_lr.push_back(reader.finite(group_key(g, "initial_lr"), 0));
  }
  std::vector<Slot> slots = slots_;
  std::function<void()> take_more;
  try {
    // The options say which moments there are.
    for (std::size_t g = 0; g < num_groups(); ++g) set_group_options(g, options[g]);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Slot& slot = slots[i];
      slot.step = reader.count(param_key(i, "step"));
      if (number_name()) slot.number = reader.number(param_key(i, number_name()));
      slot.moments.clear();
      slot.dtype = slot.param.dtype();
      if (slot.step == 0) continue;
      for (const char* moment : moment_names(slot))
        slot.moments.push_back(reader.moment(param_key(i, moment), slot.param.shape(), slot.dtype));
    }
    take_more = load_more(reader);
    reader.finish("load_state_dict");
  } catch (...) {
    for (std::size_t g = 0; g < num_groups(); ++g) set_group_options(g, before[g]);
    throw;
  }
  slots_ = std::move(slots);
  initial_lr_ = std::move(initial_lr);
  for (Slot& slot : slots_)
    if (slot.step > 0) make_moments(slot);
  if (take_more) take_more();
}

}  // namespace gradus::optim
