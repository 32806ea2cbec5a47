// Measures gradus beside PyTorch, libtorch and hand-written steps in one run.
//
//   $ ./dev bench
//   $ ./dev bench --sections steps --workloads a,b --programs "gradus,by hand" --rounds 5
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "instructions.hpp"
#include "report.hpp"
#include "sections.hpp"

using namespace bench;

namespace {

struct Command {
  Settings settings;
  std::string json = "build/bench.json", docs = "docs";
  bool report = false, verify_losses = false, instructions = false;
  CountSettings counts{"", GRADUS_BENCH_SOURCES "/instructions.json", GRADUS_BENCH_COMPILER, false};
};

void add_options(CLI::App& app, Command& command) {
  Settings& s = command.settings;
  app.add_option("--sections", s.sections, "what to measure")
      ->delimiter(',')
      ->check(CLI::IsMember(section_names()))
      ->default_str("all");
  app.add_option("--workloads", s.workloads, "a to h")
      ->delimiter(',')
      ->check(CLI::IsMember(workload_names()))
      ->default_str("all");
  app.add_option(
         "--programs", s.programs,
         "gradus, captured, bfloat16, by hand, torch, torch tuned, libtorch, libtorch tuned")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>{"gradus", "captured", "bfloat16", "by hand",
                                                     "torch", "torch tuned", "libtorch",
                                                     "libtorch tuned"}))
      ->default_str("all");
  app.add_option("--threads", s.threads, "of the training steps")
      ->delimiter(',')
      ->check(CLI::Range(1, 256))
      ->default_str("1,2");
  app.add_option("--rounds", s.rounds, "how often all programs take their turn")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_flag("--quick", s.quick, "one round, small blocks: about a minute");
  app.add_option("--json", command.json,
                 "file that collects results; measured anew, a workload replaces its older results")
      ->type_name("FILE")
      ->capture_default_str();
  auto* report =
      app.add_flag("--report", command.report,
                   "measure nothing; write performance.md and figures from the results collected");
  app.add_option("--docs", command.docs, "folder for --report")
      ->needs(report)
      ->type_name("FOLDER")
      ->capture_default_str();
  app.add_flag("--verify", command.verify_losses,
               "measure nothing; compare losses from the same parameters");
  auto* instructions = app.add_flag("--instructions", command.instructions,
                                    "measure nothing; compare instruction counts with those kept");
  app.add_flag("--update", command.counts.update, "keep the new counts")->needs(instructions);
  app.add_option("--counted", command.counts.program, "the bench_gradus to count")
      ->needs(instructions)
      ->type_name("FILE");
  app.add_option("--counts", command.counts.file, "file of the counts")
      ->needs(instructions)
      ->type_name("FILE");
}

int run(Command& command, const std::string& folder) {
  Settings& s = command.settings;
  if (s.sections.empty()) s.sections = section_names();
  if (s.workloads.empty()) s.workloads = workload_names();
  if (s.quick) s.rounds = 1;
  if (s.threads.empty()) s.threads = s.quick ? std::vector{1} : std::vector{1, 2};
  if (command.report) {
    write_report(Results::load(command.json), command.docs);
    std::printf("Written: %s/performance.md\n", command.docs.c_str());
    return 0;
  }
  if (command.instructions) {
    if (command.counts.program.empty()) command.counts.program = folder + "/bench_gradus";
    return count_instructions(command.counts) ? 0 : 1;
  }
  const Programs programs = find_programs(folder, s.programs);
  for (const auto& note : programs.notes) std::printf("%s\n", note.c_str());
  for (const auto& line : programs.missing) std::printf("%s\n", line.c_str());
  std::printf("\n");
  std::fflush(stdout);
  if (command.verify_losses) return verify(programs, s) ? 0 : 1;
  Results fresh;
  fresh.machine() = describe_machine();
  fresh.machine()["notes"] = programs.notes;
  measure(programs, s, fresh);
  std::printf("%s", tables(fresh).c_str());
  Results all;
  if (std::filesystem::exists(command.json)) all = Results::load(command.json);
  all.merge(fresh);
  all.save(command.json);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Measures gradus beside PyTorch, libtorch and hand-written training steps.");
  Command command;
  add_options(app, command);
  CLI11_PARSE(app, argc, argv);
  return run(command, std::filesystem::read_symlink("/proc/self/exe").parent_path().string());
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: %s\n", error.what());
  return 1;
}
