// bench_libtorch MODE [--name value]... [workload]...: PyTorch's C++ interface, no Python in the
// timed loop.
#include <dlfcn.h>
#include <torch/torch.h>

#include <functional>
#include <memory>

#include "../worker.hpp"

namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct SwiGluImpl : nn::Module {
  nn::LayerNorm norm{nullptr};
  nn::Linear gate{nullptr}, up{nullptr}, down{nullptr};
  SwiGluImpl(int64_t width, int64_t hidden) {
    norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({width})));
    gate = register_module("gate", nn::Linear(nn::LinearOptions(width, hidden).bias(false)));
    up = register_module("up", nn::Linear(nn::LinearOptions(width, hidden).bias(false)));
    down = register_module("down", nn::Linear(nn::LinearOptions(hidden, width).bias(false)));
  }
  Tensor forward(const Tensor& x) {
    const Tensor n = norm(x);
    return x + down(torch::silu(gate(n)) * up(n));
  }
};
TORCH_MODULE(SwiGlu);

/// The multi-tensor update of Python's foreach=True, which the C++ optimizers do not have.
class ForeachUpdate {
 public:
  ForeachUpdate(std::vector<Tensor> parameters, std::string kind, double lr)
      : parameters_(std::move(parameters)), kind_(std::move(kind)), lr_(lr) {
    for (const Tensor& p : parameters_) {
      first_.push_back(torch::zeros_like(p));
      second_.push_back(torch::zeros_like(p));
    }
  }
  void step() {
    torch::NoGradGuard guard;
    std::vector<Tensor> grads;
    for (const Tensor& p : parameters_) grads.push_back(p.grad());
    if (kind_ == "sgd") {
      torch::_foreach_add_(parameters_, grads, -lr_);
      return;
    }
    power1_ *= 0.9, power2_ *= 0.999;
    if (kind_ == "adamw") torch::_foreach_mul_(parameters_, 1 - lr_ * 0.01);
    torch::_foreach_mul_(first_, 0.9);
    torch::_foreach_add_(first_, grads, 0.1);
    torch::_foreach_mul_(second_, 0.999);
    torch::_foreach_addcmul_(second_, grads, grads, 0.001);
    auto divisor = torch::_foreach_sqrt(second_);
    torch::_foreach_div_(divisor, std::sqrt(1 - power2_));
    torch::_foreach_add_(divisor, 1e-8);
    torch::_foreach_addcdiv_(parameters_, first_, divisor, -lr_ / (1 - power1_));
  }

 private:
  std::vector<Tensor> parameters_, first_, second_;
  std::string kind_;
  double lr_, power1_ = 1, power2_ = 1;
};

struct Step {
  Tensor x, y;
  std::vector<Tensor> parameters;
  std::function<Tensor(const Tensor&)> model;
  std::function<Tensor(const Tensor&, const Tensor&)> loss;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  std::unique_ptr<ForeachUpdate> foreach_update;
  bool clip = false;

  Tensor operator()() {
    for (Tensor& p : parameters) p.mutable_grad() = Tensor();
    const Tensor value = loss(model(x), y);
    value.backward();
    if (clip) nn::utils::clip_grad_norm_(parameters, 1.0);
    if (foreach_update)
      foreach_update->step();
    else
      optimizer->step();
    return value;
  }
};

template <class Model>
void use(Step& step, Model model, const std::string& optimizer, const bench::Options& options) {
  step.model = [model](const Tensor& x) mutable { return model->forward(x); };
  step.parameters = model->parameters();
  namespace optim = torch::optim;
  if (options.foreach_update)
    step.foreach_update = std::make_unique<ForeachUpdate>(step.parameters, optimizer, options.lr);
  else if (optimizer == "sgd")
    step.optimizer = std::make_unique<optim::SGD>(step.parameters, optim::SGDOptions(options.lr));
  else if (optimizer == "adam")
    step.optimizer = std::make_unique<optim::Adam>(step.parameters, optim::AdamOptions(options.lr));
  else
    step.optimizer =
        std::make_unique<optim::AdamW>(step.parameters, optim::AdamWOptions(options.lr));
}

void push_activation(nn::Sequential& model, const std::string& name) {
  if (name == "relu")
    model->push_back(nn::Functional([](const Tensor& x) { return torch::relu(x); }));
  if (name == "tanh")
    model->push_back(nn::Functional([](const Tensor& x) { return torch::tanh(x); }));
  if (name == "gelu")
    model->push_back(nn::Functional([](const Tensor& x) { return torch::gelu(x); }));
}

