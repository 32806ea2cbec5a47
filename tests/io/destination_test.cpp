// Where files are written to: what is there is replaced only if it is a file.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <future>

#include "gradus/gradus.hpp"
#include "gradus/io/npy.hpp"
#include "gradus/io/safetensors.hpp"
#include "gradus/train.hpp"
#include "gradus/train/logs.hpp"
#include "io/disk/output.hpp"
#include "support/catch.hpp"
#include "support/failing_calls.hpp"
#include "support/files.hpp"

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

struct stat status_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info;
}

/// Every writer of the library, by name.
std::vector<std::pair<const char*, std::function<void(const std::string&)>>> writers() {
  const Tensor x = tensor({{1.0f, 2.0f}});
  return {
      {"file", [](const std::string& path) { io::write_file_atomically(path, "text"); }},
      {"npy", [x](const std::string& path) { io::write_npy(path, x); }},
      {"npz",
       [x](const std::string& path) {
         io::write_npz(path, {{"x", x}});
       }},
      {"safetensors",
       [x](const std::string& path) {
         io::write_safetensors(path, {{"x", x}});
       }},
      {"checkpoint",
       [](const std::string& path) {
         train::save_checkpoint(path, {.weights = {{"w", zeros({2})}}, .optimizer = "sgd"});
       }},
      {"report", [](const std::string& path) { train::write_report(path, {}); }},
      {"explain",
       [](const std::string& path) {
         manual_seed(1);
         nn::MLP model({2, 2});
         train::write_explain(
             path, model, tensor({{1.0f, 2.0f}}), full({1}, 1, int64),
             [](const Tensor& out, const Tensor& y) { return cross_entropy(out, y); });
       }},
  };
}

}  // namespace

TEST_CASE("every writer follows links, and the links stay") {
  for (const auto& [name, write] : writers()) {
    INFO(name);
    const TemporaryFolder folder;
    fs::create_directory(folder / "d");
    write_bytes(folder / "d/file", "old");
    fs::create_symlink("d/file", folder / "link");
    fs::create_symlink(folder / "link", folder / "second");
    fs::create_symlink("d/new", folder / "ahead");
    write(folder / "second");
    write(folder / "ahead");
    for (const char* link : {"second", "link", "ahead"}) CHECK(fs::is_symlink(folder / link));
    CHECK(read_bytes(folder / "d/file").size() > 3);
    CHECK(S_ISREG(status_of(folder / "d/file").st_mode));
    CHECK(S_ISREG(status_of(folder / "d/new").st_mode));
    CHECK(files_in(folder / "d") == 2);
    CHECK(files_in(folder.path()) == 4);
  }
}

TEST_CASE("every writer writes through pipes and devices") {
  for (const auto& [name, write] : writers()) {
    INFO(name);
    const TemporaryFolder folder;
    write(folder / "file");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    auto reader = std::async(std::launch::async, [&] { return read_bytes(folder / "pipe"); });
    write(folder / "pipe");
    const std::string expected = read_bytes(folder / "file");
    CHECK(reader.get().size() == expected.size());
    CHECK(S_ISFIFO(status_of(folder / "pipe").st_mode));
    write("/dev/null");
    CHECK(S_ISCHR(status_of("/dev/null").st_mode));
    if (fs::exists("/dev/full")) {
      CHECK_THROWS_WITH(write("/dev/full"), contains("[write_file] /dev/full: writing failed"));
      CHECK(S_ISCHR(status_of("/dev/full").st_mode));
    }
    CHECK(files_in(folder.path()) == 2);
  }
}

