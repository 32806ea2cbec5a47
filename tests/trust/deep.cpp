// deep <nodes>: graphs of so many operations are differentiated and freed on a stack of 128 KiB.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gradus/gradus.hpp"

using namespace gradus;

namespace {

constexpr std::size_t stack_bytes = 128 * 1024;
int nodes = 10'000'000;

struct DeepGraph {
  const char* name;
  double (*run)();  // the derivative it computes
  double expected;
  double result = 0;
  std::string error = {};
};

Tensor leaf(double value) { return tensor(value, float64).requires_grad_(); }

double chain() {
  const Tensor x = leaf(1);
  Tensor y = x;
  for (int i = 0; i < nodes; ++i) y = y + 1;
  y.backward();
  return x.grad().item();
}

double freed_without_backward() {
  const Tensor x = leaf(1);
  Tensor y = x;
  for (int i = 0; i < nodes; ++i) y = -y;
  y = {};
  return static_cast<double>(memory_stats().live_nodes);
}

/// Each node uses the two before it: the number of paths is exponential.
double ladder() {
  const Tensor x = leaf(1);
  Tensor a = x * 0.5, b = x * 0.5;
  for (int i = 0; i < nodes / 2; ++i) {
    Tensor c = (a + b) * 0.5;
    a = std::move(b);
    b = std::move(c);
  }
  b.backward();
  return x.grad().item();
}

double one_leaf_many_times() {
  const Tensor x = leaf(1);
  Tensor y = tensor(0, float64);
  for (int i = 0; i < nodes; ++i) y = y + x;
  y.backward();
  return x.grad().item();
}

/// A gradient that is recorded, and differentiated again.
double second_order() {
  const Tensor x = leaf(1);
  Tensor y = x * x;
  for (int i = 0; i < nodes / 4; ++i) y = y * 1.0;
  const Tensor slope = grad(y, {x}, {.create_graph = true})[0];
  return grad(slope, {x})[0].item();
}

void* run(void* argument) {
  auto* graph = static_cast<DeepGraph*>(argument);
  try {
    graph->result = graph->run();
  } catch (const std::exception& error) {
    graph->error = error.what();
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) nodes = std::atoi(argv[1]);
  DeepGraph graphs[] = {
      {"a chain", chain, 1},
      {"a chain freed without a backward pass", freed_without_backward, 0},
      {"a ladder", ladder, 0.5},
      {"one leaf used in every operation", one_leaf_many_times, static_cast<double>(nodes)},
      {"a chain differentiated twice", second_order, 2}};
  int wrong = 0;
  for (DeepGraph& graph : graphs) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_t thread;
    if (pthread_create(&thread, &attributes, run, &graph) != 0) return 2;
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    const double off =
        graph.result / (graph.expected == 0 ? 1 : graph.expected) - (graph.expected == 0 ? 0 : 1);
    if (graph.error.empty() && off < 1e-6 && off > -1e-6) continue;
    ++wrong;
    std::fprintf(stderr, "%s: %.17g, expected %.17g %s\n", graph.name, graph.result, graph.expected,
                 graph.error.c_str());
  }
  std::printf("{\"nodes\": %d, \"stack_kib\": 128, \"graphs\": %d, \"wrong\": %d}\n", nodes,
              static_cast<int>(std::size(graphs)), wrong);
  return wrong != 0;
}
