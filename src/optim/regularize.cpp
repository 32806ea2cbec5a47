#include "gradus/optim/regularize.hpp"

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus {
namespace {

using optim::detail::dispatch;

/// sum f(w), in the dtype of the parameters.
template <class F>
Tensor sum_over(const std::vector<Tensor>& params, const char* operation, F f) {
  if (params.empty()) fail(operation, "no parameters were given; at least one is required");
  Tensor total;
  for (const Tensor& param : params) {
    const Tensor part = sum(f(param));
    total = total.defined() ? total + part : part;
  }
  return total;
}

void check_weights(const char* operation, double l1, double l2) {
  optim::detail::require_not_negative(operation, "l1", l1);
  optim::detail::require_not_negative(operation, "l2", l2);
}

}  // namespace

Tensor l1_penalty(const std::vector<Tensor>& params) {
  return sum_over(params, "l1_penalty", [](const Tensor& w) { return abs(w); });
}

Tensor l2_penalty(const std::vector<Tensor>& params) {
  return sum_over(params, "l2_penalty", [](const Tensor& w) { return w * w; });
}

Tensor elastic_penalty(const std::vector<Tensor>& params, double l1, double l2) {
  check_weights("elastic_penalty", l1, l2);
  return l1_penalty(params) * l1 + l2_penalty(params) * l2;
}

void add_penalty_grad(const std::vector<Tensor>& params, double l1, double l2) {
  check_weights("add_penalty_grad", l1, l2);
  const NoGrad guard;
  for (const Tensor& param : params) {
    Tensor grad = param.grad();
    if (!grad.defined()) continue;
    dispatch(param.dtype(), [&]<class T>(T) {
      T* const g = grad.mutable_data<T>();
      const T* const w = param.data<T>();
      const T a = static_cast<T>(l1), b = static_cast<T>(2 * l2);
      optim::detail::for_tiles(param.numel(), [=](Index begin, Index end) {
        optim::detail::loop(end - begin, g + begin, w + begin, [=](T& to, T x) {
          to += a * (static_cast<T>(x > 0) - static_cast<T>(x < 0)) + b * x;
        });
      });
    });
  }
}

}  // namespace gradus
