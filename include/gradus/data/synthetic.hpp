#pragma once

#include <cstdint>

#include "gradus/data/dataset.hpp"

namespace gradus::data {

/// Of the synthetic sets: the same options give the same data on every platform.
struct SyntheticOptions {
  Index n = 200;     ///< samples
  double noise = 0;  ///< standard deviation of what is added to the inputs (sine: the target)
  std::uint64_t seed = 0;
  Index classes = 3;   ///< of blobs, spirals and random labels
  Index features = 2;  ///< of blobs and random labels
};

/// Corners of the unit square in turn; class 1 where exactly one coordinate is 1. x (n, 2).
TensorDataset make_xor(const SyntheticOptions& options = {.n = 4});
/// Two interleaving half circles. x (n, 2), y 0 or 1.
TensorDataset make_moons(const SyntheticOptions& options = {});
/// Circles of radius 1 (class 0) and 1/2 (class 1) about the origin. x (n, 2).
TensorDataset make_circles(const SyntheticOptions& options = {});
/// `classes` arms that turn once and a half about the origin, radius 0 to 1. x (n, 2).
TensorDataset make_spirals(const SyntheticOptions& options = {});
/// Normal clouds of deviation `noise` (0: 1) about centres uniform in [-10, 10]. x (n, features).
TensorDataset make_blobs(const SyntheticOptions& options = {});
/// y = sin(x), x uniform in [-pi, pi); x and y (n, 1).
TensorDataset make_sine(const SyntheticOptions& options = {});
/// Standard normal inputs (n, features) and labels that have nothing to do with them.
TensorDataset make_random_labels(const SyntheticOptions& options = {});

}  // namespace gradus::data
