// An operation of one's own as an xtensor expression, with a derivative rule for any order: the
// loss log(cosh(x)), which is square near 0 and straight beyond, fits a line that one wrong point
// does not bend.
//
//   $ build/release/bin/examples/xtensor_operation
//   log_cosh(0) = 0.0000   log_cosh(1) = 0.4338   log_cosh(-1000) = 999.3068
//   gradcheck of order 2: passed
//   y = 2 t + 1 from 20 points, of which one is wrong
//   by squares    1.17 t + 6.81
//   by log_cosh   1.97 t + 1.18
#include <cmath>
#include <cstdio>
#include <gradus/gradus.hpp>
#include <gradus/interop/xtensor.hpp>

using namespace gradus;

namespace {

template <class T>
Tensor log_cosh_values(const Tensor& x) {
  Tensor out = zeros(x.shape(), x.dtype());
  const auto in = as_xarray<T>(x);
  auto to = as_mutable_xarray<T>(out);
  xt::noalias(to) = xt::abs(in) + xt::log1p(xt::exp(T(-2) * xt::abs(in))) - std::log(T(2));
  return out;
}

/// log(cosh(x)). Gradient: g tanh(x).
Tensor log_cosh(const Tensor& x) {
  return custom(
      "log_cosh", {x},
      [](const std::vector<Tensor>& in) {
        return in[0].dtype() == float32 ? log_cosh_values<float>(in[0])
                                        : log_cosh_values<double>(in[0]);
      },
      [](const Vjp& k) { return k.grad * tanh(k.in(0)); });
}

/// Slope and offset of the line through the points (t, y) with the least sum of losses.
template <class Loss>
Tensor line(const Tensor& t, const Tensor& y, Loss loss) {
  Tensor found = zeros({2}, float64).requires_grad_();
  optim::LBFGS opt({found});
  for (int step = 0; step < 50; ++step)
    opt.step([&] {
      const Tensor sum_of_losses = sum(loss(found[0] * t + found[1] - y));
      opt.zero_grad();
      sum_of_losses.backward();
      return sum_of_losses;
    });
  return found;
}

}  // namespace

int main() {
  std::printf("log_cosh(0) = %.4f   log_cosh(1) = %.4f   log_cosh(-1000) = %.4f\n",
              log_cosh(tensor(0.0)).item(), log_cosh(tensor(1.0)).item(),
              log_cosh(tensor(-1000.0)).item());

  const auto report = gradcheck(log_cosh, {linspace(-3, 3, 12, float64)}, {.order = 2});
  std::printf("gradcheck of order 2: %s\n", report.passed ? "passed" : report.message.c_str());

  const Tensor t = linspace(0, 9.5, 20, float64);
  Tensor y = 2 * t + 1;
  as_mutable_xarray<double>(y)(2) = 40;
  std::printf("y = 2 t + 1 from 20 points, of which one is wrong\n");
  const Tensor squares = line(t, y, square), robust = line(t, y, log_cosh);
  std::printf("by squares    %.2f t + %.2f\n", squares[0].item(), squares[1].item());
  std::printf("by log_cosh   %.2f t + %.2f\n", robust[0].item(), robust[1].item());
}
