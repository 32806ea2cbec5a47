#include "net.hpp"

#include "math.hpp"

namespace by_hand {

void read_transposed(bench::ValuesIn& values, Values& weight, int in, int out) {
  const auto stored = values.read(weight.size());  // (out, in)
  for (int o = 0; o < out; ++o)
    for (int i = 0; i < in; ++i)
      weight[static_cast<std::size_t>(i) * static_cast<std::size_t>(out) +
             static_cast<std::size_t>(o)] =
          stored[static_cast<std::size_t>(o) * static_cast<std::size_t>(in) +
                 static_cast<std::size_t>(i)];
}

std::unique_ptr<Net> make_net(const bench::Workload& workload, float lr, bool dropout) {
  if (workload.name == "g") return make_norm_mlp(lr, dropout);
  if (workload.name == "h") return make_swiglu(lr);
  if (workload.sizes == std::vector<int>{2, 8, 1} && workload.batch == 4 &&
      workload.hidden == "tanh" && workload.output == "none" && workload.loss == "mse" &&
      workload.optimizer == "sgd")
    return make_xor(lr);
  return make_mlp(workload, lr);
}

}  // namespace by_hand
