#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus::optim {

namespace detail {
class StateReader;
}

/// Named tensors; single numbers are tensors of rank 0. What optimizers, schedulers and the like
/// save.
using StateDict = std::map<std::string, Tensor>;

/// What step() does when a gradient is NaN or infinite, or when applying it would make a finite
/// parameter or moment so: the update is tried first, in the parameter's dtype, with grad_scale,
/// weight decay, momentum, squares and learning rate.
enum class NonFinite {
  ignore,  ///< does not look, which costs nothing; the others cost two to three updates more
  raise,   ///< throws, naming the parameter; nothing is changed
  skip,    ///< leaves everything as it was and says so in its result
  stop     ///< as skip, but the result asks the training loop to end
};

struct StepOptions {
  double grad_scale = 1;  ///< every gradient is multiplied by this on its way into the update
  NonFinite non_finite = NonFinite::ignore;
};

enum class StepResult { updated, skipped, stopped };

/// Values of options by name; a switch is 0 or 1, betas are "beta1" and "beta2".
using NamedOptions = std::map<std::string, double>;
class Optimizer;

/// An optimizer by name: sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, amsgrad, adamw,
/// adamax, nadam, radam, lion, muon, lbfgs. Options that are not given keep their defaults;
/// momentum and nesterov are SGD with momentum = 0.9. An unknown name or option throws with the
/// list of those that exist.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name,
                                          const std::vector<Tensor>& params,
                                          const NamedOptions& options = {});
/// The names that make_optimizer knows.
std::vector<std::string> optimizer_names();

/// Parameters that share options.
template <class Options>
struct ParamGroup {
  std::vector<Tensor> params;
  Options options = {};
};

/// Changes parameters by their gradients. The state of each parameter (moments, the number of its
/// steps) belongs to the optimizer. A parameter without a gradient is left alone, and its state and
/// step count with it; so are rows without a gradient of a table with sparse_grad(), while the
/// step count is the parameter's. Parameters must be floating-point leaves that share no memory;
/// where one changes its dtype (Module::to, set_data), its state follows with the next step.
class Optimizer {
 public:
  /// Evaluates the loss, after clearing the gradients and calling backward().
  using Closure = std::function<Tensor()>;

  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter that has a gradient, in one pass over its values.
  StepResult step(const StepOptions& options = {});
  /// Calls `closure` with recording on, updates, and returns the loss from before the update.
  template <class F>
  requires std::is_invocable_r_v<Tensor, F&> Tensor step(F&& closure) {
    return step_closure(std::forward<F>(closure));
  }
  /// Clears the gradients of all parameters: afterwards they are undefined.
  void zero_grad();

  /// The name of the algorithm.
  const char* name() const { return name_; }
  /// All parameters, group after group.
  std::vector<Tensor> parameters() const;
  std::size_t num_groups() const { return initial_lr_.size(); }
  /// The learning rate of a group.
  double lr(std::size_t group = 0) const;
  /// The learning rate a group was made with: the base of schedules.
  double initial_lr(std::size_t group = 0) const;
  /// Sets the learning rate of all groups, or of one; it must be finite and not negative.
  void set_lr(double lr);
  void set_lr(std::size_t group, double lr);
  /// Whether the algorithm has a momentum that schedules may cycle: `momentum`, or else beta1.
  bool has_momentum() const;
  /// This momentum of a group, and its change; throws if there is none.
  double momentum(std::size_t group = 0) const;
  void set_momentum(std::size_t group, double momentum);
  /// How often step() skipped because of non-finite gradients.
  std::int64_t skipped_steps() const { return skipped_; }

  /// A copy of all state: "group.<g>.<option>", "param.<i>.step", "param.<i>.<moment>", parameters
  /// counted through all groups. Training that is resumed from it continues bit for bit.
  StateDict state_dict() const;
  /// Restores what state_dict() gave, options included. Throws one Error that lists every missing,
  /// unexpected or ill-shaped entry, and then changes nothing.
  void load_state_dict(const StateDict& state);

