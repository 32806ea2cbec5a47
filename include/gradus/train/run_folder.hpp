#pragma once

#include <string>

namespace gradus::train {

/// The folder that keeps what a run leaves: config.json, model.safetensors, …
class RunFolder {
 public:
  /// Makes the folder `path`, or, if it is "", runs/`name`-1, -2, …, the first that is not there.
  /// A folder that holds something is refused unless `overwrite`: then files go to a folder beside
  /// it, `path`.new, until commit(); one that holds anything but the files of a run is refused
  /// all the same. Throws io::FileError if it cannot be made or written to, or
  /// the disk has less than `bytes` left.
  RunFolder(const std::string& path, const std::string& name, bool overwrite, double bytes = 0);

  /// A folder that is there.
  static RunFolder open(const std::string& path) { return RunFolder(path); }

  /// Where files go now.
  const std::string& path() const { return path_; }
  /// True until commit() if another run is in its place.
  bool replaces() const { return path_ != target_; }
  /// Puts the folder in the place of the one that it overwrites.
  void commit();
  /// The path of a file in it.
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }
  /// Removes what a run that failed would leave: a folder that is empty still, or one that was not
  /// put in the place of another.
  void discard();

 private:
  explicit RunFolder(const std::string& path) : path_(path), target_(path) {}

  std::string path_, target_;
  bool made_ = false;
};

}  // namespace gradus::train
