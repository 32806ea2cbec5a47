#include <cmath>

#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;
using Losses = std::function<Array(const std::vector<Array>&)>;
using WeightedLoss =
    std::function<Tensor(const std::vector<Tensor>&, Reduction, const Tensor& weight)>;

/// Losses times weights that broadcast to them, reduced; the mean divides by the weights times
/// `counts`, the share that each loss has in the mean.
Array weighed(Array losses, const Array& weight, const Array& counts, Reduction reduction) {
  Real total = 0, divisor = 0;
  for_each_index(losses.shape, [&](const IndexList& at) {
    const Real w = weight.broadcast_at(at);
    losses.at(at) *= w;
    total += losses.at(at);
    divisor += w * counts.at(at);
  });
  if (reduction == Reduction::none) return losses;
  if (reduction == Reduction::mean) total /= divisor;
  if (reduction == Reduction::batchmean) total /= static_cast<Real>(losses.shape[0]);
  return Array({}, {total});
}

Array all_ones(const Array& losses) {
  return map_array(losses, [](Real) { return Real(1); });
}

/// A loss under every reduction, with weights of the shape of the losses, of samples (N, 1), of
/// columns and of all as a last input.
void weight_row(const std::string& name, const WeightedLoss& f, const std::vector<Input>& inputs,
                const Shape& losses_shape, const Losses& losses, const Losses& counts = nullptr) {
  for (const Reduction reduction :
       {Reduction::none, Reduction::mean, Reduction::sum, Reduction::batchmean}) {
    std::vector<std::vector<Input>> cases;
    std::vector<Shape> shapes = {losses_shape};
    if (!counts && losses_shape.size() == 2)
      for (const Shape& shape :
           {Shape{losses_shape[0], 1}, Shape{losses_shape[1]}, Shape{1}, Shape{}})
        shapes.push_back(shape);
    for (const Shape& shape : shapes) {
      cases.push_back(inputs);
      // One weight for all does not change a mean: its derivative is rounding alone.
      cases.back().push_back(
          {.shape = shape, .low = 0.5, .high = 2, .differentiable = numel(shape) > 1});
    }
    row({.name = name + " weighted, reduction " + std::to_string(static_cast<int>(reduction)),
         .f = [=](const std::vector<Tensor>& v) { return f(v, reduction, v.back()); },
         .cases = cases,
         .reference =
             [=](const std::vector<Array>& v) {
               const Array own = losses(v);
               return weighed(own, v.back(), counts ? counts(v) : all_ones(own), reduction);
             },
         .float32_tolerance = 1e-5,
         .gradient_tolerance = 1e-8,
         .float32_gradient_tolerance = 3e-5,
         .second_tolerance = 1e-5,
         .step = 2e-4});
  }
}

Losses each(const Scalar2& f) {
  return [f](const std::vector<Array>& v) { return zip_array(v[0], v[1], f); };
}

/// The sums of f(n, j) over the last axis of `x` (N, D).
template <class F>
Array row_sums(const Array& x, F f) {
  Array out(Shape{x.shape[0]});
  for_each_index(x.shape, [&](const IndexList& at) { out.at({at[0]}) += f(at); });
  return out;
}

Real log_softmax_at(const Array& x, const IndexList& at) {
  Real total = 0;
  for (Index c = 0; c < x.shape[1]; ++c) total += std::exp(x.at({at[0], c}) - x.at(at));
  return -std::log(total);
}

}  // namespace

