#include "gradus/io/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"
#include "io/gzip.hpp"

namespace gradus::io {
namespace {

using detail::Descriptor;
using detail::Destination;
using detail::fail_write;
namespace sys = detail::system;

[[noreturn]] void fail_errno(const char* operation, const std::string& path, const char* step,
                             int error) {
  fail(operation, printable(path), ": ", step, " failed: ", std::strerror(error));
}

/// The most that is read from what has no size: pipes, terminals, the files of /proc.
constexpr std::size_t stream_limit = std::size_t{1} << 30;

/// A device such as /dev/zero never ends; what is typed does, and so does /dev/null.
bool is_endless(int fd, const struct stat& info) {
  struct stat null {};
  const bool is_null = ::stat("/dev/null", &null) == 0 && null.st_rdev == info.st_rdev;
  return S_ISBLK(info.st_mode) || (S_ISCHR(info.st_mode) && ::isatty(fd) == 0 && !is_null);
}

/// The size of a regular file, 0 where there is none; throws for what cannot be read as a whole.
std::size_t size_to_read(const std::string& path, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail_errno("read_file", path, "fstat", errno);
  if (S_ISDIR(info.st_mode))
    fail("read_file", path, ": is a folder; the path of a file is required");
  if (is_endless(fd, info))
    fail("read_file", path,
         ": is a device; a regular file or a pipe, which have an end, is "
         "required; is it the path that was meant?");
  const std::size_t size = S_ISREG(info.st_mode) && info.st_size > 0
                               ? static_cast<std::size_t>(info.st_size)
                               : std::size_t{0};
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const std::size_t memory =
      static_cast<std::size_t>(std::max(pages, 0L)) * static_cast<std::size_t>(std::max(page, 0L));
  if (memory > 0 && size > memory)
    fail("read_file", path, ": has ", size, " bytes; less than the ", memory,
         " bytes of this machine's memory are required; is it the file that was "
         "meant?");
  return size;
}

/// The new file gets owner, group and permissions of the old one, as far as this process may give
/// them; a file of another owner runs as nobody else. Answers errno or 0.
int take_over(int fd, const struct stat& old) {
  mode_t mode = old.st_mode & 07777;
  struct stat made {};
  if (::fstat(fd, &made) != 0) return errno;
  if ((made.st_uid != old.st_uid || made.st_gid != old.st_gid) &&
      sys::fchown(fd, old.st_uid, old.st_gid) != 0) {
    mode &= 0777;
    if (made.st_gid != old.st_gid)
      static_cast<void>(sys::fchown(fd, static_cast<uid_t>(-1), old.st_gid));
  }
  return sys::fchmod(fd, mode) != 0 ? errno : 0;
}

/// A regular file, or none yet.
void replace(const std::string& path, const Destination& to, std::string_view bytes) {
  if (to.exists && ::faccessat(AT_FDCWD, to.path.c_str(), W_OK, AT_EACCESS) != 0)
    fail_write(path, "replacing the file, which may not be written,", errno);
  std::string temporary;
  Descriptor file =
      detail::make_temporary(to.path, to.exists ? to.old.st_mode & 0777 : 0666, temporary);
  const auto give_up = [&](const char* step, int error) {
    sys::unlink(temporary);
    fail_write(path, step, error);
  };
  if (const int error = detail::write_all(file.get(), bytes)) give_up("writing", error);
  if (to.exists)
    if (const int error = take_over(file.get(), to.old)) give_up("keeping the permissions", error);
  if (sys::fsync(file.get()) != 0) give_up("flushing", errno);
  // While it is open it is locked: nobody takes it for a leftover.
  if (sys::rename(temporary, to.path) != 0) give_up("renaming", errno);
  if (file.close() != 0) fail_write(path, "closing", errno);
  const std::string folder = detail::folder_of(to.path);
  if (const int error = detail::sync_folder(folder))
    fail_write(folder, "flushing the folder", error);
}

}  // namespace

std::string read_file(const std::string& path, ReadOptions options) {
  const Descriptor file(sys::open(path, O_RDONLY));
  if (file.get() < 0) {
    const int error = errno;
    fail("read_file", path, ": ", std::strerror(error), "; a readable file is required",
         (error == ENOENT ? "; check the spelling and the current folder" : ""));
  }
  // A file may grow meanwhile: its size is a first guess only.
  const std::size_t guess = size_to_read(path, file.get());
  const std::size_t most = guess + std::min(options.limit, stream_limit);
  std::string bytes(guess > 0 ? guess + 1 : 4096, '\0');
  std::size_t size = 0;
  for (;;) {
    // Room for one byte more than there may be shows that there is more.
    if (size == bytes.size()) bytes.resize(std::min(most + 1, 2 * size));
    const ssize_t got = sys::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("read_file", path, "reading", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > most)
      fail("read_file", path, ": does not end after ", most,
           " bytes; at most so many are read; write the data to a file first");
  }
  bytes.resize(size);
  return options.unpack && detail::is_gzip(bytes) ? gunzip(bytes, path, options.limit) : bytes;
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  const Destination to = detail::destination_of(path);
  if (to.kind == Destination::Kind::replaced) return replace(path, to, bytes);
  Descriptor file = detail::open_through(to);
  if (const int error = detail::write_all(file.get(), bytes)) fail_write(path, "writing", error);
  if (file.close() != 0) fail_write(path, "closing", errno);
}

}  // namespace gradus::io
