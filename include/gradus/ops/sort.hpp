#pragma once

#include "gradus/ops/reduce.hpp"

namespace gradus {

// Equal values keep their order; NaN counts as the largest value. Gradients go to the places that
// the values came from.

struct SortOptions {
  bool descending = false;
};
struct TopkOptions {
  bool largest = true;  ///< else the smallest
};

/// The values along `axis` in ascending (or descending) order, and the places they came from.
ValuesIndices sort(const Tensor& x, Index axis = -1, SortOptions options = {});
/// The indices of `sort`.
Tensor argsort(const Tensor& x, Index axis = -1, SortOptions options = {});
/// The k largest (or smallest) values along `axis`, in order, and their places.
ValuesIndices topk(const Tensor& x, Index k, Index axis = -1, TopkOptions options = {});
/// The k-th smallest value along `axis`, k counted from 1, and its place.
ValuesIndices kthvalue(const Tensor& x, Index k, Index axis = -1, ReduceOptions options = {});
/// The median of all values, the lower of the two in the middle; NaN if one is NaN. Gradient: g,
/// shared equally among ties. Throws for an empty tensor.
Tensor median(const Tensor& x);
/// The medians along one axis, and their places.
ValuesIndices median(const Tensor& x, Index axis, ReduceOptions options = {});

}  // namespace gradus
