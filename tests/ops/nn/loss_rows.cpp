#include <cmath>
#include <numbers>

#include "gradus/ops.hpp"
#include "gradus/ops/loss.hpp"
#include "ops/nn/loss_reference.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Loss = std::function<Tensor(const std::vector<Tensor>&, Reduction)>;

/// A loss of elements under every reduction, for shapes with and without a batch.
void loss_row(const std::string& name, const Loss& f, const Scalar2& reference, Input input,
              Input target, Row settings = {}) {
  for (const Reduction reduction :
       {Reduction::none, Reduction::mean, Reduction::sum, Reduction::batchmean}) {
    settings.name = name + text(reduction);
    settings.cases.clear();
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{3, 4}, Shape{2, 1, 3}}) {
      if (shape.empty() && reduction == Reduction::batchmean) continue;
      input.shape = target.shape = shape;
      settings.cases.push_back({input, target});
    }
    settings.f = [f, reduction](const std::vector<Tensor>& v) { return f(v, reduction); };
    settings.reference = [reference, reduction](const std::vector<Array>& v) {
      return reduced(zip_array(v[0], v[1], reference), reduction);
    };
    row(settings);
  }
}

/// Smaller steps of the finite differences, for functions with poles nearby.
Row near_poles() {
  Row settings;
  settings.step = 2e-4;
  settings.gradient_tolerance = 1e-8;
  settings.second_tolerance = 1e-5;
  return settings;
}

