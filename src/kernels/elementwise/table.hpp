// The table of elementwise operations: X(name, expression), one line each. The expression is
// generic over double and a SIMD batch of float; it sees the operands, the parameters p and q, and
// the functions of vmath.hpp. A NaN is found by !(x == x): xsimd 8 takes `!=` as false for it. The
// name becomes an enumerator in elementwise.hpp, the expression a function in functions.hpp.
#pragma once

// Operand x.
#define GRADUS_UNARY(X)                                                            \
  X(neg, -x)                                                                       \
  X(abs, abs(x))                                                                   \
  X(sign, select(x > V(0), V(1), V(0)) - select(x < V(0), V(1), V(0)))             \
  X(exp, exp(x))                                                                   \
  X(exp2, exp2(x))                                                                 \
  X(expm1, expm1(x))                                                               \
  X(log, log(x))                                                                   \
  X(log1p, log1p(x))                                                               \
  X(log2, log2(x))                                                                 \
  X(log10, log10(x))                                                               \
  X(sqrt, sqrt(x))                                                                 \
  X(rsqrt, V(1) / sqrt(x))                                                         \
  X(square, x* x)                                                                  \
  X(cube, x* x* x)                                                                 \
  X(reciprocal, V(1) / x)                                                          \
  X(hypot_one, select(abs(x) > V(1e10), abs(x), sqrt(V(1) + x * x)))               \
  X(sin, sin(x))                                                                   \
  X(cos, cos(x))                                                                   \
  X(tan, tan(x))                                                                   \
  X(asin, asin(x))                                                                 \
  X(acos, acos(x))                                                                 \
  X(atan, atan(x))                                                                 \
  X(sinh, sinh(x))                                                                 \
  X(cosh, cosh(x))                                                                 \
  X(tanh, tanh(x))                                                                 \
  X(asinh, asinh(x))                                                               \
  X(acosh, acosh(x))                                                               \
  X(atanh, atanh(x))                                                               \
  X(erf, erf(x))                                                                   \
  X(erfc, erfc(x))                                                                 \
  X(floor, floor(x))                                                               \
  X(ceil, ceil(x))                                                                 \
  X(round, nearbyint(x)) /* half to even */                                        \
  X(trunc, trunc(x))                                                               \
  X(sigmoid, sigmoid(x))                                                           \
  X(logsigmoid, -softplus(-x))                                                     \
  X(relu, select(x <= V(0), V(0), x))                                              \
  X(relu6, clamp(x, V(0), V(6)))                                                   \
  X(softplus, select(x* p > q, x, softplus(x * p) / p)) /* beta, threshold */      \
  X(leaky_relu, select(x > V(0), x, x * p))             /* slope */                \
  X(elu, select(x > V(0), x, p * expm1(x)))             /* alpha */                \
  X(celu, select(x > V(0), x, p * expm1(x / p)))        /* alpha */                \
  X(selu, num<V>(selu_scale) * select(x > V(0), x, num<V>(selu_alpha) * expm1(x))) \
  X(gelu, x* normal_cdf(x))                                                        \
  X(gelu_tanh, x* sigmoid(V(2) * gelu_tanh_inner(x)))                              \
  X(silu, x* sigmoid(x))                                                           \
  X(mish, select(x > V(20), x, x * mish_ratio(x)))                                 \
  X(hardswish, x* clamp(x + V(3), V(0), V(6)) / V(6))                              \
  X(hardsigmoid, clamp(x + V(3), V(0), V(6)) / V(6))                               \
  X(softsign, x / (V(1) + abs(x)))                                                 \
  X(clamp, clamp(x, p, q)) /* min, max; hardtanh too */                            \
  X(clamp_min, select(x < p, p, x))                                                \
  X(clamp_max, select(x > p, p, x))                                                \
  X(add_scalar, x + p)                                                             \
  X(mul_scalar, x* p)                                                              \
  X(pow_scalar, pairwise(x, p, pow_of))                                            \
  X(safe_pow_scalar, select(x == V(0), V(0), pairwise(x, p, pow_of)))              \
  X(safe_log, select(x == V(0), V(0), log(x)))                                     \
  X(rsub_scalar, p - x)                                                            \
  X(rdiv_scalar, p / x)                                                            \
  X(rpow_scalar, pairwise(p, x, pow_of))

