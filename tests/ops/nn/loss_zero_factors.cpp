// A target, share or label of 0 takes its term out of a loss and of its derivatives, whatever the
// term: a table over all losses.
#include <cmath>

#include "ops/nn/loss_derivatives.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

struct Term {
  std::string name;
  std::function<Tensor(const Tensors&, Reduction)> f;
  Tensors inputs;
  Index place;      // of the number in the first input
  Numbers wild;     // which numbers there are as good as `same`
  double same = 0;  // a finite number without any effect
};

std::vector<Term> terms() {
  const Tensor x = sample({2, 3}, -2, 2, 1), logp = log_softmax(x, 1);
  const Tensor hard = tensor({{1, 0, 0}, {0, 1, 1}}, float64);
  const Tensor shares = tensor({{0.25, 0, 0.75}, {0, 1, 0}}, float64);
  const Tensor certain = tensor({{-1, -INFINITY, -2}, {-1, -3, -1}}, float64);
  const auto with_logits = [](const Tensors& v, Reduction r) {
    return bce_with_logits(v[0], v[1], {.reduction = r});
  };
  const auto focal = [](double alpha, double gamma) {
    return [=](const Tensors& v, Reduction r) {
      return focal_loss(v[0], v[1], {.alpha = alpha, .gamma = gamma, .reduction = r});
    };
  };
  const auto positives = [](double weight) {
    return [=](const Tensors& v, Reduction r) {
      return bce_with_logits(v[0], v[1],
                             {.reduction = r, .pos_weight = tensor({weight, 1, 1}, float64)});
    };
  };
  const auto smoothed = [](double smoothing, const Tensor& weight) {
    return [=](const Tensors& v, Reduction r) {
      return cross_entropy(v[0], tensor({2, 1}, int64),
                           {.weight = weight, .reduction = r, .label_smoothing = smoothing});
    };
  };
  const auto probabilities = [](const Tensor& weight) {
    return [=](const Tensors& v, Reduction r) {
      return cross_entropy(v[0], v[1], {.weight = weight, .reduction = r});
    };
  };
  return {
      {"bce_with_logits, label 0", with_logits, {x, hard}, 1, {-INFINITY}, -800},
      {"bce_with_logits, label 1", with_logits, {x, hard}, 0, {INFINITY}, 800},
      {"bce_with_logits, pos_weight 1, label 0", positives(1), {x, hard}, 1, {-INFINITY}, -800},
      {"bce_with_logits, pos_weight 0", positives(0), {x, hard}, 0, wild, 1},
      {"focal_loss, label 0", focal(0.25, 2), {x, hard}, 1, {-INFINITY}, -800},
      {"focal_loss, label 1", focal(0.25, 2), {x, hard}, 0, {INFINITY}, 800},
      {"focal_loss, gamma 0", focal(-1, 0), {x, hard}, 0, {INFINITY}, 800},
      {"focal_loss, alpha 0, label 1", focal(0, 2), {x, hard}, 0, wild, 1},
      {"focal_loss, alpha 1, label 0", focal(1, 2), {x, hard}, 1, wild, 1},
      {"kl_div",
       [](const Tensors& v, Reduction r) { return kl_div(v[0], v[1], {.reduction = r}); },
       {logp, shares},
       1,
       wild,
       -1},
      {"kl_div of logarithms",
       [certain](const Tensors& v, Reduction r) {
         return kl_div(v[0], certain, {.reduction = r, .log_target = true});
       },
       {logp},
       1,
       wild,
       -1},
      {"poisson_nll_loss of no events",
       [](const Tensors& v, Reduction r) { return poisson_nll_loss(v[0], v[1], {.reduction = r}); },
       {x, hard},
       1,
       {-INFINITY},
       -800},
      {"cross_entropy of probabilities", probabilities({}), {x, shares}, 1, {-INFINITY}, -800},
      {"cross_entropy of probabilities, class weight 0",
       probabilities(tensor({1, 1, 0}, float64)),
       {x, shares},
       2,
       {-INFINITY},
       -800},
      {"cross_entropy", smoothed(0, {}), {x}, 1, {-INFINITY}, -800},
      {"cross_entropy, smoothed, class weight 0",
       smoothed(0.1, tensor({1, 0, 2}, float64)),
       {x},
       1,
       {-INFINITY},
       -800},
      {"cross_entropy, smoothed, weight of the label 0",
       smoothed(0.1, tensor({1, 2, 0}, float64)),
       {x},
       2,
       {-INFINITY},
       -800},
      {"nll_loss of other classes",
       [](const Tensors& v, Reduction r) {
         return nll_loss(v[0], tensor({2, 1}, int64), {.reduction = r});
       },
       {logp},
       1,
       wild,
       -1},
  };
}

}  // namespace

