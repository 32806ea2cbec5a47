#include "kernels/move/copy.hpp"

#include <cstring>

#include "base/tape.hpp"
#include "base/threads.hpp"

namespace gradus::kernels {
namespace {

constexpr int max_rank = 64;
constexpr Index parallel_from = 65536;
constexpr Index tile_size = 32768;

// A strided array without dimensions of size 1, neighbours joined where one stride runs through
// both.
struct Layout {
  int rank = 0;
  Index n = 1;
  Index dims[max_rank], strides[max_rank];

  Layout(const Index* given_dims, const Index* given_strides, int given_rank) noexcept {
    for (int d = 0; d < given_rank; ++d) {
      n *= given_dims[d];
      if (given_dims[d] == 1) continue;
      if (rank > 0 && strides[rank - 1] == given_strides[d] * given_dims[d]) {
        dims[rank - 1] *= given_dims[d];
        strides[rank - 1] = given_strides[d];
      } else {
        dims[rank] = given_dims[d];
        strides[rank] = given_strides[d];
        ++rank;
      }
    }
    if (rank == 0) {
      dims[0] = 1;
      strides[0] = 1;
      rank = 1;
    }
  }

  Index inner() const noexcept { return dims[rank - 1]; }
  Index inner_stride() const noexcept { return strides[rank - 1]; }
};

// f(offset, first) for rows [begin, end) of the layout: where the row starts, strided and
// contiguous.
template <class F>
void walk_rows(const Layout& s, Index begin, Index end, F&& f) {
  const int outer = s.rank - 1;
  Index index[max_rank], offset = 0, rest = begin;
  for (int d = outer - 1; d >= 0; --d) {
    index[d] = rest % s.dims[d];
    rest /= s.dims[d];
    offset += index[d] * s.strides[d];
  }
  for (Index row = begin; row < end; ++row) {
    f(offset, row * s.inner());
    for (int d = outer - 1; d >= 0; --d) {
      offset += s.strides[d];
      if (++index[d] < s.dims[d]) break;
      offset -= index[d] * s.strides[d];
      index[d] = 0;
    }
  }
}

template <class F>
void for_rows(const Layout& s, F&& f) {
  if (s.n == 0) return;
  const Index rows = s.n / s.inner();
  if (s.n < parallel_from || rows == 1) return walk_rows(s, 0, rows, f);
  const Index group = s.inner() >= tile_size ? 1 : tile_size / s.inner();
  parallel_for((rows + group - 1) / group, [&](Index t) {
    walk_rows(s, t * group, (t + 1) * group < rows ? (t + 1) * group : rows, f);
  });
}

template <class T>
void copy_row(const T* src, Index stride, T* dst, Index n) noexcept {
  if (stride == 1) {
    if (n >= 16) {
      std::memcpy(dst, src, static_cast<std::size_t>(n) * sizeof(T));
    } else {
      for (Index i = 0; i < n; ++i) dst[i] = src[i];
    }
  } else if (stride == 0) {
    const T value = *src;
    for (Index i = 0; i < n; ++i) dst[i] = value;
  } else {
    for (Index i = 0; i < n; ++i) dst[i] = src[i * stride];
  }
}

constexpr Index side = 16;

// dst[j ldd + i] = src[i lds + j], i < rows, j < cols, both at most `side`.
template <class T>
void transpose_block(const T* src, Index lds, T* dst, Index ldd, Index rows, Index cols) noexcept {
  if (rows == side && cols == side) {
    T block[side][side];
    for (Index i = 0; i < side; ++i) {
      for (Index j = 0; j < side; ++j) block[j][i] = src[i * lds + j];
    }
    for (Index j = 0; j < side; ++j) std::memcpy(dst + j * ldd, block[j], sizeof block[j]);
    return;
  }
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i) dst[j * ldd + i] = src[i * lds + j];
  }
}

// Columns [first, last) of src become rows of dst.
template <class T>
void transpose_range(const T* src, Index lds, T* dst, Index ldd, Index rows, Index first,
                     Index last) noexcept {
  for (Index j = first; j < last; j += side) {
    const Index cols = last - j < side ? last - j : side;
    for (Index i = 0; i < rows; i += side) {
      transpose_block(src + i * lds + j, lds, dst + j * ldd + i, ldd,
                      rows - i < side ? rows - i : side, cols);
    }
  }
}

template <class T>
void run_transpose(const T* src, Index lds, T* dst, Index ldd, Index rows, Index cols) {
  if (rows * cols < parallel_from) return transpose_range(src, lds, dst, ldd, rows, 0, cols);
  const Index group = (tile_size / rows / side + 1) * side;
  parallel_for((cols + group - 1) / group, [=](Index t) {
    const Index last = (t + 1) * group < cols ? (t + 1) * group : cols;
    transpose_range(src, lds, dst, ldd, rows, t * group, last);
  });
}

// The dimension with stride 1 when it is not the last and the last is strided: a batch of
// transposes.
template <class T>
bool copy_transposed(const T* src, const Layout& s, T* dst) {
  const int last = s.rank - 1;
  if (s.rank < 2 || s.inner_stride() <= 1 || s.inner() < 4) return false;
  int unit = -1;
  for (int d = 0; d < last; ++d) {
    if (s.strides[d] == 1 && s.dims[d] >= 4) unit = d;
  }
  if (unit < 0) return false;
  Index ldd = 1;
  for (int d = unit + 1; d <= last; ++d) ldd *= s.dims[d];
  Index dims[max_rank], strides[max_rank], dense[max_rank];
  int rank = 0;
  Index step = s.n, count = 1;
  for (int d = 0; d < last; ++d) {
    step /= s.dims[d];
    if (d == unit) continue;
    dims[rank] = s.dims[d];
    strides[rank] = s.strides[d];
    dense[rank++] = step;
    count *= s.dims[d];
  }
  for (Index m = 0; m < count; ++m) {
    Index rest = m, from = 0, to = 0;
    for (int d = rank - 1; d >= 0; --d) {
      from += rest % dims[d] * strides[d];
      to += rest % dims[d] * dense[d];
      rest /= dims[d];
    }
    run_transpose(src + from, s.inner_stride(), dst + to, ldd, s.inner(), s.dims[unit]);
  }
  return true;
}

