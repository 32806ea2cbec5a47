#include <filesystem>

#include "apps/command.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

Ran bench(const std::string& options, const std::string& environment = "") {
  return run(environment + " " + program("bench") + " " + options);
}

bool has_text(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The line that begins with `start`, its runs of spaces as one.
std::string line_of(const std::string& text, const std::string& start) {
  const auto at = text.find("\n" + start);
  if (at == std::string::npos) return "";
  const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  std::string single;
  for (const char c : line)
    if (c != ' ' || single.empty() || single.back() != ' ') single += c;
  return single;
}

std::string record(const std::string& program, int round, const std::string& values,
                   const std::string& section = "steps", const std::string& item = "a") {
  return R"({"section":")" + section + R"(","program":")" + program + R"(","item":")" + item +
         R"(","threads":1,"round":)" + std::to_string(round) + R"(,"ns":[)" + values + "]}";
}

std::string results(const std::vector<std::string>& records) {
  std::string text = R"({"machine":{"processor":"Abacus 3"},"records":[)";
  for (const auto& one : records) text += one + (&one == &records.back() ? "" : ",");
  return text + "]}";
}

/// A valgrind that says every program took `count` instructions.
void write_valgrind(const TemporaryFolder& folder, const std::string& count) {
  write_bytes(folder / "valgrind", "#!/bin/sh\necho '==1== Collected : " + count + "' >&2\n");
  std::filesystem::permissions(folder / "valgrind", std::filesystem::perms::owner_all);
}

Ran count(const TemporaryFolder& folder, const std::string& options = "") {
  return bench("--instructions --counts '" + (folder / "counts.json") + "' " + options,
               "PATH='" + folder.path() + "':$PATH");
}

}  // namespace

TEST_CASE("bench forms ratios within a round and shows medians", "[bench]") {
  const TemporaryFolder folder;
  // The second round was five times slower for both: medians over all blocks would say 4.
  write_bytes(
      folder / "results.json",
      results({record("gradus", 0, "2000,2000,9000"), record("by hand", 0, "1000,1000,1000"),
               record("gradus", 1, "10000"), record("by hand", 1, "5000"),
               record("torch", 0, "6000"), record("libtorch", 0, "5000"),
               record("torch", 1, "20000"), record("libtorch", 1, "90000")}));
  const Ran ran =
      bench("--report --json '" + (folder / "results.json") + "' --docs '" + folder.path() + "'");
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const std::string text = read_bytes(folder / "performance.md");
  CHECK(has_text(text, "Abacus 3"));
  // Best peers: 5000 / 2000 and 20000 / 10000.
  CHECK(line_of(text, "| a ") == "| a | 5.5 us | 1 us | 13 us | 47.5 us | 2 | 2.25 |");
}

TEST_CASE("bench draws a line for every program that has points", "[bench]") {
  const TemporaryFolder folder;
  write_bytes(folder / "results.json", results({record("gradus", 0, "2000", "sweep width", "16"),
                                                record("gradus", 0, "8000", "sweep width", "64"),
                                                record("torch", 0, "90000", "sweep width", "16"),
                                                record("torch", 0, "90000", "sweep width", "64")}));
  REQUIRE(
      bench("--report --json '" + (folder / "results.json") + "' --docs '" + folder.path() + "'")
          .status == 0);
  const std::string svg = read_bytes(folder / "figures/width.svg");
  std::size_t lines = 0;
  for (auto at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1))
    ++lines;
  CHECK(lines == 2);
  CHECK(has_text(svg, ">gradus</text>"));
  CHECK(has_text(svg, ">torch</text>"));
  CHECK(has_text(svg, "prefers-color-scheme:dark"));
  CHECK_FALSE(has_text(svg, "nan"));
  CHECK_FALSE(std::filesystem::exists(folder / "figures/depth.svg"));
  CHECK(has_text(read_bytes(folder / "performance.md"), "(figures/width.svg)"));
}

TEST_CASE("bench refuses a file that does not hold results", "[bench]") {
  const TemporaryFolder folder;
  for (const char* bytes : {"", "[1, 2]", R"({"machine":{},"records":[{"ns":[1]}]})"}) {
    write_bytes(folder / "results.json", bytes);
    const Ran ran = bench("--report --json '" + (folder / "results.json") + "'");
    CHECK(ran.status == 1);
    CHECK(has_text(ran.err, "results.json does not hold results of ./dev bench"));
  }
}

TEST_CASE("bench leaves a peer out that is not installed and says how to install it", "[bench]") {
  const Ran ran =
      bench("--verify --workloads a --programs 'gradus,torch'", "GRADUS_BENCH_PYTHON=/no/python");
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(has_text(ran.out, "torch is not shown: install it with apt-get install python3-torch"));
}

TEST_CASE("the hand-written steps compute the losses of gradus", "[bench]") {
  const Ran ran = bench("--verify --workloads a,b,c,f,g,h --programs 'gradus,by hand'");
  INFO(ran.out << ran.err);
  CHECK(ran.status == 0);
  CHECK_FALSE(has_text(ran.out, "TOO LARGE"));
  CHECK(has_text(ran.out, "h by hand"));
}

TEST_CASE("a workload measured anew replaces its older results", "[bench]") {
  const TemporaryFolder folder;
  const std::string file = folder / "results.json";
  write_bytes(file, results({record("gradus", 0, "2000", "steps", "b"),
                             R"({"section":"memory","program":"gradus","item":"a","threads":1,)"
                             R"("round":0,"peak_to_live":7.65625})"}));
  const Ran ran =
      bench("--quick --sections memory --workloads a --programs gradus --json '" + file + "'");
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const std::string text = read_bytes(file);
  CHECK_FALSE(has_text(text, "7.65625"));
  CHECK(has_text(text, "page_faults_per_step"));
  CHECK(has_text(text, "2000"));
}

TEST_CASE("instruction counts may differ by 3 % from those kept", "[bench]") {
  const TemporaryFolder folder;
  write_valgrind(folder, "1000");
  CHECK(has_text(count(folder).err, "counts.json is not there"));
  REQUIRE(count(folder, "--update").status == 0);
  write_valgrind(folder, "1029");
  CHECK(count(folder).status == 0);
  write_valgrind(folder, "1031");
  const Ran more = count(folder);
  CHECK(more.status == 1);
  CHECK(has_text(more.out, "+3.10 %: MORE than 3 %"));
  CHECK(has_text(more.out, "--instructions --update"));
  write_valgrind(folder, "960");
  CHECK(count(folder).status == 1);
}

TEST_CASE("counts of another compiler are named as such", "[bench]") {
  const TemporaryFolder folder;
  write_valgrind(folder, "1000");
  REQUIRE(count(folder, "--update").status == 0);
  CHECK_FALSE(has_text(count(folder).out, "compiler's"));
  std::string kept = read_bytes(folder / "counts.json");
  const auto at = kept.find("\"compiler\": \"") + 13;
  kept.replace(at, kept.find('"', at) - at, "Turbo C 2.0");
  write_bytes(folder / "counts.json", kept);
  CHECK(has_text(count(folder).out, "The counts kept are of Turbo C 2.0"));
  write_bytes(folder / "counts.json", "{}");
  CHECK(has_text(count(folder).err, "does not hold counts"));
}
