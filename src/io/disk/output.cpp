#include "io/disk/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "gradus/io/file.hpp"
#include "io/disk/system.hpp"

namespace gradus::io::detail {

void fail_write(const std::string& path, const char* step, int error) {
  throw FileError(
      "[write_file] " + printable(path) + ": " + step + " failed: " + std::strerror(error) +
      (error == ENOSPC || error == EDQUOT ? "; free some space, or write elsewhere"
                                          : "; a place that can be written is required"));
}

// ---- descriptors -------------------------------------------------------------------------------

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
int Descriptor::close() { return system::close(release()); }
int Descriptor::release() { return std::exchange(fd_, -1); }

// ---- where to ----------------------------------------------------------------------------------

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}
bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}
bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

namespace {

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : "";
}

/// The number of an open descriptor of this process if that is what the path names: the links in
/// /proc/self/fd lead to files, but opening them again would begin at the files' beginning.
int own_descriptor(const std::string& path) {
  const std::string name = name_of(path);
  if (name.empty() || name.size() > 9 || name.find_first_not_of("0123456789") != std::string::npos)
    return -1;
  const std::string folder = real_path(folder_of(path));
  if (folder.empty() || !folder.ends_with("/fd")) return -1;
  for (const char* own : {"/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"})
    if (folder == real_path(own)) return std::atoi(name.c_str());
  return -1;
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  if (size <= 0) return "";
  const std::string target(text.data(), static_cast<std::size_t>(size));
  return target[0] == '/' ? target : folder_of(path) + "/" + target;
}

}  // namespace

Destination destination_of(const std::string& path) {
  Destination to{.path = path};
  for (int links = 0;; ++links) {
    if (to.path.empty() || to.path.back() == '/')
      throw FileError("[write_file] \"" + printable(path) +
                      "\" names no file; the path of a file is required");
    if (to.fd = own_descriptor(to.path); to.fd >= 0) {
      to.kind = Destination::Kind::descriptor;
      return to;
    }
    struct stat info {};
    if (::lstat(to.path.c_str(), &info) != 0) {
      if (errno == ENOENT) return to;  // or the folder is missing, which creating the file tells
      fail_write(path, "looking at it", errno);
    }
    if (!S_ISLNK(info.st_mode)) {
      to.exists = true;
      to.old = info;
      break;
    }
    if (links == 40) fail_write(path, "following the links", ELOOP);
    to.path = link_target(to.path);
  }
  if (S_ISDIR(to.old.st_mode))
    throw FileError("[write_file] " + printable(path) +
                    ": is a folder; the path of a file is required");
  if (!S_ISREG(to.old.st_mode)) to.kind = Destination::Kind::through;
  return to;
}

Descriptor open_through(const Destination& to) {
  int fd = -1;
  if (to.kind == Destination::Kind::descriptor) {
    std::fflush(nullptr);  // what was printed before comes before
    fd = ::fcntl(to.fd, F_DUPFD_CLOEXEC, 3);
  } else {
    do fd = system::open(to.path, O_WRONLY | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
  }
  if (fd < 0) fail_write(to.path, "opening", errno);
  return Descriptor(fd);
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = system::write(fd, bytes.substr(0, 1 << 30));
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno == EAGAIN) {  // a pipe that does not block
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int sync_folder(const std::string& folder) {
  const Descriptor directory(system::open(folder, O_RDONLY | O_DIRECTORY));
  if (!directory) return errno == EACCES ? 0 : errno;  // one may write where one may not look
  if (system::fsync(directory.get()) == 0) return 0;
  return errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : errno;
}

// ---- files that grow ---------------------------------------------------------------------------

Output::Output(const std::string& path, std::int64_t keep) : path_(path) {
  const Destination to = destination_of(path);
  regular_ = to.kind == Destination::Kind::replaced;
  if (!regular_) {
    file_ = open_through(to);
    return;
  }
  file_ = Descriptor(
      system::open(to.path, O_WRONLY | O_CREAT | O_NOCTTY | (keep > 0 ? 0 : O_TRUNC), 0666));
  if (!file_) fail_write(path, "opening", errno);
  if (keep == 0) return;
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0 || info.st_size < keep)
    throw FileError("[write_file] " + printable(path) + ": the file is shorter than the " +
                    text_of(keep) +
                    " bytes that it had when the checkpoint was saved; is it another run's?");
  if (system::ftruncate(file_.get(), keep) != 0 || ::lseek(file_.get(), 0, SEEK_END) < 0)
    fail_write(path, "cutting it to its length", errno);
}

Output Output::create(const std::string& path) {
  Output out;
  out.path_ = path;
  out.file_ = Descriptor(system::open(path, O_WRONLY | O_CREAT | O_EXCL, 0666));
  if (!out.file_) fail_write(path, "creating the file", errno);
  return out;
}

void Output::add(std::string_view bytes) {
  if (const int error = write_all(file_.get(), bytes)) fail_write(path_, "writing", error);
}

void Output::sync() const {
  if (regular_ && system::fsync(file_.get()) != 0) fail_write(path_, "flushing", errno);
}

}  // namespace gradus::io::detail
