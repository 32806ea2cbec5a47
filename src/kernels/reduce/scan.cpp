#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/loops.hpp"
#include "kernels/reduce/reduce.hpp"

namespace gradus::kernels {
namespace {

// Columns go side by side, so that memory is read in its order.
constexpr Index panel = 128;

template <class T>
bool beats(ArgReduceOp op, T candidate, T best) noexcept {
  if (best != best) return false;
  if (candidate != candidate) return true;
  return op == ArgReduceOp::argmax ? candidate > best : candidate < best;
}

template <class T>
void arg_panel(ArgReduceOp op, const T* x, std::int64_t* out, Index axis, Index inner,
               Index cols) noexcept {
  T best[panel];
  for (Index j = 0; j < cols; ++j) {
    best[j] = x[j];
    out[j] = 0;
  }
  for (Index a = 1; a < axis; ++a) {
    for (Index j = 0; j < cols; ++j) {
      const T v = x[a * inner + j];
      if (beats(op, v, best[j])) {
        best[j] = v;
        out[j] = a;
      }
    }
  }
}

// The first entry that equals the extreme value, or the first NaN where that is the extreme value.
template <class T>
std::int64_t arg_row(ArgReduceOp op, const T* x, Index n) noexcept {
  if (n < 32) {
    Index best = 0;
    for (Index i = 1; i < n; ++i) best = beats(op, x[i], x[best]) ? i : best;
    return best;
  }
  T extreme = x[0];
  execute(Reduce{op == ArgReduceOp::argmax ? ReduceOp::max : ReduceOp::min,
                 std::is_same_v<T, float>    ? DType::float32
                 : std::is_same_v<T, double> ? DType::float64
                                             : DType::int64,
                 x,
                 &extreme,
                 {1, n, 1}});
  const bool is_nan = extreme != extreme;
  return std::find_if(x, x + n, [=](T v) { return is_nan ? v != v : v == extreme; }) - x;
}

template <class T>
void run(const ArgReduce& call) {
  const ArgReduceOp op = call.op;
  const T* x = call.x;
  Index* out = call.out;
  const Index axis = call.of.axis, inner = call.of.inner;
  for_pieces(call.of.outer, axis * inner, [=](Index first, Index last) {
    for (Index o = first; o < last; ++o) {
      if (inner == 1) {
        out[o] = arg_row(op, x + o * axis, axis);
        continue;
      }
      for (Index j = 0; j < inner; j += panel)
        arg_panel(op, x + o * axis * inner + j, out + o * inner + j, axis, inner,
                  std::min(panel, inner - j));
    }
  });
}

/// The state of a running operation over values of type A.
template <class A>
struct Running {
  A value;
  void start(A x) noexcept { value = x; }
  A result() const noexcept { return value; }
};
template <class A>
struct RunningSum : Running<A> {
  void add(A x) noexcept { this->value += x; }
};
template <class A>
struct RunningProduct : Running<A> {
  void add(A x) noexcept { this->value *= x; }
};
template <class A>
struct RunningMax : Running<A> {
  void add(A x) noexcept { this->value = this->value > x || is_nan(this->value) ? this->value : x; }
};

/// The largest value and the sum of e^(x - largest), kept apart: their sum would lose the logarithm
/// beside a large maximum.
template <class A>
struct RunningLogSum {
  A largest, sum;
  void start(A x) noexcept {
    largest = x;
    sum = is_nan(x) ? x : (x == -std::numeric_limits<A>::infinity() ? A{0} : A{1});
  }
  void add(A x) noexcept {
    if (x > largest) {
      sum = sum * std::exp(largest - x) + 1;
      largest = x;
    } else if (x == largest) {
      sum += (x == -std::numeric_limits<A>::infinity() ? A{0} : A{1});
    } else {
      sum += std::exp(x - largest);
    }
  }
  A result() const noexcept { return largest + std::log(sum); }
};

template <class State, class T>
void run_scan(const Scan& call, const T* x, T* out) {
  using A = decltype(State().result());
  const auto& [outer, axis, inner] = call.of;
  const bool reverse = call.reverse;
  if (inner == 1 && axis > 0) {
    const Index step = reverse ? -1 : 1;
    for (Index o = 0; o < outer; ++o) {
      Index at = o * axis + (reverse ? axis - 1 : 0);
      State state;
      state.start(static_cast<A>(x[at]));
      out[at] = x[at];
      for (Index a = 1; a < axis; ++a) {
        at += step;
        state.add(static_cast<A>(x[at]));
        out[at] = static_cast<T>(state.result());
      }
    }
    return;
  }
  for (Index o = 0; o < outer; ++o) {
    for (Index j = 0; j < inner; j += panel) {
      const Index cols = std::min(panel, inner - j);
      State state[panel];
      for (Index a = 0; a < axis; ++a) {
        const Index row = (o * axis + (reverse ? axis - 1 - a : a)) * inner + j;
        for (Index i = 0; i < cols; ++i) {
          const A v = static_cast<A>(x[row + i]);
          a == 0 ? state[i].start(v) : state[i].add(v);
          out[row + i] = static_cast<T>(state[i].result());
        }
      }
    }
  }
}

template <class T>
void run(const Scan& call) {
  using A = std::conditional_t<std::is_integral_v<T>, T, double>;
  switch (call.op) {
    case ScanOp::cumsum:
      return run_scan<RunningSum<A>, T>(call, call.x, call.out);
    case ScanOp::cumprod:
      return run_scan<RunningProduct<A>, T>(call, call.x, call.out);
    case ScanOp::cummax:
      return run_scan<RunningMax<A>, T>(call, call.x, call.out);
    case ScanOp::logcumsumexp:
      if constexpr (std::is_floating_point_v<A>)
        run_scan<RunningLogSum<A>, T>(call, call.x, call.out);
      return;
  }
}

}  // namespace

void execute(const ArgReduce& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const Scan& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
