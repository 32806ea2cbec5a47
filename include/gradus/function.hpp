#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

/// Any callable of one to four tensors, or of a `const std::vector<Tensor>&`, that returns a Tensor
/// or a std::vector<Tensor>: what the functional API takes. Lambdas, modules and functions convert.
class Function {
  using T = const Tensor&;
  template <class C>
  static constexpr bool is_callable =
      std::is_invocable_v<C&, T> || std::is_invocable_v<C&, T, T> ||
      std::is_invocable_v<C&, T, T, T> || std::is_invocable_v<C&, T, T, T, T> ||
      std::is_invocable_v<C&, const std::vector<Tensor>&>;

 public:
  using Inputs = std::vector<Tensor>;
  using Outputs = std::vector<Tensor>;

  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, Function> && is_callable<std::decay_t<F>>)
      Function(F&& f) {
    using Callable = std::decay_t<F>;
    const auto adopt = [&](int arity, auto apply) {
      arity_ = arity;
      call_ = [f = Callable(std::forward<F>(f)), apply](const Inputs& x) mutable {
        return as_outputs(apply(f, x));
      };
    };
    if constexpr (std::is_invocable_v<Callable&, T>)
      adopt(1, [](auto& g, const Inputs& x) { return g(x[0]); });
    else if constexpr (std::is_invocable_v<Callable&, T, T>)
      adopt(2, [](auto& g, const Inputs& x) { return g(x[0], x[1]); });
    else if constexpr (std::is_invocable_v<Callable&, T, T, T>)
      adopt(3, [](auto& g, const Inputs& x) { return g(x[0], x[1], x[2]); });
    else if constexpr (std::is_invocable_v<Callable&, T, T, T, T>)
      adopt(4, [](auto& g, const Inputs& x) { return g(x[0], x[1], x[2], x[3]); });
    else
      adopt(any_arity, [](auto& g, const Inputs& x) { return g(x); });
  }

  /// The only result of f(x, …), as for a plain function.
  template <class... Rest>
  requires(std::is_same_v<Rest, Tensor>&&...) Tensor operator()(const Tensor& x,
                                                                const Rest&... rest) const {
    return (*this)(Inputs{x, rest...});
  }
  /// All results; throws Error if the number of inputs is not the callable's.
  Outputs outputs(const Inputs& inputs) const {
    if (arity_ != any_arity && static_cast<std::size_t>(arity_) != inputs.size())
      fail("function", text_of(inputs.size()) + " tensors were given to a function of " +
                           text_of(arity_) + "; the numbers must be equal");
    return call_(inputs);
  }
  /// The only result; throws Error if there are several.
  Tensor operator()(const Inputs& inputs) const {
    Outputs results = outputs(inputs);
    if (results.size() != 1)
      fail("function", "the function returned " + text_of(results.size()) +
                           " tensors; one is required; differentiate them one by one");
    return std::move(results.front());
  }

 private:
  static constexpr int any_arity = -1;
  static Outputs as_outputs(Tensor value) { return {std::move(value)}; }
  static Outputs as_outputs(Outputs values) { return values; }

  int arity_ = any_arity;
  std::function<Outputs(const Inputs&)> call_;
};

}  // namespace gradus
