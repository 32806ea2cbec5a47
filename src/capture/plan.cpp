#include "capture/plan.hpp"

#include <algorithm>

#include "capture/group.hpp"
#include "capture/readers.hpp"

namespace gradus::detail {
namespace {

using kernels::Description;
using kernels::Operand;

constexpr std::size_t most_calls = 64;

bool same_place(const Operand& a, const Operand& b) {
  return !a.single && !b.single && a.data == b.data && a.element == b.element;
}

/// The operands that an elementwise call reads: all but the last.
template <class F>
bool all_inputs(const Description& call, F f) {
  return std::all_of(call.operands.begin(), call.operands.end() - 1, f);
}

/// Whether one tile of `call` reads nothing that another tile writes, its own or of `writer`.
bool reads_own_tile(const Description& call, const Description& writer) {
  const Operand& out = writer.operands.back();
  return all_inputs(call, [&](const Operand& in) {
    return same_place(in, out) || !range_of(in).meets(range_of(out));
  });
}

/// Whether both can be done tile by tile, one after the other.
bool may_join(const Description& a, const Description& b) {
  const Operand &to_a = a.operands.back(), &to_b = b.operands.back();
  return a.elements == b.elements && reads_own_tile(a, b) && reads_own_tile(b, a) &&
         (same_place(to_a, to_b) || !range_of(to_a).meets(range_of(to_b)));
}

/// Whether a member uses the place, other than to write there if `reads_only`.
bool uses(const Member& member, const Operand& place, bool reads_only) {
  return !all_inputs(member.description, [&](const Operand& in) {
    return !same_place(in, place);
  }) || (!reads_only && same_place(member.out(), place));
}

/// Values that nothing reads outside the group: they need no more memory than a tile.
void mark_passing(std::vector<Member>& group, const std::vector<std::size_t>& index,
                  const Readers& readers, std::size_t end) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Operand out = group[i].out();
    bool passes = !uses(group[i], out, true);
    for (std::size_t k = 0; k < i; ++k) passes = passes && !uses(group[k], out, false);
    if (!passes) continue;  // its first use, or an earlier one, reads what was there
    std::size_t last = i;
    for (std::size_t k = i; k < group.size(); ++k)
      if (same_place(group[k].out(), out)) last = k;
    if (readers.any(range_of(out), index[last], end)) continue;
    for (Member& member : group)
      for (std::size_t k = 0; k < member.passing.size(); ++k)
        member.passing[k] = member.passing[k] || same_place(member.description.operands[k], out);
  }
}

/// Whether nobody reads what the call has written.
bool is_dead(const Description& call, std::size_t i, const Readers& readers) {
  bool writes = false;
  for (const Operand& operand : call.operands) {
    if (!operand.is_written()) continue;
    writes = true;
    if (readers.any(range_of(operand), i, i + 1)) return false;
  }
  return writes;
}

}  // namespace

Plan plan(CallList& recorded, const std::vector<Arena::Freed>& freed) {
  Plan done;
  const std::vector<CallList::Item> items = recorded.items();
  std::vector<Description> calls;
  for (const CallList::Item& item : items) calls.push_back(item.describe());
  Readers readers(calls, freed);
  for (std::size_t i = calls.size(); i-- > 0;)
    if (!items[i].is_work() && is_dead(calls[i], i, readers)) {
      readers.drop(i);
      ++done.dropped;
    }
  CallList planned;
  std::vector<Member> group;
  std::vector<std::size_t> index;  // of the group's members
  const auto flush = [&](std::size_t end) {
    if (group.size() > 1) {
      mark_passing(group, index, readers, end);
      add_group(planned, group);
      done.fused += group.size();
    } else if (group.size() == 1) {
      planned.add(*group[0].item.kind, group[0].item.call, group[0].item.bytes);
    }
    group.clear();
    index.clear();
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (readers.dropped(i)) continue;
    const Description& call = calls[i];
    const bool joins =
        items[i].kind->piece && call.elements > group_tile && reads_own_tile(call, call);
    if (!joins || group.size() == most_calls ||
        !std::all_of(group.begin(), group.end(),
                     [&](const Member& member) { return may_join(member.description, call); }))
      flush(i);
    if (joins) {
      group.push_back({items[i], call, std::vector<bool>(call.operands.size())});
      index.push_back(i);
    } else {
      planned.add(*items[i].kind, items[i].call, items[i].bytes);
    }
  }
  flush(calls.size());
  recorded.replace_calls(std::move(planned));
  return done;
}

}  // namespace gradus::detail
