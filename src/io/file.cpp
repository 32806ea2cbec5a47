#include "gradus/io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "gradus/error.hpp"
#include "io/gzip.hpp"

namespace gradus::io {
namespace {

[[noreturn]] void fail_errno(const char* operation, const std::string& path, const char* step,
                             int error) {
  fail(operation, path + ": " + step + " failed: " + std::strerror(error));
}

[[noreturn]] void fail_write(const std::string& path, const char* step, int error) {
  throw FileError("[write_file] " + path + ": " + step + " failed: " + std::strerror(error));
}

/// An open file, closed at the end of its life.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd);
  }

 private:
  int fd_;
};

}  // namespace

std::string read_file(const std::string& path, bool unpack, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    const int error = errno;
    fail("read_file", path + ": " + std::strerror(error) + "; a readable file is required" +
                          (error == ENOENT ? "; check the spelling and the current folder" : ""));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_errno("read_file", path, "fstat", errno);
  if (S_ISDIR(info.st_mode))
    fail("read_file", path + ": is a folder; the path of a file is required");
  // A pipe has no size, and a file may grow: the size is a first guess only.
  std::string bytes(static_cast<std::size_t>(std::max<off_t>(info.st_size, 0)) + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    if (size == bytes.size()) bytes.resize(2 * size);
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("read_file", path, "reading", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return unpack && detail::is_gzip(bytes) ? gunzip(bytes, path, limit) : bytes;
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  static std::atomic<unsigned> serial{0};
  const std::string temporary = path + ".tmp" + text_of(::getpid()) + "." + text_of(serial++);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) fail_write(temporary, "creating the file", errno);
  const auto give_up = [&](const char* step, int error) {
    ::unlink(temporary.c_str());
    fail_write(path, step, error);
  };
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = ::write(file.get(), bytes.data() + done,
                                  std::min<std::size_t>(bytes.size() - done, 1 << 30));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) give_up("writing", errno);
    done += static_cast<std::size_t>(wrote);
  }
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0 && ::fchmod(file.get(), old.st_mode & 07777) != 0)
    give_up("keeping the permissions", errno);
  if (::fsync(file.get()) != 0) give_up("flushing", errno);
  if (file.close() != 0) give_up("closing", errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up("renaming", errno);

  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot flush a folder; the new contents are in place all the same.
  if (directory.get() >= 0 && ::fsync(directory.get()) != 0 && errno != EINVAL && errno != EROFS)
    fail_write(folder, "flushing the folder", errno);
}

}  // namespace gradus::io
