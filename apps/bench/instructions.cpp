#include "instructions.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <gradus/io/file.hpp>
#include <stdexcept>

#include "programs.hpp"

namespace bench {
namespace {

constexpr double kTolerance = 0.03;

struct Counted {
  const char* name;
  std::vector<std::string> arguments;
};

const Counted kCounted[] = {
    {"chain of 10,000 scalar operations", {"--sizes", "10000"}},
    {"100 steps of workload a", {"--steps", "100", "a=2-8-1:tanh:none:4:mse:sgd"}},
    {"20 steps of workload b", {"--steps", "20", "b=4-64-32-3:relu:none:32:ce:adamw"}},
};

double count(const std::string& program, const Counted& counted) {
  std::vector<std::string> command = {"valgrind",
                                      "--tool=callgrind",
                                      "--callgrind-out-file=/dev/null",
                                      "--collect-atstart=no",
                                      "--toggle-collect=bench_counted*",
                                      program,
                                      "count"};
  command.insert(command.end(), counted.arguments.begin(), counted.arguments.end());
  // The same kernels on every processor; one thread.
  const Ran ran = run_command(command, {{"OPENBLAS_CORETYPE", "Haswell"},
                                        {"OPENBLAS_L2_SIZE", "-"},
                                        {"GRADUS_NUM_THREADS", "1"},
                                        {"OPENBLAS_NUM_THREADS", "1"}});
  if (ran.status == 127)
    throw std::runtime_error("valgrind is not installed: apt-get install valgrind");
  const auto place = ran.err.find("Collected :");
  if (ran.status != 0 || place == std::string::npos)
    throw std::runtime_error("counting the " + std::string(counted.name) +
                             " failed: " + ran.err.substr(0, 2000));
  return std::stod(ran.err.substr(place + 11));
}

}  // namespace

bool count_instructions(const CountSettings& settings) {
  Json kept = Json::object();
  if (!settings.update) {
    if (!std::filesystem::exists(settings.file))
      throw std::runtime_error(settings.file +
                               " is not there; write it with --instructions --update");
    kept = Json::parse(gradus::io::read_file(settings.file), nullptr, false);
    if (!kept.is_object() || !kept.contains("counts") || !kept.contains("compiler"))
      throw std::runtime_error(settings.file +
                               " does not hold counts; write it with --instructions --update");
  }
  Json counts = Json::object();
  bool within = true;
  for (const Counted& counted : kCounted) {
    const double now = count(settings.program, counted);
    counts[counted.name] = static_cast<std::int64_t>(now);
    std::printf("%-36s %14.0f instructions", counted.name, now);
    if (!settings.update) {
      if (!kept["counts"].contains(counted.name))
        throw std::runtime_error(settings.file + " has no count of the " + counted.name +
                                 "; run --instructions --update");
      const double change = now / kept["counts"][counted.name].get<double>() - 1;
      std::printf(", %+.2f %%", 100 * change);
      if (std::abs(change) > kTolerance) {
        std::printf(change > 0 ? ": MORE than 3 %% above what is kept"
                               : ": less by more than 3 %%, keep the gain");
        within = false;
      }
    }
    std::printf("\n");
  }
  if (settings.update) {
    gradus::io::write_file_atomically(
        settings.file, Json{{"compiler", settings.compiler}, {"counts", counts}}.dump(2) + "\n");
    std::printf("Written to %s.\n", settings.file.c_str());
    return true;
  }
  const std::string compiler = kept["compiler"];
  if (compiler != settings.compiler)
    std::printf("The counts kept are of %s, these of %s: differences may be the compiler's.\n",
                compiler.c_str(), settings.compiler.c_str());
  if (!within)
    std::printf(
        "If the change is meant, keep the new counts with ./dev bench --instructions --update.\n");
  return within;
}

}  // namespace bench
