#pragma once

#include <string>

namespace gradus::train {

/// The folder that keeps what a run leaves: config.json, model.safetensors, …
class RunFolder {
 public:
  /// Makes the folder `path`, or, if it is "", runs/`name`-1, -2, …, the first that is not there.
  /// A folder that holds something is refused unless `overwrite`; it is changed only when a file is
  /// written. Throws io::FileError if it cannot be made or written to, or the disk has less than
  /// `bytes` left.
  RunFolder(const std::string& path, const std::string& name, bool overwrite, double bytes = 0);

  const std::string& path() const { return path_; }
  /// The path of a file in it.
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }
  /// Removes the folder if it was made by this object and is empty still: nothing came of the run.
  void discard_if_empty();

 private:
  std::string path_;
  bool made_ = false;
};

}  // namespace gradus::train
