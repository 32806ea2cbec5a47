#pragma once

#include <string>

#include "io/disk/output.hpp"

namespace gradus::train::detail {

/// Has a run folder for this process alone while it lives. The lock is the kernel's: it ends with
/// the process, however that ends, and holds between containers that share the folder.
class FolderLock {
 public:
  static constexpr const char* file_name = ".gradus-lock";

  /// Throws RunBusyError, with who has it, if somebody does.
  explicit FolderLock(const std::string& folder);

 private:
  io::detail::Descriptor file_;
};

}  // namespace gradus::train::detail
