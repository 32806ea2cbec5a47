#include "train/save/folder/folder_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "base/messages.hpp"
#include "gradus/train/run_folder.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"

namespace gradus::train::detail {
namespace {

namespace sys = io::detail::system;

std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') host = {'?'};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::array<char, 40> since{};
  std::strftime(since.data(), since.size(), "%Y-%m-%d %H:%M:%S UTC", ::gmtime_r(&now, &utc));
  return compose("process ", ::getpid(), " on ", host.data(), " since ", since.data(), "\n");
}

/// What the one who has the file wrote into it.
std::string holder(int fd) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  std::string name(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  name = name.substr(0, name.find('\n'));
  return name.empty() ? "another process" : printable(name);
}

}  // namespace

FolderLock::FolderLock(const std::string& folder) {
  const std::string path = compose(folder, "/", file_name);
  file_ = io::detail::Descriptor(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (!file_) io::detail::fail_write(path, "opening", errno);
  if (!io::detail::try_lock(file_.get())) {
    if (errno != EWOULDBLOCK) io::detail::fail_write(path, "locking", errno);
    throw RunBusyError("[run_folder] " + printable(folder) + ": is in use by " +
                       holder(file_.get()) +
                       "; a folder that no other run has is required; wait until that one ends, or "
                       "end it");
  }
  if (sys::ftruncate(file_.get(), 0) != 0) io::detail::fail_write(path, "writing", errno);
  if (const int error = io::detail::write_all(file_.get(), own_name()))
    io::detail::fail_write(path, "writing", error);
}

}  // namespace gradus::train::detail
