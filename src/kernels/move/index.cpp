#include <cstring>

#include "base/tape.hpp"
#include "base/threads.hpp"
#include "kernels/move/copy.hpp"

namespace gradus::kernels {
namespace {

constexpr Index parallel_from = 65536;
constexpr Index tile_size = 32768;

template <class T>
void run_gather(const void* from, const std::int64_t* index, Index count, void* to, Index outer,
                Index axis, Index inner) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  for (Index o = 0; o < outer; ++o) {
    for (Index j = 0; j < count; ++j) {
      for (Index i = 0; i < inner; ++i) {
        const Index at = (o * count + j) * inner + i;
        dst[at] = src[(o * axis + index[at]) * inner + i];
      }
    }
  }
}

template <class T>
void run_scatter_add(const void* from, const std::int64_t* index, Index count, void* to,
                     Index outer, Index axis, Index inner) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  for (Index o = 0; o < outer; ++o) {
    for (Index j = 0; j < count; ++j) {
      for (Index i = 0; i < inner; ++i) {
        const Index at = (o * count + j) * inner + i;
        dst[(o * axis + index[at]) * inner + i] += src[at];
      }
    }
  }
}

template <class T>
void run_index_add(const void* from, const std::int64_t* index, Index count, void* to, Index outer,
                   Index axis, Index inner) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  for (Index o = 0; o < outer; ++o) {
    for (Index j = 0; j < count; ++j) {
      T* out = dst + (o * axis + index[j]) * inner;
      const T* in = src + (o * count + j) * inner;
      for (Index i = 0; i < inner; ++i) out[i] += in[i];
    }
  }
}

template <class T>
void run_index_select(const void* from, const std::int64_t* index, Index count, void* to,
                      Index outer, Index axis, Index inner) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  const auto rows = [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* in = src + (r / count * axis + index[r % count]) * inner;
      T* out = dst + r * inner;
      if (inner < 16) {
        for (Index i = 0; i < inner; ++i) out[i] = in[i];
      } else {
        std::memcpy(out, in, static_cast<std::size_t>(inner) * sizeof(T));
      }
    }
  };
  const Index total = outer * count;
  if (total * inner < parallel_from) return rows(0, total);
  const Index group = inner >= tile_size ? 1 : tile_size / inner;
  parallel_for((total + group - 1) / group, [&](Index t) {
    rows(t * group, (t + 1) * group < total ? (t + 1) * group : total);
  });
}

}  // namespace

void index_select(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
                  Index outer, Index axis, Index inner) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { index_select(t, src, index, count, dst, outer, axis, inner); });
  switch (size_of(t)) {
    case 1:
      return run_index_select<std::uint8_t>(src, index, count, dst, outer, axis, inner);
    case 4:
      return run_index_select<std::uint32_t>(src, index, count, dst, outer, axis, inner);
    default:
      return run_index_select<std::uint64_t>(src, index, count, dst, outer, axis, inner);
  }
}

void index_add(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
               Index outer, Index axis, Index inner) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { index_add(t, src, index, count, dst, outer, axis, inner); });
  if (t == DType::float32) return run_index_add<float>(src, index, count, dst, outer, axis, inner);
  if (t == DType::float64) return run_index_add<double>(src, index, count, dst, outer, axis, inner);
  if (t == DType::int64) {
    return run_index_add<std::int64_t>(src, index, count, dst, outer, axis, inner);
  }
}

void gather(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
            Index outer, Index axis, Index inner) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { gather(t, src, index, count, dst, outer, axis, inner); });
  switch (size_of(t)) {
    case 1:
      return run_gather<std::uint8_t>(src, index, count, dst, outer, axis, inner);
    case 4:
      return run_gather<std::uint32_t>(src, index, count, dst, outer, axis, inner);
    default:
      return run_gather<std::uint64_t>(src, index, count, dst, outer, axis, inner);
  }
}

void scatter_add(DType t, const void* src, const std::int64_t* index, Index count, void* dst,
                 Index outer, Index axis, Index inner) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { scatter_add(t, src, index, count, dst, outer, axis, inner); });
  if (t == DType::float32)
    return run_scatter_add<float>(src, index, count, dst, outer, axis, inner);
  if (t == DType::float64) {
    return run_scatter_add<double>(src, index, count, dst, outer, axis, inner);
  }
  if (t == DType::int64) {
    return run_scatter_add<std::int64_t>(src, index, count, dst, outer, axis, inner);
  }
}

}  // namespace gradus::kernels