TEST_CASE("weighted losses of elements agree with their references", "[ops]") {
  const Shape shape{3, 2};
  weight_row(
      "kl_div",
      [](const auto& v, Reduction r, const Tensor& w) {
        return kl_div(v[0], v[1], {.reduction = r, .weight = w});
      },
      {{.shape = shape, .low = -4, .high = -0.1}, {.shape = shape, .low = 0.2, .high = 1}}, shape,
      each([](Real x, Real t) { return t * (std::log(t) - x); }));
  weight_row(
      "kl_div of logarithms",
      [](const auto& v, Reduction r, const Tensor& w) {
        return kl_div(v[0], v[1], {.reduction = r, .log_target = true, .weight = w});
      },
      {{.shape = shape, .low = -4, .high = -0.1}, {.shape = shape, .low = -4, .high = -0.1}}, shape,
      each([](Real x, Real t) { return std::exp(t) * (t - x); }));
  weight_row(
      "poisson_nll_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return poisson_nll_loss(v[0], v[1], {.reduction = r, .weight = w});
      },
      {{.shape = shape}, {.shape = shape, .low = 0, .high = 5}}, shape,
      each([](Real x, Real t) { return std::exp(x) - t * x; }));
  weight_row(
      "focal_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return focal_loss(v[0], v[1], {.reduction = r, .weight = w});
      },
      {{.shape = shape}, {.shape = shape, .low = 0.1, .high = 0.9}}, shape,
      each([](Real x, Real z) {
        const Real s = 1 / (1 + std::exp(-x)), miss = z * (1 - s) + (1 - z) * s;
        const Real entropy = -(z * std::log(s) + (1 - z) * std::log(1 - s));
        return (0.25L * z + 0.75L * (1 - z)) * miss * miss * entropy;
      }));
  weight_row(
      "gaussian_nll_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return gaussian_nll_loss(v[0], v[1], v[2], {.reduction = r, .weight = w});
      },
      {{.shape = shape}, {.shape = shape}, {.shape = {3, 1}, .low = 0.5}}, shape,
      [](const std::vector<Array>& v) {
        Array out(v[0].shape);
        for_each_index(out.shape, [&](const IndexList& at) {
          const Real d = v[0].at(at) - v[1].at(at), var = v[2].broadcast_at(at);
          out.at(at) = (std::log(var) + d * d / var) / 2;
        });
        return out;
      });
}

TEST_CASE("weighted distances and losses of two classes agree with their references", "[ops]") {
  const Shape shape{3, 2};
  const Input low{.shape = shape, .low = -0.4, .high = 0.4};
  const Input high{.shape = shape, .low = 1.5, .high = 3};
  const auto distance = [&](const std::string& name, const auto& f, const Scalar1& of) {
    weight_row(
        name,
        [f](const auto& v, Reduction r, const Tensor& w) {
          return f(v[0], v[1], {.reduction = r, .weight = w});
        },
        {low, high}, shape, each([of](Real a, Real b) { return of(std::fabs(a - b)); }));
  };
  distance(
      "mse_loss",
      [](const Tensor& a, const Tensor& b, const LossOptions& o) { return mse_loss(a, b, o); },
      [](Real d) { return d * d; });
  distance(
      "l1_loss",
      [](const Tensor& a, const Tensor& b, const LossOptions& o) { return l1_loss(a, b, o); },
      [](Real d) { return d; });
  distance(
      "smooth_l1_loss",
      [](const Tensor& a, const Tensor& b, const LossOptions& o) {
        return smooth_l1_loss(a, b, {.reduction = o.reduction, .weight = o.weight});
      },
      [](Real d) { return d < 1 ? d * d / 2 : d - 0.5L; });
  distance(
      "huber_loss",
      [](const Tensor& a, const Tensor& b, const LossOptions& o) {
        return huber_loss(a, b, {.reduction = o.reduction, .delta = 5, .weight = o.weight});
      },
      [](Real d) { return d * d / 2; });
  weight_row(
      "hinge_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return hinge_loss(v[0], v[1], {.reduction = r, .squared = true, .weight = w});
      },
      {low, {.shape = shape, .differentiable = false, .values = {1, -1, 1, 1, -1, -1}}}, shape,
      each([](Real x, Real y) { return (1 - x * y) * (1 - x * y); }));
}

TEST_CASE("weights of binary losses scale them, and do not divide the mean", "[ops]") {
  const Tensor x = tensor({{1, -2}, {0.5, 3}}, float64), z = tensor({{1, 0}, {0, 1}}, float64);
  const Tensor column = tensor({1, 3}, float64), row_of = tensor({{1}, {3}}, float64);
  const auto entry = [](double logit, double label) {
    return std::log1p(std::exp(label > 0 ? -logit : logit));
  };
  const double a = entry(1, 1), b = entry(-2, 0), c = entry(0.5, 0), d = entry(3, 1);
  const auto of = [&](const Tensor& w) {
    const double logits = bce_with_logits(x, z, {.weight = w}).item();
    CHECK(binary_cross_entropy(sigmoid(x), z, {.weight = w}).item() == Approx(logits));
    return logits;
  };
  CHECK(of(column) == Approx((a + 3 * b + c + 3 * d) / 4));
  CHECK(of(row_of) == Approx((a + b + 3 * c + 3 * d) / 4));
  CHECK(of(tensor(2, float64)) == Approx((a + b + c + d) / 2));
  // The factor of positive labels broadcasts in the same way.
  const auto positive = [&](const Tensor& p) {
    return bce_with_logits(x, z, {.reduction = Reduction::sum, .pos_weight = p}).item();
  };
  CHECK(positive(column) == Approx(a + b + c + 3 * d));
  CHECK(positive(row_of) == Approx(a + b + c + 3 * d));
  CHECK(positive(tensor({{5, 7}, {7, 2}}, float64)) == Approx(5 * a + b + c + 2 * d));
}

