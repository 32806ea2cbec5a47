#include "support/audit.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace gradus::test {

namespace {

using kernels::Description;
using kernels::Kind;
using kernels::Operand;
using Bytes = std::vector<std::byte>;

constexpr std::size_t guard = 256;

struct Interval {
  const std::byte *first, *last;
};

/// The memory of the operands, overlapping ones as one interval.
std::vector<Interval> intervals_of(const Description& d) {
  std::vector<Interval> all;
  for (const Operand& o : d.operands)
    if (o.bytes) all.push_back({o.data, o.data + o.bytes});
  std::sort(all.begin(), all.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<Interval> merged;
  for (const Interval& i : all)
    if (!merged.empty() && i.first < merged.back().last)
      merged.back().last = std::max(merged.back().last, i.last);
    else
      merged.push_back(i);
  return merged;
}

/// Whether the address is in memory that can be written.
bool is_writable(const std::byte* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long first = 0, last = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &first, &last, mode) == 3 && first <= at &&
        at < last)
      return mode[1] == 'w';
  }
  return false;
}

/// A call on a copy of its memory.
class Copy {
 public:
  Copy(const Kind& kind, const void* call, const Description& d, std::byte filler,
       const Bytes& fields)
      : intervals_(intervals_of(d)), call_((kind.bytes + 7) / 8) {
    for (const Interval& i : intervals_) {
      Bytes bytes(static_cast<std::size_t>(i.last - i.first) + 2 * guard + 64, filler);
      memory_.push_back(std::move(bytes));
      std::memcpy(place(memory_.size() - 1), i.first, static_cast<std::size_t>(i.last - i.first));
    }
    std::memcpy(call_.data(), call, kind.bytes);
    if (!fields.empty()) {
      auto* bytes = reinterpret_cast<std::byte*>(call_.data());
      for (std::size_t i = 0; i < kind.bytes; ++i) bytes[i] &= fields[i];
    }
    for (std::uint64_t& word : call_) {
      const auto* address = reinterpret_cast<const std::byte*>(word);
      if (std::byte* const moved = at(address))
        word = reinterpret_cast<std::uint64_t>(moved);
      else
        stays_ = stays_ || (!fields.empty() && is_writable(address));
    }
    for (const Operand& o : d.operands)
      if (o.access == Operand::Access::writes && o.bytes && !is_read(d, o))
        std::memset(at(o.data), static_cast<int>(filler), o.bytes);
    before_ = memory_;
  }

  const void* call() const { return call_.data(); }
  /// True if it holds the address of other memory than that of its operands.
  bool points_elsewhere() const { return stays_; }
  std::byte* at(const std::byte* address) {
    for (std::size_t i = 0; i < intervals_.size(); ++i)
      if (intervals_[i].first <= address && address < intervals_[i].last)
        return place(i) + (address - intervals_[i].first);
    return nullptr;
  }
  /// True if the call has changed something else than the operands that it writes.
  bool wrote_elsewhere(const Description& d) {
    for (const Operand& o : d.operands)
      if (o.is_written() && o.bytes)
        for (std::size_t i = 0; i < intervals_.size(); ++i)
          if (std::byte* const to = at(o.data); place(i) <= to && to < place(i) + size(i))
            std::memcpy(before_[i].data() + (to - memory_[i].data()), to, o.bytes);
    return before_ != memory_;
  }

 private:
  static bool is_read(const Description& d, const Operand& written) {
    return std::any_of(d.operands.begin(), d.operands.end(), [&](const Operand& o) {
      return o.is_read() && o.data < written.data + written.bytes &&
             written.data < o.data + o.bytes;
    });
  }
  std::byte* place(std::size_t i) {  // aligned as tensors are
    auto at = reinterpret_cast<std::uintptr_t>(memory_[i].data() + guard);
    return memory_[i].data() + guard + (64 - at % 64) % 64;
  }
  std::size_t size(std::size_t i) const {
    return static_cast<std::size_t>(intervals_[i].last - intervals_[i].first);
  }

  std::vector<Interval> intervals_;
  std::vector<Bytes> memory_, before_;
  std::vector<std::uint64_t> call_;
  bool stays_ = false;
};

/// Whether a part of the elements comes out as it does among all.
bool same_piece(const Kind& kind, Copy& whole, const Description& d) {
  const kernels::Index first = d.elements / 3, count = d.elements - first - d.elements / 4;
  if (count <= 0) return true;
  std::vector<const void*> in;
  const auto offset = [&](const Operand& o) {
    return o.single ? 0 : static_cast<std::size_t>(first) * o.element;
  };
  const Operand& out = d.operands.back();
  std::vector<Bytes> before;  // an input may be what the whole call has written over
  for (std::size_t i = 0; i + 1 < d.operands.size(); ++i)
    before.emplace_back(d.operands[i].data, d.operands[i].data + d.operands[i].bytes);
  for (std::size_t i = 0; i < before.size(); ++i)
    in.push_back(before[i].data() + offset(d.operands[i]));
  Bytes piece(static_cast<std::size_t>(count) * out.element);
  if (d.operands.size() > 1 && d.operands[d.operands.size() - 2].data == out.data)
    std::memcpy(piece.data(), in.back(), piece.size());  // it may be added to
  kind.piece(whole.call(), in.data(), piece.data(), count);
  return std::memcmp(piece.data(), whole.at(out.data) + offset(out), piece.size()) == 0;
}

}  // namespace

void Audit::hear(const Kind& kind, const void* call) {
  kinds_.insert(kind.name);
  if (++heard_[kind.name] > 200) return;
  const kernels::Unheard meanwhile;
  Description d;
  kind.describe(call, d);
  const auto known = fields_.find(kind.name);
  const Bytes& fields = known == fields_.end() ? Bytes() : known->second;
  Copy one(kind, call, d, std::byte{0xff}, fields), two(kind, call, d, std::byte{0x5a}, fields);
  const auto fault = [&](const std::string& text) {
    faults_.push_back(std::string(kind.name) + " " + text);
  };
  if (one.points_elsewhere()) fault("holds the address of memory that it does not name");
  kind.execute(one.call());
  kind.execute(two.call());
  for (const Operand& o : d.operands)
    if (o.is_written() && o.bytes && std::memcmp(one.at(o.data), two.at(o.data), o.bytes) != 0)
      fault(std::string("reads what it does not name as read, or leaves a part of ") + o.name +
            " unwritten");
  if (one.wrote_elsewhere(d)) fault("writes what it does not name as written");
  if (kind.piece && d.elements > 0 && !same_piece(kind, one, d))
    fault("gives other bits for a part of its elements");
}

}  // namespace gradus::test
