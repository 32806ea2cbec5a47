// Copies between strided and contiguous memory, gathers and scatters.
#pragma once
#include <cstddef>
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

/// dst (contiguous, dims) = src read with strides (elements; 0 = expanded, negative = flipped); any
/// rank up to 64.
void copy_strided(DType t, const void* src, const Index* strides, const Index* dims, int rank,
                  void* dst);

/// dst written with strides = src (contiguous, dims).
void copy_into_strided(DType t, const void* src, void* dst, const Index* strides, const Index* dims,
                       int rank);

/// dst at strides += src (contiguous, dims).
void add_into_strided(DType t, const void* src, void* dst, const Index* strides, const Index* dims,
                      int rank);

/// dst = src, n elements that do not overlap.
void copy(DType t, const void* src, void* dst, Index n);

/// dst[o, j, :] = src[o, index[j], :]; src (outer, axis, inner), dst (outer, count, inner); indices
/// checked before.
void index_select(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
                  Index outer, Index axis, Index inner);

/// dst[o, index[j], :] += src[o, j, :].
void index_add(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
               Index outer, Index axis, Index inner);

/// dst[o, j, i] = src[o, index[o, j, i], i]; index and dst (outer, count, inner), src (outer, axis,
/// inner).
void gather(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
            Index outer, Index axis, Index inner);

/// dst[o, index[o, j, i], i] += src[o, j, i].
void scatter_add(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
                 Index outer, Index axis, Index inner);

}  // namespace gradus::kernels
