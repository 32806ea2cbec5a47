#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/io/file.hpp"

namespace gradus::train {

/// A folder that another run has at this moment.
class RunBusyError : public io::FileError {
 public:
  using io::FileError::FileError;
};

struct RunFolderOptions {
  bool overwrite = false;  ///< a folder that holds a run is replaced by commit()
  double bytes = 0;        ///< that the disk must have left
};

/// The folder that keeps what a run leaves: config.json, model.safetensors, … It is locked as long
/// as the object lives, remembers which files the run wrote, and removes no others.
/// docs/checkpoints.md tells the protocol.
class RunFolder {
 public:
  /// Makes the folder `path`, or, if it is "", runs/`name`-1, -2, …, the first that is not there.
  /// A folder that holds something is refused unless `overwrite`: then files go to a folder beside
  /// it, `path`.new, until commit(); one that holds anything that no run wrote is refused all the
  /// same. Throws RunBusyError if another run has the folder, io::FileError if it cannot be made or
  /// written to, or the disk has less than `bytes` left.
  RunFolder(const std::string& path, const std::string& name, RunFolderOptions options = {});
  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) noexcept;

  /// A folder that is there, to go on in it; one that was to replace another still does so.
  static RunFolder open(const std::string& path);
  /// Finishes an overwrite of `path` that ended halfway, if there is one.
  static void recover(const std::string& path);

  /// Where files go now.
  const std::string& path() const { return path_; }
  /// The folder that commit() replaces, or path().
  const std::string& target() const { return target_; }
  /// True until commit() if another run is in its place.
  bool replaces() const { return path_ != target_; }
  /// The path of a file in it.
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }
  /// Remembers that the run writes these files, before it does. Throws io::FileError for one that
  /// is there and that no run wrote.
  void claim(const std::vector<std::string>& files);
  /// Puts the files in the place of those of the run that is overwritten, one by one, each as a
  /// whole. What ends halfway is finished by the next open() or overwrite.
  void commit();
  /// Removes what a run that failed would leave: a folder with nothing in it still, or the files of
  /// one that was not put in the place of another.
  void discard();
  /// Removes all that the run wrote, and the folders that were made for it, unless they hold
  /// something else.
  void remove();

 private:
  struct Locks;
  RunFolder();
  void prepare(double bytes);
  void stage();

  std::string path_, target_;
  bool made_ = false;
  std::vector<std::string> made_above_ = {};  // folders around it, the innermost first
  std::unique_ptr<Locks> locks_;
};

}  // namespace gradus::train
