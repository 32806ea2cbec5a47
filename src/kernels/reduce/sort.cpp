#include "kernels/reduce/sort.hpp"

#include <algorithm>
#include <vector>

#include "base/threads.hpp"

namespace gradus::kernels {
namespace {

constexpr Index parallel_from = 16384;

template <class T>
struct Entry {
  T value;
  std::int64_t at;
};

template <class T>
struct Ascending {
  bool operator()(const Entry<T>& a, const Entry<T>& b) const noexcept {
    if (a.value < b.value || (b.value != b.value && a.value == a.value)) return true;
    if (b.value < a.value || (a.value != a.value && b.value == b.value)) return false;
    return a.at < b.at;
  }
};

template <class T>
struct Descending {
  bool operator()(const Entry<T>& a, const Entry<T>& b) const noexcept {
    if (a.value > b.value || (a.value != a.value && b.value == b.value)) return true;
    if (b.value > a.value || (b.value != b.value && a.value == a.value)) return false;
    return a.at < b.at;
  }
};

/// f(entries, out) for each line of x, with out + j inner the place of its j-th result.
template <class T, class F>
void for_lines(const void* from, std::int64_t* index, Index outer, Index axis, Index inner,
               Index count, F f) {
  const T* x = static_cast<const T*>(from);
  const auto line = [&](Index l, std::vector<Entry<T>>& entries) {
    const Index o = l / inner, i = l % inner;
    for (Index a = 0; a < axis; ++a)
      entries[static_cast<std::size_t>(a)] = {x[(o * axis + a) * inner + i], a};
    f(entries, index + o * count * inner + i);
  };
  const auto lines = [&](Index first, Index last) {
    std::vector<Entry<T>> entries(static_cast<std::size_t>(axis));
    for (Index l = first; l < last; ++l) line(l, entries);
  };
  const Index total = outer * inner;
  if (total * axis < parallel_from) return lines(0, total);
  const Index group = axis >= parallel_from ? 1 : parallel_from / (axis < 1 ? 1 : axis);
  parallel_for((total + group - 1) / group, [&](Index g) {
    lines(g * group, (g + 1) * group < total ? (g + 1) * group : total);
  });
}

template <class T, class Before>
void run(const SortPositions& call, Before before) {
  const Index axis = call.axis, inner = call.inner, count = call.count;
  for_lines<T>(call.x, call.index, call.outer, axis, inner, count,
               [=](std::vector<Entry<T>>& entries, std::int64_t* out) {
                 if (count == axis)
                   std::sort(entries.begin(), entries.end(), before);
                 else
                   std::partial_sort(entries.begin(), entries.begin() + count, entries.end(),
                                     before);
                 for (Index j = 0; j < count; ++j)
                   out[j * inner] = entries[static_cast<std::size_t>(j)].at;
               });
}

template <class T>
void run(const SelectPosition& call) {
  const Index rank = call.rank;
  const bool nan_wins = call.nan_wins;
  for_lines<T>(call.x, call.index, call.outer, call.axis, call.inner, 1,
               [=](std::vector<Entry<T>>& entries, std::int64_t* out) {
                 if (nan_wins)
                   for (const Entry<T>& e : entries)
                     if (e.value != e.value) {
                       *out = e.at;
                       return;
                     }
                 const auto nth = entries.begin() + rank;
                 std::nth_element(entries.begin(), nth, entries.end(), Ascending<T>());
                 *out = nth->at;
               });
}

/// f(T()) for the C++ type T of t.
template <class F>
void with_type(DType t, F f) {
  switch (t) {
    case DType::boolean:
      return f(bool());
    case DType::int64:
      return f(std::int64_t());
    case DType::float32:
      return f(float());
    case DType::float64:
      return f(double());
  }
}

}  // namespace

void execute(const SortPositions& call) {
  with_type(call.type, [&]<class T>(T) {
    if (call.descending)
      run<T>(call, Descending<T>());
    else
      run<T>(call, Ascending<T>());
  });
}

void execute(const SelectPosition& call) {
  with_type(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
