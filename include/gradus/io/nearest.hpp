#pragma once

#include <string>
#include <vector>

namespace gradus::io {

/// Which of `names` is most like `name`, for messages that say what may have been meant: the fewest
/// letters to add, leave out or change (Levenshtein). The first of those that are equally near; ""
/// if there are none.
std::string nearest(const std::string& name, const std::vector<std::string>& names);

}  // namespace gradus::io
