#include "kernels/move/copy.hpp"

#include <cstring>

#include "base/threads.hpp"

namespace gradus::kernels {
namespace {

constexpr Index parallel_from = 65536;
constexpr Index tile_size = 32768;

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

template <class F>
void with_width(DType t, F f) {
  switch (size_of(t)) {
    case 1:
      return f(std::uint8_t());
    case 4:
      return f(std::uint32_t());
    default:
      return f(std::uint64_t());
  }
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

void run_split(DType t, const void* src, void* dst, int rank, const Index* dims,
               const Index* strides, bool reads_places,
               void (*run)(DType, const void* src, void* dst, int rank, const Index* dims,
                           const Index* strides)) {
  const auto bytes = static_cast<Index>(size_of(t));
  Index inner = bytes;
  for (int d = 1; d < rank; ++d) inner *= dims[d];
  const Index step = strides[0] * bytes;
  for (Index i = 0; i < dims[0]; ++i)
    run(t, static_cast<const char*>(src) + i * (reads_places ? step : inner),
        static_cast<char*>(dst) + i * (reads_places ? inner : step), rank - 1, dims + 1,
        strides + 1);
}

void Layout::describe(Description& d, const char* name, Operand::Access access, DType t,
                      const void* data) const {
  if (n == 0) return;
  Index below = 0, above = 0;
  for (int i = 0; i < rank; ++i) (strides[i] < 0 ? below : above) += (dims[i] - 1) * strides[i];
  const char* const first = static_cast<const char*>(data) + below * static_cast<Index>(size_of(t));
  const Index count = above - below + 1;
  access == Operand::Access::reads ? d.reads(name, first, t, count)
  : count == n                     ? d.result(name, first, t, n, access == Operand::Access::updates)
               : d.updates(name, first, t, count);  // what lies between the places stays
}

void CopyStrided::describe(Description& d) const {
  const Index step = layout.n == 1 ? 1 : layout.strides[0];
  if (layout.rank == 1 && (step == 0 || step == 1))
    d.elementwise(layout.n).reads("src", src, type, layout.n, step);
  else
    layout.describe(d, "src", Operand::Access::reads, type, src);
  d.writes("dst", dst, type, layout.n);
}

void CopyInto::describe(Description& d) const {
  d.reads("src", src, type, layout.n);
  layout.describe(d, "dst", Operand::Access::writes, type, dst);
}

void AddInto::describe(Description& d) const {
  d.reads("src", src, type, layout.n);
  layout.describe(d, "dst", Operand::Access::updates, type, dst);
}

void execute(const Copy& call) {
  std::memcpy(call.dst, call.src, static_cast<std::size_t>(call.n) * size_of(call.type));
}

void execute(const CopyStrided& call) {
  with_width(call.type, [&]<class T>(T) { run_copy<T>(call.src, call.layout, call.dst); });
}

void execute(const CopyInto& call) {
  with_width(call.type, [&]<class T>(T) { run_copy_into<T>(call.src, call.layout, call.dst); });
}

void execute(const AddInto& call) {
  const auto& [t, src, dst, layout] = call;
  if (t == DType::float32) return run_add_into<float>(src, layout, dst);
  if (t == DType::float64) return run_add_into<double>(src, layout, dst);
  if (t == DType::int64) return run_add_into<std::int64_t>(src, layout, dst);
}

}  // namespace gradus::kernels
