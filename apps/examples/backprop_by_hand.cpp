// Backpropagation of a 2-2-1 network with sigmoids and half the squared error, value by value: what
// a textbook computes on paper, here read off the graph.
//
//   $ build/release/bin/examples/backprop_by_hand
//   forward
//     z1     0.3825000000   0.3900000000
//     a1     0.5944759307   0.5962826993
//     z2     1.1061175870
//     y      0.7514046014
//     loss   0.2748403915
//   backward
//     delta2 0.1384912111
//     dW2    0.0823296916   0.0825799132
//     db2    0.1384912111
//     delta1 0.0133546686   0.0150025228
//     dW1    0.0006677334   0.0013354669
//            0.0007501261   0.0015002523
//     db1    0.0133546686   0.0150025228
//   after one step with learning rate 0.5
//     W1     0.1496661333   0.2493322666
//            0.1996249369   0.2992498739
//     b1     0.3433226657   0.3424987386
//     W2     0.3588351542   0.4087100434
//     b2     0.5307543945
//     loss   0.2580389055
//   loss after 10, 100, 1000, 10000 steps
//     0.1106475 0.0037806 0.000160538 1.817e-06
#include <cstdio>
#include <gradus/gradus.hpp>

using namespace gradus;

namespace {

struct Network {
  Tensor w1 = tensor({{.15, .25}, {.20, .30}}, float64).requires_grad_();  // out x in
  Tensor b1 = tensor({.35, .35}, float64).requires_grad_();
  Tensor w2 = tensor({{.40, .45}}, float64).requires_grad_();
  Tensor b2 = tensor({.60}, float64).requires_grad_();
  Tensor z1, a1, z2, y;

  Tensor loss() {
    const Tensor x = tensor({{.05, .10}}, float64), target = tensor({{.01}}, float64);
    z1 = linear(x, w1, b1);
    a1 = sigmoid(z1);
    z2 = linear(a1, w2, b2);
    y = sigmoid(z2);
    return sum(square(y - target)) / 2;
  }
  std::vector<Tensor> parameters() const { return {w1, b1, w2, b2}; }
};

void show(const char* name, const Tensor& x) {
  const std::vector<double> values = x.to_vector<double>();
  const std::size_t columns = static_cast<std::size_t>(x.dim() ? x.size(-1) : 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % columns == 0) std::printf("  %-6s", i ? "" : name);
    std::printf("%s%.10f", i % columns ? "   " : " ", values[i]);
    if ((i + 1) % columns == 0) std::printf("\n");
  }
}

}  // namespace

int main() {
  Network net;
  optim::SGD sgd(net.parameters(), {.lr = 0.5});

  Tensor loss = net.loss();
  std::printf("forward\n");
  show("z1", net.z1);
  show("a1", net.a1);
  show("z2", net.z2);
  show("y", net.y);
  show("loss", loss);

  net.z1.retain_grad();  // intermediate gradients: the deltas of the textbook
  net.z2.retain_grad();
  loss.backward();
  std::printf("backward\n");
  show("delta2", net.z2.grad());
  show("dW2", net.w2.grad());
  show("db2", net.b2.grad());
  show("delta1", net.z1.grad());
  show("dW1", net.w1.grad());
  show("db1", net.b1.grad());

  sgd.step();
  std::printf("after one step with learning rate 0.5\n");
  show("W1", net.w1);
  show("b1", net.b1);
  show("W2", net.w2);
  show("b2", net.b2);
  show("loss", net.loss());

  std::printf("loss after 10, 100, 1000, 10000 steps\n ");
  const char* formats[] = {" %.7f", " %.7f", " %.9f", " %.3e\n"};
  for (int step = 1, next = 0, mark = 10; step < 10000; ++step) {
    sgd.zero_grad();
    net.loss().backward();
    sgd.step();
    if (step + 1 == mark) {
      std::printf(formats[next++], net.loss().item());
      mark *= 10;
    }
  }
}
