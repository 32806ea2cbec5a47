#include "gradus/nn/module.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <typeinfo>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/debug.hpp"
#include "gradus/functional.hpp"
#include "gradus/nn/checkpoint.hpp"
#include "ops/host.hpp"

namespace gradus::nn {

struct Module::State {
  struct Hook {
    int id;
    ForwardHook call;
  };
  NamedTensors parameters, buffers;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children;
  std::vector<Hook> hooks;
  int next_hook = 0;
  bool training = true;
  bool standalone = false;
  std::string name;  // under which it was first registered
  // Never used again, unlike the address of a module that is gone.
  const std::uint64_t id = next_id.fetch_add(1, std::memory_order_relaxed);
  // The module that called this one last and has it in its tree, so that one look is enough.
  std::atomic<std::uint64_t> caller{0};
  static inline std::atomic<std::uint64_t> next_id{1};

  bool has(const std::string& wanted) const {
    const auto is_it = [&](const auto& entry) { return entry.first == wanted; };
    return std::any_of(parameters.begin(), parameters.end(), is_it) ||
           std::any_of(buffers.begin(), buffers.end(), is_it) ||
           std::any_of(children.begin(), children.end(), is_it);
  }
  void require_free(const std::string& wanted) const {
    if (wanted.empty())
      fail("Module",
           "an empty name was given for a parameter, buffer or module; name it as its "
           "member, such as \"fc1\"");
    if (has(wanted))
      fail("Module", "the name \"", wanted, "\" was given twice; names within a module differ");
  }
};

/// Walks a tree of modules, each at every place where it is registered.
struct Module::Walk {
  template <class F>
  static void states(const std::shared_ptr<State>& state, const std::string& prefix, F visit) {
    visit(*state, prefix);
    for (const auto& [name, child] : state->children)
      states(child->state_, prefix + name + ".", visit);
  }
  static void modules(Module& module, const std::string& name, bool parents_first,
                      std::vector<NamedModule>& out) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const NamedModule& other) {
      return other.module->state_ == module.state_;
    });
    if (known) return;
    if (parents_first) out.push_back({name, &module});
    for (const auto& [child_name, child] : module.state_->children)
      modules(*child, name.empty() ? child_name : name + "." + child_name, parents_first, out);
    if (!parents_first) out.push_back({name, &module});
  }
  static bool contains(const State& state, const State* wanted) {
    return &state == wanted ||
           std::any_of(state.children.begin(), state.children.end(),
                       [&](const auto& child) { return contains(*child.second->state_, wanted); });
  }
  /// Parameters or buffers, each once.
  static NamedTensors all(const std::shared_ptr<State>& root, NamedTensors State::*list) {
    NamedTensors out;
    states(root, "", [&](const State& state, const std::string& prefix) {
      for (const auto& [name, tensor] : state.*list)
        if (std::none_of(out.begin(), out.end(),
                         [&tensor = tensor](const auto& entry) { return entry.second.is(tensor); }))
          out.emplace_back(prefix + name, tensor);
    });
    return out;
  }
  /// Every place in the tree, also the second name of a shared tensor, as PyTorch's files have it.
  static NamedTensors places(const std::shared_ptr<State>& root) {
    NamedTensors out;
    states(root, "", [&](const State& state, const std::string& prefix) {
      for (const auto* list : {&state.parameters, &state.buffers})
        for (const auto& [name, tensor] : *list) out.emplace_back(prefix + name, tensor);
    });
    return out;
  }
};

Module::Module() : state_(std::make_shared<State>()) {}

Tensor Module::operator()(const Tensor& x) const {
  const ModuleScope scope(state_->name);
  Tensor out = [&] {
    const Pass pass(*this);
    return forward(x);
  }();
  if (state_->hooks.empty()) return out;
  const auto hooks = state_->hooks;  // a hook may remove itself
  for (const auto& hook : hooks)
    if (Tensor replacement = hook.call(*this, x, out); replacement.defined())
      out = std::move(replacement);
  return out;
}

Tensor Module::forward(const Tensor&) const {
  fail(
      describe().c_str(),
      "the module was called with one tensor; it defines no forward(const Tensor&) const; override "
      "it, or call the module with the arguments of its own operator()");
}

std::string Module::describe() const {
  const std::type_info* type = class_of(*this);
  if (!type) return "Module";
  int status = 0;
  char* text = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? text : "Module";
  std::free(text);
  if (const auto at = name.rfind(':'); at != std::string::npos) name.erase(0, at + 1);
  return name;
}

// ------------------------------------------------------------------ calls within calls

namespace {
constinit thread_local const void* running = nullptr;  // the innermost Pass
}

