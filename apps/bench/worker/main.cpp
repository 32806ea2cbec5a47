// bench_gradus MODE [--name value]... [workload]...: gradus's side of ./dev bench, in a process of
// its own.
#include <dlfcn.h>

#include <fstream>

#include "steps.hpp"

using namespace gradus;

/// What --instructions counts: a function that keeps its name and its frame.
extern "C" __attribute__((noinline, used)) void bench_counted(const std::function<void()>& call) {
  call();
  asm volatile("" : : : "memory");  // no jump instead of the call
}

namespace {

void steps(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    Step step = make_step(workload, options.lr);
    if (!options.captured) {
      bench::print_line(workload.name, "ns", bench::measure([&] { bench::keep(step()); }, options));
      continue;
    }
    const CapturedStep captured = capture(
        [&step](const Tensor& x, const Tensor& y) {
          step.x = x;
          step.y = y;
          return step();
        },
        {step.x, step.y});
    const Tensor x = step.x.clone(), y = step.y.clone();
    bench::print_line(workload.name, "ns",
                      bench::measure([&] { bench::keep(captured(x, y)); }, options));
  }
}

void write(std::ofstream& file, const Tensor& tensor) {
  const auto values = tensor.detach().to(float32).to_vector<float>();
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

/// Writes what the others start from, too.
void losses(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    const Step step = make_step(workload, options.lr, false);
    std::ofstream file(options.folder + "/" + workload.name + ".bin", std::ios::binary);
    write(file, step.x);
    write(file, step.y);
    for (const Tensor& parameter : step.parameters) write(file, parameter);
    if (!file.flush()) throw std::runtime_error("cannot write into " + options.folder);
    std::vector<double> found;
    for (int i = 0; i < options.steps; ++i) found.push_back(step().item());
    bench::print_line(workload.name, "losses", found);
  }
}

void phases(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    const Step step = make_step(workload, options.lr);
    std::vector<double> forward, backward;
    const auto timed = [&](long calls) {
      double spent[2] = {};
      for (long i = 0; i < calls; ++i) {
        step.optimizer->zero_grad();
        const double t0 = bench::now_ns();
        const Tensor loss = step.forward();
        const double t1 = bench::now_ns();
        loss.backward();
        const double t2 = bench::now_ns();
        step.update();
        spent[0] += t1 - t0, spent[1] += t2 - t1;
      }
      forward.push_back(spent[0] / static_cast<double>(calls));
      backward.push_back(spent[1] / static_cast<double>(calls));
      return spent[0] + spent[1];
    };
    bench::blocks_of(timed, options);
    const auto last = [&](std::vector<double>& all) {
      all.erase(all.begin(), all.end() - options.blocks);
      return all;
    };
    bench::print_line(workload.name, "ns", last(forward));
    bench::print_line(workload.name + ".backward", "ns", last(backward));
  }
}

void blas() {
  using Name = char* (*)();
  const auto name = reinterpret_cast<Name>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  bench::print_line("blas", "threads", {static_cast<double>(num_threads())},
                    bench::field("kernels", std::string(name ? name() : "unknown")));
}

/// Runs what is counted after steps that fill the pools.
void count(const bench::Options& options) {
  const auto counted = [&](const std::function<void()>& call) {
    call();
    call();
    bench_counted(call);
  };
  for (const long length : options.sizes) {
    const Tensor w = tensor(0.999).requires_grad_();
    counted([&] {
      Tensor y = tensor(1.0);
      for (long k = 0; k < length; ++k) y = y * w;
      y.backward();
      Tensor(w).set_grad({});
    });
  }
  for (const auto& workload : options.workloads) {
    const Step step = make_step(workload, options.lr);
    counted([&] {
      for (int i = 0; i < options.steps; ++i) step();
    });
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  if (options.bfloat16) set_matmul_precision(Precision::bfloat16);
  if (options.mode == "steps")
    steps(options);
  else if (options.mode == "losses")
    losses(options);
  else if (options.mode == "phases")
    phases(options);
  else if (options.mode == "scalars")
    measure_scalars(options);
  else if (options.mode == "elementwise")
    measure_elementwise(options);
  else if (options.mode == "chains")
    measure_chains(options);
  else if (options.mode == "memory")
    measure_memory(options);
  else if (options.mode == "growth")
    measure_growth(options);
  else if (options.mode == "checksums")
    print_checksums(options);
  else if (options.mode == "count")
    count(options);
  else if (options.mode == "blas")
    blas();
  else
    throw std::runtime_error("unknown mode " + options.mode);
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_gradus: %s\n", error.what());
  return 1;
}
