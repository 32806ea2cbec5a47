// A weight of 0 takes an element out of a loss and of its derivatives, whatever the element: a
// table over all losses.
#include <cmath>

#include "ops/nn/loss_derivatives.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// A loss of several inputs, under a reduction and with a weight.
using WeightedLoss = std::function<Tensor(const Tensors&, Reduction, const Tensor& weight)>;

struct Weighed {
  std::string name;
  WeightedLoss f;
  Tensors inputs;
  Tensor weight;     // with a 0 in its second place
  Index each = 1;    // elements of an input by weight
  Index others = 1;  // how many inputs, from the first on, may be wild
};

std::vector<Weighed> weighed_losses() {
  const Shape shape{2, 3};
  const Tensor x = sample(shape, -2, 2, 1), y = sample(shape, -2, 2, 2);
  const Tensor p = sample(shape, 0.2, 0.8, 3), z = sample(shape, 0.2, 0.8, 4);
  const Tensor logp = sample(shape, -4, -0.1, 5), signs = tensor({{1, -1, 1}, {-1, 1, 1}}, float64);
  const Tensor w = tensor({{1, 0, 2}, {3, 1, 0.5}}, float64), by_sample = tensor({1, 0}, float64);
  const Tensor labels = tensor({2, 1}, int64);
  return {
      {"mse_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return mse_loss(v[0], v[1], {.reduction = r, .weight = weight});
       },
       {x, y},
       w,
       1,
       2},
      {"l1_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return l1_loss(v[0], v[1], {.reduction = r, .weight = weight});
       },
       {x, y},
       w,
       1,
       2},
      {"smooth_l1_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return smooth_l1_loss(v[0], v[1], {.reduction = r, .beta = 0.7, .weight = weight});
       },
       {x, y},
       w,
       1,
       2},
      {"huber_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return huber_loss(v[0], v[1], {.reduction = r, .delta = 0.7, .weight = weight});
       },
       {x, y},
       w,
       1,
       2},
      {"binary_cross_entropy",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return binary_cross_entropy(v[0], v[1], {.weight = weight, .reduction = r});
       },
       {p, z},
       w,
       1,
       2},
      {"binary_cross_entropy_with_logits",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return bce_with_logits(v[0], v[1], {.weight = weight, .reduction = r});
       },
       {x, z},
       w,
       1,
       2},
      {"binary_cross_entropy_with_logits, pos_weight",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         const Tensor positive = tensor({2, 0, 1}, float64);
         return bce_with_logits(v[0], v[1],
                                {.weight = weight, .reduction = r, .pos_weight = positive});
       },
       {x, z},
       w,
       1,
       2},
      {"focal_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return focal_loss(v[0], v[1], {.reduction = r, .weight = weight});
       },
       {x, z},
       w,
       1,
       2},
      {"hinge_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return hinge_loss(v[0], v[1], {.reduction = r, .squared = true, .weight = weight});
       },
       {x, signs},
       w,
       1,
       2},
      {"kl_div",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return kl_div(v[0], v[1], {.reduction = r, .weight = weight});
       },
       {logp, p},
       w,
       1,
       2},
      {"kl_div of logarithms",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return kl_div(v[0], v[1], {.reduction = r, .log_target = true, .weight = weight});
       },
       {logp, logp - 0.5},
       w,
       1,
       2},
      {"gaussian_nll_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return gaussian_nll_loss(v[0], v[1], v[2],
                                  {.full = true, .reduction = r, .weight = weight});
       },
       {x, y, p},
       w,
       1,
       3},
      {"poisson_nll_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return poisson_nll_loss(v[0], v[1], {.full = true, .reduction = r, .weight = weight});
       },
       {x, p * 4},
       w,
       1,
       2},
      {"poisson_nll_loss of rates",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return poisson_nll_loss(
             v[0], v[1], {.log_input = false, .full = true, .reduction = r, .weight = weight});
       },
       {p, p * 4},
       w,
       1,
       2},
      {"cosine_embedding_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return cosine_embedding_loss(v[0], v[1], tensor({1, -1}, float64),
                                      {.reduction = r, .weight = weight});
       },
       {x, y},
       by_sample,
       3,
       2},
      {"triplet_margin_loss",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return triplet_margin_loss(v[0], v[1], v[2],
                                    {.margin = 20, .swap = true, .reduction = r, .weight = weight});
       },
       {x, y, p},
       by_sample,
       3,
       3},
      {"cross_entropy",
       [labels](const Tensors& v, Reduction r, const Tensor& weight) {
         return cross_entropy(v[0], labels, {.reduction = r, .sample_weight = weight});
       },
       {x},
       by_sample,
       3,
       1},
      {"cross_entropy of classes without weight",
       [labels](const Tensors& v, Reduction r, const Tensor& weight) {
         return cross_entropy(v[0], labels,
                              {.weight = tensor({1, 0, 3}, float64), .reduction = r}) +
                0 * sum(weight);
       },
       {x},
       by_sample,
       3,
       1},
      {"cross_entropy of probabilities",
       [](const Tensors& v, Reduction r, const Tensor& weight) {
         return cross_entropy(v[0], v[1], {.reduction = r, .sample_weight = weight});
       },
       {x, p},
       by_sample,
       3,
       2},
      {"nll_loss",
       [labels](const Tensors& v, Reduction r, const Tensor& weight) {
         return nll_loss(v[0], labels, {.reduction = r, .sample_weight = weight});
       },
       {logp},
       by_sample,
       3,
       1},
  };
}

}  // namespace

TEST_CASE("a weight of 0 takes an element out of every loss and its derivatives, whatever it is",
          "[ops]") {
  for (const Weighed& loss : weighed_losses())
    for (const Reduction reduction :
         {Reduction::none, Reduction::mean, Reduction::sum, Reduction::batchmean}) {
      const auto f = [&](const Tensors& v) { return loss.f(v, reduction, loss.weight); };
      const Derivatives wanted = derivatives(f, loss.inputs);
      for (Index i = 0; i < loss.others; ++i)
        for (const double number : wild) {
          INFO(loss.name << ", reduction " << static_cast<int>(reduction) << ", input " << i
                         << " is " << number);
          Tensors inputs = loss.inputs;
          const auto at = static_cast<std::size_t>(i);
          for (Index j = 0; j < loss.each; ++j)
            inputs[at] = with(inputs[at], loss.each + j, number);
          check_same(derivatives(f, inputs), wanted);
          // The weight's own derivative is finite, too.
          const Tensor w = loss.weight.clone().requires_grad_();
          for (const double g : numbers(grad(sum(loss.f(inputs, reduction, w)), {w})[0]))
            CHECK(std::isfinite(g));
        }
    }
}
