// A user's program: a network learns exclusive or; what it has learned is printed.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <gradus/gradus.hpp>
#include <vector>

using namespace gradus;

static_assert(GRADUS_VERSION_MAJOR == 0 && GRADUS_VERSION_MINOR >= 1);

int main() {
  manual_seed(1);
  const Tensor x = tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  const Tensor y = tensor({{0}, {1}, {1}, {0}});
  nn::Sequential model(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1));
  optim::Adam optimizer(model.parameters(), {.lr = 0.05});
  for (int step = 0; step < 300; ++step) {
    const Tensor loss = mse_loss(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  const std::vector<float> out = model(x).to_vector<float>();
  std::printf("gradus %s:", version());
  for (const float value : out) std::printf(" %ld", std::lround(10 * value));
  std::printf("\n");
  try {  // errors are caught across the border of a shared library, too
    matmul(x, x);
  } catch (const Error& error) {
    return std::strstr(error.what(), "matmul") ? 0 : 1;
  }
  return 1;
}
