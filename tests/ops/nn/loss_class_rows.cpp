#include <cmath>

#include "gradus/ops.hpp"
#include "ops/nn/loss_reference.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// Log-probabilities of logits (N, C, d…) or (C), and the sum of them by target.
Real log_probability(const Array& x, IndexList at, int axis) {
  Real total = 0;
  const Real own = x.at(at);
  for (Index c = 0; c < x.shape[axis]; ++c) {
    at[axis] = c;
    total += std::exp(x.at(at) - own);
  }
  return -std::log(total);
}

struct ClassTerms {
  Reduction reduction = Reduction::mean;
  double smoothing = 0;
  Index ignore = -100;
  bool logits = true;  // or log-probabilities
};

/// Cross-entropy of class indices: x, target, optional class weights.
Array class_reference(const std::vector<Array>& v, const ClassTerms& terms) {
  const Array& x = v[0];
  const int axis = x.shape.size() == 1 ? 0 : 1;
  const Index classes = x.shape[axis];
  const auto weight = [&](Index c) { return v.size() > 2 ? v[2].at({c}) : Real(1); };
  Array losses(v[1].shape);
  Real divisor = 0;
  for_each_index(losses.shape, [&](const IndexList& at) {
    const auto label = static_cast<Index>(v[1].at(at));
    if (label == terms.ignore) return;
    divisor += weight(label);
    IndexList place = at;
    place.insert(axis, 0);
    for (Index c = 0; c < classes; ++c) {
      place[axis] = c;
      const Real q =
          (c == label ? 1 - terms.smoothing : 0) + terms.smoothing / static_cast<Real>(classes);
      if (q == 0) continue;
      losses.at(at) -=
          weight(c) * q * (terms.logits ? log_probability(x, place, axis) : x.at(place));
    }
  });
  if (terms.reduction != Reduction::mean) return reduced(losses, terms.reduction);
  return Array({}, {reduced(losses, Reduction::sum).values[0] / divisor});
}

}  // namespace

TEST_CASE("losses of class indices agree with their references", "[ops]") {
  const auto cases_of = [](bool weighted, Index low, const Input& values) {
    std::vector<std::vector<Input>> cases;
    const std::pair<Shape, Shape> shapes[] = {
        {{4, 3}, {4}}, {{1, 3}, {1}}, {{3}, {}}, {{2, 3, 4}, {2, 4}}, {{2, 3, 1, 2}, {2, 1, 2}}};
    for (const auto& [logits, labels] : shapes) {
      // Not every label may be ignored: the mean of nothing is NaN, and has a test of its own.
      Input target{.shape = labels, .dtype = int64, .generate = [low](Index i) {
                     return static_cast<double>(i % 2 ? low + (i * 7) % (3 - low) : (i * 5) % 3);
                   }};
      Input x = values;
      x.shape = logits;
      cases.push_back({x, target});
      if (weighted)
        cases.back().push_back({.shape = {3}, .low = 0.5, .high = 2, .differentiable = false});
    }
    return cases;
  };
  for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
    for (const bool weighted : {false, true}) {
      for (const double smoothing : {0.0, 0.1})
        for (const Index low : {Index{0}, Index{-1}}) {  // -1 is the ignored label
          const Index ignore = low == 0 ? -100 : -1;
          row({.name = "cross_entropy" + text(reduction) + (weighted ? " weighted" : "") +
                       (smoothing > 0 ? " smoothed" : "") + (low < 0 ? " ignoring" : ""),
               .f =
                   [=](const std::vector<Tensor>& v) {
                     return cross_entropy(v[0], v[1],
                                          {.weight = weighted ? v[2] : Tensor(),
                                           .ignore_index = ignore,
                                           .reduction = reduction,
                                           .label_smoothing = smoothing});
                   },
               .cases = cases_of(weighted, low, {}),
               .reference =
                   [=](const std::vector<Array>& v) {
                     return class_reference(v, {reduction, smoothing, ignore});
                   }});
        }
      row({.name = "nll_loss" + text(reduction) + (weighted ? " weighted" : ""),
           .f =
               [=](const std::vector<Tensor>& v) {
                 return nll_loss(v[0], v[1],
                                 {.weight = weighted ? v[2] : Tensor(),
                                  .ignore_index = -1,
                                  .reduction = reduction});
               },
           .cases = cases_of(weighted, -1, {.low = -4, .high = -0.1}),
           .reference =
               [=](const std::vector<Array>& v) {
                 return class_reference(v, {reduction, 0, -1, false});
               }});
    }
}

TEST_CASE("cross_entropy of probabilities agrees with its reference", "[ops]") {
  for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
    for (const double smoothing : {0.0, 0.2}) {
      std::vector<std::vector<Input>> cases;
      for (const Shape& shape : {Shape{4, 3}, Shape{3}, Shape{2, 3, 2}})
        cases.push_back({{.shape = shape},
                         {.shape = shape, .low = 0, .high = 1},
                         {.shape = {3}, .low = 0.5, .high = 2, .differentiable = false}});
      row({.name = "cross_entropy of probabilities" + text(reduction) +
                   (smoothing > 0 ? " smoothed" : ""),
           .f =
               [=](const std::vector<Tensor>& v) {
                 return cross_entropy(
                     v[0], v[1],
                     {.weight = v[2], .reduction = reduction, .label_smoothing = smoothing});
               },
           .cases = cases,
           .reference =
               [=](const std::vector<Array>& v) {
                 const int axis = v[0].shape.size() == 1 ? 0 : 1;
                 Shape shape = v[0].shape;
                 shape.erase(axis);
                 Array losses(shape);
                 for_each_index(v[0].shape, [&](const IndexList& at) {
                   IndexList place = at;
                   place.erase(axis);
                   const Real q = v[1].at(at) * (1 - smoothing) + smoothing / Real(3);
                   losses.at(place) -= q * v[2].at({at[axis]}) * log_probability(v[0], at, axis);
                 });
                 return reduced(losses, reduction);
               }});
    }
}
