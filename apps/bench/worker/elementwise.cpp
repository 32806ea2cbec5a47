// Operations on arrays of several sizes, forward without recording and backward alone, in
// nanoseconds per element; rows have 256 values. And chains of recorded scalar operations.
#include <fstream>

#include "steps.hpp"

using namespace gradus;

namespace {

struct Operation {
  const char* name;
  std::vector<Tensor> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> function;
  std::size_t first_wanted = 0;  // inputs before it require no gradient
};

std::vector<Operation> operations(Index n) {
  using In = const std::vector<Tensor>&;
  const Tensor x = randn({n / 256, 256}), y = randn({n / 256, 256}), u = randn({256}),
               v = randn({256}), labels = randint(0, 256, {n / 256});
  return {
      {"add", {x, y}, [](In in) { return in[0] + in[1]; }},
      {"mul", {x, y}, [](In in) { return in[0] * in[1]; }},
      {"relu", {x}, [](In in) { return relu(in[0]); }},
      {"exp", {x}, [](In in) { return exp(in[0]); }},
      {"tanh", {x}, [](In in) { return tanh(in[0]); }},
      {"sigmoid", {x}, [](In in) { return sigmoid(in[0]); }},
      {"gelu", {x}, [](In in) { return gelu(in[0]); }},
      {"bias", {x, u}, [](In in) { return in[0] + in[1]; }, 1},
      {"sum0", {x}, [](In in) { return sum(in[0], 0); }},
      {"sum1", {x}, [](In in) { return sum(in[0], 1); }},
      {"softmax", {x}, [](In in) { return softmax(in[0], 1); }},
      {"layer_norm", {x, u, v}, [](In in) { return layer_norm(in[0], {256}, in[1], in[2]); }},
      {"cross_entropy", {x, labels}, [](In in) { return cross_entropy(in[0], in[1]); }},
  };
}

void show(const std::string& item, long n, std::vector<double> blocks) {
  for (double& block : blocks) block /= static_cast<double>(n);
  bench::print_line(item, "ns", blocks, bench::field("size", static_cast<double>(n)));
}

void measure_operation(const Operation& operation, long n, const bench::Options& options) {
  const std::string name = operation.name;
  std::vector<Tensor> inputs;
  for (const Tensor& input : operation.inputs) inputs.push_back(input.detach());
  Tensor seed;
  {
    NoGrad guard;
    show(name + ".forward", n,
         bench::measure([&] { bench::keep(operation.function(inputs)); }, options));
    seed = full(operation.function(inputs).shape(), 1.0);
  }
  for (std::size_t i = operation.first_wanted; i < inputs.size(); ++i)
    if (inputs[i].dtype() == float32) inputs[i].requires_grad_();
  Tensor y;
  const auto forward = [&] {
    y = {};
    for (Tensor& input : inputs) input.set_grad({});
    y = operation.function(inputs);
  };
  show(name + ".backward", n,
       bench::measure_after(
           forward, [&] { y.backward(seed); }, options));
}

double resident_bytes() {
  long total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) * 4096;
}

}  // namespace

void measure_elementwise(const bench::Options& options) {
  for (const long n : options.sizes)
    for (const Operation& operation : operations(n)) measure_operation(operation, n, options);
}

/// y = w s, z = y sigmoid(1.702 y), the mean of z^2, and the gradient of w.
void measure_chains(const bench::Options& options) {
  for (const long n : options.sizes) {
    Tensor w = randn({n}).requires_grad_();
    const Tensor s = tensor(0.9);
    const auto step = [&w](const Tensor& scale) {
      const Tensor y = w * scale, loss = mean(square(y * sigmoid(y * 1.702)));
      w.set_grad({});
      loss.backward();
      return loss;
    };
    if (!options.captured) {
      show("swish", n, bench::measure([&] { bench::keep(step(s)); }, options));
      continue;
    }
    const CapturedStep captured = capture(step, {s});
    show("swish", n, bench::measure([&] { bench::keep(captured(s)); }, options));
  }
}

/// y = y w; y = y + c: recorded, differentiated and freed. Memory is what the recorded chain adds
/// to the process.
void measure_scalars(const bench::Options& options) {
  const Tensor w = tensor(0.999).requires_grad_(), c = tensor(0.001).requires_grad_();
  for (const long length : options.sizes) {
    std::vector<double> blocks;
    double bytes = 0;
    const long repeats = std::clamp(3'000'000 / length, 3L, 200L);  // the first meets fresh memory
    for (long i = 0; i < repeats; ++i) {
      const double before = resident_bytes(), start = bench::now_ns();
      {
        Tensor y = tensor(1.0);
        for (long k = 0; k < length / 2; ++k) {
          y = y * w;
          y = y + c;
        }
        if (i == 0) bytes = (resident_bytes() - before) / static_cast<double>(length);
        y.backward();
      }
      blocks.push_back((bench::now_ns() - start) / static_cast<double>(length));
      for (Tensor leaf : {w, c}) leaf.set_grad({});
    }
    bench::print_line(
        "chain", "ns", blocks,
        bench::field("size", static_cast<double>(length)) + bench::field("bytes", bytes));
  }
}
