#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "ops/products/golden.hpp"
#include "support/catch.hpp"

// Values of PyTorch 1.13 in float64.

using namespace gradus;
using gradus::test::check_values;

namespace {

Tensor weights() { return reshape(arange(1, 10, 1, float64), {3, 3}); }

Tensor definite() {
  return tensor({{4, 1, 0.5}, {1, 3, -0.25}, {0.5, -0.25, 2}}, float64).requires_grad_();
}

}  // namespace

TEST_CASE("decompositions agree with PyTorch", "[ops]") {
  const Tensor a = definite(), w = weights();
  const Tensor b = tensor({{1, -2}, {0.5, 3}, {2, -1}}, float64).requires_grad_();
  const Tensor l = cholesky(a);
  check_values(l, {2.0, 0.0, 0.0, 0.5, 1.6583123951777, 0.0, 0.25, -0.22613350843332272,
                   1.3734495390671024});
  check_values(grad(sum(l * w), {a})[0],
               {0.1297115239218314, 0.16828970961702674, 0.6257283893912952, 0.16828970961702666,
                1.8974033883123342, 2.8588755464391182, 0.6257283893912953, 2.8588755464391182,
                3.2764217919914014});
  const Tensor x = solve(a, b);
  check_values(x, {0.06626506024096387, -0.7951807228915663, 0.2289156626506024, 1.2530120481927711,
                   1.0120481927710843, -0.14457831325301201});
  const auto g = grad(sum(x * slice(w, 1, 0, 2)), {a, b});
  check_values(g[0], {-0.441301349978226, 0.9333357526491506, 0.6336188125997967, 1.656227318914211,
                      -3.2423428654376543, -1.5964581216431992, 3.2661489330817237,
                      -6.451879808390186, -3.321817390042096});
  check_values(g[1], {-0.713855421686747, -0.6144578313253011, 1.8975903614457832,
                      2.2409638554216866, 3.9156626506024095, 4.433734939759035});
  const Tensor inv = inverse(a);
  check_values(inv, {0.286144578313253, -0.10240963855421686, -0.08433734939759036,
                     -0.10240963855421686, 0.37349397590361444, 0.07228915662650601,
                     -0.08433734939759036, 0.07228915662650601, 0.5301204819277108});
  check_values(grad(sum(inv * w), {a})[0],
               {0.09790063869937583, 0.19362389316301346, 0.2572579474524604, -0.09553273334301064,
                -0.8294745246044417, -1.3719698069385975, -0.2487661489330818, -1.6129336623602841,
                -2.6153287850195954});
}

TEST_CASE("determinants and einsum agree with PyTorch", "[ops]") {
  const Tensor a = definite();
  const Tensor d = det(a);
  check_values(d, {20.75});
  check_values(grad(d, {a})[0], {5.9375, -2.125, -1.75, -2.125, 7.75, 1.5, -1.75, 1.5, 11});
  check_values(slogdet(a).sign, {1});
  check_values(slogdet(a).logabsdet, {3.03254624667670747});
  const Tensor w = expand(weights(), {2, 3, 3});
  const Tensor x = w * tensor({{{1}}, {{-0.5}}}, float64);
  check_values(einsum("bij,bjk,k->ib", {x, w, tensor({1, 2, -1}, float64)}),
               {60, -30, 132, -66, 204, -102});
}
