#include <algorithm>

#include "kernels/elementwise/elementwise.hpp"

namespace gradus::kernels {

// Drops dimensions of size 1 and joins neighbours that all operands run through in one stride.
template <std::size_t K>
bool BroadcastOf<K>::fit(std::span<const Index> out_dims,
                         std::initializer_list<std::span<const Index>> inputs) noexcept {
  *this = {};
  n = 1;
  for (const Index d : out_dims) n *= d;
  if (n == 0) return true;
  // From the last dimension to the first.
  Index running[K], size[3] = {1, 1, 1}, step[K][3] = {};
  for (Index& r : running) r = 1;
  for (std::size_t i = 0; i < out_dims.size(); ++i) {
    const Index d = out_dims[out_dims.size() - 1 - i];
    Index stride[K];
    bool all_broadcast = true;
    for (std::size_t k = 0; k < K; ++k) {
      const std::span<const Index> input = inputs.begin()[k];
      const Index own = i < input.size() ? input[input.size() - 1 - i] : 1;
      stride[k] = own == 1 ? 0 : running[k];
      running[k] *= own;
      all_broadcast = all_broadcast && stride[k] == 0;
    }
    if (d == 1) continue;
    if (all_broadcast) return false;
    bool joins = rank > 0;
    for (std::size_t k = 0; joins && k < K; ++k)
      joins = stride[k] == step[k][rank - 1] * size[rank - 1];
    if (joins) {
      size[rank - 1] *= d;
      continue;
    }
    if (rank == 3) return false;
    size[rank] = d;
    for (std::size_t k = 0; k < K; ++k) step[k][rank] = stride[k];
    ++rank;
  }
  std::reverse_copy(size, size + rank, dims);
  for (std::size_t k = 0; k < K; ++k) std::reverse_copy(step[k], step[k] + rank, strides[k]);
  return true;
}

template <std::size_t K>
BroadcastOf<K> BroadcastOf<K>::row(Index count) const {
  BroadcastOf out{1, count, {count, 1, 1}};
  for (std::size_t k = 0; k < K; ++k) out.strides[k][0] = n == 1 ? 1 : strides[k][0];
  return out;
}

template <std::size_t K>
void BroadcastOf<K>::describe(Description& d, const char* name, In x, DType t,
                              std::size_t k) const {
  if (rank <= 1) {
    d.elementwise(n).reads(name, x, t, n, n == 1 ? 1 : strides[k][0]);
  } else if (n > 0) {
    Index last = 0;
    for (int i = 0; i < rank; ++i) last += (dims[i] - 1) * strides[k][i];
    d.reads(name, x, t, last + 1);
  }
}

template struct BroadcastOf<2>;
template struct BroadcastOf<3>;

Broadcast same_shape(Index n) noexcept { return {1, n, {n, 1, 1}, {{1, 0, 0}, {1, 0, 0}}}; }

}  // namespace gradus::kernels
