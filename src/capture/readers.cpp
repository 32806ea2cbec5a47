#include "capture/readers.hpp"

#include <algorithm>

namespace gradus::detail {

Readers::Readers(const std::vector<kernels::Description>& calls,
                 const std::vector<Arena::Freed>& freed)
    : dropped_(calls.size()) {
  for (const Arena::Freed& f : freed) {
    Block& block = blocks_[f.memory];
    block.last = std::max(block.last, f.memory + f.bytes);
    block.freed.push_back(f.calls);
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const kernels::Operand& operand : calls[i].operands) {
      if (!operand.is_read()) continue;
      const Range range = range_of(operand);
      auto block = blocks_.upper_bound(range.first);
      if (block == blocks_.begin() || range.first >= (--block)->second.last) continue;
      block->second.reads.push_back({i, range});
    }
  }
}

bool Readers::any(const Range& values, std::size_t writer, std::size_t from) const {
  auto found = blocks_.upper_bound(values.first);
  if (found == blocks_.begin()) return true;
  const Block& block = (--found)->second;
  if (values.last > block.last) return true;
  const auto freed = std::upper_bound(block.freed.begin(), block.freed.end(), writer);
  if (freed == block.freed.end()) return true;
  auto read = std::lower_bound(block.reads.begin(), block.reads.end(), from,
                               [](const Read& r, std::size_t call) { return r.call < call; });
  for (; read != block.reads.end() && read->call < *freed; ++read)
    if (!dropped_[read->call] && read->range.meets(values)) return true;
  return false;
}

}  // namespace gradus::detail
