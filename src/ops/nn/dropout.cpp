#include "base/messages.hpp"
#include "gradus/ops/nn.hpp"
#include "kernels/elementwise/random.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::data;

namespace {

/// Linear in x, so it is its own derivative. The rule holds the numbers that make the mask, not the
/// mask.
Tensor masked(const Tensor& x, double p, detail::Drawn drawn) {
  Tensor value = detail::empty_like(x);
  kernels::run(
      kernels::Dropout{x.dtype(), data(x), data(value), x.numel(), p, drawn.draw, drawn.replayed});
  return record("dropout", std::move(value), {x},
                [p, drawn](const Vjp& k) { return masked(k.grad, p, drawn); });
}

}  // namespace

Tensor dropout(const Tensor& x, double p, DropoutOptions options) {
  detail::require_floating(x, "dropout");
  if (!(p >= 0 && p <= 1))
    fail("dropout", "p = ", p,
         " was given; a probability from 0 to 1 is "
         "required");
  if (!options.training || p == 0) return x;
  Generator& source = options.generator ? *options.generator : default_generator();
  return masked(x, p, detail::draw(source, mask_blocks(x.numel()), true));
}

}  // namespace gradus
