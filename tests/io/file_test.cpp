#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::files_in;
using gradus::test::gzip;
using gradus::test::read_bytes;
using gradus::test::write_bytes;

TEST_CASE("a file is replaced as a whole, and keeps its permissions") {
  const gradus::test::TemporaryFolder folder;
  const std::string path = folder / "a";
  for (const std::string& bytes :
       {std::string("old"), std::string(3000000, 'x'), std::string(), std::string("\0new", 4)}) {
    io::write_file_atomically(path, bytes);
    CHECK(read_bytes(path) == bytes);
    CHECK(io::read_file(path) == bytes);
  }
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  io::write_file_atomically(path, "again");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
  const gradus::test::TemporaryFolder folder;
  const std::string path = folder / "a";
  io::write_file_atomically(path, "old");
  CHECK_THROWS_WITH(io::write_file_atomically(folder / "no/a", "x"), contains("No such file"));
  std::filesystem::create_directory(folder / "d");
  CHECK_THROWS_WITH(io::write_file_atomically(folder / "d", "x"), contains("is a folder"));
  CHECK(files_in(folder.path()) == 2);

  // A full disk, as far as this process is concerned.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    io::write_file_atomically(path, std::string(100000, 'x'));
  } catch (const Error& e) {
    message = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(message, contains("writing failed: File too large"));
  CHECK(read_bytes(path) == "old");
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("gzip data is unpacked, in several members too, up to the limit") {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919 % 10007);
  const std::string packed = gzip(text);
  CHECK(io::gunzip(packed, "f") == text);
  CHECK(io::gunzip(packed + gzip("") + gzip("end"), "f") == text + "end");
  CHECK(io::gunzip(gzip(""), "f").empty());
  CHECK(io::gunzip(packed, "f", text.size()) == text);
  CHECK_THROWS_WITH(io::gunzip(packed, "f", text.size() - 1), contains("unpacks to more than"));
  const std::string bomb = gzip(std::string(50000000, '\0'));
  CHECK(bomb.size() < 100000);
  CHECK_THROWS_WITH(io::gunzip(bomb, "f", 1000000), contains("more than 1000000 bytes"));
}

TEST_CASE("damaged gzip data is refused wherever it is cut or changed") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(i * i);
  const std::string packed = gzip(text);
  for (std::size_t n = 0; n < packed.size(); ++n)
    CHECK_THROWS_WITH(io::gunzip(packed.substr(0, n), "f"), contains("[gunzip] f"));
  for (std::size_t i = 10; i < packed.size(); ++i) {
    std::string bytes = packed;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    CHECK_THROWS_WITH(io::gunzip(bytes, "f"), contains("[gunzip] f"));
  }
  CHECK_THROWS_WITH(io::gunzip(packed + "x", "f"), contains("not gzip follow"));
}

TEST_CASE("a packed IDX file cannot unpack beyond what its header declares") {
  const gradus::test::TemporaryFolder folder;
  const std::string header("\0\0\x08\x01\0\0\0\x04", 8);
  gradus::test::write_bytes(folder / "ok.gz", gzip(header + "abcd"));
  CHECK(io::read_idx(folder / "ok.gz").numel() == 4);
  gradus::test::write_bytes(folder / "bomb.gz", gzip(header + std::string(50000000, 'a')));
  CHECK_THROWS_WITH(io::read_idx(folder / "bomb.gz"), contains("more than 12 bytes"));
  gradus::test::write_bytes(folder / "short.gz", gzip(header + "abc"));
  CHECK_THROWS_WITH(io::read_idx(folder / "short.gz"), contains("but 3 follow"));
}

TEST_CASE("devices without an end are not read") {
  for (const char* path : {"/dev/zero", "/dev/urandom", "/dev/full"})
    CHECK_THROWS_WITH(io::read_file(path), contains("is a device; a regular file or a pipe"));
  CHECK(io::read_file("/dev/null").empty());
  const gradus::test::TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/zero", folder / "link");
  CHECK_THROWS_WITH(io::read_file(folder / "link"), contains("is a device"));
}

TEST_CASE("a pipe without an end is read up to a limit") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::thread writer([&] {
    const std::string part(1000, 'x');
    for (int i = 0; i < 60; ++i)
      if (::write(ends[1], part.data(), part.size()) < 0) break;
    ::close(ends[1]);
  });
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  CHECK_THROWS_WITH(io::read_file(path, {.limit = 50'000}),
                    contains("does not end after 50000 bytes"));
  writer.join();  // what it wrote fits into the pipe
  ::close(ends[0]);
}

TEST_CASE("a file larger than memory is refused before it is read") {
  const gradus::test::TemporaryFolder folder;
  write_bytes(folder / "big", "");
  std::filesystem::resize_file(folder / "big", std::uintmax_t{1} << 43);  // 8 TiB, and no block
  CHECK_THROWS_WITH(io::read_file(folder / "big"), contains("has 8796093022208 bytes; less than"));
}
