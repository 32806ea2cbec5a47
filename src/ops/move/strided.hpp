#pragma once

#include "ops/common.hpp"

// Rearrangements that are one strided pass over memory: each is the adjoint of its opposite.
namespace gradus::detail {

/// Elements of a contiguous tensor of shape `whole` at `offset` + strides, in the order of a
/// contiguous tensor of shape `part`, which `dims` may split further.
struct StridedMap {
  Shape whole, part;
  int rank = 0;
  Index dims[2 * max_rank] = {}, strides[2 * max_rank] = {};
  Index offset = 0;
  bool overlaps = false;  // some element is met more than once

  void push(Index length, Index stride) {
    dims[rank] = length;
    strides[rank++] = stride;
  }
};

/// The part of x (whole). Gradient: write_strided.
Tensor read_strided(const char* name, const Tensor& x, const StridedMap& map);

/// `fill` everywhere in whole, but x (part) at its places; summed where these overlap. Gradient:
/// read_strided.
Tensor write_strided(const char* name, const Tensor& x, const StridedMap& map, double fill = 0);

}  // namespace gradus::detail
