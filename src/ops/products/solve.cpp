#include <cstring>

#include "base/messages.hpp"
#include "kernels/products/lapack.hpp"
#include "ops/products/linalg.hpp"
#include "ops/products/products.hpp"

// Decompositions of square matrices, and systems of equations with them.
namespace gradus {

using detail::data;
using detail::first_and;
using detail::Lu;
using detail::second_and;
using detail::Stack;
using detail::zero_matmul;
using detail::Zeros;
using kernels::In;
using kernels::Out;

namespace detail {

namespace {

/// A copy of the values that belongs to nobody else.
Tensor copy_of(const Tensor& x) {
  Tensor out = empty_like(x);
  if (x.numel())
    std::memcpy(data(out), data(x), static_cast<std::size_t>(x.numel()) * size_of(x.dtype()));
  return out;
}

}  // namespace

Stack require_square(const Tensor& a, const char* operation) {
  happens_once(operation, "decompositions go by values, such as pivots");
  require_floating(a, operation);
  const Shape shape = a.shape();
  const int rank = shape.size();
  if (rank < 2 || shape[rank - 1] != shape[rank - 2])
    fail(operation, "a tensor of shape ", shape,
         " was given; square matrices in the last two axes are required");
  const Shape batch = batch_of(shape);
  return {shape.back(), numel(batch), batch};
}

kernels::Out Lu::matrix(Index i) const {
  return kernels::Out(data(factors)).plus(i * stack.order * stack.order, factors.dtype());
}

double Lu::pivot(Index i, Index place) const {
  return number(factors.dtype(), matrix(i).plus(place * stack.order + place, factors.dtype()));
}

Lu lu(const Tensor& a, const char* operation) {
  Lu out{require_square(a, operation), copy_of(a), {}, {}};
  out.pivots.resize(static_cast<std::size_t>(out.stack.count * out.stack.order));
  out.zero_pivot.resize(static_cast<std::size_t>(out.stack.count));
  for (Index i = 0; i < out.stack.count; ++i)
    kernels::run(kernels::Lu{a.dtype(), out.stack.order, out.matrix(i),
                             out.pivots.data() + i * out.stack.order, out.zero_pivot.data() + i});
  return out;
}

std::string name_of_matrix(const Stack& stack, Index i) {
  if (stack.batch.empty()) return "the matrix";
  return compose("matrix ", i, " of the batch ", stack.batch);
}

namespace {

Tensor inverse(const Tensor& a, bool zero_if_singular) {
  const Lu factors = lu(a, "inverse");
  const auto [n, count, batch] = factors.stack;
  Tensor out = zeros(a.shape(), a.dtype());
  const Tensor identity = eye(n, n, a.dtype());
  for (Index i = 0; i < count; ++i) {
    if (const Index place = factors.zero_pivot[static_cast<std::size_t>(i)]) {
      if (zero_if_singular) continue;
      fail("inverse", name_of_matrix(factors.stack, i), ", of order ", n, ", is singular: pivot ",
           place,
           " of its LU decomposition is 0; an invertible one is required; add a "
           "small multiple of eye(n)");
    }
    const Out to = Out(data(out)).plus(i * n * n, a.dtype());
    std::memcpy(to, data(identity), static_cast<std::size_t>(n * n) * size_of(a.dtype()));
    kernels::run(
        kernels::LuSolve{a.dtype(), false, n, n, factors.matrix(i), factors.pivots_of(i), to});
  }
  return record("inverse", std::move(out), {a}, [](const Vjp& k) {
    const Tensor& x = k.out();
    return -zero_matmul(Zeros::first, zero_matmul(Zeros::second, x, k.grad, true), x, false, true);
  });
}

}  // namespace

Tensor inverse_or_zero(const Tensor& a) { return inverse(a, true); }

}  // namespace detail

Tensor inverse(const Tensor& a) { return detail::inverse(a, false); }

namespace {

/// What stands on the left of a system of equations.
struct System {
  enum Kind { general, lower, upper } kind;
  bool transposed;
  bool in_rule = false;  // b is a cotangent, whose zeros make 0 whatever they meet
  const char* operation() const { return kind == general ? "solve" : "solve_triangular"; }
};

[[noreturn]] void fail_singular(const System& system, const Stack& stack, Index i, Index place) {
  fail(system.operation(), detail::name_of_matrix(stack, i), ", of order ", stack.order,
       ", is singular: ",
       (system.kind == System::general
            ? "pivot " + text_of(place) + " of its LU decomposition is 0"
            : "element (" + text_of(place) + ", " + text_of(place) + ") of its diagonal is 0"),
       "; an invertible one is required; add a small multiple of eye(n)");
}

/// Throws if a triangular matrix of the stack has a 0 on its diagonal.
void require_diagonal(const System& system, const Tensor& a, const Stack& stack) {
  const NoGrad guard;
  const Tensor zero = eq(diagonal(a, 0, -2, -1), 0.0);
  const auto* found = static_cast<const bool*>(data(zero));
  for (Index i = 0; i < zero.numel(); ++i)
    if (found[i]) fail_singular(system, stack, i / stack.order, i % stack.order);
}

/// op(a)^-1 b for checked tensors of two and more axes; batches broadcast.
Tensor solve_system(const System& system, const Tensor& a, const Tensor& b) {
  const NoGrad guard;
  const Stack stack = detail::require_square(a, system.operation());
  const Shape batch =
      broadcast_shapes(stack.batch, detail::batch_of(b.shape()), system.operation());
  const Tensor left = stack.count == 1 ? a : detail::with_batch(a, batch);
  const Tensor right = detail::with_batch(b, batch);
  Tensor out = detail::copy_of(right);
  const DType type = a.dtype();
  const Index n = stack.order, columns = b.size(-1), count = numel(batch);
  const auto solution = [&](Index i) { return Out(data(out)).plus(i * n * columns, type); };
  const auto cotangent = [&](Index i) {
    return system.in_rule ? In(data(right)).plus(i * n * columns, type) : In(nullptr);
  };
  if (system.kind == System::general) {
    const Lu factors = detail::lu(left, system.operation());
    for (Index i = 0; i < factors.stack.count; ++i)
      if (const Index place = factors.zero_pivot[static_cast<std::size_t>(i)])
        fail_singular(system, factors.stack, i, place);
    for (Index i = 0; i < count; ++i) {
      const Index from = stack.count == 1 ? 0 : i;
      kernels::run(kernels::LuSolve{type, system.transposed, n, columns, factors.matrix(from),
                                    factors.pivots_of(from), solution(i), cotangent(i)});
    }
  } else {
    require_diagonal(system, a, stack);
    for (Index i = 0; i < count; ++i)
      kernels::run(kernels::TriangularSolve{
          type, system.kind == System::upper, system.transposed, n, columns,
          In(data(left)).plus(stack.count == 1 ? 0 : i * n * n, type), solution(i), cotangent(i)});
  }
  return out;
}

Tensor system_of_equations(const System& system, const Tensor& a, const Tensor& b) {
  return record(
      system.operation(), solve_system(system, a, b), {a, b}, [system](const Vjp& k) -> Grads<2> {
        // x = op(a)^-1 b: d b = op(a)^-T g, d op(a) = -(d b) x^T
        const System adjoint{system.kind, !system.transposed, true};
        Grads<2> grads;
        grads[1] = system_of_equations(adjoint, k.in(0), k.grad);
        if (!k.wants(0)) return grads;
        const bool too = system.in_rule;
        Tensor product = system.transposed
                             ? zero_matmul(second_and(too), k.out(), grads[1], false, true)
                             : zero_matmul(first_and(too), grads[1], k.out(), false, true);
        if (system.kind == System::lower) product = tril(product);
        if (system.kind == System::upper) product = triu(product);
        grads[0] = -product;
        return grads;
      });
}

/// Checks a system and turns a vector b into a column, which is dropped again.
Tensor checked_system(const System& system, const Tensor& a, const Tensor& b, bool vectors) {
  const char* name = system.operation();
  const Stack stack = detail::require_square(a, name);
  detail::require_dtype(b, a.dtype(), name, "a right-hand side b");
  Shape rows = stack.batch;
  rows.push_back(stack.order);
  const bool vector = vectors && (b.dim() == 1 || b.shape() == rows);
  if (b.dim() < (vector ? 1 : 2) || b.size(vector ? -1 : -2) != stack.order)
    fail(name, "a of shape ", a.shape(), " and b of shape ", b.shape(), " were given; b with ",
         stack.order, " rows is required",
         (vectors ? ", or a vector" : "; use unsqueeze(b, -1) for a vector"));
  Shape batch = b.shape();  // without the rows, and the columns if there are any
  batch.erase(batch.size() - 1);
  if (!vector) batch.erase(batch.size() - 1);
  detail::broadcast_batches(stack.batch, batch, a.shape(), b.shape(), name);
  if (vector) return squeeze(system_of_equations(system, a, unsqueeze(b, -1)), {-1});
  return system_of_equations(system, a, b);
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) {
  return checked_system({System::general, false}, a, b, true);
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, TriangleOptions options) {
  return checked_system({options.upper ? System::upper : System::lower, false}, a, b, false);
}

namespace {

/// L^-T x for a lower triangular L.
Tensor solve_transposed(const Tensor& lower, const Tensor& x) {
  return system_of_equations({System::lower, true, true}, lower, x);
}

Tensor cholesky_of_symmetric(const Tensor& a) {
  const Stack stack = detail::require_square(a, "cholesky");
  const Index n = stack.order;
  Tensor out = detail::copy_of(a);
  for (Index i = 0; i < stack.count; ++i) {
    Index minor = 0;
    kernels::run(
        kernels::Cholesky{a.dtype(), n, Out(data(out)).plus(i * n * n, a.dtype()), &minor});
    if (minor != 0)
      fail("cholesky", detail::name_of_matrix(stack, i), ", of order ", n,
           ", is not positive definite: its leading minor of order ", minor,
           " is not positive; a positive definite one is required; add a small "
           "multiple of eye(n)");
  }
  return record("cholesky", std::move(out), {a}, [n](const Vjp& k) {
    const Tensor& lower = k.out();
    const DType dtype = lower.dtype();
    const Tensor phi = tril(ones({n, n}, dtype)) - eye(n, n, dtype) * 0.5;
    const Tensor left =
        solve_transposed(lower, zero_matmul(Zeros::second, lower, k.grad, true) * phi);
    return transpose(solve_transposed(lower, transpose(left)));
  });
}

}  // namespace

Tensor cholesky(const Tensor& a, TriangleOptions options) {
  detail::require_square(a, "cholesky");
  const Tensor lower = cholesky_of_symmetric((a + transpose(a)) * 0.5);
  return options.upper ? transpose(lower) : lower;
}

}  // namespace gradus
