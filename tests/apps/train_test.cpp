#include <algorithm>
#include <filesystem>

#include "apps/command.hpp"
#include "gradus/io/safetensors.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

std::string write(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  write_bytes(folder / name, text);
  return "'" + (folder / name) + "'";
}

/// Runs train in a folder of its own, so that nothing is left behind.
Ran train(const TemporaryFolder& folder, const std::string& options) {
  return run("cd '" + folder.path() + "' && " + program("train") + " " + options);
}

/// Without the column of seconds.
std::string without_times(const std::string& out) {
  std::string kept;
  for (std::size_t i = 0; i < out.size();) {
    const std::size_t end = out.find('\n', i);
    std::string line = out.substr(i, end - i);
    if (line.ends_with("s") && line.find('/') != std::string::npos)
      line = line.substr(0, line.find_last_of(' '));
    kept += line + "\n";
    i = end + 1;
  }
  return kept;
}

}  // namespace

TEST_CASE("train learns the digits, prints one line an epoch in a pipe and saves the model") {
  const TemporaryFolder folder;
  const Ran ran = train(folder, "--epochs 3 --hidden 64");
  CHECK(ran.status == 0);
  CHECK(ran.err == "");
  CHECK_THAT(ran.out,
             contains("1258 training, 180 validation and 359 test samples; 4810 parameters"));
  CHECK_THAT(ran.out, contains("train loss"));
  CHECK_THAT(ran.out, contains("   3/3"));
  CHECK(ran.out.find('\r') == std::string::npos);
  const std::size_t at = ran.out.find("test accuracy ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(ran.out.substr(at + 14)) > 90);
  const gradus::io::SafeTensors saved = gradus::io::read_safetensors(folder / "model.safetensors");
  CHECK(saved.at("fc1.weight").shape() == gradus::Shape{64, 64});
  CHECK(saved.at("scaler.shift").shape() == gradus::Shape{64});
}

TEST_CASE("the same train command prints the same numbers, another seed prints others") {
  const TemporaryFolder folder;
  const std::string options = "--epochs 2 --hidden 32 --dropout 0.5";
  const std::string first = without_times(train(folder, options).out);
  CHECK(first == without_times(train(folder, options).out));
  CHECK(first != without_times(train(folder, options + " --seed 1").out));
}

TEST_CASE("train reads a table of one's own, for classes and for quantities") {
  const TemporaryFolder folder;
  std::string classes = "a,b,kind\n", quantities = "x,y\n";
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i % 10);
    classes += n + "," + std::to_string(i % 7) + "," + (i % 10 < 5 ? "low" : "high") + "\n";
    quantities += n + "." + std::to_string(i % 7) + "," + std::to_string(2 * (i % 10)) + ".5\n";
  }
  const Ran labels = train(folder, "--data " + write(folder, "c.csv", classes) +
                                       " --target kind --hidden 8 --epochs 30");
  CHECK(labels.status == 0);
  CHECK_THAT(labels.out, contains("test accuracy "));
  const Ran numbers = train(
      folder, "--data " + write(folder, "q.csv", quantities) + " --target y --hidden 8 --epochs 2");
  CHECK(numbers.status == 0);
  CHECK_THAT(numbers.out, contains("test loss "));
}

TEST_CASE("bad input to train ends with one line on stderr and a status of its own") {
  const TemporaryFolder folder;
  struct Case {
    std::string options, text;
    int status;
  };
  const Case cases[] = {
      {"--data missing.csv", "missing.csv", 3},
      {"--data " + write(folder, "empty.csv", ""), "empty.csv", 3},
      {"--data " + write(folder, "ragged.csv", "a,b\n1,2\n3\n"), "ragged.csv:3", 3},
      {"--data " + write(folder, "text.csv", "a,b\n1,2\n2,3\nx,4\n5,1\n") + " --target b",
       "text.csv", 3},
      {"--data " + write(folder, "good.csv", "a,b\n1,2\n2,3\n") + " --target c", "[", 3},
      {"--epochs 0", "epochs", 3},
      {"--epochs 99999999999999999999", "epochs", 3},
      {"--target 3", "--data", 3},
      {"--dropout nan", "dropout", 3},
      {"--clip-norm -1", "clip-norm", 3},
      {"--label-smoothing 3", "label-smoothing", 3},
      {"--seed -1", "seed", 2},
      {"--activation rleu", "relu", 3},
      {"--optimizer adma", "adam", 3},
      {"--batch-size many", "batch-size", 2},
      {"--no-such-option", "no-such-option", 2},
  };
  for (const Case& c : cases) {
    INFO(c.options);
    const Ran ran = train(folder, c.options);
    CHECK(ran.status == c.status);
    CHECK_THAT(ran.err, contains(c.text));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(ran.err.find("std::") == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "model.safetensors"));
  }
}

TEST_CASE("train finds out before it trains that the model cannot be saved") {
  const TemporaryFolder folder;
  for (const std::string place : {"missing/model", "."}) {
    INFO(place);
    const Ran ran = train(folder, "--epochs 2 --hidden 8 --save " + place);
    CHECK(ran.status == 3);
    CHECK(ran.out == "");
    CHECK_THAT(ran.err, contains(place));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
  CHECK(train(folder, "--epochs 1 --hidden 8 --save kept").status == 0);
  CHECK(std::filesystem::exists(folder / "kept"));
  CHECK_FALSE(std::filesystem::exists(folder / "kept.probe"));
}
