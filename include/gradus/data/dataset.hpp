#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus::data {

/// The tensors of one batch, first axis samples; `auto [x, y] = batch` names the first two.
struct Batch {
  std::vector<Tensor> tensors;

  /// Number of samples.
  Index size() const { return at(0).size(0); }
  /// The i-th tensor; throws if the data set has fewer.
  const Tensor& at(std::size_t i) const;
  Tensor& at(std::size_t i);
};

template <std::size_t I>
const Tensor& get(const Batch& batch) {
  return batch.at(I);
}
template <std::size_t I>
Tensor& get(Batch& batch) {
  return batch.at(I);
}
template <std::size_t I>
Tensor&& get(Batch&& batch) {
  return std::move(batch.at(I));
}

/// Samples in memory: tensors whose first axes have the same length, usually inputs and targets.
class TensorDataset {
 public:
  TensorDataset() = default;
  /// Throws if a tensor is a scalar or undefined, or the first axes differ in length.
  explicit TensorDataset(std::vector<Tensor> tensors);
  template <class... More>
  explicit TensorDataset(const Tensor& x, const More&... more)
      : TensorDataset(std::vector<Tensor>{x, more...}) {}

  /// Number of samples.
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::vector<Tensor>& tensors() const { return tensors_; }
  /// The inputs: the first tensor.
  const Tensor& x() const;
  /// The targets: the second tensor; throws if there is none.
  const Tensor& y() const;

  /// A batch of the samples at `indices`, copied; throws if an index is out of range.
  Batch gather(const std::vector<Index>& indices) const;
  Batch gather(const Index* indices, Index count) const;
  /// A data set of the samples at `indices`, copied.
  TensorDataset select(const std::vector<Index>& indices) const;

  /// Names of the classes 0, 1, … in y(), or empty.
  std::vector<std::string> class_names = {};

 private:
  std::vector<Tensor> tensors_;
  Index size_ = 0;
};

}  // namespace gradus::data

template <>
struct std::tuple_size<gradus::data::Batch> {
  static constexpr std::size_t value = 2;
};
template <std::size_t I>
struct std::tuple_element<I, gradus::data::Batch> {
  using type = gradus::Tensor;
};
