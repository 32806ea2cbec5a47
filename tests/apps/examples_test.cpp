#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "apps/command.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

/// The lines that follow `$ …/examples/NAME` in the comment at the top of an example.
std::string promised_output(const std::string& source) {
  std::istringstream lines(source);
  std::string line, output;
  bool inside = false;
  while (std::getline(lines, line) && line.starts_with("//")) {
    if (inside && line.starts_with("//   ")) output += line.substr(5) + "\n";
    inside |= line.find("$ build/release/bin/examples/") != std::string::npos;
  }
  return output;
}

}  // namespace

TEST_CASE("every example prints what its header promises") {
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/apps/examples")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string name = entry.path().stem().string();
    INFO(name);
    const std::string promised = promised_output(read_bytes(entry.path().string()));
    REQUIRE(promised != "");
    const Ran ran = run(program("examples/" + name));
    CHECK(ran.status == 0);
    CHECK(ran.out == promised);
    CHECK(ran.err == "");
    ++examples;
  }
  CHECK(examples >= 6);
}

TEST_CASE("the attenuation example draws its four curves") {
  const TemporaryFolder folder;
  const std::string file = folder / "curves.svg", example = program("examples/attenuation");
  REQUIRE(run(example + " --svg '" + file + "'").status == 0);
  const std::string svg = read_bytes(file);
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  int curves = 0;
  for (std::size_t at = 0; (at = svg.find(" points=\"", at)) != std::string::npos; ++curves) {
    at += 9;
    const std::string points = svg.substr(at, svg.find('"', at) - at);
    CHECK(std::count(points.begin(), points.end(), ',') == 20);  // one per layer
  }
  CHECK(curves == 4);

  CHECK(run(example + " --swg x").status == 2);
  const Ran failed = run(example + " --svg '" + folder.path() + "/none/x'");
  CHECK(failed.status == 1);
  CHECK(failed.err.find("none/x") != std::string::npos);
}

TEST_CASE("the README shows the quickstart example, and its numbers are what that prints") {
  const std::string readme = read_bytes(source_dir() + "/README.md");
  const std::string source = read_bytes(source_dir() + "/apps/examples/quickstart.cpp");
  // Each printing line of the README ends in a comment with what it prints.
  std::istringstream lines(readme.substr(readme.find("#include <cstdio>")));
  std::string line, code, printed;
  while (std::getline(lines, line) && !line.starts_with("```")) {
    const std::size_t comment = line.find("  // ");
    if (line.find("printf") != std::string::npos && comment != std::string::npos) {
      printed += line.substr(line.find("// ", comment) + 3) + "\n";
      line = line.substr(0, line.find_last_not_of(' ', comment) + 1);
    }
    code += line + "\n";
  }
  CHECK(source.ends_with(code));
  CHECK(run(program("examples/quickstart")).out == printed);
}

TEST_CASE("the page about xtensor shows the operation of its example") {
  const std::string page = read_bytes(source_dir() + "/docs/xtensor.md");
  const std::string source = read_bytes(source_dir() + "/apps/examples/xtensor_operation.cpp");
  const std::size_t first = page.find("template <class T>");
  const std::string code = page.substr(first, page.find("```", first) - first);
  REQUIRE(code.size() > 500);
  CHECK(source.find(code) != std::string::npos);
}
