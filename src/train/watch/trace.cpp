#include "train/watch/trace.hpp"

#include <algorithm>
#include <cmath>

#include "base/class_of.hpp"
#include "base/memory_error.hpp"
#include "gradus/autograd.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/nn/conv.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/norm.hpp"
#include "gradus/nn/simple.hpp"
#include "gradus/ops.hpp"
#include "train/loop/evaluation.hpp"
#include "train/watch/units.hpp"

namespace gradus::train::detail {

namespace {

void take_weights(Call& call, const nn::Module& module) {
  for (const auto& [name, tensor] : module.own_parameters()) {
    if (name == "weight") call.weight = tensor;
    if (name == "bias") call.bias = tensor;
  }
}

template <class... M>
bool is_a(const nn::Module& module) {
  return (... || (as<const M>(module) != nullptr));
}

Call describe(const std::string& name, const nn::Module& module) {
  Call call{.name = name, .module = module.describe()};
  if (const auto* activation = as<const nn::Activation>(module)) {
    call.role = activation->name() == "none" ? Role::neutral : Role::activation;
    call.activation = activation->name();
  } else if (is_a<nn::Linear, nn::Conv1d, nn::Conv2d>(module)) {
    call.role = Role::linear;
    take_weights(call, module);
  } else if (is_a<nn::BatchNorm>(module)) {
    call.role = Role::batch_norm;
  } else if (is_a<nn::LayerNorm, nn::RMSNorm, nn::GroupNorm>(module)) {
    call.role = Role::norm;
  } else if (is_a<nn::Dropout>(module)) {
    call.role = Role::dropout;
  } else if (is_a<nn::Identity, nn::Flatten>(module)) {
    call.role = Role::neutral;
  }
  return call;
}

/// Derivative, dead and saturated units of an activation on a batch.
void measure(Call& call, const nn::Activation& activation, const Tensor& in, const Tensor& out) {
  if (out.numel() == 0 || out.dim() < 1 || !is_floating_point(out.dtype())) return;
  if (call.activation == "softmax" || call.activation == "log_softmax") return;
  {
    const EnableGrad recording;
    const Tensor x = in.detach().clone().requires_grad_();
    const Tensor slope = grad(sum(activation(x)), {x})[0];
    call.mean_slope = norm(slope).item() / std::sqrt(static_cast<double>(slope.numel()));
  }
  const Flat flat = flat_of(activation);
  std::vector<std::uint8_t> works;
  const Look look = look_at(flat, out, works);
  if (flat.kind == Kind::relu)
    call.dead = out.dim() > 1 ? idle_share(works) : 0;
  else
    call.saturated = static_cast<double>(look.saturated) / static_cast<double>(out.numel());
}

}  // namespace

int Trace::before(int call) const {
  int at = calls[static_cast<std::size_t>(call)].after;
  while (at >= 0) {
    const Call& candidate = calls[static_cast<std::size_t>(at)];
    if (candidate.role != Role::dropout && candidate.role != Role::neutral) break;
    at = candidate.after;
  }
  return at;
}

Trace trace(nn::Module& model, const Tensor& input) {
  Trace out;
  out.rows = input.dim() > 0 ? input.size(0) : 1;
  const Finally random = same_random();
  const Evaluation mode(model);
  std::vector<Tensor> outputs;  // of the calls
  bool inside = false;          // an activation is called for its derivative
  std::vector<Finally> hooks;
  for (const nn::NamedModule& entry : model.named_modules()) {
    if (!entry.module->children().empty()) continue;
    const std::string name = entry.name;
    const auto note = [&, name](const nn::Module& module, const Tensor& in, const Tensor& y) {
      if (inside) return Tensor();
      Call call = describe(name, module);
      for (std::size_t i = outputs.size(); i > 0 && call.after < 0; --i)
        if (outputs[i - 1].is(in)) call.after = static_cast<int>(i - 1);
      inside = true;
      if (const auto* activation = as<const nn::Activation>(module))
        measure(call, *activation, in, y);
      inside = false;
      out.calls.push_back(std::move(call));
      outputs.push_back(y);
      return Tensor();
    };
    hooks.push_back(nn::detail::forward_hook(*entry.module, note));
  }
  out.error = gradus::detail::failure_of([&] {
    const Tensor y = model(input);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].is(y)) out.last = static_cast<int>(i);
  });
  return out;
}

}  // namespace gradus::train::detail