TEST_CASE("a target, its complement or a share of 0 takes its term out of the loss", "[ops]") {
  for (const Term& term : terms())
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
      for (const bool target_too : {false, true}) {
        Tensors own = {term.inputs[0]}, others(term.inputs.begin() + 1, term.inputs.end());
        if (target_too && others.empty()) continue;
        const auto f = [&](const Tensors& v) {
          Tensors all = v;
          if (!target_too) all.insert(all.end(), others.begin(), others.end());
          return term.f(all, reduction);
        };
        if (target_too) own.insert(own.end(), others.begin(), others.end());
        own[0] = with(own[0], term.place, term.same);
        const Derivatives wanted = derivatives(f, own);
        for (const double number : term.wild) {
          INFO(term.name << ", reduction " << static_cast<int>(reduction) << ", input " << number
                         << (target_too ? ", with the target's derivatives" : ""));
          Tensors inputs = own;
          inputs[0] = with(own[0], term.place, number);
          const Derivatives found = derivatives(f, inputs);
          check_close(found.value, wanted.value);
          check_close(found.first[0], wanted.first[0]);
          CHECK(found.second.size() == wanted.second.size());
          if (!target_too && !found.second.empty()) check_close(found.second[0], wanted.second[0]);
          // By the target, the derivative is the term, which is not there if it is not finite.
          if (std::isfinite(number)) continue;
          for (const auto& list : {found.first, found.second})
            for (const Numbers& values : list)
              for (const double g : values) CHECK(std::isfinite(g));
        }
      }
}

TEST_CASE("rows whose class has no weight, and ignored rows, may hold any logits", "[ops]") {
  const Tensor weight = tensor({1, 0, 3}, float64);
  for (const double smoothing : {0.0, 0.1})
    for (const double number : wild) {
      INFO("smoothing " << smoothing << ", logits " << number);
      const Tensor x = tensor({{1, 2, 3}, {number, 1, number}, {3, 1, 1}}, float64);
      const auto f = [&](const Tensors& v) {
        return cross_entropy(v[0], tensor({2, -100, 0}, int64),
                             {.weight = weight, .label_smoothing = smoothing});
      };
      const auto rest = [&](const Tensors& v) {
        return cross_entropy(index_select(v[0], 0, tensor({0, 2}, int64)), tensor({2, 0}, int64),
                             {.weight = weight, .label_smoothing = smoothing});
      };
      check_same(derivatives(f, {x}), derivatives(rest, {x}));
    }
}

TEST_CASE("in one pass and in float32, binary cross-entropy leaves out what a label rules out",
          "[ops]") {
  for (const DType type : {float32, float64})
    for (const Index n : {3, 1500, 70000}) {
      Numbers logits(static_cast<std::size_t>(n), 0.5), labels(logits.size(), 1);
      logits[0] = -INFINITY;
      labels[0] = 0;
      logits.back() = INFINITY;
      const Tensor x = from_vector(logits).to(type).requires_grad_(),
                   y = from_vector(labels).to(type);
      const double each = std::log1p(std::exp(-0.5));
      const Tensor loss = bce_with_logits(x, y, {.reduction = Reduction::sum});
      CHECK(loss.item() == Approx(each * static_cast<double>(n - 2)).epsilon(1e-5));
      const Numbers g = numbers(grad(loss, {x})[0]);
      CHECK(g.front() == 0);
      CHECK(g.back() == 0);
      CHECK(g[1] == Approx(1 / (1 + std::exp(-0.5)) - 1));
    }
}

TEST_CASE("a mean of squares that float32 holds does not overflow on the way", "[ops]") {
  CHECK(mse_loss(full({64}, 1.5e19f), zeros({64})).item() == Approx(2.25e38));
}
