#include "gradus/train/logs.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/catch.hpp"
#include "train/report/crc32c.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

/// Adds a metric with a name that needs care, and a finding in the second epoch.
struct Adder : train::Callback {
  void on_epoch_end(train::Context& run, train::Epoch& epoch) override {
    epoch.metrics.emplace_back("odd,\"name\"", run.epoch == 1 ? 0.5 : NAN);
    if (run.epoch == 2) run.findings.push_back({.kind = "odd", .text = "what"});
  }
};

/// Trains 2 epochs of 7 steps with a log, killed after step 10 (saved after 9) and resumed.
void train_with_break(const std::function<std::unique_ptr<train::Callback>()>& make_log) {
  const TemporaryFolder folder;
  const Recipe recipe{
      .what = "", .options = {.epochs = 2, .checkpoint = {.path = folder / "c", .every_steps = 3}}};
  Adder adder;
  {
    const auto log = make_log();
    Program first(recipe, 1);
    first.killer.at = 10;
    first.options.callbacks = {&adder, log.get(), &first.killer};
    CHECK_THROWS_AS(first.fit(), Killed);
  }
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "c");
  CHECK(checkpoint.place.global_step == 9);
  const auto log = make_log();
  Program second(recipe, 5);
  second.options.callbacks = {&adder, log.get()};
  second.options.resume = &checkpoint;
  second.fit();
}

// ---- an independent reader of event files ------------------------------------------------------

/// CRC-32C bit by bit, as the definition has it.
std::uint32_t crc_by_bits(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78U : crc >> 1;
  }
  return crc ^ 0xFFFFFFFFU;
}
template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value;
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
void check_masked(const std::string& bytes, std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xa282ead8U;
  CHECK(((rotated >> 17) | (rotated << 15)) == crc_by_bits(bytes));
}

struct Field {
  std::uint64_t number;
  double value = 0;        // of varints, doubles and floats
  std::string bytes = "";  // of blocks
};
std::uint64_t varint_at(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = number_at<unsigned char>(bytes, at++);
    value |= std::uint64_t{byte & 127U} << shift;
    if (byte < 128) return value;
  }
}
std::vector<Field> message(const std::string& bytes) {
  std::vector<Field> fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t key = varint_at(bytes, at);
    Field field{key >> 3};
    switch (key & 7) {
      case 0:
        field.value = static_cast<double>(varint_at(bytes, at));
        break;
      case 1:
        field.value = number_at<double>(bytes, at);
        at += 8;
        break;
      case 2: {
        const std::uint64_t size = varint_at(bytes, at);
        REQUIRE(at + size <= bytes.size());
        field.bytes = bytes.substr(at, size);
        at += size;
        break;
      }
      case 5:
        field.value = static_cast<double>(number_at<float>(bytes, at));
        at += 4;
        break;
      default:
        FAIL("wire type " << (key & 7));
    }
    fields.push_back(field);
  }
  return fields;
}
const Field* find(const std::vector<Field>& fields, std::uint64_t number) {
  for (const Field& field : fields)
    if (field.number == number) return &field;
  return nullptr;
}

struct Event {
  double step = 0;
  std::string version, tag, histogram;
  double scalar = NAN;
  bool start = false;
};
std::vector<Event> read_events(const std::string& path) {
  const std::string file = read_bytes(path);
  std::vector<Event> events;
  for (std::size_t at = 0; at < file.size();) {
    const auto size = number_at<std::uint64_t>(file, at);
    check_masked(file.substr(at, 8), number_at<std::uint32_t>(file, at + 8));
    const std::string bytes = file.substr(at + 12, size);
    check_masked(bytes, number_at<std::uint32_t>(file, at + 12 + size));
    at += size + 16;
    Event event;
    const auto fields = message(bytes);
    REQUIRE(find(fields, 1));
    CHECK(find(fields, 1)->value > 1e9);
    if (const Field* f = find(fields, 2)) event.step = f->value;
    if (const Field* f = find(fields, 3)) event.version = f->bytes;
    if (const Field* f = find(fields, 7)) event.start = find(message(f->bytes), 1)->value == 1;
    if (const Field* f = find(fields, 5)) {
      const auto value = message(find(message(f->bytes), 1)->bytes);
      event.tag = find(value, 1)->bytes;
      if (const Field* s = find(value, 2)) event.scalar = s->value;
      if (const Field* h = find(value, 5)) event.histogram = h->bytes;
    }
    events.push_back(event);
  }
  return events;
}

}  // namespace

