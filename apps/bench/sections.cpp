#include "sections.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <gradus/error.hpp>
#include <stdexcept>

namespace bench {
namespace {

std::string repeated(int size, int layers) {
  std::string sizes = gradus::text_of(size);
  for (int i = 0; i < layers; ++i) sizes += "-" + gradus::text_of(size);
  return sizes;
}

/// Sizes, hidden and output activation, batch, loss, optimizer.
std::string workload_text(const std::string& name) {
  if (name == "a") return "a=2-8-1:tanh:none:4:mse:sgd";
  if (name == "b") return "b=4-64-32-3:relu:none:32:ce:adamw";
  if (name == "c") return "c=784-128-10:relu:none:64:ce:sgd";
  if (name == "d") return "d=784-512-256-10:relu:none:64:ce:adamw";
  if (name == "e") return "e=784-2048-2048-10:gelu:none:256:ce:adamw";
  if (name == "f") return "f=" + repeated(64, 32) + ":tanh:tanh:32:mse:adam";
  return name;  // g and h
}

std::vector<std::string> texts(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& name : names) all.push_back(workload_text(name));
  return all;
}

/// The sweep's workloads, named by their sizes.
std::vector<std::string> sweep_texts(const std::string& sweep, bool quick) {
  std::vector<std::string> all;
  const int first = sweep == "width" ? 16 : 1, last = sweep == "depth" ? 1024 : 4096;
  for (int n = first; n <= last; n *= quick ? 16 : 4) {
    const std::string text = gradus::text_of(n);
    if (sweep == "batch") all.push_back(text + "=64-128-128-10:relu:none:" + text + ":ce:adamw");
    if (sweep == "width") all.push_back(text + "=" + repeated(n, 2) + "-10:relu:none:32:ce:adamw");
    if (sweep == "depth") all.push_back(text + "=" + repeated(32, n) + ":tanh:tanh:32:mse:adamw");
  }
  return all;
}

struct Run {
  std::string section;
  std::vector<std::string> arguments;
  std::vector<std::string> programs;
  int threads = 1;
};

std::vector<std::string> with(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<Run> runs_of(const Settings& settings) {
  const std::vector<std::string> peers = {"torch", "torch tuned", "libtorch", "libtorch tuned"};
  const std::vector<std::string> everyone =
      with({"gradus", "captured", "bfloat16", "by hand"}, peers);
  const std::vector<std::string> fast = {"--blocks",   settings.quick ? "3" : "5",
                                         "--block-ms", settings.quick ? "3" : "8",
                                         "--warm-ms",  settings.quick ? "10" : "25"};
  const auto workloads = texts(settings.workloads);
  std::vector<Run> runs;
  for (const auto& section : settings.sections) {
    const auto add = [&](std::vector<std::string> arguments, std::vector<std::string> programs,
                         int threads = 1) {
      runs.push_back({section, std::move(arguments), std::move(programs), threads});
    };
    if (section == "steps")
      for (const int threads : settings.threads)
        add(with(with({"steps"}, settings.quick ? fast : std::vector<std::string>{}), workloads),
            everyone, threads);
    if (section == "phases") add(with(with({"phases"}, fast), workloads), {"gradus", "torch"});
    if (section == "scalars") {
      const std::string some = "1000,100000", million = some + ",1000000";
      add({"scalars", "--sizes", settings.quick ? million : million + ",10000000"}, {"gradus"});
      add({"scalars", "--sizes", settings.quick ? some : million}, {"torch", "libtorch"});
    }
    if (section == "elementwise")
      add(with({"elementwise", "--sizes", "1024,65536,4194304"}, fast),
          {"gradus", "by hand", "torch tuned"});
    if (section == "chains")
      add(with({"chains", "--sizes", "1024,65536,1048576,4194304"}, fast),
          {"gradus", "captured", "by hand"});
    if (section == "sweeps")
      for (const auto& sweep : sweep_names())
        runs.push_back({"sweep " + sweep,
                        with(with({"steps"}, fast), sweep_texts(sweep, settings.quick)),
                        {"gradus", "by hand", "torch", "libtorch tuned"},
                        1});
    if (section == "memory") {
      add(with({"memory", "--steps", settings.quick ? "20" : "100"}, workloads), {"gradus"});
      if (!settings.quick)
        runs.push_back({"growth", {"growth", workload_text("a")}, {"gradus"}, 1});
    }
    if (section == "threads") {
      std::vector<std::string> some;  // e and h take their time
      for (const auto& name : settings.workloads)
        if (!settings.quick || (name != "e" && name != "h")) some.push_back(name);
      if (!some.empty()) add(with({"checksums", "--steps", "3"}, texts(some)), {"gradus"});
    }
  }
  return runs;
}

/// Sections that say much the same every time, or repeat themselves, run once.
bool once(const std::string& section) {
  return section == "scalars" || section == "memory" || section == "growth" || section == "threads";
}

}  // namespace

const std::vector<std::string>& section_names() {
  static const std::vector<std::string> names = {"steps",  "phases", "scalars", "elementwise",
                                                 "chains", "sweeps", "memory",  "threads"};
  return names;
}

const std::vector<std::string>& workload_names() {
  static const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "h"};
  return names;
}

