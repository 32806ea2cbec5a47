#include "report.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <gradus/io/file.hpp>
#include <thread>

#include "sections.hpp"

namespace bench {
namespace {

/// The value after `key` and a mark in a file of lines, or "unknown".
std::string value_in(const char* path, const std::string& key, char mark) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    auto value = line.substr(line.find(mark) + 1);
    value.erase(0, value.find_first_not_of(" \""));
    value.erase(value.find_last_not_of(" \"") + 1);
    return value;
  }
  return "unknown";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

}  // namespace

Json describe_machine() {
  return {{"processor", value_in("/proc/cpuinfo", "model name", ':')},
          {"processors", std::thread::hardware_concurrency()},
          {"system", value_in("/etc/os-release", "PRETTY_NAME", '=')},
          {"compiler", GRADUS_BENCH_COMPILER},
          {"date", today()}};
}

void write_report(const Results& results, const std::string& folder) {
  const Json& machine = results.machine();
  const auto said = [&](const char* key) {
    const Json value = machine.value(key, Json("unknown"));
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  std::string text =
      "# Performance\n\n"
      "Written by `./dev bench --report` from the results of `./dev bench`, " +
      said("date") + ": " + said("processor") + ", " + said("processors") + " processors, " +
      said("system") + ", " + said("compiler") + ".\n\n";
  for (const auto& note : machine.value("notes", std::vector<std::string>{}))
    text += "- " + note + "\n";
  text +=
      "\nEach program runs in a fresh process, rounds go through the programs in turn. Cells are "
      "medians over the blocks of "
      "all rounds; a ratio is formed within each round, and the median of the rounds is shown. "
      "\"by hand\" is the same step "
      "written out in C++ without a graph, its products by OpenBLAS (with two threads: on "
      "OpenBLAS's threads, loops on one). "
      "The best peer is the fastest of PyTorch and libtorch, as installed and tuned, in each "
      "round. All steps use float32 and "
      "the learning rate 1e-7, so that repeating one batch does not end in denormal numbers. "
      "`./dev bench --verify` shows that all "
      "programs compute the same losses.\n\n"
      "Workloads: a 2-8-1 tanh, batch 4, MSE, SGD. b 4-64-32-3 ReLU, 32, cross-entropy, AdamW. c "
      "784-128-10 ReLU, 64, "
      "cross-entropy, SGD. d 784-512-256-10 ReLU, 64, cross-entropy, AdamW. e 784-2048-2048-10 "
      "GELU, 256, cross-entropy, "
      "AdamW. f 32 layers of 64, tanh, 32, MSE, Adam. g 128-256-128-64-1 BatchNorm, ReLU, Dropout "
      "0.3, 64, binary "
      "cross-entropy from logits, AdamW, gradients clipped to 1. h LayerNorm, SwiGLU 512-1365-512, "
      "residual, (8, 32, 512), "
      "MSE, AdamW.\n\n" +
      tables(results);
  std::filesystem::create_directories(folder + "/figures");
  for (const auto& sweep : sweep_names()) {
    if (!results.has({"sweep " + sweep})) continue;
    gradus::io::write_file_atomically(folder + "/figures/" + sweep + ".svg",
                                      sweep_drawing(results, sweep));
    text += "![A training step against the " + sweep + "](figures/" + sweep + ".svg)\n\n";
  }
  while (text.size() > 1 && text[text.size() - 2] == '\n') text.pop_back();
  gradus::io::write_file_atomically(folder + "/performance.md", text);
}

}  // namespace bench
