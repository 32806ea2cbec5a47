#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/messages.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"

namespace gradus::io::detail {
namespace {

constexpr std::string_view mark = ".gradus-";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t random_letters = 8;

bool is_removed(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink == 0;
}

}  // namespace

std::uint64_t number_of_moment() {
  static std::atomic<std::uint64_t> serial{0};
  return static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) +
         0x9e3779b97f4a7c15U * (static_cast<std::uint64_t>(::getpid()) + 65536 * ++serial);
}

std::string random_name() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = number_of_moment();
  std::string name(random_letters, ' ');
  for (char& c : name) {
    c = letters[number % letters.size()];
    number /= letters.size();
  }
  return name;
}

bool is_random_name(std::string_view text) {
  return text.size() == random_letters && text.find_first_not_of(letters) == text.npos;
}

bool try_lock(int fd) {
  int result = 0;
  do result = system::flock(fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result == 0 || (errno != EWOULDBLOCK && errno != EIO);
}

Descriptor make_temporary(const std::string& path, mode_t mode, std::string& name) {
  // Names have a longest length of 255 bytes.
  const std::string start = compose(folder_of(path), "/.", name_of(path).substr(0, 200), mark);
  for (int attempt = 0; attempt < 100; ++attempt) {
    name = start + random_name();
    Descriptor file(system::open(name, O_WRONLY | O_CREAT | O_EXCL, mode));
    if (!file && errno == EEXIST) continue;
    if (!file) fail_write(path, "creating a temporary file beside it", errno);
    // Another process may have found it before it was locked, and taken it for a leftover.
    if (try_lock(file.get()) && !is_removed(file.get())) return file;
    system::unlink(name);
  }
  fail_write(path, "creating a temporary file beside it", EEXIST);
}

bool is_temporary(const std::string& name) {
  if (name.size() < 2 + mark.size() + random_letters || name[0] != '.') return false;
  const std::size_t at = name.size() - random_letters;
  return is_random_name(std::string_view(name).substr(at)) &&
         name.compare(at - mark.size(), mark.size(), mark) == 0;
}

void remove_stale_temporaries(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (!is_temporary(entry.path().filename().string())) continue;
    if (!entry.is_regular_file(ignored) || entry.is_symlink(ignored)) continue;
    const Descriptor file(system::open(entry.path().string(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    // Only what is known to be nobody's: locks have to work here.
    if (file && system::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
      system::unlink(entry.path().string());
  }
}

}  // namespace gradus::io::detail
