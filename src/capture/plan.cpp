#include "capture/plan.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "kernels/loops.hpp"

namespace gradus::detail {
namespace {

using kernels::Index;

/// Elements of a tile: some operands of it fit into the first cache.
constexpr Index group_tile = 2048;
constexpr std::size_t most_calls = 64;

// ------------------------------------------------------------------ memory

struct Range {
  const std::byte *first, *last;
  bool meets(const Range& other) const { return first < other.last && other.first < last; }
};

Range range_of(const Operand& operand, Index n) {
  const auto* first = static_cast<const std::byte*>(operand.data);
  return {first, first + operand.bytes * static_cast<std::size_t>(operand.single ? 1 : n)};
}

/// Who reads the values of the step, call by call.
class Readers {
 public:
  Readers(const std::vector<Tape::Call>& calls, const std::vector<Arena::Freed>& freed);

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
  using Blocks = std::map<const std::byte*, Block>;
  /// The block that holds a byte, or end.
  Blocks::iterator block_of(const std::byte* at) {
    auto block = blocks_.upper_bound(at);
    if (block == blocks_.begin() || at >= (--block)->second.last) return blocks_.end();
    return block;
  }

  Blocks blocks_;
  std::vector<std::size_t> functions_;  // which may read all that is not freed
  std::vector<bool> dropped_;
};

Readers::Readers(const std::vector<Tape::Call>& calls, const std::vector<Arena::Freed>& freed)
    : dropped_(calls.size()) {
  for (const Arena::Freed& f : freed) {
    Block& block = blocks_[f.memory];
    block.last = std::max(block.last, f.memory + f.bytes);
    block.freed.push_back(f.calls);
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Tape::Call& call = calls[i];
    if (call.kind == Tape::Kind::function) functions_.push_back(i);
    if (call.description) {
      for (std::uint32_t k = 0; k < call.description->inputs; ++k) {
        const Range range = range_of(call.description->in[k], call.description->n);
        if (const auto block = block_of(range.first); block != blocks_.end())
          block->second.reads.push_back({i, range});
      }
      continue;
    }
    // Whatever looks like a pointer into a block is one.
    for (std::size_t at = 0; at + sizeof(void*) <= call.bytes; at += sizeof(void*)) {
      const std::byte* pointer;
      std::memcpy(&pointer, call.data + at, sizeof pointer);
      if (const auto block = block_of(pointer); block != blocks_.end())
        block->second.reads.push_back({i, {block->first, block->second.last}});
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
  const auto function = std::lower_bound(functions_.begin(), functions_.end(), from);
  if (function != functions_.end() && *function < *freed) return true;
  auto read = std::lower_bound(block.reads.begin(), block.reads.end(), from,
                               [](const Read& r, std::size_t call) { return r.call < call; });
  for (; read != block.reads.end() && read->call < *freed; ++read)
    if (!dropped_[read->call] && read->range.meets(values)) return true;
  return false;
}

// ------------------------------------------------------------------ groups

/// Followed in memory by its calls.
struct Group {
  Index n;
  std::size_t calls;
};

const void* place(const Operand& operand, Index first, Index at) {
  if (operand.single) return operand.data;
  return static_cast<const std::byte*>(operand.data) +
         (operand.passing ? first : at) * static_cast<Index>(operand.bytes);
}

void run_group(const void* self) {
  const auto& group = *static_cast<const Group*>(self);
  const auto* const calls = reinterpret_cast<const Elementwise*>(&group + 1);
  kernels::tiled(group.n, [&](Index first, Index count) {
    for (Index at = first; at < first + count; at += group_tile) {
      const Index elements = std::min(group_tile, first + count - at);
      for (const Elementwise* call = calls; call != calls + group.calls; ++call) {
        const void* in[3];
        for (std::uint32_t k = 0; k < call->inputs; ++k) in[k] = place(call->in[k], first, at);
        call->run(call->f, in, const_cast<void*>(place(call->out, first, at)), elements);
      }
    }
  });
}

bool same_place(const Operand& a, const Operand& b) {
  return !a.single && !b.single && a.data == b.data && a.bytes == b.bytes;
}

/// Whether one tile of `call` reads nothing that another tile writes, its own or of `writer`.
bool reads_own_tile(const Elementwise& call, const Elementwise& writer) {
  return std::all_of(call.in, call.in + call.inputs, [&](const Operand& in) {
    return same_place(in, writer.out) || !range_of(in, call.n).meets(range_of(writer.out, call.n));
  });
}

/// Whether both can be done tile by tile, one after the other.
bool may_join(const Elementwise& a, const Elementwise& b) {
  return reads_own_tile(a, b) && reads_own_tile(b, a) &&
         (same_place(a.out, b.out) || !range_of(a.out, a.n).meets(range_of(b.out, b.n)));
}

struct Member {
  Elementwise call;
  std::size_t index;
};

/// Values that nothing reads outside the group: they need no more memory than a tile.
void mark_passing(std::vector<Member>& group, const Readers& readers, std::size_t end) {
  const auto uses = [](const Elementwise& call, const Operand& at, bool and_writes) {
    return std::any_of(call.in, call.in + call.inputs,
                       [&](const Operand& in) { return same_place(in, at); }) ||
           (and_writes && same_place(call.out, at));
  };
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Operand out = group[i].call.out;
    bool passes = !uses(group[i].call, out, false);
    for (std::size_t k = 0; k < i; ++k) passes = passes && !uses(group[k].call, out, true);
    if (!passes) continue;  // its first use, or an earlier one, reads what was there
    std::size_t last = i;
    for (std::size_t k = i; k < group.size(); ++k)
      if (same_place(group[k].call.out, out)) last = k;
    if (readers.any(range_of(out, group[i].call.n), group[last].index, end)) continue;
    for (Member& member : group) {
      for (Operand& in : member.call.in) in.passing = in.passing || same_place(in, out);
      if (same_place(member.call.out, out)) member.call.out.passing = true;
    }
  }
}

void append(Tape& to, const std::vector<Member>& group) {
  std::vector<std::byte> bytes(sizeof(Group) + group.size() * sizeof(Elementwise));
  const Group head{group[0].call.n, group.size()};
  std::memcpy(bytes.data(), &head, sizeof head);
  for (std::size_t i = 0; i < group.size(); ++i)
    std::memcpy(&bytes[sizeof head + i * sizeof(Elementwise)], &group[i].call, sizeof(Elementwise));
  to.append(run_group, Tape::Kind::any, bytes.data(), bytes.size());
}

}  // namespace

Plan plan(Tape& recorded, const std::vector<Arena::Freed>& freed) {
  Plan done;
  const std::vector<Tape::Call> calls = recorded.list();
  Readers readers(calls, freed);
  for (std::size_t i = calls.size(); i-- > 0;)
    if (const Elementwise* call = calls[i].description;
        call && !readers.any(range_of(call->out, call->n), i, i + 1)) {
      readers.drop(i);
      ++done.dropped;
    }
  Tape planned;
  std::vector<Member> group;
  const auto alone = [&planned](const Tape::Call& call) {  // without its description
    const bool function = call.kind == Tape::Kind::function;
    planned.append(call.call, function ? call.kind : Tape::Kind::any, call.data, call.bytes);
  };
  const auto flush = [&](std::size_t end) {
    if (group.size() > 1) {
      mark_passing(group, readers, end);
      append(planned, group);
      done.fused += group.size();
    } else if (group.size() == 1) {
      alone(calls[group[0].index]);
    }
    group.clear();
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (readers.dropped(i)) continue;
    const Elementwise* const call = calls[i].description;
    const bool joins = call && call->n > group_tile && reads_own_tile(*call, *call);
    if (!joins || group.size() == most_calls ||
        !std::all_of(group.begin(), group.end(), [&](const Member& member) {
          return member.call.n == call->n && may_join(member.call, *call);
        }))
      flush(i);
    if (joins)
      group.push_back({*call, i});
    else
      alone(calls[i]);
  }
  flush(calls.size());
  recorded.replace_calls(std::move(planned));
  return done;
}

}  // namespace gradus::detail
