#pragma once

#include <concepts>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "gradus/functional.hpp"
#include "gradus/nn/module.hpp"

namespace gradus {

namespace nn::detail {
/// The parameters and buffers of a module, by name.
NamedTensors used_by(const Module& module);

/// module(x[0], …).
template <class M>
Tensor call(const M& module, const std::vector<Tensor>& x) {
  using T = const Tensor&;
  if constexpr (std::is_invocable_r_v<Tensor, const M&, T>)
    if (x.size() == 1) return module(x[0]);
  if constexpr (std::is_invocable_r_v<Tensor, const M&, T, T>)
    if (x.size() == 2) return module(x[0], x[1]);
  if constexpr (std::is_invocable_r_v<Tensor, const M&, T, T, T>)
    if (x.size() == 3) return module(x[0], x[1], x[2]);
  if constexpr (std::is_invocable_r_v<Tensor, const M&, T, T, T, T>)
    if (x.size() == 4) return module(x[0], x[1], x[2], x[3]);
  fail("checkpoint", text_of(x.size()) + " tensors were given to " + module.describe() +
                         "; as many as it can be called with, for one tensor, are required; "
                         "checkpoint a function that calls it");
}

/// The module as a function: a handle of its own, or, where its class is not known here, a
/// reference.
template <class M>
gradus::Function function_of(const M& module) {
#ifdef __cpp_rtti
  if constexpr (!std::is_abstract_v<M>)
    if (typeid(module) == typeid(M))
      return gradus::Function([module](const std::vector<Tensor>& x) { return call(module, x); });
#endif
  return gradus::Function([&module](const std::vector<Tensor>& x) { return call(module, x); });
}
}  // namespace nn::detail

/// module(x) without the memory of its graph: the backward pass calls the module once more, with
/// the same random numbers and in the same mode, and its buffers move once. See checkpoint() in
/// functional.hpp. Gradients flow to x and to the module's parameters. A module that is given as a
/// reference to a base class, or in a program compiled without type information (-fno-rtti), has to
/// live until the backward pass.
template <std::derived_from<nn::Module> M>
Tensor checkpoint(const M& module, const Tensor& x) {
  return checkpoint(nn::detail::function_of(module), {x}, nn::detail::used_by(module));
}

/// The same for a module that is called with several tensors, as in `attention(q, k, v)`.
template <std::derived_from<nn::Module> M>
Tensor checkpoint(const M& module, const std::vector<Tensor>& inputs) {
  return checkpoint(nn::detail::function_of(module), inputs, nn::detail::used_by(module));
}

}  // namespace gradus