const std::vector<std::string>& sweep_names() {
  static const std::vector<std::string> names = {"batch", "width", "depth"};
  return names;
}

void measure(const Programs& programs, const Settings& settings, Results& results) {
  for (int round = 0; round < settings.rounds; ++round)
    for (const Run& run : runs_of(settings)) {
      const bool side = run.section != "steps";  // what is not about steps is steadier
      if (round > 0 && (once(run.section) || (side && round > 1))) continue;
      for (const auto& name : run.programs) {
        const Program* program = programs.find(name);
        if (!program) continue;
        std::fprintf(stderr, "round %d of %d: %s, %d thread%s, %s\n", round + 1, settings.rounds,
                     run.section.c_str(), run.threads, run.threads > 1 ? "s" : "", name.c_str());
        for (Json& line : programs.run(*program, run.arguments, run.threads)) {
          line.update({{"section", run.section}, {"program", name}, {"round", round}});
          if (!line.contains("threads") || line["threads"].is_array()) {
            if (line.contains("threads")) line["size"] = line["threads"][0];
            line["threads"] = run.threads;
          }
          results.add(std::move(line));
        }
      }
    }
}

bool verify(const Programs& programs, const Settings& settings) {
  const Program* gradus = programs.find("gradus");
  if (!gradus) throw std::runtime_error("--verify compares with gradus: name it in --programs");
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("gradus_bench_" + gradus::text_of(getpid()));
  fs::create_directory(folder);
  const auto arguments =
      with({"losses", "--lr", "1e-3", "--steps", "10", "--folder", folder.string()},
           texts(settings.workloads));
  bool agree = true;
  try {
    const auto expected = programs.run(*gradus, arguments, 1);
    for (const Program& program : programs.found) {
      if (&program == gradus) continue;
      const auto found = programs.run(program, arguments, 1);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        double gap = 0;
        const std::vector<double> ours = expected[i]["losses"], theirs = found.at(i)["losses"];
        for (std::size_t k = 0; k < ours.size(); ++k)
          gap = std::max(gap, std::abs(ours[k] - theirs.at(k)) / std::max(std::abs(ours[k]), 1e-3));
        const bool close = gap < 1e-3;  // NaN is not
        std::printf("%s %-15s loss %.6f -> %.6f, largest relative gap to gradus %.1e%s\n",
                    expected[i]["item"].get<std::string>().c_str(), program.name.c_str(),
                    theirs.front(), theirs.back(), gap, close ? "" : ": TOO LARGE");
        agree = agree && close;
      }
    }
  } catch (...) {
    fs::remove_all(folder);
    throw;
  }
  fs::remove_all(folder);
  return agree;
}

}  // namespace bench
