#include "kernels/reduce/sort.hpp"

#include <algorithm>
#include <vector>

#include "kernels/pieces.hpp"

namespace gradus::kernels {
namespace {

constexpr Index sort_in_parallel_from = 16384;

template <class T>
struct Entry {
  T value;
  std::int64_t at;
};

/// NaN counts as the largest value.
template <class T>
bool is_less(T a, T b) noexcept {
  return a < b || (b != b && a == a);
}

struct Ascending {
  template <class T>
  bool operator()(const Entry<T>& a, const Entry<T>& b) const noexcept {
    if (is_less(a.value, b.value)) return true;
    return !is_less(b.value, a.value) && a.at < b.at;
  }
};

struct Descending {
  template <class T>
  bool operator()(const Entry<T>& a, const Entry<T>& b) const noexcept {
    if (is_less(b.value, a.value)) return true;
    return !is_less(a.value, b.value) && a.at < b.at;
  }
};

/// f(entries, out) for each line of x, with out + j inner the place of its j-th of `count` results.
template <class T, class Call, class F>
void for_lines(const Call& call, Index count, F f) {
  const T* x = call.x;
  const Index axis = call.of.axis, inner = call.of.inner;
  const auto lines = [&](Index first, Index last) {
    std::vector<Entry<T>> entries(static_cast<std::size_t>(axis));
    for (Index l = first; l < last; ++l) {
      const Index o = l / inner, i = l % inner;
      for (Index a = 0; a < axis; ++a)
        entries[static_cast<std::size_t>(a)] = {x[(o * axis + a) * inner + i], a};
      f(entries, call.index + o * count * inner + i);
    }
  };
  if (call.of.all() < sort_in_parallel_from) return lines(0, call.of.lines());
  in_groups(call.of.lines(), std::max<Index>(1, sort_in_parallel_from / axis), lines);
}

template <class T, class Before>
void run(const SortPositions& call, Before before) {
  for_lines<T>(call, call.count, [&](std::vector<Entry<T>>& entries, Index* out) {
    if (call.count == call.of.axis)
      std::sort(entries.begin(), entries.end(), before);
    else
      std::partial_sort(entries.begin(), entries.begin() + call.count, entries.end(), before);
    for (Index j = 0; j < call.count; ++j)
      out[j * call.of.inner] = entries[static_cast<std::size_t>(j)].at;
  });
}

template <class T>
void run(const SelectPosition& call) {
  for_lines<T>(call, 1, [&](std::vector<Entry<T>>& entries, Index* out) {
    auto found = entries.end();
    if (call.nan_wins)
      found = std::find_if(entries.begin(), entries.end(),
                           [](const Entry<T>& e) { return e.value != e.value; });
    if (found == entries.end()) {
      found = entries.begin() + call.rank;
      std::nth_element(entries.begin(), found, entries.end(), Ascending());
    }
    *out = found->at;
  });
}

}  // namespace

void execute(const SortPositions& call) {
  with_type(call.type, [&]<class T>(T) {
    call.descending ? run<T>(call, Descending()) : run<T>(call, Ascending());
  });
}

void execute(const SelectPosition& call) {
  with_type(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
