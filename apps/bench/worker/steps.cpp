#include "steps.hpp"

using namespace gradus;

namespace {

/// x + down(silu(gate(n)) * up(n)), n = norm(x)
class SwiGlu : public nn::Module {
 public:
  SwiGlu(Index width, Index hidden) : width_(width), hidden_(hidden) {}

 protected:
  Tensor forward(const Tensor& x) const override {
    const Tensor n = norm_(x);
    return x + down_(silu(gate_(n)) * up_(n));
  }

 private:
  nn::Linear linear(const char* name, Index in, Index out) {
    return add(name, nn::Linear(in, out, {.bias = false}));
  }
  Index width_, hidden_;
  nn::LayerNorm norm_ = add("norm", nn::LayerNorm(Shape{width_}));
  nn::Linear gate_ = linear("gate", width_, hidden_), up_ = linear("up", width_, hidden_),
             down_ = linear("down", hidden_, width_);
};

Tensor mean_squares(const Tensor& x, const Tensor& y) { return mse_loss(x, y); }
Tensor classes(const Tensor& x, const Tensor& y) { return cross_entropy(x, y); }
Tensor logits(const Tensor& x, const Tensor& y) { return binary_cross_entropy_with_logits(x, y); }

template <class Model>
void use(Step& step, const Model& model, const std::string& optimizer, double lr) {
  step.model = [model](const Tensor& x) { return model(x); };
  step.parameters = model.parameters();
  step.optimizer = optim::make_optimizer(optimizer, step.parameters, {{"lr", lr}});
}

}  // namespace

Step make_step(const bench::Workload& workload, double lr, bool dropout) {
  manual_seed(0);
  Step step;
  if (workload.name == "g") {
    nn::Sequential model;
    for (const auto& [in, out] : {std::pair{128, 256}, {256, 128}, {128, 64}}) {
      model.append(nn::Linear(in, out));
      model.append(nn::BatchNorm1d(out));
      model.append(nn::ReLU());
      model.append(nn::Dropout(dropout ? 0.3 : 0.0));
    }
    model.append(nn::Linear(64, 1));
    step.x = randn({64, 128});
    step.y = randint(0, 2, {64, 1}).to(float32);
    step.loss = logits;
    step.clip = true;
    use(step, model, "adamw", lr);
  } else if (workload.name == "h") {
    step.x = randn({8, 32, 512});
    step.y = randn({8, 32, 512});
    step.loss = mean_squares;
    use(step, SwiGlu(512, 1365), "adamw", lr);
  } else {
    nn::Sequential model;
    const auto& sizes = workload.sizes;
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      model.append(nn::Linear(sizes[i], sizes[i + 1]));
      const auto& activation = i + 2 == sizes.size() ? workload.output : workload.hidden;
      if (activation != "none") model.append(nn::Activation(activation));
    }
    const bool labels = workload.loss == "ce";
    step.x = randn({workload.batch, sizes.front()});
    step.y =
        labels ? randint(0, sizes.back(), {workload.batch}) : randn({workload.batch, sizes.back()});
    step.loss = labels ? classes : mean_squares;
    use(step, model, workload.optimizer, lr);
  }
  return step;
}