TEST_CASE("weighted losses of embeddings agree with their references", "[ops]") {
  const Shape shape{3, 2};
  weight_row(
      "cosine_embedding_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return cosine_embedding_loss(v[0], v[1], v[2],
                                     {.margin = 0.2, .reduction = r, .weight = w});
      },
      {{.shape = shape, .low = 0.5},
       {.shape = shape, .low = 0.5},
       {.shape = {3}, .differentiable = false, .values = {1, -1, 1}}},
      {3},
      [](const std::vector<Array>& v) {
        const auto dots = [&](const Array& a, const Array& b) {
          return row_sums(a, [&](const IndexList& at) { return a.at(at) * b.at(at); });
        };
        const Array ab = dots(v[0], v[1]), aa = dots(v[0], v[0]), bb = dots(v[1], v[1]);
        Array out(v[2].shape);
        for_each_index(out.shape, [&](const IndexList& n) {
          const Real cosine = ab.at(n) / std::sqrt((aa.at(n) + 1e-12L) * (bb.at(n) + 1e-12L));
          out.at(n) = v[2].at(n) > 0 ? 1 - cosine : std::fmax(0, cosine - 0.2L);
        });
        return out;
      });
  weight_row(
      "triplet_margin_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return triplet_margin_loss(v[0], v[1], v[2], {.margin = 20, .reduction = r, .weight = w});
      },
      {{.shape = shape, .low = -1, .high = -0.5},
       {.shape = shape, .low = 0.5, .high = 1},
       {.shape = shape, .low = 3, .high = 4}},
      {3},
      [](const std::vector<Array>& v) {
        const auto distances = [&](const Array& b) {
          return map_array(row_sums(b,
                                    [&](const IndexList& at) {
                                      const Real d = v[0].at(at) - b.at(at) + 1e-6L;
                                      return d * d;
                                    }),
                           [](Real x) { return std::sqrt(x); });
        };
        return zip_array(distances(v[1]), distances(v[2]),
                         [](Real near, Real far) { return std::fmax(0, near - far + 20); });
      });
}

TEST_CASE("weighted losses of classes agree with their references", "[ops]") {
  const Input labels{
      .shape = {4}, .dtype = int64, .differentiable = false, .values = {2, -1, 0, 1}};
  const Input classes{.shape = {3}, .low = 0.5, .high = 2, .differentiable = false};
  // The weight of the label of a sample, 0 where it is ignored.
  const Losses counts = [](const std::vector<Array>& v) {
    return map_array(v[1], [&](Real label) {
      return label < 0 ? Real(0) : v[2].at({static_cast<Index>(label)});
    });
  };
  const auto of_labels = [counts](const auto& log_probability) -> Losses {
    return [=](const std::vector<Array>& v) {
      const Array share = counts(v);
      return row_sums(v[0], [&](const IndexList& at) {
        const bool own = static_cast<Real>(at[1]) == v[1].at({at[0]});
        return own ? -share.at({at[0]}) * log_probability(v[0], at) : Real(0);
      });
    };
  };
  weight_row(
      "nll_loss",
      [](const auto& v, Reduction r, const Tensor& w) {
        return nll_loss(v[0], v[1],
                        {.weight = v[2], .ignore_index = -1, .reduction = r, .sample_weight = w});
      },
      {{.shape = {4, 3}, .low = -4, .high = -0.1}, labels, classes}, {4},
      of_labels([](const Array& x, const IndexList& at) { return x.at(at); }), counts);
  weight_row(
      "cross_entropy",
      [](const auto& v, Reduction r, const Tensor& w) {
        return cross_entropy(
            v[0], v[1], {.weight = v[2], .ignore_index = -1, .reduction = r, .sample_weight = w});
      },
      {{.shape = {4, 3}}, labels, classes}, {4}, of_labels(log_softmax_at), counts);
  weight_row(
      "cross_entropy of probabilities",
      [](const auto& v, Reduction r, const Tensor& w) {
        return cross_entropy(v[0], v[1], {.weight = v[2], .reduction = r, .sample_weight = w});
      },
      {{.shape = {4, 3}}, {.shape = {4, 3}, .low = 0, .high = 1}, classes}, {4},
      [](const std::vector<Array>& v) {
        return row_sums(v[0], [&](const IndexList& at) {
          return -v[1].at(at) * v[2].at({at[1]}) * log_softmax_at(v[0], at);
        });
      });
}