Module::Pass::Pass(const Module& module)
    : module_(module), outer_(static_cast<const Pass*>(running)) {
  if (outer_ && outer_->module_.state_ != module.state_ &&
      module.state_->caller.load(std::memory_order_relaxed) != outer_->module_.state_->id)
      [[unlikely]]
    outer_->require_part(module);
  running = this;
}
Module::Pass::~Pass() { running = outer_; }

/// The path of the module that runs, as far as it is known by name: "encoder.fc1".
std::string Module::Pass::place() const {
  const std::string& name = module_.state_->name;
  const std::string before = outer_ ? outer_->place() : "";
  return before + (before.empty() || name.empty() ? "" : ".") + name;
}

/// Throws if `called` has parameters to train that no module of the passes that run knows of.
void Module::Pass::require_part(const Module& called) const {
  State& state = *called.state_;
  if (!is_grad_enabled() || state.standalone) return;
  if (Walk::contains(*module_.state_, &state))
    return state.caller.store(module_.state_->id, std::memory_order_relaxed);
  for (const Pass* pass = outer_; pass; pass = pass->outer_)
    if (Walk::contains(*pass->module_.state_, &state)) return;
  // A module may be known by its parameters alone, such as a Sequential made on the way.
  NamedTensors unknown = called.named_parameters();
  std::erase_if(unknown, [](const auto& entry) { return !entry.second.requires_grad(); });
  for (const Pass* pass = this; pass && !unknown.empty(); pass = pass->outer_)
    for (const Tensor& known : pass->module_.parameters())
      std::erase_if(unknown, [&](const auto& entry) { return entry.second.is(known); });
  if (unknown.empty()) return;
  const std::string names = join(unknown, 3, &NamedTensors::value_type::first);
  const std::string caller = module_.describe(), path = place();
  fail(caller.c_str(), "the forward pass", (path.empty() ? "" : " of " + path), " calls ",
       called.describe(), ", which is no part of ", caller, ", so that its parameters (", names,
       ") would not be trained; every module with trainable parameters has to be in the tree; "
       "make it a member with add(\"name\", …), or say nn::standalone(…) if it is meant to be "
       "apart (a teacher, a target network)");
}

void Module::set_standalone(bool on) { state_->standalone = on; }

// ------------------------------------------------------------------ registration

void Module::add_child(const std::string& name, std::shared_ptr<Module> module) {
  state_->require_free(name);
  Walk::states(module->state_, "", [&](const State& below, const std::string&) {
    if (&below == state_.get())
      fail("Module", "module \"", name,
           "\" contains the module it is added to; a tree of "
           "modules has no cycles");
  });
  if (module->state_->name.empty()) module->state_->name = name;
  state_->children.emplace_back(name, std::move(module));
}

Tensor Module::parameter(const std::string& name, const Tensor& initial) {
  state_->require_free(name);
  Tensor handle = initial.is_leaf() ? initial : initial.detach().clone();
  handle.requires_grad_();
  state_->parameters.emplace_back(name, handle);
  return handle;
}

Tensor Module::buffer(const std::string& name, const Tensor& initial) {
  state_->require_free(name);
  Tensor handle = initial.is_leaf() ? initial : initial.detach().clone();
  if (!handle.requires_grad())
    handle.requires_grad_(false);  // as a slice, it is its own from now on
  state_->buffers.emplace_back(name, handle);
  return handle;
}

// ------------------------------------------------------------------ what is inside

NamedTensors Module::named_parameters() const { return Walk::all(state_, &State::parameters); }

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (auto& [name, tensor] : named_parameters()) out.push_back(std::move(tensor));
  return out;
}

NamedTensors Module::named_buffers() const { return Walk::all(state_, &State::buffers); }

NamedTensors Module::own_parameters() const { return state_->parameters; }

NamedTensors detail::used_by(const Module& module) {
  NamedTensors all = module.named_parameters();
  for (auto& buffer : module.named_buffers()) all.push_back(std::move(buffer));
  return all;
}

std::vector<std::pair<std::string, std::shared_ptr<Module>>> Module::children() const {
  return state_->children;
}

std::vector<NamedModule> Module::named_modules() {
  std::vector<NamedModule> out;
  Walk::modules(*this, "", true, out);
  return out;
}

void Module::apply(const std::function<void(Module&)>& fn) {
  std::vector<NamedModule> modules;
  Walk::modules(*this, "", false, modules);
  for (const NamedModule& entry : modules) fn(*entry.module);
}

Index Module::num_parameters(CountOptions options) const {
  Index count = 0;
  for (const auto& tensor : parameters())
    if (!options.trainable_only || tensor.requires_grad()) count += tensor.numel();
  return count;
}