 protected:
  /// A parameter and what the optimizer remembers of it.
  struct Slot {
    Tensor param;
    std::size_t group = 0;
    DType dtype = float32;  // of the state: the parameter's at the last step
    Index numel = 0;
    Index row = 0;                // values per row if rows without a gradient are left alone
    std::int64_t step = 0;        // updates so far, counting the present one
    double number = 1;            // a scalar of the algorithm, under number_name()
    std::vector<Tensor> moments;  // in the order of moment_names(), of the parameter's shape
    std::array<void*, 4> data{};  // their values
    const void* grad = nullptr;   // during update()
    bool trial = false;           // update() writes nothing but `fails`:
    bool fails = false;           // something would become infinite or NaN
  };
  /// An option as state_dict() sees it.
  struct Option {
    std::string name;
    double value;
  };

  /// `name` of the algorithm begins error messages.
  explicit Optimizer(const char* name) : name_(name) {}
  void add_group(const std::vector<Tensor>& params, double lr);

  virtual Tensor step_closure(const Closure& closure);
  /// Updates one parameter, or tries to: slot.grad times `grad_scale` is its gradient.
  virtual void update(Slot& slot, double grad_scale) = 0;
  /// The names of the moments that the algorithm keeps for this parameter, at most 4.
  virtual std::vector<const char*> moment_names(const Slot& slot) const = 0;
  /// What moments start with.
  virtual double initial_moment(const Slot&) const { return 0; }
  /// The name of Slot::number, if the algorithm uses it.
  virtual const char* number_name() const { return nullptr; }
  virtual double& lr_of(std::size_t group) = 0;
  /// The option of a group that momentum() is about, or null.
  virtual double* momentum_of(std::size_t group) = 0;
  virtual std::vector<Option> group_options(std::size_t group) const = 0;
  /// Sets the options of a group from values in the order of group_options(), or throws.
  virtual void set_group_options(std::size_t group, const std::vector<Option>& options) = 0;

  /// State beyond that of single parameters.
  virtual void save_more(StateDict&) const {}
  /// Reads what save_more() wrote; the function returned takes it over, once all has been read.
  virtual std::function<void()> load_more(detail::StateReader&) { return {}; }

  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  friend std::unique_ptr<Optimizer> make_optimizer(const std::string&, const std::vector<Tensor>&,
                                                   const NamedOptions&);
  void configure(const NamedOptions& options);
  StepResult step_now(const StepOptions& options);
  std::function<void()> undo();
  void make_moments(Slot& slot);
  void follow_dtype(std::size_t place);
  std::vector<Tensor> scaled_gradients(double scale) const;
  bool stays_finite(const StepOptions& options, const std::vector<Tensor>& scaled);
  [[noreturn]] void refuse_gradient(std::size_t place, double grad_scale) const;
  void check_group(std::size_t group, const char* operation) const;

  const char* name_;
  std::vector<Slot> slots_;
  std::vector<double> initial_lr_;
  std::int64_t skipped_ = 0;
};

/// An optimizer whose groups have options of type Options.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  using Group = ParamGroup<Options>;
  explicit OptimizerOf(const std::vector<Tensor>& params, const Options& options = {});
  explicit OptimizerOf(const std::vector<Group>& groups);
  /// The options of a group, with its present learning rate.
  const Options& options(std::size_t group = 0) const { return options_.at(group); }

 protected:
  double& lr_of(std::size_t group) override { return options_[group].lr; }
  double* momentum_of(std::size_t group) override;
  std::vector<Option> group_options(std::size_t group) const override;
  void set_group_options(std::size_t group, const std::vector<Option>& options) override;
  const Options& options_of(const Slot& slot) const { return options_[slot.group]; }

 private:
  std::vector<Options> options_;
};

}  // namespace gradus::optim
