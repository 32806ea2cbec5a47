#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "gradus/version.hpp"

namespace gradus {

using Index = std::int64_t;

/// The largest number of dimensions of a tensor.
inline constexpr int max_rank = 8;

/// A short list of integers with a fixed capacity of max_rank: a shape, or a list of axes.
/// Trivially copyable, so that derivative rules may capture it.
class IndexList {
 public:
  constexpr IndexList() = default;
  /// One integer. A template, so that options in braces, {.keepdim = true}, are no axis.
  template <std::integral T>
  requires(!std::same_as<T, bool>) IndexList(T value) : size_(1) {
    items_[0] = static_cast<Index>(value);
  }
  IndexList(std::initializer_list<Index> items) { assign(items.begin(), items.size()); }
  IndexList(const std::vector<Index>& items) { assign(items.data(), items.size()); }
  IndexList(const Index* items, std::size_t count) { assign(items, count); }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Index operator[](int i) const { return items_[i]; }
  Index& operator[](int i) { return items_[i]; }
  Index back() const { return items_[size_ - 1]; }
  const Index* data() const { return items_; }
  const Index* begin() const { return items_; }
  const Index* end() const { return items_ + size_; }

  /// Appends one integer; throws Error beyond max_rank.
  void push_back(Index value);
  /// Inserts `value` before position `at`.
  void insert(int at, Index value);
  /// Removes position `at`.
  void erase(int at);

  friend bool operator==(const IndexList& a, const IndexList& b) {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size_; ++i)
      if (a.items_[i] != b.items_[i]) return false;
    return true;
  }

 private:
  void assign(const Index* items, std::size_t count);

  int size_ = 0;
  Index items_[max_rank] = {};
};

using Shape = IndexList;
using Axes = IndexList;

/// The product of the dimensions, 1 for a scalar.
Index numel(const Shape& shape);

/// "(2, 3)", "(4,)", "()".
std::string to_string(const IndexList& list);

/// The shape two operands broadcast to (NumPy's rule); throws Error("[operation] …") if they do
/// not.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation);

/// `axis` counted from the end if negative; throws Error if it is out of range for `rank`.
int normalize_axis(Index axis, int rank, const char* operation);

/// All axes of `rank` if `axes` is empty, else `axes` made non-negative and sorted; throws Error if
/// one is out of range or repeated.
Axes normalize_axes(const Axes& axes, int rank, const char* operation);

}  // namespace gradus
