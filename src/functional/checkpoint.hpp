// What modules tell of themselves to a function under checkpoint().
#pragma once

#include <memory>

namespace gradus::detail {

/// True while a function under checkpoint() runs in this thread.
bool is_watched();
/// Tells it that what happens depends on *flag, which its recomputation then finds as it is now.
void depend_on(const std::shared_ptr<bool>& flag);

}  // namespace gradus::detail
