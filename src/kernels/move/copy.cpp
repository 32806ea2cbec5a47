#include "kernels/move/copy.hpp"

#include <cstring>

#include "kernels/pieces.hpp"

namespace gradus::kernels {
namespace {

// f(offset, first) for rows [begin, end) of the layout: where the row starts, strided and
// contiguous.
template <class F>
void walk_rows(const Layout& s, Index begin, Index end, F&& f) {
  const int outer = s.rank - 1;
  Index index[Layout::most], offset = 0, rest = begin;
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
  for_pieces(s.n / s.inner(), s.inner(),
             [&](Index begin, Index end) { walk_rows(s, begin, end, f); });
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
  in_groups(cols, (tile_size / rows / side + 1) * side, [=](Index first, Index last) {
    transpose_range(src, lds, dst, ldd, rows, first, last);
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
  Index dims[Layout::most], strides[Layout::most], dense[Layout::most];
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
void run(const CopyStrided& call) {
  const Layout& s = call.layout;
  const T* src = call.src;
  T* dst = call.dst;
  if (s.n > 0 && s.rank == 2 && s.strides[0] == 0 && s.strides[1] == 1) {
    const Index rows = s.dims[0], n = s.dims[1];
    return for_pieces(rows, n, [=](Index first, Index last) {
      repeat_row(src, n, dst + first * n, last - first);
    });
  }
  if (copy_transposed(src, s, dst)) return;
  const Index inner = s.inner(), stride = s.inner_stride();
  for_rows(s,
           [=](Index offset, Index first) { copy_row(src + offset, stride, dst + first, inner); });
}

template <class T>
void run(const CopyInto& call) {
  const T* src = call.src;
  T* dst = call.dst;
  const Index inner = call.layout.inner(), stride = call.layout.inner_stride();
  for_rows(call.layout, [=](Index offset, Index first) {
    if (stride == 1) return copy_row(src + first, 1, dst + offset, inner);
    for (Index i = 0; i < inner; ++i) dst[offset + i * stride] = src[first + i];
  });
}

// Serial: a stride of 0 makes several rows meet in one place.
template <class T>
void run(const AddInto& call) {
  const Layout& s = call.layout;
  if (s.n == 0) return;
  const T* src = call.src;
  T* dst = call.dst;
  const Index inner = s.inner(), stride = s.inner_stride();
  walk_rows(s, 0, s.n / inner, [=](Index offset, Index first) {
    if (stride == 1) {
      for (Index i = 0; i < inner; ++i) dst[offset + i] += src[first + i];
    } else {
      for (Index i = 0; i < inner; ++i) dst[offset + i * stride] += src[first + i];
    }
  });
}

}  // namespace

bool collapse(int rank, const Index* dims, const Index* strides, Layout& out) noexcept {
  int used = 0;
  out.n = 1;
  for (int d = 0; d < rank; ++d) {
    out.n *= dims[d];
    if (dims[d] == 1) continue;
    if (used > 0 && out.strides[used - 1] == strides[d] * dims[d]) {
      out.dims[used - 1] *= dims[d];
      out.strides[used - 1] = strides[d];
      continue;
    }
    if (used == Layout::most) return false;
    out.dims[used] = dims[d];
    out.strides[used++] = strides[d];
  }
  if (used > 0) out.rank = used;
  return true;
}

void Layout::describe(Description& d, const char* name, Operand::Access access, In data) const {
  if (n == 0) return;
  Index below = 0, above = 0;
  for (int i = 0; i < rank; ++i) (strides[i] < 0 ? below : above) += (dims[i] - 1) * strides[i];
  const In first = data.plus(below, d.type);
  const Index count = above - below + 1;
  // What lies between the places stays.
  const bool adds = access == Operand::Access::updates || count != n;
  access == Operand::Access::reads ? d.reads(name, first, count)
                                   : d.result(name, first, count, adds);
}

void CopyStrided::describe(Description& d) const {
  const Index step = layout.n == 1 ? 1 : layout.strides[0];
  if (layout.rank == 1 && (step == 0 || step == 1))
    d.elementwise(layout.n).reads("src", src, layout.n, step);
  else
    layout.describe(d, "src", Operand::Access::reads, src);
  d.writes("dst", dst, layout.n);
}

void execute(const Copy& call) {
  std::memcpy(call.dst, call.src, static_cast<std::size_t>(call.n) * size_of(call.type));
}

void execute(const CopyStrided& call) {
  with_width(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const CopyInto& call) {
  with_width(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const AddInto& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
