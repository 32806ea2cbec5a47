#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

TEST_CASE("elementwise operations refuse shapes that do not broadcast", "[ops]") {
  const Tensor a = zeros({2, 3}), b = zeros({4});
  const Tensor mask = zeros({4}, boolean);
  CHECK_THROWS_WITH(maximum(a, b), contains("[maximum]") && contains("(2, 3)") && contains("(4,)"));
  CHECK_THROWS_WITH(pow(a, b), contains("[pow]"));
  CHECK_THROWS_WITH(eq(a, b), contains("[eq]") && contains("(4,)"));
  CHECK_THROWS_WITH(logical_and(a, b), contains("[logical_and]"));
  CHECK_THROWS_WITH(addcmul(a, a, b), contains("[addcmul]"));
  CHECK_THROWS_WITH(addcdiv(b, a, a), contains("[addcdiv]"));
  CHECK_THROWS_WITH(lerp(a, a, b), contains("[lerp]"));
  CHECK_THROWS_WITH(lerp(a, b, 0.5), contains("[lerp]"));
  CHECK_THROWS_WITH(where(mask, a, a), contains("[where]"));
  CHECK_THROWS_WITH(where(mask, a, 0), contains("[where]"));
  CHECK_THROWS_WITH(masked_fill(a, mask, 0), contains("[masked_fill]"));
}

TEST_CASE("conditions and masks must be bool", "[ops]") {
  const Tensor x = zeros({2});
  CHECK_THROWS_WITH(where(x, x, x), contains("[where]") && contains("bool"));
  CHECK_THROWS_WITH(where(x, x, 0), contains("[where]") && contains("bool"));
  CHECK_THROWS_WITH(where(x, 0, x), contains("[where]") && contains("bool"));
  CHECK_THROWS_WITH(where(x, 0, 1), contains("[where]") && contains("bool"));
  CHECK_THROWS_WITH(masked_fill(x, x, 1),
                    contains("[masked_fill]") && contains("(2,) float32") && contains("bool"));
}

TEST_CASE("integers are not divided by zero nor raised to negative powers", "[ops]") {
  const Tensor x = tensor({1, 2}, int64), zero = tensor({1, 0}, int64);
  CHECK_THROWS_WITH(fmod(x, zero), contains("[fmod]") && contains("0"));
  CHECK_THROWS_WITH(fmod(x, 0), contains("[fmod]"));
  CHECK_THROWS_WITH(remainder(x, zero), contains("[remainder]"));
  CHECK_THROWS_WITH(remainder(x, 0), contains("[remainder]"));
  CHECK_THROWS_WITH(floor_divide(x, zero), contains("[floor_divide]"));
  CHECK_THROWS_WITH(floor_divide(x, 0), contains("[floor_divide]"));
  CHECK_THROWS_WITH(pow(x, -1), contains("[pow]") && contains("-1"));
}

TEST_CASE("options of elementwise operations are checked", "[ops]") {
  const Tensor x = zeros({2});
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(clamp(x, Tensor(), Tensor()), contains("[clamp]") && contains("one or both"));
  CHECK_THROWS_WITH(hardtanh(x, 1, -1), contains("[hardtanh]") && contains("min <= max"));
  CHECK_THROWS_WITH(hardtanh(x, not_a_number, 1), contains("[hardtanh]"));
  CHECK_THROWS_WITH(softplus(x, 0), contains("[softplus]") && contains("beta"));
  CHECK_THROWS_WITH(softplus(x, not_a_number), contains("[softplus]"));
  CHECK_THROWS_WITH(celu(x, -1), contains("[celu]") && contains("alpha"));
  CHECK_THROWS_WITH(exp(Tensor()), contains("undefined"));
}
