#include <thread>
#include <vector>

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