// Operands a, b; the gradients: upstream g and a saved value, which is `out` for tanh, sigmoid and
// relu, the input x for the others. A zero upstream gives zero.
#define GRADUS_BINARY(X)                                                                          \
  X(add, a + b)                                                                                   \
  X(sub, a - b)                                                                                   \
  X(mul, a* b)                                                                                    \
  X(div, a / b)                                                                                   \
  X(pow, pairwise(a, b, pow_of))                                                                  \
  X(maximum, select((a > b) | is_nan(a), a, b))                                                   \
  X(minimum, select((a < b) | is_nan(a), a, b))                                                   \
  X(atan2, pairwise(a, b, atan2_of))                                                              \
  X(hypot, pairwise(a, b, hypot_of))                                                              \
  X(fmod, pairwise(a, b, fmod_of))                                                                \
  X(remainder, pairwise(a, b, remainder_of))                                                      \
  X(floor_divide, pairwise(a, b, floor_divide_of))                                                \
  X(safe_div,                                                                                     \
    select((a == V(0)) | ((b == V(0)) & (a == a)), V(0), a / b)) /* 0 where a or b is 0 */        \
  X(quotient, select((b == V(0)) & (a == a), V(0), a / b))       /* 0 where b is 0 */             \
  X(safe_mul, product_or_zero(a, b))                             /* 0 where a is 0 */             \
  X(zero_mul, select((a == V(0)) | (b == V(0)), V(0), a * b))    /* 0 where a or b is 0 */        \
  X(safe_pow, select((a == V(0)) & (b < V(0)), V(0), pairwise(a, b, pow_of)))                     \
  X(below, /* a - b for a <= b, 0 where both are equal, and -inf where both are -inf */           \
    select(a == b, select(b == num<V>(-INFINITY), b, V(0)), a - b))                               \
  X(share, select(a == b, V(0.5), select(a < b, V(0), V(1)))) /* of a in maximum(a, b) */         \
  X(lerp_scalar, select(abs(p) < V(0.5), a + p * (b - a), b - (b - a) * (V(1) - p)))              \
  X(tanh_grad, product_or_zero(a, V(1) - b * b))                                                  \
  X(sigmoid_grad, product_or_zero(a, (V(1) - b) * b))                                             \
  X(relu_grad, select(b <= V(0), V(0), a))                                                        \
  X(relu6_grad, select((b <= V(0)) | (b >= V(6)), V(0), a))                                       \
  X(gelu_grad, product_or_zero(a, gelu_slope(b)))                                                 \
  X(gelu_tanh_grad, product_or_zero(a, gelu_tanh_slope(b)))                                       \
  X(silu_grad, product_or_zero(a, silu_slope(b)))                                                 \
  X(mish_grad, product_or_zero(a, mish_slope(b)))                                                 \
  X(softplus_grad, select(b* p > q, a, product_or_zero(a, sigmoid(b * p)))) /* beta, threshold */ \
  X(logsigmoid_grad, product_or_zero(a, sigmoid(-b)))                                             \
  X(leaky_relu_grad, select(b > V(0), a, a * p))                    /* slope */                   \
  X(elu_grad, select(b > V(0), a, product_or_zero(a, p * exp(b))))  /* alpha */                   \
  X(celu_grad, select(b > V(0), a, product_or_zero(a, exp(b / p)))) /* alpha */                   \
  X(selu_grad,                                                                                    \
    num<V>(selu_scale) * select(b > V(0), a, product_or_zero(a, num<V>(selu_alpha) * exp(b))))    \
  X(hardswish_grad,                                                                               \
    select(b <= V(-3), V(0), select(b >= V(3), a, product_or_zero(a, b / V(3) + V(0.5)))))        \
  X(hardsigmoid_grad, select((b > V(-3)) & (b < V(3)), a / V(6), V(0)))                           \
  X(softsign_grad, select(a == V(0), V(0), a / (V(1) + abs(b)) / (V(1) + abs(b))))                \
  X(erf_grad, product_or_zero(a, num<V>(1.1283791670955126) * exp(-(b * b))))                     \
  X(clamp_grad, select((b >= p) & (b <= q), a, V(0)))    /* min, max */                           \
  X(hardtanh_grad, select((b <= p) | (b >= q), V(0), a)) /* min, max */                           \
  X(cosine, pairwise(a, b, cosine_of))                   /* a / hypot(a, b), 0 where both are 0 */

// Activations that a product applies to its results: X(name, from_out). The gradient name_grad
// takes the result or, where that is not enough, what the product was before.
#define GRADUS_FUSED(X) \
  X(relu, true)         \
  X(tanh, true)         \
  X(sigmoid, true)      \
  X(gelu, false)        \
  X(silu, false)

// Operands a, b, c.
#define GRADUS_TERNARY(X)                                                     \
  X(lerp, select(abs(c) < V(0.5), a + c * (b - a), b - (b - a) * (V(1) - c))) \
  X(addcmul, a + p * (b * c))                                                 \
  X(addcdiv, a + p * (b / c))

// Operands a, b of any type T, one by one; the logical ones are for boolean only.
#define GRADUS_COMPARE(X)                                    \
  X(eq, a == b)                                              \
  X(ne, !(a == b))                                           \
  X(lt, a < b)                                               \
  X(le, a <= b)                                              \
  X(gt, a > b)                                               \
  X(ge, a >= b)                                              \
  X(same, (a == b) | ((a != a) & (b != b))) /* NaN is NaN */ \
  X(logical_and, (a != T(0)) & (b != T(0)))                  \
  X(logical_or, (a != T(0)) | (b != T(0)))                   \
  X(logical_xor, (a != T(0)) != (b != T(0)))
