// What a recorded operation and a training step cost, in the median of repeated blocks, one thread.
//
//   $ ./dev bench
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <gradus/gradus.hpp>
#include <vector>

using namespace gradus;

namespace {

/// Nanoseconds of one call: the median over blocks of at least ten milliseconds.
double nanoseconds(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&](long calls) {
    const auto start = Clock::now();
    for (long i = 0; i < calls; ++i) call();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  };
  timed(3);
  long calls = 1;
  while (timed(calls) < 1e7) calls *= 2;
  std::vector<double> blocks;
  for (int block = 0; block < 15; ++block)
    blocks.push_back(timed(calls) / static_cast<double>(calls));
  std::nth_element(blocks.begin(), blocks.begin() + 7, blocks.end());
  return blocks[7];
}

/// y = y w; y = y + c, `length` operations, forward, backward and freed.
double scalar_chain(int length) {
  Tensor w = tensor(0.999).requires_grad_(), c = tensor(0.001).requires_grad_();
  const auto pass = [&] {
    Tensor y = tensor(1.0);
    for (int i = 0; i < length / 2; ++i) {
      y = y * w;
      y = y + c;
    }
    y.backward();
    w.set_grad({});
    c.set_grad({});
  };
  return nanoseconds(pass) / length;
}

/// A whole step of a classifier: forward, loss, zero_grad, backward, update.
double classifier_step(const std::vector<Index>& sizes, Index batch, const char* optimizer_name) {
  manual_seed(0);
  nn::MLP model(sizes);
  // Small, so that repeating one batch does not converge into denormal numbers.
  const auto optimizer = optim::make_optimizer(optimizer_name, model.parameters(), {{"lr", 1e-7}});
  const Tensor x = randn({batch, sizes.front()}), y = randint(0, sizes.back(), {batch});
  return nanoseconds([&] {
    const Tensor loss = cross_entropy(model(x), y);
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures what operations and training steps cost.");
  int threads = 1;
  app.add_option("--threads", threads, "threads of the library")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  set_num_threads(threads);
  std::printf("recorded scalar operation, forward + backward + free\n");
  for (const int length : {1000, 100000, 1000000})
    std::printf("  chain of %-8d %8.1f ns per operation\n", length, scalar_chain(length));
  std::printf("training step\n");
  const auto show = [](const char* name, double ns) {
    std::printf("  %-32s %10.1f us\n", name, ns / 1e3);
  };
  show("4-64-32-3, batch 32, AdamW", classifier_step({4, 64, 32, 3}, 32, "adamw"));
  show("784-128-10, batch 64, SGD", classifier_step({784, 128, 10}, 64, "sgd"));
  show("784-512-256-10, batch 64, AdamW", classifier_step({784, 512, 256, 10}, 64, "adamw"));
}
