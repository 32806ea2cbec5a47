#include "gradus/nn/conv.hpp"
#include "nn/golden.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("convolutions agree with PyTorch", "[nn]") {
  const nn::Conv1d one(2, 4, 2, {.stride = 2, .padding = 1, .groups = 2, .dtype = float64});
  golden_parameters(one);
  const Tensor y = one(golden_input({1, 2, 5}));
  check_values(y, {0.722011668090036, 0.544833477690771, 0.176195717646971, 0.0231756211970985,
                   0.330599434005051, 0.427352819241529, -0.245944979331175, 0.0922569942160311,
                   0.0358390667505493, -0.495238491340799, -0.907929930960437, -0.680963477949095});
  check_gradients(one, y, {3.1351062982862, 1.45172683457244});
  const nn::Conv2d two(1, 2, {2, 3}, {.stride = {2, 1}, .padding = {0, 1}, .dtype = float64});
  golden_parameters(two);
  const Tensor z = two(golden_input({1, 1, 4, 3}));
  check_values(z, {0.842163828839768, 0.844901450898146, 0.942427785084372, -0.139175663748667,
                   -0.140395652962499, -0.243809415875403, -0.017041235969176, 0.223083734780787,
                   0.70996077571083, 0.558545722473041, 0.391416156780191, -0.126540095870297});
  check_gradients(two, z, {11.9184669584413, 0.303152420710335});
}
