#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::io::detail {

/// Throws FileError "[write_file] path: step failed: reason".
[[noreturn]] void fail_write(const std::string& path, const char* step, int error);

/// An open file, closed at the end of its life.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// What close() answered: the last that a file system may say about what was written.
  int close();
  int release();

 private:
  int fd_ = -1;
};

/// The folder that a path lies in, "." for a bare name.
std::string folder_of(const std::string& path);
/// The part after the last slash.
std::string name_of(const std::string& path);

/// What stands at a path, behind links; false also where that cannot be seen.
bool exists(const std::string& path);
bool is_folder(const std::string& path);

/// What stands where something is to be written, with links followed.
struct Destination {
  enum class Kind {
    replaced,    ///< a regular file, or nothing yet
    through,     ///< a device or a pipe
    descriptor,  ///< one that is open in this process: /dev/stdout, /dev/fd/3
  };
  Kind kind = Kind::replaced;
  std::string path;  ///< behind the links
  int fd = -1;
  bool exists = false;
  struct stat old = {};
};
/// Throws FileError for folders, and for links that lead nowhere.
Destination destination_of(const std::string& path);
/// Opens a device or pipe, or another handle of an open descriptor.
Descriptor open_through(const Destination& to);

/// Writes all of it, however many calls that takes; an errno, or 0.
int write_all(int fd, std::string_view bytes);
/// Makes renames and removals in a folder last. Some file systems cannot, and need not; an errno,
/// or 0.
int sync_folder(const std::string& folder);

/// What stands for a random number where the system gives none: all of its bits differ from those
/// of the last one, and of other processes.
std::uint64_t number_of_moment();
/// Eight letters and digits that no other process has drawn.
std::string random_name();
/// True for what random_name() can give.
bool is_random_name(std::string_view text);

/// Takes a file for this process alone until the descriptor is closed or the process ends, however
/// it does. False if another one has it; true also where the file system knows no locks.
bool try_lock(int fd);

/// A file under a name that nobody has, ".NAME.gradus-xxxxxxxx" beside `path`, locked while it is
/// open. Its name is in `name`. Throws FileError.
Descriptor make_temporary(const std::string& path, mode_t mode, std::string& name);

/// True for names that make_temporary() gives.
bool is_temporary(const std::string& name);

/// Removes from a folder the temporary files of processes that ended before they could.
void remove_stale_temporaries(const std::string& folder);

/// A file that grows at its end. Devices, pipes and open descriptors take the place of one.
class Output {
 public:
  /// `keep` bytes of what is there stay. Throws FileError if it cannot be opened or is shorter.
  explicit Output(const std::string& path, std::int64_t keep = 0);
  /// The same for a file that nobody else has: one that is there already is refused.
  static Output create(const std::string& path);
  /// Throws FileError if it cannot be written.
  void add(std::string_view bytes);
  /// Makes it last. Throws FileError.
  void sync() const;
  int fd() const { return file_.get(); }
  const std::string& path() const { return path_; }

 private:
  Output() = default;

  std::string path_;
  Descriptor file_;
  bool regular_ = true;
};

}  // namespace gradus::io::detail
