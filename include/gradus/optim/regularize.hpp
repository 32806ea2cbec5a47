#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

/// Two groups with the same options: parameters of 2 and more axes with the weight decay given, and
/// biases, scales and shifts (fewer axes, or a name that ends in "bias") without. An empty group is
/// left out.
///
///     AdamW opt(no_decay_groups(model.named_parameters(), AdamWOptions{.weight_decay = 0.1}));
template <class Options>
std::vector<ParamGroup<Options>> no_decay_groups(
    const std::vector<std::pair<std::string, Tensor>>& named, const Options& options = {}) {
  ParamGroup<Options> decayed{{}, options}, kept{{}, options};
  kept.options.weight_decay = 0;
  for (const auto& [name, param] : named)
    (param.dim() < 2 || name.ends_with("bias") ? kept : decayed).params.push_back(param);
  std::vector<ParamGroup<Options>> groups;
  if (!decayed.params.empty()) groups.push_back(std::move(decayed));
  if (!kept.params.empty()) groups.push_back(std::move(kept));
  return groups;
}

}  // namespace gradus::optim

namespace gradus {

/// sum |w| over all parameters, to be added to a loss. Gradient: sign(w), 0 at 0.
Tensor l1_penalty(const std::vector<Tensor>& params);
/// sum w^2 over all parameters (without 1/2). Gradient: 2 w. For plain SGD, weight_decay = c is the
/// same as adding c / 2 of it to the loss.
Tensor l2_penalty(const std::vector<Tensor>& params);
/// l1 sum |w| + l2 sum w^2 over all parameters.
Tensor elastic_penalty(const std::vector<Tensor>& params, double l1, double l2);
/// Adds the gradient of elastic_penalty, l1 sign(w) + 2 l2 w, to the gradients that are there:
/// cheaper than the penalty itself, and without its value.
void add_penalty_grad(const std::vector<Tensor>& params, double l1, double l2);

}  // namespace gradus
