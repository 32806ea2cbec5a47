// The loops that run an elementwise function over memory, and the split of large ones over threads.
#pragma once
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/rows/row_loops.hpp"

namespace gradus::kernels {

/// f(first, count) over [0, n), in tiles when n is large.
template <class F>
inline void tiled(Index n, F&& f) {
  if (n > 0) for_pieces(n, 1, [&](Index first, Index last) { f(first, last - first); });
}

// An operation `Op` has static eval(operands..., p, q) generic over V. float runs in SIMD batches,
// the tail of an array through the same batch function, so that a value depends neither on its
// position nor on n; double runs a value at a time.

template <class Op, class T>
void map1(const T* x, T* out, Index n, T p0, T p1) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    const Batch<T> p(p0), q(p1);
    each_batch<T>(n, [=](Index i, auto whole, Index count) {
      write(out + i, Op::eval(read(x + i, whole, count, T(1)), p, q), whole, count);
    });
  } else {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(x[i], p0, p1);
  }
}

template <class Op, class T>
void map3(const T* a, const T* b, const T* c, T* out, Index n, T p0) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    const Batch<T> p(p0);
    each_batch<T>(n, [=](Index i, auto whole, Index count) {
      const Batch<T> x = read(a + i, whole, count), y = read(b + i, whole, count);
      write(out + i, Op::eval(x, y, read(c + i, whole, count, T(1)), p), whole, count);
    });
  } else {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(a[i], b[i], c[i], p0);
  }
}

// One row of two operands: strides 0 (the same value) or 1.
template <class Op, int SA, int SB, class T>
inline void map2_row(const T* a, const T* b, T* out, Index n, T p0, T p1) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    const Batch<T> p(p0), q(p1), a0(a[0]), b0(b[0]);
    each_batch<T>(n, [=](Index i, auto whole, Index count) {
      const Batch<T> x = SA ? read(a + i, whole, count, T(1)) : a0,
                     y = SB ? read(b + i, whole, count, T(1)) : b0;
      write(out + i, Op::eval(x, y, p, q), whole, count);
    });
  } else {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(a[SA * i], b[SB * i], p0, p1);
  }
}

/// A row of two operands: where it begins, the stride of its elements (0 or 1), and how far it is
/// to the next row.
template <class T>
struct RowsOf {
  const T* data;
  Index stride, next;
};

template <class Op, class T>
void map2(RowsOf<T> a, RowsOf<T> b, T* out, Index rows, Index n, T p0, T p1) noexcept {
  const auto each = [&](auto row) {
    for (Index i = 0; i < rows; ++i)
      row(a.data + i * a.next, b.data + i * b.next, out + i * n, n, p0, p1);
  };
  if (a.stride != 0 && b.stride != 0) return each(map2_row<Op, 1, 1, T>);
  if (a.stride != 0) return each(map2_row<Op, 1, 0, T>);
  return each(map2_row<Op, 0, 1, T>);
}

/// Whether strides over dims are those of contiguous memory.
inline bool is_dense(int rank, const Index* dims, const Index* strides) noexcept {
  Index expected = 1;
  for (int d = rank - 1; d >= 0; --d) {
    if (dims[d] != 1 && strides[d] != expected) return false;
    expected *= dims[d];
  }
  return true;
}

// One operand of a broadcast, read in blocks of consecutive output elements: in place where it is
// dense, otherwise copied to a buffer; a repeated row is copied once.
template <class T, Index N>
class BlockReader {
 public:
  template <std::size_t K>
  BlockReader(const T* data, const BroadcastOf<K>& of, std::size_t k) noexcept
      : data_(data), rank_(of.rank), dims_(of.dims), strides_(of.strides[k]) {
    dense_ = is_dense(rank_, dims_, strides_);
    repeats_ = rank_ > 0;
    for (int d = 0; d + 1 < rank_; ++d) repeats_ = repeats_ && strides_[d] == 0;
  }

  /// count <= N elements from `first` on, which is a multiple of the last dimension where that is
  /// at most N.
  const T* block(Index first, Index count) noexcept {
    if (dense_) return data_ + first;
    const Index inner = dims_[rank_ - 1], step = strides_[rank_ - 1];
    if (repeats_ && inner <= N) {
      if (count > filled_) repeat_row(inner, step, count);
      return buffer_;
    }
    Index row = first / inner, column = first % inner;
    Index index[3] = {};
    for (int d = rank_ - 2; d >= 0; --d) {
      index[d] = row % dims_[d];
      row /= dims_[d];
    }
    for (Index done = 0; done < count;) {
      const Index m = inner - column < count - done ? inner - column : count - done;
      const T* src = data_ + column * step;
      for (int d = 0; d < rank_ - 1; ++d) src += index[d] * strides_[d];
      for (Index i = 0; i < m; ++i) buffer_[done + i] = src[i * step];
      done += m;
      column = 0;
      for (int d = rank_ - 2; d >= 0 && ++index[d] == dims_[d]; --d) index[d] = 0;
    }
    return buffer_;
  }

