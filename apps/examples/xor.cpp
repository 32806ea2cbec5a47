// Exclusive or, the smallest problem that a single layer cannot learn: 2-8-1 with tanh and Adam.
//
//   $ build/release/bin/examples/xor
//   0 xor 0 = 0.00
//   0 xor 1 = 1.00
//   1 xor 0 = 1.00
//   1 xor 1 = 0.00
#include <cstdio>
#include <gradus/gradus.hpp>

using namespace gradus;

int main() {
  manual_seed(1);
  const Tensor x = tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  const Tensor y = tensor({{0}, {1}, {1}, {0}});
  nn::Sequential model(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1));
  optim::Adam optimizer(model.parameters(), {.lr = 0.05});
  for (int step = 0; step < 1000; ++step) {
    const Tensor loss = mse_loss(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  const NoGrad guard;
  const std::vector<float> out = model(x).to_vector<float>();
  for (int i = 0; i < 4; ++i)
    std::printf("%d xor %d = %.2f\n", i / 2, i % 2, static_cast<double>(std::abs(out[i])));
}
