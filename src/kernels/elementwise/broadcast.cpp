#include "kernels/elementwise/elementwise.hpp"

namespace gradus::kernels {
namespace {

// Drops dimensions of size 1 and joins neighbours that all operands run through in one stride.
template <std::size_t K>
bool collapse(std::span<const Index> out_dims, const std::span<const Index> (&inputs)[K], int& rank,
              Index& n, Index (&dims)[3], Index* const (&strides)[K]) noexcept {
  rank = 0;
  n = 1;
  for (const Index d : out_dims) n *= d;
  if (n == 0) return true;
  // From the last dimension to the first; position 2 of the result is filled first.
  Index running[K];
  for (Index& r : running) r = 1;
  int used = 0;
  Index size[3] = {1, 1, 1}, step[K][3] = {};
  for (std::size_t i = 0; i < out_dims.size(); ++i) {
    const Index d = out_dims[out_dims.size() - 1 - i];
    Index stride[K];
    bool all_broadcast = true;
    for (std::size_t k = 0; k < K; ++k) {
      const Index own = i < inputs[k].size() ? inputs[k][inputs[k].size() - 1 - i] : 1;
      stride[k] = own == 1 ? 0 : running[k];
      running[k] *= own;
      all_broadcast = all_broadcast && stride[k] == 0;
    }
    if (d == 1) continue;
    if (all_broadcast) return false;
    bool joins = used > 0;
    for (std::size_t k = 0; joins && k < K; ++k) {
      joins = stride[k] == step[k][used - 1] * size[used - 1];
    }
    if (joins) {
      size[used - 1] *= d;
      continue;
    }
    if (used == 3) return false;
    size[used] = d;
    for (std::size_t k = 0; k < K; ++k) step[k][used] = stride[k];
    ++used;
  }
  rank = used;
  for (int j = 0; j < 3; ++j) {
    const bool real = j < used;
    dims[j] = real ? size[used - 1 - j] : 1;
    for (std::size_t k = 0; k < K; ++k) strides[k][j] = real ? step[k][used - 1 - j] : 0;
  }
  return true;
}

/// The elements that an operand spans.
Index span_of(int rank, const Index* dims, const Index* strides) {
  Index last = 0;
  for (int d = 0; d < rank; ++d) last += (dims[d] - 1) * strides[d];
  return last + 1;
}

/// The stride of an operand of one row.
Index step_of(Index n, const Index* strides) { return n == 1 ? 1 : strides[0]; }

}  // namespace

Broadcast Broadcast::row(Index count) const {
  return {1, count, {count, 1, 1}, {step_of(n, a), 0, 0}, {step_of(n, b), 0, 0}};
}

Broadcast3 Broadcast3::row(Index count) const {
  return {
      1, count, {count, 1, 1}, {step_of(n, c), 0, 0}, {step_of(n, a), 0, 0}, {step_of(n, b), 0, 0}};
}

void Broadcast::describe(Description& d, In x, In y, DType to, Out out) const {
  if (rank <= 1)
    d.elementwise(n).reads("a", x, n, step_of(n, a)).reads("b", y, n, step_of(n, b));
  else if (n > 0)
    d.reads("a", x, span_of(rank, dims, a)).reads("b", y, span_of(rank, dims, b));
  d.writes("out", out, to, n);
}

void Where::describe(Description& d) const {
  const auto& [rank, n, dims, steps_c, steps_a, steps_b] = shape;
  if (rank <= 1) {
    d.elementwise(n);
    d.reads("c", c, DType::boolean, n, step_of(n, steps_c));
    d.reads("a", a, n, step_of(n, steps_a)).reads("b", b, n, step_of(n, steps_b));
  } else if (n > 0) {
    d.reads("c", c, DType::boolean, span_of(rank, dims, steps_c));
    d.reads("a", a, span_of(rank, dims, steps_a)).reads("b", b, span_of(rank, dims, steps_b));
  }
  d.writes("out", out, n);
}

Broadcast same_shape(Index n) noexcept {
  Broadcast s;
  s.rank = 1;
  s.n = n;
  s.dims[0] = n;
  s.a[0] = s.b[0] = 1;
  return s;
}

bool make_broadcast(std::span<const Index> out_dims, std::span<const Index> a_dims,
                    std::span<const Index> b_dims, Broadcast& out) noexcept {
  const std::span<const Index> inputs[] = {a_dims, b_dims};
  Index* const strides[] = {out.a, out.b};
  return collapse(out_dims, inputs, out.rank, out.n, out.dims, strides);
}

bool make_broadcast(std::span<const Index> out_dims, std::span<const Index> c_dims,
                    std::span<const Index> a_dims, std::span<const Index> b_dims,
                    Broadcast3& out) noexcept {
  const std::span<const Index> inputs[] = {c_dims, a_dims, b_dims};
  Index* const strides[] = {out.c, out.a, out.b};
  return collapse(out_dims, inputs, out.rank, out.n, out.dims, strides);
}

}  // namespace gradus::kernels
