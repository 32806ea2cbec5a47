#include "train/save/folder/history_file.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "io/disk/system.hpp"
#include "support/catch.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::string history_of(const std::string& path) {
  return fs::path(path).parent_path() / train::load_checkpoint(path).appended.file;
}

/// Everything that is written while it lives.
class Written {
 public:
  Written() {
    bytes_ = calls_ = 0;
    io::detail::system::hook = count;
  }
  ~Written() { io::detail::system::hook = nullptr; }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;
  static double bytes() { return static_cast<double>(bytes_); }
  static double calls() { return static_cast<double>(calls_); }

 private:
  static int count(const io::detail::system::Call& call) {
    ++calls_;
    if (call.name == std::string_view("write")) bytes_ += call.what.size();
    return 0;
  }
  inline static std::size_t bytes_ = 0, calls_ = 0;
};

}  // namespace

TEST_CASE("a checkpoint is as large after many epochs as after few, and holds all of them") {
  const TemporaryFolder folder;
  Program(monitored_at(folder / "few", 3), 1).fit();
  Program(monitored_at(folder / "many", 60), 1).fit();
  CHECK(fs::file_size(folder / "many") < fs::file_size(folder / "few") + 300);
  const train::Checkpoint many = train::load_checkpoint(folder / "many");
  CHECK(many.history.size() == 60);
  CHECK(many.states.at("callback.monitor").at("norms").numel() == 60 * 7);
  CHECK(many.states.at("callback.monitor").at("epochs").numel() == 60 * 2);
}

TEST_CASE("what a run writes grows with its epochs, not with their square") {
  const TemporaryFolder folder;
  const auto written = [&](Index epochs, Index every, const std::string& name) {
    Program program(monitored_at(folder / name, epochs, every), 1);
    train::JsonLog json(folder / (name + ".jsonl"));
    train::CsvLog csv(folder / (name + ".csv"));
    program.options.callbacks.insert(program.options.callbacks.end(), {&json, &csv});
    const Written counter;
    program.fit();
    return std::pair(Written::bytes(), Written::calls());
  };
  const auto [bytes10, calls10] = written(10, 1, "a");
  const auto [bytes20, calls20] = written(20, 1, "b");
  const auto [bytes40, calls40] = written(40, 1, "c");
  CHECK(bytes40 - bytes20 < 2.1 * (bytes20 - bytes10));
  CHECK(calls40 - calls20 < 2.1 * (calls20 - calls10));
  // By time alone, it is the logs that grow.
  const double rare = written(40, 0, "d").first;
  const double logs =
      static_cast<double>(fs::file_size(folder / "d.jsonl") + fs::file_size(folder / "d.csv") +
                          fs::file_size(history_of(folder / "d")));
  CHECK(rare < logs + 2.2 * static_cast<double>(fs::file_size(folder / "d")));
}

TEST_CASE("checkpoints come after the first epoch, by time, by epochs, by steps and at the end") {
  const auto saves = [](train::CheckpointOptions options) {
    const TemporaryFolder folder;
    options.path = folder / "c";
    std::vector<Index> at;
    Program program({.what = "", .options = {.epochs = 5, .checkpoint = options}}, 1);
    std::pair<ino_t, fs::file_time_type> last{};
    program.options.on_step = [&](const train::Progress& p) {
      if (!fs::exists(options.path)) return;
      struct stat info {};
      REQUIRE(::stat(options.path.c_str(), &info) == 0);
      const std::pair file(info.st_ino, fs::last_write_time(options.path));
      if (file != last) at.push_back(7 * (p.epoch - 1) + p.step - 1);
      last = file;
    };
    program.fit();
    CHECK(train::load_checkpoint(folder / "c").place.epoch == 6);
    return at;
  };
  CHECK(saves({}) == std::vector<Index>{7});
  CHECK(saves({.every_epochs = 2}) == std::vector<Index>{7, 14, 28});
  CHECK(saves({.every_seconds = 0, .every_steps = 10}) == std::vector<Index>{7, 10, 20, 30});
  CHECK(saves({.every_seconds = 1e-9}).size() == 34);
}

TEST_CASE("a run that goes on appends to its history, and to another if that is longer than said") {
  const TemporaryFolder folder;
  Program(monitored_at(folder / "whole", 4), 1).fit();
  const std::string expected = bits(train::load_checkpoint(folder / "whole"));
  for (const bool longer : {false, true}) {
    INFO(longer);
    const std::string path = folder / (longer ? "b" : "a");
    Program(monitored_at(path, 2), 1).fit();
    const std::string before = history_of(path);
    if (longer) write_bytes(before, read_bytes(before) + "{\"epochs\": [");  // killed at a save
    const train::Checkpoint half = train::load_checkpoint(path);
    fs::copy_file(path, path + ".kept");
    Program second(monitored_at(path, 4), 9);
    second.options.resume = &half;
    second.fit();
    CHECK((bits(train::load_checkpoint(path)) == expected));
    CHECK((history_of(path) == before) == !longer);
    CHECK(fs::exists(before) == !longer);
    if (longer)
      CHECK_THROWS_WITH(train::load_checkpoint(path + ".kept"), contains("is missing"));
    else  // a copy of an earlier checkpoint finds its part
      CHECK((bits(train::load_checkpoint(path + ".kept")) == bits(half)));
  }
}

TEST_CASE("a checkpoint that holds all of it in one file is read, and gone on from") {
  const TemporaryFolder folder;
  Program(monitored_at(folder / "whole", 3), 1).fit();
  Program(monitored_at(folder / "c", 2), 1).fit();
  train::save_checkpoint(folder / "c", train::load_checkpoint(folder / "c"));
  for (const auto& entry : fs::directory_iterator(folder.path()))
    if (entry.path().filename().string().starts_with("c.")) fs::remove(entry.path());
  const train::Checkpoint half = train::load_checkpoint(folder / "c");
  CHECK(half.history.size() == 2);
  Program second(monitored_at(folder / "c", 3), 9);
  second.options.resume = &half;
  second.fit();
  CHECK((bits(train::load_checkpoint(folder / "c")) ==
         bits(train::load_checkpoint(folder / "whole"))));
}

TEST_CASE("a history that is not as it was written is refused, with its name") {
  const TemporaryFolder folder;
  Program(monitored_at(folder / "c", 2), 1).fit();
  const std::string path = history_of(folder / "c"), whole = read_bytes(path);
  const auto refused = [&](const std::string& text) {
    CHECK_THROWS_WITH(
        train::load_checkpoint(folder / "c"),
        contains("[load_checkpoint] " + (folder / "c")) && contains(path) && contains(text));
  };
  for (std::size_t i = 0; i < whole.size(); i += 17) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write_bytes(path, damaged);
    refused("is damaged");
    write_bytes(path, whole.substr(0, i));
    refused("is shorter than the " + std::to_string(whole.size()));
  }
  fs::remove(path);
  refused("is missing");
  write_bytes(path, whole + "more");
  CHECK_NOTHROW(train::load_checkpoint(folder / "c"));
  io::SafeTensors file = io::read_safetensors(folder / "c");
  for (auto& [name, value] : file.metadata)
    if (name == "gradus.history") value = R"({"file":"../c.abcdefgh.history","bytes":20,"crc":1})";
  CHECK_THROWS_WITH(train::parse_checkpoint(file, folder / "c"), contains("no name of a history"));
}
