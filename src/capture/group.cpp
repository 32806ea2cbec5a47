#include "capture/group.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/loops.hpp"

namespace gradus::detail {
namespace {

using kernels::Description;
using kernels::Index;
using kernels::Kind;
using kernels::Operand;

constexpr std::size_t most_inputs = 3;

/// In memory a group is its head, its parts, and behind these the calls of the parts.
struct Group {
  Index n;
  std::size_t count;
};
struct Place {
  std::byte* data;
  std::uint32_t element;
  bool single, passing;
  void* at(Index first, Index element_at) const {
    if (single) return data;
    return data + (passing ? first : element_at) * static_cast<Index>(element);
  }
};
struct Part {
  const Kind* kind;
  std::size_t inputs;
  Place in[most_inputs], out;
  std::size_t call;  // where it is, from the group on
};

const Part* parts_of(const Group& group) { return reinterpret_cast<const Part*>(&group + 1); }
const void* call_of(const Group& group, const Part& part) {
  return reinterpret_cast<const std::byte*>(&group) + part.call;
}

void execute_group(const void* call) {
  const auto& group = *static_cast<const Group*>(call);
  const Part* const parts = parts_of(group);
  kernels::tiled(group.n, [&](Index first, Index count) {
    for (Index at = first; at < first + count; at += group_tile) {
      const Index elements = std::min(group_tile, first + count - at);
      for (const Part* part = parts; part != parts + group.count; ++part) {
        const void* in[most_inputs];
        for (std::size_t k = 0; k < part->inputs; ++k) in[k] = part->in[k].at(first, at);
        part->kind->piece(call_of(group, *part), in, part->out.at(first, at), elements);
      }
    }
  });
}

void describe_group(const void* call, Description& d) {
  const auto& group = *static_cast<const Group*>(call);
  for (std::size_t i = 0; i < group.count; ++i) {
    const Part& part = parts_of(group)[i];
    part.kind->describe(call_of(group, part), d);
  }
  d.elementwise(group.n);
}

constexpr Kind group_kind{"fused", 0, execute_group, describe_group, nullptr};

}  // namespace

void add_group(CallList& to, const std::vector<Member>& members) {
  const std::size_t head = sizeof(Group) + members.size() * sizeof(Part);
  std::vector<std::byte> bytes(head);
  const Group group{members.front().description.elements, members.size()};
  std::memcpy(bytes.data(), &group, sizeof group);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    const auto place = [&](std::size_t k) {
      const Operand& o = member.description.operands[k];
      return Place{const_cast<std::byte*>(o.data), o.element, o.single, member.passing[k]};
    };
    Part part{member.item.kind, member.description.operands.size() - 1, {}, {}, bytes.size()};
    for (std::size_t k = 0; k < part.inputs; ++k) part.in[k] = place(k);
    part.out = place(part.inputs);
    std::memcpy(&bytes[sizeof group + i * sizeof part], &part, sizeof part);
    const auto* call = static_cast<const std::byte*>(member.item.call);
    bytes.insert(bytes.end(), call, call + member.item.bytes);
  }
  to.add(group_kind, bytes.data(), bytes.size());
}

}  // namespace gradus::detail
