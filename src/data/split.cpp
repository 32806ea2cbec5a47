#include "gradus/data/split.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/messages.hpp"
#include "gradus/random.hpp"

namespace gradus::data {
namespace {

using Classes = std::vector<std::vector<Index>>;  // the samples of each class

void shuffle(std::vector<Index>& items, Generator& generator) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[static_cast<std::size_t>(generator.below(i))]);
}

Classes one_class(Index n, const char* operation) {
  if (n < 0) fail(operation, n, " samples were given; 0 or more are required");
  Classes classes(1);
  for (Index i = 0; i < n; ++i) classes[0].push_back(i);
  return classes;
}

bool are_labels(const Tensor& t) {
  return t.dim() == 1 && (t.dtype() == int64 || t.dtype() == boolean);
}

Classes by_class(const Tensor& labels, const char* operation) {
  if (!labels.defined() || !are_labels(labels))
    fail(operation, "labels ",
         (labels.defined() ? to_string(labels.shape()) + " " + name_of(labels.dtype())
                           : std::string("(undefined)")),
         " were given; a vector of int64 or bool is required, one entry a sample; "
         "for other targets split without classes: stratify = false");
  std::map<Index, std::vector<Index>> found;
  const std::vector<Index> values = labels.to_vector<Index>();
  for (std::size_t i = 0; i < values.size(); ++i) found[values[i]].push_back(static_cast<Index>(i));
  Classes classes;
  for (auto& [label, members] : found) classes.push_back(std::move(members));
  return classes;
}

/// Gives each part the whole samples of its share of every class; what is left over goes to the
/// parts that are furthest behind their share of the whole.
SplitIndices deal(Classes classes, const SplitOptions& options) {
  const double train = 1 - options.validation - options.test;
  for (const double fraction : {options.validation, options.test})
    if (!(fraction >= 0 && fraction < 1) || !(train > 0))
      fail("split", "validation = ", options.validation, " and test = ", options.test,
           " were given; fractions of 0 or more that leave something to train on "
           "(sum below 1) are required");
  SplitIndices out;
  const std::array<std::vector<Index>*, 3> parts{&out.train, &out.validation, &out.test};
  const std::array<double, 3> fractions{train, options.validation, options.test};
  std::array<double, 3> behind{};
  Generator generator(options.seed);
  for (std::vector<Index>& members : classes) {
    shuffle(members, generator);
    const double n = static_cast<double>(members.size());
    std::array<std::size_t, 3> counts{};
    std::size_t left = members.size();
    for (std::size_t p = 0; p < 3; ++p) {
      // Fractions like 0.7 are not exact: a whole number is not to fall short by rounding.
      counts[p] = std::min(left, static_cast<std::size_t>(std::floor(fractions[p] * n + 1e-9)));
      left -= counts[p];
      behind[p] += fractions[p] * n - static_cast<double>(counts[p]);
    }
    std::array<bool, 3> given{};
    for (; left > 0; --left) {
      std::size_t best = 3;
      for (std::size_t p = 0; p < 3; ++p)
        if (fractions[p] > 0 && !given[p] && (best == 3 || behind[p] > behind[best] + 1e-9))
          best = p;
      if (counts[0] == 0) best = 0;  // a class that is not trained on cannot be learned
      given[best] = true;
      ++counts[best];
      behind[best] -= 1;
    }
    auto from = members.begin();
    for (std::size_t p = 0; p < 3; ++p) {
      parts[p]->insert(parts[p]->end(), from, from + static_cast<std::ptrdiff_t>(counts[p]));
      from += static_cast<std::ptrdiff_t>(counts[p]);
    }
  }
  for (std::vector<Index>* part : parts) shuffle(*part, generator);
  return out;
}

std::vector<Fold> fold(Classes classes, int k, std::uint64_t seed) {
  std::size_t n = 0, largest = 0;
  for (const auto& members : classes) {
    n += members.size();
    largest = std::max(largest, members.size());
  }
  if (k < 2 || largest < static_cast<std::size_t>(k))
    fail("k_fold", k, " folds of ", n, " samples were asked for (largest class: ", largest,
         "); 2 or more folds, and no more than the largest class has samples, are "
         "required");
  std::vector<int> fold_of(n);
  std::vector<Index> order;
  Generator generator(seed);
  int next = 0;
  for (std::vector<Index>& members : classes) {
    shuffle(members, generator);
    for (const Index i : members) {
      fold_of[static_cast<std::size_t>(i)] = next;
      next = (next + 1) % k;
      order.push_back(i);
    }
  }
  shuffle(order, generator);
  std::vector<Fold> folds(static_cast<std::size_t>(k));
  for (const Index i : order)
    for (int f = 0; f < k; ++f) {
      Fold& one = folds[static_cast<std::size_t>(f)];
      (fold_of[static_cast<std::size_t>(i)] == f ? one.validation : one.train).push_back(i);
    }
  return folds;
}

}  // namespace

SplitIndices split_indices(Index n, const SplitOptions& options) {
  return deal(one_class(n, "split"), options);
}
SplitIndices split_indices(const Tensor& labels, const SplitOptions& options) {
  return deal(by_class(labels, "split"), options);
}

Split split(const TensorDataset& dataset, const SplitOptions& options) {
  const bool by_labels =
      options.stratify && dataset.tensors().size() > 1 && are_labels(dataset.tensors()[1]);
  Split out;
  out.indices =
      by_labels ? split_indices(dataset.y(), options) : split_indices(dataset.size(), options);
  out.train = dataset.select(out.indices.train);
  out.validation = dataset.select(out.indices.validation);
  out.test = dataset.select(out.indices.test);
  if (!by_labels) return out;
  std::map<Index, std::array<bool, 3>> seen;
  const std::array<const TensorDataset*, 3> parts{&out.train, &out.validation, &out.test};
  for (std::size_t p = 0; p < 3; ++p)
    for (const Index label : parts[p]->y().to_vector<Index>()) seen[label][p] = true;
  const std::array<double, 3> wanted{1, options.validation, options.test};
  const std::array<const char*, 3> names{"training", "validation", "test"};
  for (const auto& [label, in] : seen)
    for (std::size_t p = 0; p < 3; ++p)
      if (wanted[p] > 0 && !in[p])
        out.notes.push_back("class " + text_of(label) + " has too few samples for the " + names[p] +
                            " part");
  return out;
}

std::vector<Fold> k_fold(Index n, int k, std::uint64_t seed) {
  return fold(one_class(n, "k_fold"), k, seed);
}
std::vector<Fold> k_fold(const Tensor& labels, int k, std::uint64_t seed) {
  return fold(by_class(labels, "k_fold"), k, seed);
}

}  // namespace gradus::data
