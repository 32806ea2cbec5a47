#pragma once

// Conversions to and from xtensor, for programs that use it: the only public header that includes
// xtensor, and not part of gradus.hpp. The program's own build provides xtensor.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/core/xnoalias.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xnoalias.hpp>
#endif

#include "gradus/tensor.hpp"

namespace gradus {

namespace detail {
/// The element type of a tensor made from numbers of type T.
template <class T>
using TensorValue =
    std::conditional_t<std::is_same_v<T, bool> || std::is_same_v<T, float> ||
                           std::is_same_v<T, double>,
                       T, std::conditional_t<std::is_integral_v<T>, std::int64_t, double>>;
}  // namespace detail

/// A copy of an xtensor container or expression: bool, float and double keep their type, other
/// integers become int64. Throws beyond max_rank axes.
template <class E>
Tensor from_xtensor(const xt::xexpression<E>& expression) {
  using Given = typename E::value_type;
  static_assert(std::is_arithmetic_v<Given> && !std::is_same_v<Given, long double>,
                "from_xtensor takes numbers that fit bool, int64, float32 or float64");
  using T = detail::TensorValue<Given>;
  const xt::xarray<T, xt::layout_type::row_major> values = xt::cast<T>(expression.derived_cast());
  Shape shape;
  for (const auto length : values.shape()) shape.push_back(static_cast<Index>(length));
  return from_data(values.data(), shape, dtype_of<T>);
}

namespace detail {
template <class T>
auto xarray_over(T* values, const Tensor& tensor) {
  const Shape shape = tensor.shape();
  const std::vector<std::size_t> lengths(shape.begin(), shape.end());
  return xt::adapt(values, static_cast<std::size_t>(tensor.numel()), xt::no_ownership(), lengths);
}
}  // namespace detail

/// The values of a tensor as an xtensor array, without a copy and read-only: valid as long as the
/// tensor, or another handle to it, lives and is not changed in place. Throws if T is not the
/// dtype.
template <class T>
auto as_xarray(const Tensor& tensor) {
  return detail::xarray_over(tensor.data<T>(), tensor);
}
/// A view of a temporary would outlive its values.
template <class T>
auto as_xarray(Tensor&& tensor) = delete;

/// The same for writing: what is assigned to it, of the tensor's shape, are the tensor's values.
/// Making it counts as one change in place, as Tensor::mutable_data does, and is refused where that
/// is.
template <class T>
auto as_mutable_xarray(Tensor& tensor) {
  return detail::xarray_over(tensor.mutable_data<T>(), tensor);
}
template <class T>
auto as_mutable_xarray(Tensor&& tensor) = delete;

}  // namespace gradus
