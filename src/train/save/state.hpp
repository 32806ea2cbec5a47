#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gradus/optim/optimizer.hpp"

namespace gradus::train::detail {

/// The largest whole number of a state: those up to it are exact in float64.
inline constexpr Index most_counted = Index{1} << 53;

/// The entries of a state that was read back. Nobody vouches for them: each is checked before it is
/// used, and what does not fit is refused by name.
class State {
 public:
  static constexpr Index any = -1;

  /// `dtype`: that of all entries, where they have one.
  State(const char* operation, const char* owner, const optim::StateDict& entries,
        std::optional<DType> dtype = {})
      : operation_(operation), owner_(owner), entries_(entries), dtype_(dtype) {}

  bool has(const std::string& key) const { return entries_.contains(key); }
  /// The numbers of an entry, `count` of them.
  std::vector<double> numbers(const std::string& key, Index count = any);
  /// The numbers of a list that grows, which need not be there while it is empty.
  std::vector<double> list(const std::string& key) {
    return has(key) ? numbers(key) : std::vector<double>();
  }
  /// The same as numbers(), whole and within `least` and `most`.
  std::vector<Index> wholes(const std::string& key, Index count, Index least = 0,
                            Index most = most_counted);
  Index whole(const std::string& key, Index least = 0, Index most = most_counted) {
    return wholes(key, 1, least, most)[0];
  }
  /// A number of an entry as a whole one.
  Index whole_of(const std::string& key, double value, Index least = 0,
                 Index most = most_counted) const;
  /// The names of the entries that begin so, in their order.
  std::vector<std::string> names(const std::string& start) const;

  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;
  /// Refuses entries that nobody asked for.
  void finish() const;

 private:
  const char *operation_, *owner_;
  const optim::StateDict& entries_;
  std::optional<DType> dtype_;
  std::set<std::string> taken_;
};

}  // namespace gradus::train::detail