Tensor classes(const Tensor& x, const Tensor& y) { return nn::functional::cross_entropy(x, y); }
Tensor squares(const Tensor& x, const Tensor& y) { return torch::mse_loss(x, y); }
Tensor logits(const Tensor& x, const Tensor& y) {
  return torch::binary_cross_entropy_with_logits(x, y);
}

Step make_step(const bench::Workload& workload, const bench::Options& options) {
  torch::manual_seed(0);
  Step step;
  if (workload.name == "h") {
    step.x = torch::randn({8, 32, 512});
    step.y = torch::randn({8, 32, 512});
    step.loss = squares;
    use(step, SwiGlu(512, 1365), "adamw", options);
    return step;
  }
  nn::Sequential model;
  if (workload.name == "g") {
    const int64_t sizes[] = {128, 256, 128, 64};
    for (int i = 0; i < 3; ++i) {
      model->push_back(nn::Linear(sizes[i], sizes[i + 1]));
      model->push_back(nn::BatchNorm1d(sizes[i + 1]));
      push_activation(model, "relu");
      model->push_back(nn::Dropout(options.mode == "losses" ? 0.0 : 0.3));
    }
    model->push_back(nn::Linear(64, 1));
    step.x = torch::randn({64, 128});
    step.y = torch::randint(0, 2, {64, 1}).to(torch::kFloat);
    step.loss = logits;
    step.clip = true;
    use(step, model, "adamw", options);
    return step;
  }
  const auto& sizes = workload.sizes;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    model->push_back(nn::Linear(sizes[i], sizes[i + 1]));
    push_activation(model, i + 2 == sizes.size() ? workload.output : workload.hidden);
  }
  step.x = torch::randn({workload.batch, sizes.front()});
  const bool labels = workload.loss == "ce";
  step.y = labels ? torch::randint(0, sizes.back(), {workload.batch}, torch::kLong)
                  : torch::randn({workload.batch, sizes.back()});
  step.loss = labels ? classes : squares;
  use(step, model, workload.optimizer, options);
  return step;
}

void steps(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    Step step = make_step(workload, options);
    bench::print_line(workload.name, "ns", bench::measure([&] { step(); }, options));
  }
}

Tensor read(bench::ValuesIn& file, const Tensor& like) {
  auto values = file.read(static_cast<std::size_t>(like.numel()));
  return torch::from_blob(values.data(), like.sizes(), torch::kFloat).clone().to(like.dtype());
}

void losses(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    Step step = make_step(workload, options);
    bench::ValuesIn file(options.folder, workload.name);
    step.x = read(file, step.x);
    step.y = read(file, step.y);
    {
      torch::NoGradGuard guard;
      for (Tensor& p : step.parameters) p.copy_(read(file, p));
    }
    std::vector<double> found;
    for (int i = 0; i < options.steps; ++i) found.push_back(step().item<double>());
    bench::print_line(workload.name, "losses", found);
  }
}

/// y = y w; y = y + c: recorded, differentiated and freed.
void scalars(const bench::Options& options) {
  Tensor w = torch::tensor(0.999f).requires_grad_(), c = torch::tensor(0.001f).requires_grad_();
  for (const long length : options.sizes) {
    std::vector<double> blocks;
    const long repeats = std::clamp(500'000 / length, 1L, 100L);
    for (long i = 0; i < repeats; ++i) {
      const double start = bench::now_ns();
      {
        Tensor y = torch::tensor(1.0f);
        for (long k = 0; k < length / 2; ++k) {
          y = y * w;
          y = y + c;
        }
        y.backward();
      }
      blocks.push_back((bench::now_ns() - start) / static_cast<double>(length));
      w.mutable_grad() = Tensor();
      c.mutable_grad() = Tensor();
    }
    bench::print_line("chain", "ns", blocks, bench::field("size", static_cast<double>(length)));
  }
}

void blas() {
  using Name = char* (*)();
  const auto name = reinterpret_cast<Name>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  bench::print_line("blas", "threads", {static_cast<double>(torch::get_num_threads())},
                    bench::field("kernels", std::string(name ? name() : "unknown")) +
                        bench::field("version", std::string(TORCH_VERSION)));
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = bench::parse_options(argc, argv);
  torch::set_num_threads(options.threads);
  if (options.mode == "steps")
    steps(options);
  else if (options.mode == "losses")
    losses(options);
  else if (options.mode == "scalars")
    scalars(options);
  else if (options.mode == "blas")
    blas();
  else
    throw std::runtime_error("unknown mode " + options.mode);
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_libtorch: %s\n", error.what());
  return 1;
}
