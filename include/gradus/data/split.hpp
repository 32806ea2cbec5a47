#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/data/dataset.hpp"

namespace gradus::data {

struct SplitOptions {
  double validation = 0;   ///< fraction of the samples, in [0, 1)
  double test = 0;         ///< fraction of the samples, in [0, 1); the rest trains
  std::uint64_t seed = 0;  ///< of the shuffling: the same seed gives the same split
  bool stratify = true;    ///< keep classes in proportion where the targets are int64 labels
};

/// Sample numbers of the parts, each in random order; every sample is in exactly one part.
struct SplitIndices {
  std::vector<Index> train, validation, test;
};

struct Split {
  TensorDataset train, validation, test;
  SplitIndices indices;
  std::vector<std::string> notes;  ///< such as classes that are missing in a part
};

/// Splits n samples at random; part sizes are within 1 of their fractions.
SplitIndices split_indices(Index n, const SplitOptions& options);
/// Splits samples with `labels` (int64 or bool, one a sample) so that every class is in every part
/// in proportion, to within one sample.
SplitIndices split_indices(const Tensor& labels, const SplitOptions& options);

/// Splits a data set, by classes if `options.stratify` holds and its second tensor is a vector of
/// int64 or bool labels.
Split split(const TensorDataset& dataset, const SplitOptions& options);

struct Fold {
  std::vector<Index> train, validation;
};

/// k folds of n shuffled samples: every sample validates once; sizes differ by at most 1.
std::vector<Fold> k_fold(Index n, int k, std::uint64_t seed = 0);
/// k folds that keep the classes in proportion: fold sizes and the counts of every class differ by
/// at most 1. Throws if no class has k samples.
std::vector<Fold> k_fold(const Tensor& labels, int k, std::uint64_t seed = 0);

}  // namespace gradus::data
