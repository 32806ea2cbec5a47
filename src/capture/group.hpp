#pragma once

#include <vector>

#include "capture/call_list.hpp"

namespace gradus::detail {

/// Elements of a tile: some operands of it fit into the first cache.
constexpr kernels::Index group_tile = 2048;

/// An elementwise call that is to be made tile by tile with others. Of its operands the last is the
/// result.
struct Member {
  CallList::Item item;
  kernels::Description description;
  std::vector<bool> passing;  // operands that nothing reads after their tile: every tile may use
                              // the same place
  kernels::Operand& out() { return description.operands.back(); }
  const kernels::Operand& out() const { return description.operands.back(); }
};

/// Makes the calls of the members one call.
void add_group(CallList& to, const std::vector<Member>& members);

}  // namespace gradus::detail