// ------------------------------------------------------------------ modes and conversions

void Module::train(bool on) {
  Walk::states(state_, "", [on](State& state, const std::string&) { state.training = on; });
}
bool Module::is_training() const {
  gradus::detail::depends_on(state_, state_->training);
  return state_->training;
}

void Module::to(DType dtype) {
  if (!is_floating_point(dtype))
    fail("Module.to", "dtype ", name_of(dtype), " was given; parameters are float32 or float64");
  const auto convert = [dtype](const NamedTensors& tensors) {
    for (auto [name, tensor] : tensors)
      if (is_floating_point(tensor.dtype()) && tensor.dtype() != dtype)
        tensor.set_data(tensor.detach().to(dtype));
  };
  convert(named_parameters());
  convert(named_buffers());
}

void Module::zero_grad() {
  for (Tensor& tensor : parameters()) tensor.set_grad({});
}

void Module::requires_grad_(bool on) {
  for (Tensor& tensor : parameters()) tensor.requires_grad_(on);
}

// ------------------------------------------------------------------ saving and loading

namespace {
/// Whether copying either into a tensor of this dtype leaves the same bits.
bool same_values(const Tensor& a, const Tensor& b, DType dtype) {
  const Tensor x = a.detach().to(dtype), y = b.detach().to(dtype);
  return std::memcmp(gradus::detail::host_values(x), gradus::detail::host_values(y),
                     static_cast<std::size_t>(x.numel()) * size_of(dtype)) == 0;
}

/// " a and b" for every two names of one tensor to which the state gives different values:
/// whichever came last would win.
std::string contradictions(const NamedTensors& entries, const StateDict& state) {
  std::map<const void*, std::string> first;
  std::string found;
  for (const auto& [name, tensor] : entries) {
    const auto given = state.find(name);
    if (given == state.end() || tensor.numel() == 0) continue;
    const auto [place, fresh] = first.emplace(gradus::detail::host_values(tensor), name);
    if (fresh) continue;
    const std::string& other = place->second;
    const Tensor& values = state.at(other);
    if (values.numel() != given->second.numel() ||
        !same_values(values, given->second, tensor.dtype()))
      found += compose((found.empty() ? " " : ", "), other, " and ", name);
  }
  return found;
}
}  // namespace

StateDict Module::state_dict() const {
  StateDict out;
  for (const auto& [name, tensor] : Walk::places(state_))
    out.emplace(name, tensor.detach().clone());
  return out;
}

void Module::load_state_dict(const StateDict& state, const LoadOptions& options) {
  NamedTensors entries = Walk::places(state_);
  std::string missing, unexpected, misfits;
  for (const auto& [name, tensor] : entries) {
    const auto given = state.find(name);
    if (given == state.end())
      missing += " " + name;
    else if (!(given->second.shape() == tensor.shape()))
      misfits += compose(" ", name, " ", given->second.shape(), " instead of ", tensor.shape());
  }
  for (const auto& [name, tensor] : state)
    if (std::none_of(entries.begin(), entries.end(),
                     [&wanted = name](const auto& entry) { return entry.first == wanted; }))
      unexpected += " " + name;
  if (!options.strict) missing.clear(), unexpected.clear();
  const std::string torn = misfits.empty() ? contradictions(entries, state) : "";
  std::string problems;
  if (!missing.empty()) problems += compose("missing:", missing, "; ");
  if (!unexpected.empty()) problems += compose("not expected:", unexpected, "; ");
  if (!misfits.empty()) problems += compose("of another shape:", misfits, "; ");
  if (!torn.empty())
    fail("load_state_dict", problems, "different values for one tensor that has two names:", torn,
         "; equal values are required; load into a model without tied weights, or leave out "
         "one of the names and pass strict = false");
  if (!problems.empty())
    fail("load_state_dict", problems, "build the module with the options it was saved with",
         (options.strict ? ", or pass strict = false to load what fits" : ""));
  const NoGrad guard;
  for (auto& [name, tensor] : entries)
    if (const auto given = state.find(name); given != state.end()) tensor.copy_(given->second);
}

// ------------------------------------------------------------------ hooks

int Module::register_forward_hook(ForwardHook hook) {
  state_->hooks.push_back({state_->next_hook, std::move(hook)});
  return state_->next_hook++;
}
void Module::remove_forward_hook(int id) {
  std::erase_if(state_->hooks, [id](const auto& hook) { return hook.id == id; });
}
bool Module::has_forward_hooks() const { return !state_->hooks.empty(); }

}  // namespace gradus::nn
