// Random graphs: a pass that records computes gradients with tensors alone, so that it is the
// reference for passes whose rules write over cotangents and into sums.
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "autograd/vjp.hpp"
#include "base/pool.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {

/// True if `got` is `times` the reference up to rounding.
bool agree(const Tensor& got, const Tensor& reference, double times = 1) {
  const Numbers a = numbers(got), b = numbers(reference);
  for (std::size_t i = 0; i < b.size(); ++i)
    if (!(std::abs(a[i] - times * b[i]) <= 1e-11 * (1 + std::abs(times * b[i])))) return false;
  return a.size() == b.size();
}

/// 3 x, by a rule of a user that writes over the cotangent.
Tensor tripled(const Tensor& x) {
  return record("tripled", (x * 3.0).detach(), {x}, [](const Vjp& k) {
    Tensor own = detail::spare(k);
    if (!own.defined()) return k.grad * 3.0;
    own.copy_(own * 3.0);
    return own;
  });
}

struct Graph {
  std::vector<Tensor> nodes;  // the first four are leaves
  Tensor out;
};

class Builder {
 public:
  Builder(unsigned seed, bool scalars) : pick_(seed), source_(seed), scalars_(scalars) {}

  Graph build() {
    const Shape shapes[] = {{4, 4}, {4}, {1, 4}, {4, 1}, {1}, {}};
    for (std::size_t i = 0; i < 4; ++i) {
      const Shape& shape = scalars_ ? shapes[5] : shapes[i == 0 ? 0 : below(6)];
      graph_.nodes.push_back((rand(shape, float64, &source_) * 2.0 - 1.0).requires_grad_());
    }
    for (std::size_t left = 3 + below(14); left > 0; --left) graph_.nodes.push_back(step());
    graph_.out = sum(any());
    for (const Tensor& node : graph_.nodes)
      if (below(3) == 0) graph_.out = graph_.out + mean(node);
    return graph_;
  }

 private:
  std::size_t below(std::size_t n) { return pick_() % n; }
  const Tensor& any() { return graph_.nodes[below(graph_.nodes.size())]; }

  Tensor step() {
    const Tensor a = any(), b = any();
    switch (below(scalars_ ? 9 : 15)) {
      case 0:
        return a * b;
      case 1:
        return a + b;
      case 2:
        return a - b;
      case 3:
        return a * a;
      case 4:
        return a * 0.7;
      case 5:
        return tanh(a) * b;
      case 6:
        return -a;
      case 7:
        return tripled(a);
      case 8:
        return mse_loss(a, ones(a.shape(), float64));
      case 9:
        return bce_with_logits(a, full(a.shape(), 0.3, float64), {.reduction = Reduction::sum});
      case 10:
        return expand(a, {4, a.dim() ? a.size(-1) : 4});
      case 11:
        return a.dim() == 2 ? transpose(a, 0, 1) : reshape(a, {1, a.numel()});
      case 12:
        return gelu(a) * b;
      default:
        return with_weight(a, b);
    }
  }
  /// One matrix is the weight of every linear, so that its gradient is a sum.
  Tensor with_weight(const Tensor& a, const Tensor& b) {
    if (a.dim() == 0 || a.size(-1) != 4) return a + a;
    const Tensor bias = b.shape() == Shape{4} ? b : Tensor();
    if (below(2) == 0) return linear(a, graph_.nodes[0], bias);
    return linear_act(a, graph_.nodes[0], bias, static_cast<LinearActivation>(below(5)));
  }

  std::mt19937 pick_;
  Generator source_;
  bool scalars_;
  Graph graph_;
};

/// Hooks that keep the gradient or a view of it, or replace it by a copy that they keep.
void watch(const Graph& graph, unsigned seed, std::vector<std::pair<Tensor, Numbers>>& kept) {
  std::mt19937 pick(seed);
  for (Tensor node : graph.nodes) {
    if (pick() % 3 == 0) node.retain_grad();
    const auto kind = pick() % 6;
    if (kind > 2) continue;
    node.register_hook([kind, &kept](const Tensor& g) {
      const Tensor mine = kind == 0 ? g : kind == 1 ? reshape(g, {g.numel()}) : g.clone();
      kept.emplace_back(mine, numbers(mine));
      return kind == 2 ? mine : Tensor();
    });
  }
}

}  // namespace

TEST_CASE("random graphs have the gradients of a pass that records, whoever looks on") {
  for (unsigned seed = 0; seed < 600; ++seed) {
    INFO("seed " << seed);
    const Graph graph = Builder(seed, seed % 4 == 0).build();
    const auto& nodes = graph.nodes;
    const auto reference = grad(graph.out, nodes, {.create_graph = true, .allow_unused = true});
    const auto every = grad(graph.out, nodes, {.retain_graph = true, .allow_unused = true});
    const auto leaves =
        grad(graph.out, {nodes[0], nodes[1]}, {.retain_graph = true, .allow_unused = true});
    for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(agree(every[i], reference[i]));
    for (std::size_t i = 0; i < 2; ++i) CHECK(agree(leaves[i], reference[i]));

    std::vector<std::pair<Tensor, Numbers>> kept;
    watch(graph, seed, kept);
    const Tensor start = tensor(1.0, float64);
    for (int pass = 1; pass <= 2; ++pass) {
      graph.out.backward(start, {.retain_graph = pass == 1});
      for (std::size_t i = 0; i < nodes.size(); ++i)
        if (nodes[i].grad().defined()) CHECK(agree(nodes[i].grad(), reference[i], pass));
    }
    CHECK(start.item() == 1);
    for (const auto& [g, then] : kept) CHECK(numbers(g) == then);
  }
}

TEST_CASE("random graphs leak nothing wherever memory runs out") {
  for (unsigned seed = 0; seed < 24; ++seed) {
    for (std::int64_t n = 1;; ++n) {
      INFO("seed " << seed << ", allocation " << n);
      const MemoryStats before = memory_stats();
      bool failed = false;
      {
        const Graph graph = Builder(seed, seed % 4 == 0).build();
        detail::fail_allocation_after(n);
        try {
          graph.out.backward();
        } catch (const Error&) {
          failed = true;
        }
        detail::fail_allocation_after(0);
        for (std::size_t i = 0; failed && i < 4; ++i)
          REQUIRE_FALSE(graph.nodes[i].grad().defined());
      }
      const MemoryStats after = memory_stats();
      REQUIRE(after.live_nodes == before.live_nodes);
      REQUIRE(after.live_tensors == before.live_tensors);
      REQUIRE(after.live_bytes == before.live_bytes);
      if (!failed) break;
    }
  }
}