TEST_CASE(
    "the JSON log has one object a step and an epoch, each once although the run was killed") {
  const TemporaryFolder folder;
  train_with_break([&] { return std::make_unique<train::JsonLog>(folder / "log.jsonl"); });
  std::vector<std::string> seen;
  for (const std::string& line : lines(read_bytes(folder / "log.jsonl"))) {
    const auto object = nlohmann::json::parse(line);
    const auto event = object.at("event").get<std::string>();
    if (event == "step") {
      seen.push_back(std::to_string(object.at("global_step").get<int>()));
      CHECK(object.at("loss").is_number());
      CHECK(object.at("lr").is_number());
      CHECK(object.at("grad_norm").is_number());
    } else if (event == "epoch") {
      seen.push_back("e");
      CHECK(object.at("validation_accuracy").is_number());
      CHECK(object.at("f1_macro").is_number());
      CHECK(object.at("odd,\"name\"").is_null() == (object.at("epoch") == 2));
    } else {
      CHECK(object.at("kind") == "odd");
      seen.push_back("f");
    }
  }
  std::vector<std::string> expected;
  for (int i = 1; i <= 14; ++i) {
    expected.push_back(std::to_string(i));
    if (i == 7) expected.push_back("e");
  }
  expected.insert(expected.end(), {"e", "f"});
  CHECK(seen == expected);
}

TEST_CASE("the CSV log has a header and a row an epoch, each once although the run was killed") {
  const TemporaryFolder folder;
  train_with_break([&] { return std::make_unique<train::CsvLog>(folder / "log.csv"); });
  const auto rows = lines(read_bytes(folder / "log.csv"));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].starts_with("epoch,train_loss,validation_loss,validation_accuracy,lr,grad_norm,"));
  CHECK(rows[0].ends_with(",\"odd,\"\"name\"\"\""));
  CHECK(rows[1].starts_with("1,"));
  CHECK(rows[1].ends_with(",0.5"));
  CHECK(rows[2].starts_with("2,"));
  CHECK(rows[2].ends_with(","));
}

TEST_CASE("a log that cannot be written says so") {
  const auto fit_with = [](train::Callback& log) {
    Program program({.what = ""}, 1);
    program.options.callbacks = {&log};
    program.fit();
  };
  train::JsonLog nowhere("/missing/log");
  CHECK_THROWS_WITH(fit_with(nowhere), contains("[write_file] /missing/log"));
  train::TensorBoardLog board("/dev/null/board");
  CHECK_THROWS_WITH(fit_with(board), contains("[write_file] /dev/null/board"));
  if (std::filesystem::exists("/dev/full")) {
    train::CsvLog full("/dev/full");
    CHECK_THROWS_WITH(fit_with(full),
                      contains("[write_file] /dev/full") && contains("free some space"));
  }
}

TEST_CASE("a log that is shorter than its checkpoint says is refused") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(train_with_break([&] {
                      write_bytes(folder / "log", "");
                      return std::make_unique<train::JsonLog>(folder / "log");
                    }),
                    contains("shorter"));
}

TEST_CASE("CRC-32C gives the values of RFC 3720") {
  CHECK(train::detail::crc32c(std::string(32, '\0')) == 0x8A9136AAU);
  CHECK(train::detail::crc32c(std::string(32, '\xff')) == 0x62A8AB43U);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(train::detail::crc32c(rising) == 0x46DD794EU);
  CHECK(train::detail::crc32c("123456789") == 0xE3069283U);
  CHECK(train::detail::crc32c("") == 0);
}

TEST_CASE("TensorBoard's event file reads back as what was measured") {
  const TemporaryFolder folder;
  train::TensorBoardLog log(folder / "a/b");
  Program program({.what = "", .options = {.epochs = 2}}, 1);
  std::vector<double> losses;
  program.options.on_step = [&](const train::Progress&) { losses.push_back(0); };
  program.options.callbacks = {&log};
  const train::FitResult result = program.fit();
  const auto events = read_events(log.path());
  CHECK(events.front().version == "brain.Event:2");
  int steps = 0, histograms = 0;
  for (const Event& event : events) {
    if (event.tag == "step/loss") CHECK(event.step == ++steps);
    if (event.tag == "epoch/train_loss")
      CHECK(event.scalar ==
            static_cast<double>(static_cast<float>(
                result.history[static_cast<std::size_t>(event.step / 7) - 1].train_loss)));
    if (event.histogram.empty()) continue;
    ++histograms;
    if (event.tag != "0.weight") continue;
    const auto h = message(event.histogram);
    CHECK(find(h, 3)->value == 32);
    CHECK(find(h, 1)->value < find(h, 2)->value);
    const std::string limits = find(h, 6)->bytes, buckets = find(h, 7)->bytes;
    REQUIRE(limits.size() == buckets.size());
    double count = 0, before = -INFINITY;
    for (std::size_t at = 0; at < limits.size(); at += 8) {
      CHECK(number_at<double>(limits, at) > before);
      before = number_at<double>(limits, at);
      count += number_at<double>(buckets, at);
    }
    CHECK(count == 32);
    CHECK(before == find(h, 2)->value);
  }
  CHECK(steps == 14);
  CHECK(histograms == 2 * 6);
}

TEST_CASE("a resumed run begins an event file that takes back what followed its checkpoint") {
  const TemporaryFolder folder;
  train_with_break([&] { return std::make_unique<train::TensorBoardLog>(folder / "board"); });
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "board"))
    files.push_back(entry.path().string());
  REQUIRE(files.size() == 2);
  int starts = 0;
  for (const std::string& file : files)
    for (const Event& event : read_events(file))
      if (event.start) {
        ++starts;
        CHECK(event.step == 10);
      }
  CHECK(starts == 1);
}
