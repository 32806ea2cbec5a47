#include <algorithm>
#include <cmath>

#include "gradus/train/logs.hpp"
#include "support/catch.hpp"
#include "train/report/duration.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

std::string shown(train::Show show, bool validation = true, bool interrupted = false) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file);
  Program program({.what = "", .options = {.epochs = 2}}, 1);
  if (!validation) program.validation = {};
  train::ProgressPrinter printer(file, show);
  program.options.callbacks = {&printer};
  if (interrupted) {
    program.options.on_step = [](const train::Progress& p) {
      if (p.step == 3) throw Killed();
    };
    CHECK_THROWS_AS(program.fit(), Killed);
  } else {
    program.fit();
  }
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  CHECK(std::fread(text.data(), 1, text.size(), file) == text.size());
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("durations are shown as a clock does") {
  using train::detail::format_duration;
  CHECK(format_duration(0) == "0:00");
  CHECK(format_duration(7.4) == "0:07");
  CHECK(format_duration(754) == "12:34");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(-1) == "");
  CHECK(format_duration(NAN) == "");
}

TEST_CASE("a pipe gets a line per epoch, a terminal a bar with the time left, quiet nothing") {
  for (const train::Show show : {train::Show::lines, train::Show::automatic}) {
    const std::string text = shown(show);
    CHECK(std::count(text.begin(), text.end(), '\n') == 3);
    CHECK(text.find('\r') == std::string::npos);
    CHECK_THAT(text, contains("   2/2"));
  }
  const std::string bar = shown(train::Show::bar);
  CHECK_THAT(bar, contains("\r   1/2     [####") && contains("%  loss") && contains("  left 0:0"));
  CHECK(shown(train::Show::nothing) == "");
}

TEST_CASE("nothing is said of a validation that did not take place") {
  const std::string text = shown(train::Show::lines, false);
  CHECK(text.find("nan") == std::string::npos);
  CHECK(text.find("0.00%") == std::string::npos);
  CHECK_THAT(text, contains("         -         -"));
}

TEST_CASE("a bar that is not complete is left on a line of its own") {
  const std::string text = shown(train::Show::bar, true, true);
  CHECK(text.ends_with("\n"));
  CHECK_THAT(text, contains("\r   1/2"));
}
