#include "gradus/train/check.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim/clip.hpp"
#include "gradus/random.hpp"
#include "train/loop/evaluation.hpp"

namespace gradus::train {
namespace {

/// The change of the loss along `direction` of a parameter, by a central difference.
double slope(nn::Module& model, const Loss& loss, const Tensor& x, const Tensor& y,
             Tensor parameter, const Tensor& direction, double step) {
  const NoGrad guard;
  const Tensor kept = parameter.detach().clone();
  const auto at = [&](double factor) {
    parameter.copy_(kept + direction * (factor * step));
    return loss(model(x), y).item();
  };
  const double up = at(1), down = at(-1);
  parameter.copy_(kept);
  return (up - down) / (2 * step);
}

}  // namespace

std::vector<ParameterCheck> check_gradients(nn::Module& model, const Loss& loss, const Tensor& x,
                                            const Tensor& y, int directions) {
  if (directions < 1)
    fail("check_gradients", directions, " directions were given; 1 or more are required");
  const nn::StateDict kept = model.state_dict();
  const nn::NamedTensors parameters = model.named_parameters();
  const DType dtype = parameters.empty() ? float64 : parameters[0].second.dtype();
  model.to(float64);
  std::vector<ParameterCheck> result;
  {
    const Finally mode = nn::detail::evaluation_mode(model);
    const Tensor input = x.to(float64);
    const Tensor target = is_floating_point(y.dtype()) ? y.to(float64) : y;
    std::vector<Tensor> tensors;
    for (const auto& named : parameters) tensors.push_back(named.second);
    const std::vector<Tensor> gradients = grad(loss(model(input), target), tensors);
    Generator generator(1);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const double size = norm(gradients[i]).item();
      ParameterCheck check{parameters[i].first};
      for (int d = 0; d < directions; ++d) {
        Tensor direction = randn(tensors[i].shape(), float64, &generator);
        direction = direction / std::sqrt(sum(direction * direction).item() + 1e-300);
        const double analytic = sum(gradients[i] * direction).item();
        const double numeric = slope(model, loss, input, target, tensors[i], direction, 1e-6);
        check.error = std::max(check.error, std::abs(analytic - numeric) / std::max(size, 1e-6));
      }
      result.push_back(check);
    }
  }
  model.to(dtype);
  model.load_state_dict(kept);
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.error > b.error; });
  return result;
}

BatchCheck overfit_batch(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
                         const Tensor& x, const Tensor& y, Index steps) {
  if (steps < 1) fail("overfit_batch", steps, " steps were given; 1 or more are required");
  const nn::StateDict kept = model.state_dict();
  const Finally mode = nn::detail::evaluation_mode(model);
  BatchCheck check;
  for (; check.steps < steps; ++check.steps) {
    optimizer.zero_grad();
    const Tensor value = loss(model(x), y);
    check.last = value.item();
    if (check.steps == 0) check.first = check.last;
    if (!std::isfinite(check.last)) break;
    value.backward();
    clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
    if (check.last < 0.02 * check.first) break;
  }
  check.learned = check.last < 0.1 * check.first;
  optimizer.zero_grad();
  model.load_state_dict(kept);
  return check;
}

}  // namespace gradus::train
