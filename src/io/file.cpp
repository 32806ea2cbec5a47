#include "gradus/io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "gradus/error.hpp"

namespace gradus::io {
namespace {

[[noreturn]] void fail_errno(const char* operation, const std::string& path, const char* step,
                             int error) {
  fail(operation, path + ": " + step + " failed: " + std::strerror(error));
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

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

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
  return unpack && is_gzip(bytes) ? gunzip(bytes, path, limit) : bytes;
}

std::string gunzip(std::string_view bytes, const std::string& name, std::size_t limit) {
  if (!is_gzip(bytes)) fail("gunzip", name + ": does not begin with 1f 8b; gzip data is required");
  struct Stream : z_stream {
    Stream() : z_stream{} {}
    ~Stream() { inflateEnd(this); }
  } stream;
  if (inflateInit2(&stream, 15 + 16) != Z_OK) fail("gunzip", name + ": zlib has no memory");
  std::string out;
  std::size_t size = 0, used = 0;
  const auto damaged = [&](const std::string& what) {
    fail("gunzip", name + ": " + what + " at compressed byte " +
                       std::to_string(used - stream.avail_in) + " of " +
                       std::to_string(bytes.size()) +
                       "; a whole gzip file is required; copy or download it again");
  };
  bool starved = true;  // the last call wrote all it could
  for (;;) {
    if (stream.avail_in == 0) {
      if (used == bytes.size() && starved) damaged("the data is cut off");
      const std::size_t chunk = std::min<std::size_t>(bytes.size() - used, 1 << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + used));
      stream.avail_in = static_cast<uInt>(chunk);
      used += chunk;
    }
    if (size == out.size()) {
      if (size > limit)
        fail("gunzip", name + ": unpacks to more than " + std::to_string(limit) +
                           " bytes, the limit; unpack it by hand if it is meant to be that large");
      out.resize(std::min(
          std::max<std::size_t>(2 * size, std::min<std::size_t>(4 * bytes.size() + 1024, 1 << 22)),
          limit + 1));
    }
    const std::size_t room = std::min<std::size_t>(out.size() - size, 1 << 30);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    size += room - stream.avail_out;
    starved = stream.avail_out > 0;
    if (status == Z_STREAM_END) {
      const std::size_t at = used - stream.avail_in;
      if (at == bytes.size()) break;
      // A gzip file may hold several members, one behind the other.
      if (!is_gzip(bytes.substr(at))) damaged("bytes that are not gzip follow");
      if (inflateReset2(&stream, 15 + 16) != Z_OK) damaged("a further member is damaged");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      damaged(std::string("damaged data (") + (stream.msg ? stream.msg : "unexpected end") + ")");
    }
  }
  out.resize(size);
  if (size > limit)
    fail("gunzip", name + ": unpacks to more than " + std::to_string(limit) + " bytes, the limit");
  return out;
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  const char* const operation = "write_file";
  static std::atomic<unsigned> serial{0};
  const std::string temporary =
      path + ".tmp" + std::to_string(::getpid()) + "." + std::to_string(serial++);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) fail_errno(operation, temporary, "creating the file", errno);
  const auto give_up = [&](const char* step, int error) {
    ::unlink(temporary.c_str());
    fail_errno(operation, path, step, error);
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
    fail_errno(operation, folder, "flushing the folder", errno);
}

}  // namespace gradus::io
