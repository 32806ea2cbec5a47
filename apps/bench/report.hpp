#pragma once

#include <string>

#include "results.hpp"

namespace bench {

/// The processor, system, compiler of this machine.
Json describe_machine();

/// Writes performance.md and figures/*.svg into `folder` from saved results.
void write_report(const Results& results, const std::string& folder);

}  // namespace bench
