#pragma once

// The calls of the operating system through which files and folders are changed. Tests put a hook
// in front of them, to let each of them fail, or the process end there.

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace gradus::io::detail::system {

/// A call that is about to be made: its name, what it is about (a path; the bytes of a write), and
/// its descriptor or -1.
struct Call {
  const char* name;
  std::string_view what;
  int fd = -1;
};

/// Null, or asked before every call: 0 lets it happen, anything else is the errno with which it
/// fails instead.
extern int (*hook)(const Call& call);

// As the calls of the same names; -1 and errno if they fail.
int open(const std::string& path, int flags, mode_t mode = 0);
ssize_t read(int fd, char* bytes, std::size_t size);
ssize_t write(int fd, std::string_view bytes);
int fsync(int fd);
int close(int fd);
int ftruncate(int fd, off_t size);
int fchmod(int fd, mode_t mode);
int fchown(int fd, uid_t owner, gid_t group);
int flock(int fd, int operation);
int rename(const std::string& from, const std::string& to);
int unlink(const std::string& path);
int mkdir(const std::string& path);
int rmdir(const std::string& path);

}  // namespace gradus::io::detail::system
