// Derivatives of an expression: the graph is recorded while it is computed, and walked back once.
//
//   $ build/release/bin/examples/quickstart
//   g = 24.7041
//   dg/da = 138.8338
//   dg/db = 645.5773
//   d2g/da2 = 409.9958
#include <cstdio>
#include <gradus/gradus.hpp>

using namespace gradus;

int main() {
  const auto a = tensor(-4.0).requires_grad_(), b = tensor(2.0).requires_grad_();
  auto c = a + b;
  auto d = a * b + pow(b, 3);
  c = c + c + 1;
  c = c + 1 + c + (-a);
  d = d + d * 2 + relu(b + a);
  d = d + 3 * d + relu(b - a);
  const auto e = c - d;
  const auto f = pow(e, 2);
  const auto g = f / 2.0 + 10.0 / f;

  g.backward({.retain_graph = true});
  std::printf("g = %.4f\n", g.item());
  std::printf("dg/da = %.4f\n", a.grad().item());
  std::printf("dg/db = %.4f\n", b.grad().item());

  // Gradients are ordinary tensors: differentiate them again.
  const auto dg = grad(g, {a}, {.create_graph = true})[0];
  std::printf("d2g/da2 = %.4f\n", grad(dg, {a})[0].item());
}
