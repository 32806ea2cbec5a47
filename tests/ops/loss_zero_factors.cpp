// A target, share or weight of 0 takes its term out of a loss and of its derivatives, whatever the
// term: a table over all losses.
#include <cmath>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"
#include "support/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Tensors = std::vector<Tensor>;
using Numbers = std::vector<double>;

/// A loss of several inputs, under a reduction and with a weight.
using Loss = std::function<Tensor(const Tensors&, Reduction, const Tensor& weight)>;

/// Value, gradients and second derivatives (of the gradients times fixed numbers), one after
/// another.
struct Derivatives {
  Numbers value;
  std::vector<Numbers> first, second;
};

Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

Derivatives derivatives(const std::function<Tensor(const Tensors&)>& f, const Tensors& inputs) {
  Tensors leaves, wanted;
  for (const Tensor& x : inputs) {
    leaves.push_back(x.clone());
    if (is_floating_point(x.dtype())) wanted.push_back(leaves.back().requires_grad_());
  }
  const Tensor y = f(leaves);
  Generator generator(3);
  Derivatives d{numbers(y), {}, {}};
  const Tensor cotangent = rand(y.shape(), y.dtype(), &generator) + 0.5;
  for (const Tensor& g :
       grad(y, wanted, {.retain_graph = true, .allow_unused = true, .grad_outputs = {cotangent}}))
    d.first.push_back(numbers(g));
  Tensor total = zeros({}, y.dtype());
  const Tensors recorded =
      grad(y, wanted, {.create_graph = true, .allow_unused = true, .grad_outputs = {cotangent}});
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    for (std::size_t j = 0; j < d.first[i].size(); ++j)
      CHECK(numbers(recorded[i])[j] == Approx(d.first[i][j]).margin(1e-12));
    total = total + sum(recorded[i] * (rand(recorded[i].shape(), y.dtype(), &generator) + 0.5));
  }
  if (!total.requires_grad()) return d;
  for (const Tensor& g : grad(total, wanted, {.allow_unused = true}))
    d.second.push_back(numbers(g));
  return d;
}

void check_close(const Numbers& found, const Numbers& wanted) {
  REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    CHECK(found[i] == Approx(wanted[i]).epsilon(1e-9).margin(1e-12));
  }
}
void check_same(const Derivatives& found, const Derivatives& wanted) {
  check_close(found.value, wanted.value);
  REQUIRE(found.second.size() == wanted.second.size());
  for (std::size_t i = 0; i < found.first.size(); ++i) {
    INFO("first derivative by input " << i);
    check_close(found.first[i], wanted.first[i]);
  }
  for (std::size_t i = 0; i < found.second.size(); ++i) {
    INFO("second derivative by input " << i);
    check_close(found.second[i], wanted.second[i]);
  }
}

/// x with another number in one place.
Tensor with(const Tensor& x, Index place, double number) {
  Numbers values = numbers(x);
  values[static_cast<std::size_t>(place)] = number;
  return from_vector(values, x.shape()).to(x.dtype());
}

const Numbers wild = {INFINITY, -INFINITY, NAN, 1e308, -1e308};

struct Weighed {
  std::string name;
  Loss f;
  Tensors inputs;
  Tensor weight;     // with a 0 in its second place
  Index each = 1;    // elements of an input by weight
  Index others = 1;  // how many inputs, from the first on, may be wild
};

Tensor sample(const Shape& shape, double low, double high, std::uint64_t seed) {
  Generator generator(seed);
  return low + (high - low) * rand(shape, float64, &generator);
}

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
