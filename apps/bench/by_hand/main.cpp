// bench_by_hand MODE [--name value]... [workload]...: the limit beside which gradus is shown.
#include "math.hpp"
#include "net.hpp"

namespace {

using namespace by_hand;

void steps(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    const auto net = make_net(workload, static_cast<float>(options.lr), true);
    bench::print_line(workload.name, "ns",
                      bench::measure([&] { bench::keep(net->step()); }, options));
  }
}

void losses(const bench::Options& options) {
  for (const auto& workload : options.workloads) {
    const auto net = make_net(workload, static_cast<float>(options.lr), false);
    bench::ValuesIn values(options.folder, workload.name);
    net->load(values);
    std::vector<double> found;
    for (int i = 0; i < options.steps; ++i) found.push_back(static_cast<double>(net->step()));
    bench::print_line(workload.name, "losses", found);
  }
}

/// Which kernels OpenBLAS chose, after a product that shows that they work.
int blas() {
  const int n = 256;
  Values a(n * n, 1), b(n * n, 2), c(n * n);
  product(a.data(), false, b.data(), false, c.data(), n, n, n);
  for (const float value : c)
    if (value != 2 * n) return 1;
  bench::print_line("blas", "threads", {static_cast<double>(openblas_get_num_threads())},
                    bench::field("kernels", openblas_get_corename()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = bench::parse_options(argc, argv);
  openblas_set_num_threads(options.threads);
  if (options.mode == "steps")
    steps(options);
  else if (options.mode == "losses")
    losses(options);
  else if (options.mode == "blas")
    return blas();
  else if (options.mode == "elementwise")
    for (const long n : options.sizes) measure_loops(n, options);
  else if (options.mode == "chains")
    for (const long n : options.sizes) measure_chain(n, options);
  else
    throw std::runtime_error("unknown mode " + options.mode);
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_by_hand: %s\n", error.what());
  return 1;
}