Real softplus_of(Real x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

TEST_CASE("distances agree with their references", "[ops]") {
  const Input x{.low = -3, .high = 3}, apart{.low = -3, .high = 3};
  loss_row(
      "mse_loss", [](const auto& v, Reduction r) { return mse_loss(v[0], v[1], {.reduction = r}); },
      [](Real a, Real b) { return (a - b) * (a - b); }, x, apart);
  // Inputs of one half and targets of the other keep the differences away from the corners.
  const Input low{.low = -0.4, .high = 0.4}, high{.low = 1.5, .high = 3};
  loss_row(
      "l1_loss", [](const auto& v, Reduction r) { return l1_loss(v[0], v[1], {.reduction = r}); },
      [](Real a, Real b) { return std::fabs(a - b); }, low, high);
  for (const double bound : {0.5, 5.0}) {
    loss_row(
        "smooth_l1_loss beta " + std::to_string(bound),
        [bound](const auto& v, Reduction r) {
          return smooth_l1_loss(v[0], v[1], {.reduction = r, .beta = bound});
        },
        [bound](Real a, Real b) {
          const Real d = std::fabs(a - b);
          return d < bound ? d * d / 2 / bound : d - bound / 2;
        },
        low, high);
    loss_row(
        "huber_loss delta " + std::to_string(bound),
        [bound](const auto& v, Reduction r) {
          return huber_loss(v[0], v[1], {.reduction = r, .delta = bound});
        },
        [bound](Real a, Real b) {
          const Real d = std::fabs(a - b);
          return d < bound ? d * d / 2 : bound * (d - bound / 2);
        },
        low, high);
  }
  const Tensor same = tensor({1, 2}, float64);
  CHECK(smooth_l1_loss(same, same + 2, {.beta = 0}).item() == 2);
}

TEST_CASE("losses of two classes agree with their references", "[ops]") {
  const Input probability{.low = 0.15, .high = 0.85}, logit{.low = -4, .high = 4};
  const Input soft{.low = 0.1, .high = 0.9};
  loss_row(
      "binary_cross_entropy",
      [](const auto& v, Reduction r) { return binary_cross_entropy(v[0], v[1], {.reduction = r}); },
      [](Real p, Real z) { return -(z * std::log(p) + (1 - z) * std::log(1 - p)); }, probability,
      soft, near_poles());
  loss_row(
      "binary_cross_entropy_with_logits",
      [](const auto& v, Reduction r) {
        return binary_cross_entropy_with_logits(v[0], v[1], {.reduction = r});
      },
      [](Real x, Real z) { return z * softplus_of(-x) + (1 - z) * softplus_of(x); }, logit, soft);
  loss_row(
      "bce_with_logits pos_weight",
      [](const auto& v, Reduction r) {
        return bce_with_logits(v[0], v[1],
                               {.reduction = r, .pos_weight = tensor(2.5, v[0].dtype())});
      },
      [](Real x, Real z) { return 2.5L * z * softplus_of(-x) + (1 - z) * softplus_of(x); }, logit,
      soft);
  for (const double alpha : {0.25, -1.0})
    loss_row(
        "focal_loss alpha " + std::to_string(alpha),
        [alpha](const auto& v, Reduction r) {
          return focal_loss(v[0], v[1], {.alpha = alpha, .gamma = 2, .reduction = r});
        },
        [alpha](Real x, Real z) {
          const Real s = 1 / (1 + std::exp(-x)),
                     ce = z * softplus_of(-x) + (1 - z) * softplus_of(x);
          const Real miss = 1 - (z * s + (1 - z) * (1 - s));
          return (alpha < 0 ? 1 : alpha * z + (1 - alpha) * (1 - z)) * miss * miss * ce;
        },
        logit, soft);
  const auto sign = [](Index i) { return i % 3 == 1 ? -1.0 : 1.0; };
  for (const bool squared : {false, true})
    loss_row(
        "hinge_loss" + std::string(squared ? " squared" : ""),
        [squared](const auto& v, Reduction r) {
          return hinge_loss(v[0], v[1], {.reduction = r, .squared = squared});
        },
        [squared](Real x, Real y) {
          const Real d = std::fmax(0, 1 - x * y);
          return squared ? d * d : d;
        },
        {.kinks = {-1, 1}}, {.differentiable = false, .generate = sign});
}

TEST_CASE("losses of distributions agree with their references", "[ops]") {
  const Input logp{.low = -4, .high = -0.1};
  loss_row(
      "kl_div", [](const auto& v, Reduction r) { return kl_div(v[0], v[1], {.reduction = r}); },
      [](Real x, Real t) { return t * (std::log(t) - x); }, logp, {.low = 0.2, .high = 1},
      near_poles());
  loss_row(
      "kl_div of logarithms",
      [](const auto& v, Reduction r) {
        return kl_div(v[0], v[1], {.reduction = r, .log_target = true});
      },
      [](Real x, Real t) { return std::exp(t) * (t - x); }, logp, logp);
  loss_row(
      "poisson_nll_loss",
      [](const auto& v, Reduction r) { return poisson_nll_loss(v[0], v[1], {.reduction = r}); },
      [](Real x, Real t) { return std::exp(x) - t * x; }, {}, {.low = 0, .high = 5});
  loss_row(
      "poisson_nll_loss of rates, full",
      [](const auto& v, Reduction r) {
        return poisson_nll_loss(v[0], v[1], {.log_input = false, .full = true, .reduction = r});
      },
      [](Real x, Real t) {
        const Real full =
            t > 1 ? t * std::log(t) - t + std::log(2 * std::numbers::pi_v<Real> * t) / 2 : 0;
        return x - t * std::log(x + 1e-8L) + full;
      },
      {.low = 0.5, .high = 3}, {.low = 0, .high = 5, .kinks = {1}}, near_poles());
  for (const bool full : {false, true})
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
      std::vector<std::vector<Input>> cases;
      const auto add_case = [&](const Shape& shape, const Shape& var) {
        cases.push_back({{.shape = shape}, {.shape = shape}, {.shape = var, .low = 0.5}});
      };
      add_case({}, {});
      add_case({3, 4}, {3, 4});
      add_case({3, 4}, {3, 1});
      row({.name = "gaussian_nll_loss" + text(reduction) + (full ? " full" : ""),
           .f =
               [=](const std::vector<Tensor>& v) {
                 return gaussian_nll_loss(v[0], v[1], v[2], {.full = full, .reduction = reduction});
               },
           .cases = cases,
           .reference =
               [=](const std::vector<Array>& v) {
                 Array losses(v[0].shape);
                 for_each_index(losses.shape, [&](const IndexList& at) {
                   const Real d = v[0].at(at) - v[1].at(at), var = v[2].broadcast_at(at);
                   losses.at(at) = (std::log(var) + d * d / var) / 2;
                   if (full) losses.at(at) += std::log(2 * std::numbers::pi_v<Real>) / 2;
                 });
                 return reduced(losses, reduction);
               },
           .gradient_tolerance = 1e-8,
           .second_tolerance = 1e-5,
           .step = 2e-4});
    }
}