// dst (times, n): the row src, and then what is there already, twice as much each time up to a few
// pages that stay in cache.
template <class T>
void repeat_row(const T* src, Index n, T* dst, Index times) noexcept {
  copy_row(src, 1, dst, n);
  const Index most = n >= 2048 ? n : 2048 / n * n;
  for (Index done = n; done < n * times;) {
    Index more = done < most ? done : most;
    if (more > n * times - done) more = n * times - done;
    std::memcpy(dst + done, dst, static_cast<std::size_t>(more) * sizeof(T));
    done += more;
  }
}

template <class T>
void run_copy(const void* from, const Layout& s, void* to) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  if (s.n > 0 && s.rank == 2 && s.strides[0] == 0 && s.strides[1] == 1) {
    const Index rows = s.dims[0], n = s.dims[1];
    if (s.n < parallel_from) return repeat_row(src, n, dst, rows);
    const Index group = n >= tile_size ? 1 : tile_size / n;
    return parallel_for((rows + group - 1) / group, [=](Index t) {
      const Index left = rows - t * group;
      repeat_row(src, n, dst + t * group * n, left < group ? left : group);
    });
  }
  if (copy_transposed(src, s, dst)) return;
  const Index inner = s.inner(), stride = s.inner_stride();
  for_rows(s,
           [=](Index offset, Index first) { copy_row(src + offset, stride, dst + first, inner); });
}

template <class T>
void run_copy_into(const void* from, const Layout& s, void* to) {
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  const Index inner = s.inner(), stride = s.inner_stride();
  for_rows(s, [=](Index offset, Index first) {
    if (stride == 1) return copy_row(src + first, 1, dst + offset, inner);
    for (Index i = 0; i < inner; ++i) dst[offset + i * stride] = src[first + i];
  });
}

// Serial: a stride of 0 makes several rows meet in one place.
template <class T>
void run_add_into(const void* from, const Layout& s, void* to) {
  if (s.n == 0) return;
  const T* src = static_cast<const T*>(from);
  T* dst = static_cast<T*>(to);
  const Index inner = s.inner(), stride = s.inner_stride();
  walk_rows(s, 0, s.n / inner, [=](Index offset, Index first) {
    if (stride == 1) {
      for (Index i = 0; i < inner; ++i) dst[offset + i] += src[first + i];
    } else {
      for (Index i = 0; i < inner; ++i) dst[offset + i * stride] += src[first + i];
    }
  });
}

/// dst = the elements of src; stride 0: one of them that stands for all.
detail::Elementwise describe_row(DType t, const void* src, Index stride, void* dst, Index n) {
  if (stride != 0 && stride != 1) return {};
  const auto bytes = static_cast<std::uint32_t>(size_of(t));
  return detail::elementwise(n, {{.data = src, .bytes = bytes, .single = stride == 0}},
                             {.data = dst, .bytes = bytes},
                             [=](const void* const* in, void* to, Index count) {
                               copy_strided(t, in[0], &stride, &count, 1, to);
                             });
}

}  // namespace

void copy(DType t, const void* src, void* dst, Index n) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { copy(t, src, dst, n); },
                            [=] { return describe_row(t, src, 1, dst, n); });
  std::memcpy(dst, src, static_cast<std::size_t>(n) * size_of(t));
}

void copy_strided(DType t, const void* src, const Index* strides, const Index* dims, int rank,
                  void* dst) {
  const Layout s(dims, strides, rank);
  const auto run = [=] {
    switch (size_of(t)) {
      case 1:
        return run_copy<std::uint8_t>(src, s, dst);
      case 4:
        return run_copy<std::uint32_t>(src, s, dst);
      default:
        return run_copy<std::uint64_t>(src, s, dst);
    }
  };
  if (detail::tape) [[unlikely]]
    return detail::remember(run, [=] {
      return s.rank > 1 ? detail::Elementwise()
                        : describe_row(t, src, s.n == 1 ? 1 : s.strides[0], dst, s.n);
    });
  run();
}

void copy_into_strided(DType t, const void* src, void* dst, const Index* strides, const Index* dims,
                       int rank) {
  const Layout s(dims, strides, rank);
  const auto run = [=] {
    switch (size_of(t)) {
      case 1:
        return run_copy_into<std::uint8_t>(src, s, dst);
      case 4:
        return run_copy_into<std::uint32_t>(src, s, dst);
      default:
        return run_copy_into<std::uint64_t>(src, s, dst);
    }
  };
  if (detail::tape) [[unlikely]]
    return detail::remember(run);
  run();
}

void add_into_strided(DType t, const void* src, void* dst, const Index* strides, const Index* dims,
                      int rank) {
  const Layout s(dims, strides, rank);
  const auto run = [=] {
    if (t == DType::float32) return run_add_into<float>(src, s, dst);
    if (t == DType::float64) return run_add_into<double>(src, s, dst);
    if (t == DType::int64) return run_add_into<std::int64_t>(src, s, dst);
  };
  if (detail::tape) [[unlikely]]
    return detail::remember(run);
  run();
}

}  // namespace gradus::kernels
