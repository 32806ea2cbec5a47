#pragma once

#include <string>

/// Throws UsageError if --out is a file of the model or run at `path`, or the file of the data:
/// what is read is not to be replaced by what is written.
void require_elsewhere(const std::string& out, const std::string& path,
                       const std::string& data = "");
