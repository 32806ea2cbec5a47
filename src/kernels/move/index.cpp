#include <algorithm>
#include <cstring>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "gradus/shape.hpp"
#include "kernels/loops.hpp"
#include "kernels/move/copy.hpp"

namespace gradus::kernels {
namespace {

/// f(there, here) for each index of Gather or ScatterAdd: the element of the axis's side that it
/// names, and its own.
template <class F>
void for_indices(const Indexed& call, F f) {
  const auto [outer, axis, inner] = call.of;
  const Index count = call.count, *const index = call.index;
  for (Index o = 0; o < outer; ++o)
    for (Index j = 0; j < count; ++j)
      for (Index i = 0; i < inner; ++i) {
        const Index here = (o * count + j) * inner + i;
        f((o * axis + index[here]) * inner + i, here);
      }
}

template <class T>
void run(const Gather& call) {
  const T* src = call.src;
  T* dst = call.dst;
  for_indices(call, [=](Index there, Index here) { dst[here] = src[there]; });
}

template <class T>
void run(const ScatterAdd& call) {
  const T* src = call.src;
  T* dst = call.dst;
  for_indices(call, [=](Index there, Index here) { dst[there] += src[here]; });
}

template <class T>
void run(const IndexAdd& call) {
  const T* in = call.src;
  T* dst = call.dst;
  const auto& [outer, axis, inner] = call.of;
  for (Index o = 0; o < outer; ++o)
    for (Index j = 0; j < call.count; ++j, in += inner) {
      T* out = dst + (o * axis + call.index[j]) * inner;
      for (Index i = 0; i < inner; ++i) out[i] += in[i];
    }
}

template <class T>
void run(const IndexSelect& call) {
  const T* src = call.src;
  T* dst = call.dst;
  const Index* index = call.index;
  const Index count = call.count, axis = call.of.axis, inner = call.of.inner;
  for_pieces(call.of.outer * count, inner, [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* in = src + (r / count * axis + index[r % count]) * inner;
      T* out = dst + r * inner;
      if (inner < 16) {
        for (Index i = 0; i < inner; ++i) out[i] = in[i];
      } else {
        std::memcpy(out, in, static_cast<std::size_t>(inner) * sizeof(T));
      }
    }
  });
}

/// Bits only: no arithmetic.
template <class Call>
void move(const Call& call) {
  with_width(call.type, [&]<class T>(T) { run<T>(call); });
}

template <class Call>
void add(const Call& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace

void execute(const IndexSelect& call) { move(call); }
void execute(const IndexAdd& call) { add(call); }
void execute(const Gather& call) { move(call); }
void execute(const ScatterAdd& call) { add(call); }

void execute(const Triangle& call) {
  const auto bytes = static_cast<Index>(size_of(call.type)), row = call.cols * bytes;
  const char* const from = call.x;
  char* const to = call.out;
  for (Index r = 0; r < call.matrices * call.rows; ++r) {
    const Index edge = r % call.rows + call.diagonal;
    const Index first = call.upper ? std::clamp<Index>(edge, 0, call.cols) : 0;
    const Index last = call.upper ? call.cols : std::clamp<Index>(edge + 1, 0, call.cols);
    std::memset(to + r * row, 0, static_cast<std::size_t>(row));
    std::memcpy(to + r * row + first * bytes, from + r * row + first * bytes,
                static_cast<std::size_t>((last - first) * bytes));
  }
}

Index CheckIndices::count() const {
  Index n = 1;
  for (int d = 0; d < rank; ++d) n *= dims[d];
  return n;
}

void execute(const CheckIndices& call) {
  const Index count = call.count();
  for (Index i = 0; i < count; ++i) {
    if (call.index[i] >= call.low && call.index[i] < call.high) [[likely]]
      continue;
    Shape place(call.dims, static_cast<std::size_t>(call.rank));
    Index at = i;
    for (int d = call.rank - 1; d >= 0; --d) {
      place[d] = at % call.dims[d];
      at /= call.dims[d];
    }
    const std::string value = text_of(call.index[i]);
    if (call.axis == CheckIndices::rows_of_weight)
      fail(call.operation, "index ", value, " at element ", i,
           " was given; the weight has rows 0 to ", call.high - 1);
    const std::string given = value + " was given at position " + to_string(place),
                      allowed = compose(call.low, " to ", call.high - 1, " are allowed; ");
    if (call.axis == CheckIndices::classes)
      fail(call.operation, "label ", given, "; ", allowed,
           "raise num_classes or correct the labels");
    fail(call.operation, "index ", given, " for axis ", call.axis, " of length ", call.high, "; ",
         (call.high ? allowed + "check how the indices were made"
                    : "an empty axis has no place to index"));
  }
}

void execute(const OneHot& call) {
  std::memset(call.out, 0, static_cast<std::size_t>(call.count * call.classes) * sizeof(Index));
  for (Index i = 0; i < call.count; ++i) call.out[i * call.classes + call.index[i]] = 1;
}

}  // namespace gradus::kernels
