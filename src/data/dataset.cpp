#include "gradus/data/dataset.hpp"

#include "base/messages.hpp"
#include "ops/host.hpp"

namespace gradus::data {

const Tensor& Batch::at(std::size_t i) const {
  if (i >= tensors.size())
    fail("Batch", "tensor ", i, " was asked for, but a sample has ", tensors.size(),
         "; make the data set of inputs and targets, as in TensorDataset(x, y)");
  return tensors[i];
}
Tensor& Batch::at(std::size_t i) { return const_cast<Tensor&>(std::as_const(*this).at(i)); }

TensorDataset::TensorDataset(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
  if (tensors_.empty())
    fail("TensorDataset", "no tensor was given; one or more are required, as in (x, y)");
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    Tensor& t = tensors_[i];
    if (!t.defined() || t.dim() == 0)
      fail("TensorDataset", "tensor ", i, " is ", (t.defined() ? "a scalar" : "undefined"),
           "; the first axis must count the samples");
    if (t.size(0) != tensors_[0].size(0))
      fail("TensorDataset", "tensor 0 has shape ", tensors_[0].shape(), " and tensor ", i, " has ",
           t.shape(), "; the first axes must have the same length, one entry a sample");
    if (t.requires_grad()) t = t.detach();
  }
  size_ = tensors_[0].size(0);
}

const Tensor& TensorDataset::x() const {
  if (tensors_.empty()) fail("TensorDataset", "the data set is empty; give it tensors first");
  return tensors_[0];
}
const Tensor& TensorDataset::y() const {
  if (tensors_.size() < 2)
    fail("TensorDataset",
         "targets were asked for, but there are none; make the data set as TensorDataset(x, y)");
  return tensors_[1];
}

Batch TensorDataset::gather(const std::vector<Index>& indices) const {
  return gather(indices.data(), static_cast<Index>(indices.size()));
}

Batch TensorDataset::gather(const Index* indices, Index count) const {
  for (Index i = 0; i < count; ++i)
    if (indices[i] < 0 || indices[i] >= size_)
      fail("TensorDataset.gather", "sample ", indices[i], " was asked for; there are ", size_,
           ", numbered from 0");
  Batch batch;
  batch.tensors.reserve(tensors_.size());
  for (const Tensor& t : tensors_)
    batch.tensors.push_back(gradus::detail::rows_at(t, indices, count));
  return batch;
}

TensorDataset TensorDataset::select(const std::vector<Index>& indices) const {
  TensorDataset part(gather(indices).tensors);
  part.class_names = class_names;
  return part;
}

}  // namespace gradus::data