TEST_CASE("an open descriptor is written to where it stands, whatever is behind it") {
  const TemporaryFolder folder;
  write_bytes(folder / "log", "before\n");
  const int fd = ::open((folder / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(fd > 2);
  for (const std::string& name :
       {"/dev/fd/" + std::to_string(fd), "/proc/self/fd/" + std::to_string(fd)})
    io::write_file_atomically(name, "more\n");
  fs::create_symlink("/dev/fd/" + std::to_string(fd), folder / "link");
  io::write_file_atomically(folder / "link", "end\n");
  ::close(fd);
  CHECK(read_bytes(folder / "log") == "before\nmore\nmore\nend\n");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK_THROWS_AS(io::write_file_atomically("/dev/fd/999", "x"), io::FileError);
  CHECK_THROWS_AS(io::write_file_atomically("/dev/fd/0x", "x"), io::FileError);
}

TEST_CASE("folders, links in a circle and names of nothing are refused") {
  const TemporaryFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  CHECK_THROWS_WITH(io::write_file_atomically(folder / "a", "x"), contains("symbolic links"));
  CHECK_THROWS_WITH(io::write_file_atomically(folder.path(), "x"), contains("is a folder"));
  CHECK_THROWS_WITH(io::write_file_atomically(folder.path() + "/", "x"), contains("names no file"));
  CHECK_THROWS_WITH(io::write_file_atomically("", "x"), contains("names no file"));
  CHECK_THROWS_WITH(io::write_file_atomically(folder / "\033[2J/x", "x"),
                    contains("\\x1b[2J") && contains("No such file"));
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("what cannot be opened is refused at once") {
  const TemporaryFolder folder;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder / "socket";
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const io::detail::Descriptor end(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(end.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK_THROWS_WITH(io::write_file_atomically(path, "x"), contains("opening failed"));
  CHECK(fs::is_socket(path));
}

TEST_CASE("other names of a file keep its old contents, and new files obey the umask") {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  fs::create_hard_link(folder / "a", folder / "copy");
  io::write_file_atomically(folder / "a", "new");
  CHECK(read_bytes(folder / "copy") == "old");
  CHECK(read_bytes(folder / "a") == "new");
  const mode_t mask = ::umask(027);
  io::write_file_atomically(folder / "b", "x");
  ::umask(mask);
  CHECK((status_of(folder / "b").st_mode & 07777) == 0640);
}

TEST_CASE("a file that is replaced keeps owner, group and permissions") {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  REQUIRE(::chmod((folder / "a").c_str(), 02754) == 0);
  if (::chown((folder / "a").c_str(), 12, 34) != 0) {
    std::cout << "skipped: giving files away takes the rights to do so\n";
    SUCCEED();
    return;
  }
  REQUIRE(::chmod((folder / "a").c_str(), 02754) == 0);
  io::write_file_atomically(folder / "a", "new");
  const struct stat info = status_of(folder / "a");
  CHECK(info.st_uid == 12);
  CHECK(info.st_gid == 34);
  CHECK((info.st_mode & 07777) == 02754);
}

TEST_CASE("a file that may not be written is not replaced") {
  if (::geteuid() == 0) {
    std::cout << "skipped: the superuser may write every file\n";
    SUCCEED();
    return;
  }
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  REQUIRE(::chmod((folder / "a").c_str(), 0444) == 0);
  CHECK_THROWS_WITH(io::write_file_atomically(folder / "a", "x"), contains("may not be written"));
  CHECK(read_bytes(folder / "a") == "old");
}

TEST_CASE("names as long as they may be are written") {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  io::write_file_atomically(folder / name, "x");
  io::write_file_atomically(folder / name, "y");
  CHECK(read_bytes(folder / name) == "y");
}

TEST_CASE("the name of a temporary file does not follow from those before") {
  std::array<std::uint64_t, 6> numbers{};
  for (std::uint64_t& number : numbers) {
    const std::string name = io::detail::random_name();
    REQUIRE(io::detail::is_random_name(name));
    for (std::size_t i = name.size(); i-- > 0;)
      number = number * 32 +
               static_cast<std::uint64_t>(name[i] < 'a' ? name[i] - '2' + 26 : name[i] - 'a');
  }
  // Numbers of 40 bits; those that grow by a step and the time would be told by their steps.
  int alike = 0;
  for (std::size_t i = 2; i < numbers.size(); ++i) {
    const std::uint64_t second = numbers[i] - 2 * numbers[i - 1] + numbers[i - 2];
    alike += ((second + (1 << 25)) & ((std::uint64_t{1} << 40) - 1)) < (1 << 26);
  }
  CHECK(alike < 3);
}

TEST_CASE("numbers that stand for random ones differ in all their bits") {
  std::uint64_t last = io::detail::number_of_moment(), changed = 0, kept = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t next = io::detail::number_of_moment();
    changed |= next ^ last;
    kept |= ~(next ^ last);
    last = next;
  }
  CHECK(changed >> 16 == ~std::uint64_t{0} >> 16);  // the serial number leaves the low ones alone
  CHECK(kept >> 16 == ~std::uint64_t{0} >> 16);
}

TEST_CASE("temporary files never meet, and those of ended processes alone are removed") {
  const TemporaryFolder folder;
  std::string names[2];
  const io::detail::Descriptor open = io::detail::make_temporary(folder / "c", 0600, names[0]);
  io::detail::Descriptor left = io::detail::make_temporary(folder / "c", 0600, names[1]);
  CHECK(names[0] != names[1]);
  left.close();  // as if its process had been killed
  const std::string kept[] = {"c.tmp1.0",           "notes.tmp.txt",     ".c.gradus-short",
                              ".c.gradus-UPPERCAS", "c.gradus-abcdefgh", ".c.gradus-abcdefgh.txt"};
  for (const std::string& name : kept) write_bytes(folder / name, "mine");
  fs::create_directory(folder / ".d.gradus-abcdefgh");
  fs::create_symlink("notes.tmp.txt", folder / ".l.gradus-abcdefgh");
  io::detail::remove_stale_temporaries(folder.path());
  CHECK(fs::exists(names[0]));
  CHECK_FALSE(fs::exists(names[1]));
  for (const std::string& name : kept) CHECK(read_bytes(folder / name) == "mine");
  CHECK(fs::is_directory(folder / ".d.gradus-abcdefgh"));
  CHECK(fs::is_symlink(folder / ".l.gradus-abcdefgh"));
}

TEST_CASE("logs write through pipes, devices and links, and never cut what is not a file") {
  const TemporaryFolder folder;
  write_bytes(folder / "file", "old");
  fs::create_symlink("file", folder / "link");
  nn::Linear model(1, 1);
  optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::TensorDataset(ones({4, 1}), ones({4, 1})), {.batch_size = 2});
  const auto train_with = [&](const std::string& path) {
    train::JsonLog log(path);
    train::CsvLog table("/dev/null");
    train::fit(model, [](const Tensor& out, const Tensor& y) { return mse_loss(out, y); },
               optimizer, nullptr, loader, {}, {.epochs = 1, .callbacks = {&log, &table}});
  };
  train_with(folder / "link");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK_THAT(read_bytes(folder / "file"), contains("\"event\":\"epoch\""));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  auto reader = std::async(std::launch::async, [&] { return read_bytes(folder / "pipe"); });
  train_with(folder / "pipe");
  CHECK_THAT(reader.get(), contains("\"event\":\"epoch\""));
  CHECK(S_ISCHR(status_of("/dev/null").st_mode));
}

TEST_CASE("whichever call of a save fails or is the last, the file is the old or the new one") {
  const std::string old_bytes(5000, 'o'), new_bytes(70000, 'n');
  for (const int error : {0, EIO, ENOSPC}) {
    int calls = 0;
    for (bool reached = true; reached; ++calls) {
      INFO("error " << error << ", call " << calls + 1);
      const TemporaryFolder folder;
      write_bytes(folder / "a", old_bytes);
      REQUIRE(::chmod((folder / "a").c_str(), 0600) == 0);
      const auto save = [&] { io::write_file_atomically(folder / "a", new_bytes); };
      bool threw = false;
      if (error == 0) {
        reached = killed_at(calls + 1, save);
      } else {
        const FailingCall call(calls + 1, error);
        try {
          save();
        } catch (const io::FileError& failure) {
          threw = true;
          CHECK_THAT(failure.what(), contains(std::strerror(error)));
        }
        reached = FailingCall::reached();
      }
      const std::string bytes = read_bytes(folder / "a");
      CHECK((bytes == old_bytes || bytes == new_bytes));
      if (!reached) CHECK((bytes == new_bytes && !threw));
      io::detail::remove_stale_temporaries(folder.path());
      CHECK(files_in(folder.path()) == 1);
      save();
      CHECK(read_bytes(folder / "a") == new_bytes);
    }
    CHECK(calls >= 9);
  }
}
