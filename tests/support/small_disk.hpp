#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "support/files.hpp"

namespace gradus::test {

/// A file system of its own, if this process may have one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size)
      : mounted_(::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) ==
                 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount(folder_.path().c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  /// Takes all the space that is left, less `keep` bytes.
  void fill(std::uintmax_t keep = 0) const {
    const std::string block(4096, 'x');
    std::ofstream filler(*this / "filler", std::ios::binary);
    while (std::filesystem::space(folder_.path()).available > keep &&
           filler.write(block.data(), 4096).flush()) {
    }
  }
  void clear() const { std::filesystem::remove(*this / "filler"); }
  std::string operator/(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
  bool mounted_;
};

}  // namespace gradus::test
