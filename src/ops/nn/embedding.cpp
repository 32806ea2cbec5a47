#include "base/messages.hpp"
#include "gradus/ops/nn.hpp"
#include "kernels/move/copy.hpp"
#include "ops/move/indexing.hpp"

namespace gradus {

Tensor embedding(const Tensor& weight, const Tensor& index, std::optional<Index> padding_idx) {
  detail::require_dtype(index, int64, "embedding", "an index");
  if (weight.dim() != 2)
    fail("embedding", "a weight of shape ", weight.shape(),
         " was given; (number of rows, length of a row) is required");
  const Index rows = weight.size(0);
  detail::check_indices(index, rows, kernels::CheckIndices::rows_of_weight, false, "embedding");
  const Tensor flat = reshape(index, {index.numel()});
  Tensor out = detail::select_along(weight, 0, flat);
  if (padding_idx) {
    if (*padding_idx < -rows || *padding_idx >= rows)
      fail("embedding", "padding_idx ", *padding_idx, " was given; the weight has rows 0 to ",
           rows - 1);
    const Index row = *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
    const Tensor is_padding = reshape(eq(flat, static_cast<double>(row)), {index.numel(), 1});
    out = where(is_padding, out.detach(), out);
  }
  Shape shape = index.shape();
  shape.push_back(weight.size(1));
  return reshape(out, shape);
}

}  // namespace gradus
