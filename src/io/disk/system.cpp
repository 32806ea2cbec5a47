#include "io/disk/system.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace gradus::io::detail::system {

int (*hook)(const Call& call) = nullptr;

namespace {

bool refused(const Call& call) {
  if (!hook) return false;
  const int error = hook(call);
  errno = error;
  return error != 0;
}

}  // namespace

int open(const std::string& path, int flags, mode_t mode) {
  return refused({"open", path}) ? -1 : ::open(path.c_str(), flags | O_CLOEXEC, mode);
}
ssize_t read(int fd, char* bytes, std::size_t size) {
  return refused({"read", {}, fd}) ? -1 : ::read(fd, bytes, size);
}
ssize_t write(int fd, std::string_view bytes) {
  return refused({"write", bytes, fd}) ? -1 : ::write(fd, bytes.data(), bytes.size());
}
int fsync(int fd) { return refused({"fsync", {}, fd}) ? -1 : ::fsync(fd); }
int close(int fd) {
  const bool failed = refused({"close", {}, fd});
  const int error = errno;
  const int result = ::close(fd);
  if (failed) errno = error;
  return failed ? -1 : result;
}
int ftruncate(int fd, off_t size) {
  return refused({"ftruncate", {}, fd}) ? -1 : ::ftruncate(fd, size);
}
int fchmod(int fd, mode_t mode) { return refused({"fchmod", {}, fd}) ? -1 : ::fchmod(fd, mode); }
int fchown(int fd, uid_t owner, gid_t group) {
  return refused({"fchown", {}, fd}) ? -1 : ::fchown(fd, owner, group);
}
int flock(int fd, int operation) {
  return refused({"flock", {}, fd}) ? -1 : ::flock(fd, operation);
}
int rename(const std::string& from, const std::string& to) {
  return refused({"rename", from}) ? -1 : std::rename(from.c_str(), to.c_str());
}
int unlink(const std::string& path) {
  return refused({"unlink", path}) ? -1 : ::unlink(path.c_str());
}
int mkdir(const std::string& path) {
  return refused({"mkdir", path}) ? -1 : ::mkdir(path.c_str(), 0777);
}
int rmdir(const std::string& path) { return refused({"rmdir", path}) ? -1 : ::rmdir(path.c_str()); }

}  // namespace gradus::io::detail::system