TEST_CASE("losses of embeddings agree with their references", "[ops]") {
  const auto sign = [](Index i) { return i % 2 ? -1.0 : 1.0; };
  for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
    std::vector<std::vector<Input>> cases;
    for (const Shape& shape : {Shape{4, 3}, Shape{1, 2}, Shape{3}}) {
      const Shape samples = shape.size() == 1 ? Shape{} : Shape{shape[0]};
      // Positive coordinates, so that the cosine stays above the margin.
      cases.push_back({{.shape = shape, .low = 0.5},
                       {.shape = shape, .low = 0.5},
                       {.shape = samples, .differentiable = false, .generate = sign}});
    }
    row({.name = "cosine_embedding_loss" + text(reduction),
         .f =
             [=](const std::vector<Tensor>& v) {
               return cosine_embedding_loss(v[0], v[1], v[2],
                                            {.margin = 0.2, .reduction = reduction});
             },
         .cases = cases,
         .reference =
             [=](const std::vector<Array>& v) {
               Array losses(v[2].shape);
               const Index size = v[0].shape.back();
               for (Index n = 0; n < losses.numel(); ++n) {
                 Real dot = 0, a = 1e-12L, b = 1e-12L;
                 for (Index j = 0; j < size; ++j) {
                   const auto i = static_cast<std::size_t>(n * size + j);
                   dot += v[0].values[i] * v[1].values[i];
                   a += v[0].values[i] * v[0].values[i];
                   b += v[1].values[i] * v[1].values[i];
                 }
                 const Real cosine = dot / std::sqrt(a * b);
                 const auto i = static_cast<std::size_t>(n);
                 losses.values[i] = v[2].values[i] > 0 ? 1 - cosine : std::fmax(0, cosine - 0.2L);
               }
               return reduced(losses, reduction);
             },
         .float32_tolerance = 1e-5});  // 1 - cos is small here
    for (const double p : {2.0, 3.0})
      for (const bool swap : {false, true})
        row({.name = "triplet_margin_loss p " + std::to_string(p) + (swap ? " swap" : "") +
                     text(reduction),
             .f =
                 [=](const std::vector<Tensor>& v) {
                   return triplet_margin_loss(
                       v[0], v[1], v[2],
                       {.margin = 20, .p = p, .swap = swap, .reduction = reduction});
                 },
             // Three ranges that do not meet: differences stay away from 0.
             .cases = {{{.shape = {3, 2}, .low = -1, .high = -0.5},
                        {.shape = {3, 2}, .low = 0.5, .high = 1},
                        {.shape = {3, 2}, .low = 3, .high = 4}},
                       {{.shape = {2}, .low = -1, .high = -0.5},
                        {.shape = {2}, .low = 0.5, .high = 1},
                        {.shape = {2}, .low = 3, .high = 4}}},
             .reference =
                 [=](const std::vector<Array>& v) {
                   const Index size = v[0].shape.back();
                   Array losses(v[0].shape.size() == 1 ? Shape{} : Shape{v[0].shape[0]});
                   const auto distance = [&](const Array& a, const Array& b, Index n) {
                     Real sum = 0;
                     for (Index j = 0; j < size; ++j) {
                       const auto i = static_cast<std::size_t>(n * size + j);
                       sum += std::pow(std::fabs(a.values[i] - b.values[i] + 1e-6L), p);
                     }
                     return std::pow(sum, 1 / static_cast<Real>(p));
                   };
                   for (Index n = 0; n < losses.numel(); ++n) {
                     Real away = distance(v[0], v[2], n);
                     if (swap) away = std::fmin(away, distance(v[1], v[2], n));
                     losses.values[static_cast<std::size_t>(n)] =
                         std::fmax(0, distance(v[0], v[1], n) - away + 20);
                   }
                   return reduced(losses, reduction);
                 },
             .float32_gradient_tolerance = 3e-5});
  }
}

TEST_CASE("weights of columns, samples and elements scale losses", "[ops]") {
  const Tensor x = tensor({{1, 2}, {3, 5}}, float64), y = tensor({{0, 0}, {0, 1}}, float64);
  const Tensor w = tensor({1, 3}, float64), each = tensor({{1, 0}, {0, 2}}, float64);
  const Tensor rows = reshape(w, {2, 1});
  // Squares: 1 4 / 9 16.
  CHECK(mse_loss(x, y, {.weight = w}).item() == Approx((10 + 3 * 20) / 8.0));
  CHECK(mse_loss(x, y, {.weight = rows}).item() == Approx((5 + 3 * 25) / 8.0));
  CHECK(mse_loss(x, y, {.reduction = Reduction::sum, .weight = rows}).item() == 80);
  CHECK(mse_loss(x, y, {.weight = each}).item() == Approx((1 + 32) / 3.0));
  CHECK(l1_loss(x, y, {.weight = w}).item() == Approx((4 + 3 * 6) / 8.0));
  CHECK(huber_loss(x, y, {.delta = 100, .weight = rows}).item() == Approx(80 / 16.0));
  CHECK(smooth_l1_loss(x, y, {.beta = 100, .weight = w}).item() == Approx(70 / 1600.0));
  CHECK(hinge_loss(-x, ones({2, 2}), {.weight = rows}).item() == Approx((5 + 3 * 10) / 8.0));
  // Cross-entropy: classes and samples together.
  const Tensor logits = tensor({{2, 0}, {0, 1}}, float64), labels = tensor({0, 0}, int64);
  const double a = std::log1p(std::exp(-2.0)), b = std::log1p(std::exp(1.0));
  CHECK(cross_entropy(logits, labels, {.sample_weight = w}).item() == Approx((a + 3 * b) / 4));
  CHECK(cross_entropy(logits, labels, {.reduction = Reduction::sum, .sample_weight = w}).item() ==
        Approx(a + 3 * b));
  CHECK(cross_entropy(logits, tensor({0, -100}, int64), {.sample_weight = w}).item() == Approx(a));
}