  static Index block_size(Index inner) noexcept { return inner >= N ? N : N / inner * inner; }

 private:
  void repeat_row(Index inner, Index step, Index count) noexcept {
    for (Index i = 0; i < inner; ++i) buffer_[i] = data_[i * step];
    for (Index i = inner; i < count; ++i) buffer_[i] = buffer_[i - inner];
    filled_ = count;
  }

  const T* data_;
  int rank_;
  const Index* dims_;
  const Index* strides_;
  bool dense_ = false, repeats_ = false;
  Index filled_ = 0;
  alignas(64) T buffer_[N];
};

inline constexpr Index block_elements = 512;

// f(first, last) over [0, n), where tiles are whole blocks.
template <class F>
inline void for_blocks(Index n, Index block, F&& f) {
  if (n >= parallel_from) return in_groups(n, tile_size / block * block, f);
  if (n > 0) f(Index{0}, n);
}

// f(rows of a, rows of b, out, rows, length of a row) over the pieces of a broadcast. Short rows
// are gathered into blocks.
template <class T, class Out, class F>
void for_rows(const T* a, const T* b, Out* out, const Broadcast& s, F&& f) {
  using Rows = RowsOf<T>;
  if (s.n == 0) return;
  if (s.rank <= 1) {
    const Index sa = s.n == 1 ? 1 : s.strides[0][0], sb = s.n == 1 ? 1 : s.strides[1][0];
    return tiled(s.n, [&](Index first, Index count) {
      f(Rows{a + first * sa, sa, 0}, Rows{b + first * sb, sb, 0}, out + first, Index{1}, count);
    });
  }
  const Index inner = s.dims[s.rank - 1];
  if (inner < 64) {
    const Index block = BlockReader<T, block_elements>::block_size(inner);
    return for_blocks(s.n, block, [&](Index first, Index last) {
      BlockReader<T, block_elements> ra(a, s, 0), rb(b, s, 1);
      for (Index i = first; i < last; i += block) {
        const Index m = std::min(block, last - i);
        f(Rows{ra.block(i, m), 1, 0}, Rows{rb.block(i, m), 1, 0}, out + i, Index{1}, m);
      }
    });
  }
  const int last = s.rank - 1;
  const Index middle = s.dims[last - 1], rows = s.n / inner;
  const auto operand = [&](const T* x, const Index* strides, Index row, Index first) {
    const Index outer = s.rank == 3 ? strides[0] : 0;
    return Rows{x + row / middle * outer + row % middle * strides[last - 1] + first * strides[last],
                strides[last], strides[last - 1]};
  };
  // Rows [row, end), split where the outer dimension goes on.
  const auto piece = [&](Index row, Index end) {
    while (row < end) {
      const Index count = std::min(middle - row % middle, end - row);
      f(operand(a, s.strides[0], row, 0), operand(b, s.strides[1], row, 0), out + row * inner,
        count, inner);
      row += count;
    }
  };
  if (s.n < parallel_from || inner < tile_size) return for_pieces(rows, inner, piece);
  const Index per_row = (inner + tile_size - 1) / tile_size;
  parallel_for(rows * per_row, [&](Index t) {
    const Index row = t / per_row, first = t % per_row * tile_size;
    f(operand(a, s.strides[0], row, first), operand(b, s.strides[1], row, first),
      out + row * inner + first, Index{1}, std::min(tile_size, inner - first));
  });
}

// f(a, stride_a, b, stride_b, out, length) for each row.
template <class T, class Out, class F>
void for_each_row(const T* a, const T* b, Out* out, const Broadcast& s, F&& f) {
  for_rows(a, b, out, s, [&f](RowsOf<T> x, RowsOf<T> y, Out* o, Index rows, Index n) {
    for (Index i = 0; i < rows; ++i)
      f(x.data + i * x.next, x.stride, y.data + i * y.next, y.stride, o + i * n, n);
  });
}

}  // namespace gradus::kernels
