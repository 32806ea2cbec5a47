#include "gradus/shape.hpp"

#include <algorithm>
#include <limits>

#include "base/messages.hpp"

namespace gradus {

void IndexList::assign(const Index* items, std::size_t count) {
  if (count > static_cast<std::size_t>(max_rank))
    fail("shape", count, " axes were given; at most ", max_rank,
         " are supported; merge some with reshape");
  std::copy(items, items + count, items_);
  size_ = static_cast<int>(count);
}

namespace {
[[noreturn, gnu::cold]] void fail_rank() {
  fail("shape", "one more than ", max_rank,
       " axes; at most that many are supported; merge some with reshape");
}
}  // namespace

void IndexList::push_back(Index value) {
  if (size_ == max_rank) fail_rank();
  items_[size_++] = value;
}

void IndexList::insert(int at, Index value) {
  if (size_ == max_rank) fail_rank();
  std::copy_backward(items_ + at, items_ + size_, items_ + size_ + 1);
  items_[at] = value;
  ++size_;
}

void IndexList::erase(int at) {
  std::copy(items_ + at + 1, items_ + size_, items_ + at);
  --size_;
}

Index numel(const Shape& shape) {
  Index product = 1;
  bool empty = false, too_many = false;
  for (const Index d : shape) {
    if (d < 0) fail("shape", "the shape ", shape, " has a negative length; lengths are 0 or more");
    empty |= d == 0;
    too_many |= __builtin_mul_overflow(product, d, &product);
  }
  if (empty) return 0;
  if (too_many || product > std::numeric_limits<Index>::max() / 16)  // room for the size in bytes
    fail("shape", "the shape ", shape, " has too many elements to address");
  return product;
}

std::string to_string(const IndexList& list) {
  std::string text = "(";
  for (int i = 0; i < list.size(); ++i) {
    if (i) text += ", ";
    text += text_of(list[i]);
  }
  if (list.size() == 1) text += ",";
  return text + ")";
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const int offset = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    Index& d = out[offset + i];
    const Index s = shorter[i];
    if (d == s || s == 1) continue;
    if (d != 1)
      fail(operation, "shapes ", a, " and ", b,
           " do not broadcast; aligned at the right, lengths must be equal or 1; "
           "reshape or expand one of them");
    d = s;
  }
  return out;
}

int normalize_axis(Index axis, int rank, const char* operation) {
  // A scalar accepts axis 0 and -1, as in PyTorch.
  const Index limit = std::max(rank, 1);
  if (axis < -limit || axis >= limit)
    fail(operation, "axis ", axis, " is out of range; a tensor with ", rank, " axes takes ", -limit,
         " to ", limit - 1);
  return static_cast<int>(axis < 0 ? axis + limit : axis);
}

Axes normalize_axes(const Axes& axes, int rank, const char* operation) {
  Axes sorted;
  if (axes.empty() || rank == 0) {
    for (const Index axis : axes) normalize_axis(axis, rank, operation);
    for (int i = 0; i < rank; ++i) sorted.push_back(i);
    return sorted;
  }
  bool used[max_rank] = {};
  for (const Index axis : axes) {
    const int i = normalize_axis(axis, rank, operation);
    if (used[i]) fail(operation, "axis ", axis, " occurs twice in ", axes, "; name each axis once");
    used[i] = true;
  }
  for (int i = 0; i < rank; ++i)
    if (used[i]) sorted.push_back(i);
  return sorted;
}

}  // namespace gradus
