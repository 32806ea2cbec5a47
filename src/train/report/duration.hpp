#pragma once

#include <string>

namespace gradus::train::detail {

/// "0:07", "12:34", "1:02:03"; "" for what is not known (negative).
std::string format_duration(double seconds);

}  // namespace gradus::train::detail
