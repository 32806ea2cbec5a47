// A user's program that has the trainer's settings.
#include <cstdio>
#include <gradus/train.hpp>

int main() {
  gradus::train::Config config;
  gradus::train::set(config, "epochs", "7");
  std::printf("%d epochs\n", static_cast<int>(*config.epochs));
  return gradus::numel({2, 3}) == 6 ? 0 : 1;
}
