#include <algorithm>

#include "base/messages.hpp"
#include "gradus/ops/compare.hpp"
#include "gradus/ops/pointwise.hpp"
#include "gradus/ops/shape.hpp"
#include "ops/move/indexing.hpp"
#include "ops/move/strided.hpp"

namespace gradus {

namespace {

/// Places to add on both sides of an axis.
struct Margin {
  Index before, after;
};

/// The margins of each axis, in the order of the axes; throws if they cannot be.
std::vector<Margin> margins_of(const Tensor& x, const std::vector<Index>& amounts) {
  const std::size_t rank = static_cast<std::size_t>(x.dim());
  if (amounts.size() % 2 || amounts.size() > 2 * rank)
    fail("pad", amounts.size(), " amounts were given for a tensor of shape ", x.shape(),
         "; two per axis, from the last axis on, are required");
  std::vector<Margin> margins(rank, Margin{0, 0});
  for (std::size_t i = 0; i < amounts.size() / 2; ++i)
    margins[rank - 1 - i] = {amounts[2 * i], amounts[2 * i + 1]};
  return margins;
}

Tensor pad_constant(const Tensor& x, const std::vector<Margin>& margins, double value) {
  const Shape shape = x.shape();
  detail::StridedMap map{shape, shape};
  for (int i = 0; i < shape.size(); ++i) {
    const Margin& m = margins[static_cast<std::size_t>(i)];
    map.whole[i] += m.before + m.after;
  }
  const Shape strides = detail::strides_of(map.whole);
  for (int i = 0; i < shape.size(); ++i) {
    map.offset += margins[static_cast<std::size_t>(i)].before * strides[i];
    map.push(shape[i], strides[i]);
  }
  return detail::write_strided("pad", x, map, value);
}

/// The places of an axis that stand in its padded one.
Tensor copied_places(const Tensor& x, int axis, const Margin& m, const std::string& mode) {
  const Index length = x.size(axis);
  const Index most = mode == "reflect" ? length - 1 : length;
  if (length == 0 || (mode != "replicate" && std::max(m.before, m.after) > most))
    fail("pad", m.before, " and ", m.after, " places of mode \"", mode,
         "\" were asked for around axis ", axis, " of length ", length, "; at most ",
         std::max<Index>(most, 0), " are there to copy; use mode \"constant\"");
  const NoGrad guard;
  const auto size = static_cast<double>(length), last = size - 1;
  const Tensor place =
      arange(static_cast<double>(-m.before), size + static_cast<double>(m.after), 1, int64);
  if (mode == "replicate") return clamp(place, 0, last);
  if (mode == "reflect") return last - abs(last - abs(place));  // at 0, and then at the end
  return where(lt(place, 0), place + size, where(ge(place, size), place - size, place));
}

}  // namespace

Tensor pad(const Tensor& x, const std::vector<Index>& amounts, const std::string& mode,
           double value) {
  if (mode != "constant" && mode != "reflect" && mode != "replicate" && mode != "circular")
    fail("pad", "mode \"", mode,
         "\" was given; \"constant\", \"reflect\", \"replicate\" or \"circular\" is "
         "required");
  std::vector<Margin> margins = margins_of(x, amounts);
  Tensor out = x;
  bool grows = false;
  for (int i = 0; i < x.dim(); ++i) {
    Margin& m = margins[static_cast<std::size_t>(i)];
    const Index length = x.size(i), first = std::max<Index>(0, -m.before);
    const Index last = length - std::max<Index>(0, -m.after);
    if (first > last)
      fail("pad", "amounts ", m.before, " and ", m.after, " were given for axis ", i, " of length ",
           length, "; no more places can be dropped than there are");
    if (first > 0 || last < length) out = slice(out, i, first, last);
    m = {std::max<Index>(0, m.before), std::max<Index>(0, m.after)};
    grows |= m.before > 0 || m.after > 0;
  }
  if (!grows) return out;
  if (mode == "constant") return pad_constant(out, margins, value);
  for (int i = 0; i < x.dim(); ++i) {
    const Margin& m = margins[static_cast<std::size_t>(i)];
    if (m.before || m.after) out = detail::select_along(out, i, copied_places(out, i, m, mode));
  }
  return out;
}

}  // namespace gradus
