// What a training step asks of memory, and the bits of its results for any number of threads.
#include <sys/resource.h>

#include <cstring>
#include <fstream>

#include "steps.hpp"

using namespace gradus;

namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

double resident_mib() {
  long total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) / 256;
}

/// FNV-1a over the bits of a tensor.
std::uint64_t hash(const Tensor& tensor, std::uint64_t state) {
  for (const float value : tensor.detach().to_vector<float>()) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    state = (state ^ bits) * 0x100000001B3u;
  }
  return state;
}

}  // namespace

void measure_memory(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    const Step step = make_step(workload, options.lr);
    step();
    step();
    double live = 0;
    {
      const Tensor loss = step.forward();  // beside the gradients and moments of the step before
      live = static_cast<double>(memory_stats().live_bytes);
    }
    reset_peak();
    const auto asked = memory_stats().system_allocations;
    const long faults = page_faults();
    for (int i = 0; i < options.steps; ++i) step();
    const long new_faults = page_faults() - faults;
    const MemoryStats after = memory_stats();
    bench::print_line(
        workload.name, "page_faults_per_step",
        {static_cast<double>(new_faults) / static_cast<double>(options.steps)},
        bench::field("system_allocations", static_cast<double>(after.system_allocations - asked)) +
            bench::field("peak_to_live", static_cast<double>(after.peak_bytes) / live) +
            bench::field("live_mib", live / (1 << 20)));
  }
}

/// Resident size along 100,000 steps of the first workload.
void measure_growth(const bench::Options& options) {
  const Step step = make_step(options.workloads.at(0), options.lr);
  std::vector<double> sizes;
  for (int i = 0; i <= 100'000; ++i) {
    step();
    if (i == 1000 || i == 10'000 || i == 100'000) sizes.push_back(resident_mib());
  }
  bench::print_line(options.workloads[0].name, "resident_mib", sizes);
}

void print_checksums(const bench::Options& options) {
  for (const auto& workload : options.workloads)
    for (const int threads : {1, 2, 3, 4, 8}) {
      set_num_threads(threads);
      const Step step = make_step(workload, 1e-3);
      std::uint64_t state = 0xCBF29CE484222325u;
      for (int i = 0; i < options.steps; ++i) state = hash(step(), state);
      for (const Tensor& parameter : step.parameters) state = hash(parameter, state);
      char text[32];
      std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(state));
      bench::print_line(workload.name, "threads", {static_cast<double>(threads)},
                        bench::field("checksum", std::string(text)));
    }
}
