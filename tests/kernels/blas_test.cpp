#include "kernels/products/blas.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "apps/command.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;

TEST_CASE("threads solve systems of equations side by side") {
  Generator generator(1);
  const Tensor a = add(matmul(randn({40, 40}, float64, &generator), eye(40, 40, float64)),
                       eye(40, 40, float64) * 50);
  const Tensor b = randn({40, 7}, float64, &generator);
  const std::vector<double> expected = solve(a, b).to_vector<double>();
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) wrong[i] += solve(a, b).to_vector<double>() != expected;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

namespace {

/// Limits this process to the addresses that it has and `more` bytes, while it lives.
class AddressLimit {
 public:
  explicit AddressLimit(rlim_t more) {
    getrlimit(RLIMIT_AS, &before_);
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + more;
    setrlimit(RLIMIT_AS, &limit);
  }
  ~AddressLimit() { setrlimit(RLIMIT_AS, &before_); }
  AddressLimit(const AddressLimit&) = delete;
  AddressLimit& operator=(const AddressLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("LAPACK without memory for its scratch is an Error, and goes on when there is some") {
  const Tensor a = add(ones({30, 30}), eye(30, 30) * 50), b = ones({30, 2});
  const int provided = kernels::BlasCallers::provided.exchange(0);
  {
    const AddressLimit limit(std::size_t{40} << 20);
    const auto refused = [&](auto f) {
      CHECK_THROWS_WITH(f(), gradus::test::contains("scratch memory for OpenBLAS"));
    };
    refused([&] { inverse(a); });
    refused([&] { solve(a, b); });
    refused([&] { cholesky(a); });
    refused([&] { det(a); });
    refused([&] { slogdet(a); });
    refused([&] { solve_triangular(a, b, {.upper = true}); });
    CHECK(kernels::BlasCallers::now == 0);
  }
  CHECK(solve(a, b).shape() == Shape{30, 2});
  CHECK(kernels::BlasCallers::provided == 1);
  kernels::BlasCallers::provided = std::max(provided, 1);
}

TEST_CASE("a program that decomposes matrices under any memory limit comes to its end") {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (int megabytes = 60; megabytes <= 460; megabytes += 40) {
    INFO(megabytes << " MB");
    const auto ran = gradus::test::run("ulimit -v " + std::to_string(megabytes * 1024) +
                                       "; OPENBLAS_NUM_THREADS=1 timeout -s KILL 60 '" + self +
                                       "' 'threads solve systems of equations side by side'");
    CHECK(ran.status != 137);
  }
}
