#pragma once

#include <map>
#include <vector>

#include "base/pool.hpp"
#include "capture/call_list.hpp"

namespace gradus::detail {

struct Range {
  const std::byte *first, *last;
  bool meets(const Range& other) const { return first < other.last && other.first < last; }
};
inline Range range_of(const kernels::Operand& operand) {
  return {operand.data, operand.data + operand.bytes};
}

/// Who reads the values of a step, call by call: what the calls say of themselves.
class Readers {
 public:
  Readers(const std::vector<kernels::Description>& calls, const std::vector<Arena::Freed>& freed);

  /// Whether something from call `from` on may read what call `writer` has written there.
  bool any(const Range& values, std::size_t writer, std::size_t from) const;
  void drop(std::size_t call) { dropped_[call] = true; }
  bool dropped(std::size_t call) const { return dropped_[call]; }

 private:
  struct Read {
    std::size_t call;
    Range range;
  };
  struct Block {
    const std::byte* last = nullptr;
    std::vector<std::size_t> freed;
    std::vector<Read> reads;
  };
  std::map<const std::byte*, Block> blocks_;
  std::vector<bool> dropped_;
};

}  // namespace gradus::detail
