#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {
class Generator;
}

namespace gradus::nn {

class Module;

/// Tensors with their names, in the order of registration.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
/// Everything that training changes in a module, by name.
using StateDict = std::map<std::string, Tensor>;

struct NamedModule {
  std::string name;  ///< "encoder.fc1"; "" for the module itself
  Module* module;    ///< valid as long as the module that was asked
};

struct LoadOptions {
  bool strict = true;  ///< refuse names that are missing or not expected
};

struct CountOptions {
  bool trainable_only = false;  ///< only what requires a gradient
};

/// A part of a network: parameters, buffers and further modules under names, and a function of one
/// tensor. A module is a handle: copies and moved-to objects share all of these with the original,
/// also hooks and the training flag. A module of one's own:
///
///     struct Net : nn::Module {
///       nn::Linear fc1 = add("fc1", nn::Linear(4, 8));
///       nn::Linear fc2 = add("fc2", nn::Linear(8, 3));
///       Tensor forward(const Tensor& x) const override { return fc2(relu(fc1(x))); }
///     };
///
/// Handles cannot be assigned: `net.fc1 = nn::Linear(4, 9)` would leave `net` with the old one.
///
/// A module that was not added is no part of the tree: no optimizer sees its parameters. So a
/// forward pass, while it is recorded, throws when it calls one whose trainable parameters belong
/// to none of the modules that are running; `standalone` excepts those that are meant to be apart.
class Module {
 public:
  /// Called after every forward pass; a defined result replaces the output.
  using ForwardHook =
      std::function<Tensor(const Module& module, const Tensor& in, const Tensor& out)>;

  Module();
  Module(const Module&) = default;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  /// forward(x), then the hooks. Throws for a call inside the forward pass of a module that it
  /// should be, and is not, a part of: see above.
  Tensor operator()(const Tensor& x) const;

  /// "Linear(4, 8)"; by default the name of the class.
  virtual std::string describe() const;

  /// All parameters as "fc1.weight"; one that is shared appears once, under its first name.
  NamedTensors named_parameters() const;
  std::vector<Tensor> parameters() const;
  /// All buffers: tensors that are saved and converted, but not trained.
  NamedTensors named_buffers() const;
  /// The parameters of this module alone, without its children's.
  NamedTensors own_parameters() const;
  /// The modules directly below, in the order of registration.
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children() const;
  /// This module and all below it, parents first; one that is shared appears once.
  std::vector<NamedModule> named_modules();
  /// Calls fn with every module below, children first, and with this one last.
  void apply(const std::function<void(Module&)>& fn);

  /// Number of values in the parameters.
  Index num_parameters(CountOptions options = {}) const;

  /// Switches this module and all below it to training (dropout, batch statistics).
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const;

  /// Converts all floating-point parameters and buffers, in place: handles and optimizers that hold
  /// them stay valid.
  void to(DType dtype);
  /// Clears all gradients.
  void zero_grad();
  /// Freezes (false) or unfreezes all parameters.
  void requires_grad_(bool on = true);

  /// A copy of all parameters and buffers, a shared one under each of its names.
  StateDict state_dict() const;
  /// Copies values in, converting dtypes; throws one Error that lists everything that does not fit,
  /// also two names of one tensor with different values, and then changes nothing.
  void load_state_dict(const StateDict& state, const LoadOptions& options = {});

  /// Registers a hook on this module; returns a number for remove_forward_hook.
  int register_forward_hook(ForwardHook hook);
  void remove_forward_hook(int id);
  bool has_forward_hooks() const;

  /// True if both handles refer to the same module.
  bool is(const Module& other) const { return state_ == other.state_; }

  /// Whether other modules may call this one without it being a part of them: see standalone.
  void set_standalone(bool on = true);

 protected:
  /// While it lives, this module's forward pass runs. An operator() of other arguments than one
  /// tensor begins with one.
  class Pass {
   public:
    explicit Pass(const Module& module);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    void require_part(const Module& called) const;
    std::string place() const;

    const Module& module_;
    const Pass* const outer_;
  };

  /// The function that the module computes. A module of other arguments defines operator() for
  /// these.
  virtual Tensor forward(const Tensor& x) const;

  /// Registers a module under a name and returns it, for the initializer of a member.
  template <class M>
  requires std::derived_from<M, Module> M add(const std::string& name, M module) {
    add_child(name, std::make_shared<M>(module));
    return module;
  }
  /// Registers a parameter, which then requires a gradient, and returns it.
  Tensor parameter(const std::string& name, const Tensor& initial);
  /// Registers a buffer and returns it.
  Tensor buffer(const std::string& name, const Tensor& initial);

  void add_child(const std::string& name, std::shared_ptr<Module> module);

 private:
  struct State;
  struct Walk;
  std::shared_ptr<State> state_;
};

/// Returns a module that others may call in their forward passes without it being a part of them: a
/// teacher, a target network, or one that an optimizer of its own trains.
///
///     struct Student : nn::Module {
///       nn::Linear fc = add("fc", nn::Linear(4, 2));
///       Net teacher = nn::standalone(Net());
///     };
template <class M>
requires std::derived_from<M, Module> M standalone(M module) {
  module.set_standalone();
  return module;
}

}  // namespace gradus::nn
