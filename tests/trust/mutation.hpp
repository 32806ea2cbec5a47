#pragma once

// Included before each file that ./dev trust mutation changes. All changes of the sample are
// compiled into one program, each behind a switch: mutation::on(n) is true for the one change that
// GRADUS_MUTANT names, and notes that place n was reached. An operator becomes an object between
// its operands, a + b -> a + Op<plus_to_minus, n>{} + b, which keeps precedence and types.

#include <type_traits>
#include <utility>

namespace mutation {

inline constexpr int most = 4096;
extern int active;         // the change that is on, or -1
extern int reached[most];  // by the test case that runs

constexpr bool on(int n) noexcept {
  if (std::is_constant_evaluated()) return false;
  reached[n] = 1;
  return active == n;
}

/// A constant that changes.
template <int n, class T>
constexpr T pick(T original, T changed) noexcept {
  return on(n) ? changed : original;
}

enum class To {
  plus,
  minus,
  times,
  over,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  swapped_minus,
  swapped_over,
  left,
  right
};

template <To to, class R, class X, class Y>
constexpr R changed(X& x, Y& y) {
  if constexpr (to == To::plus && requires { static_cast<R>(x + y); }) {
    return static_cast<R>(x + y);
  } else if constexpr (to == To::minus && requires { static_cast<R>(x - y); }) {
    return static_cast<R>(x - y);
  } else if constexpr (to == To::times && requires { static_cast<R>(x * y); }) {
    return static_cast<R>(x * y);
  } else if constexpr (to == To::over && requires { static_cast<R>(x / y); }) {
    return static_cast<R>(x / y);
  } else if constexpr (to == To::less && requires { static_cast<R>(x < y); }) {
    return static_cast<R>(x < y);
  } else if constexpr (to == To::less_equal && requires { static_cast<R>(x <= y); }) {
    return static_cast<R>(x <= y);
  } else if constexpr (to == To::greater && requires { static_cast<R>(x > y); }) {
    return static_cast<R>(x > y);
  } else if constexpr (to == To::greater_equal && requires { static_cast<R>(x >= y); }) {
    return static_cast<R>(x >= y);
  } else if constexpr (to == To::equal && requires { static_cast<R>(x == y); }) {
    return static_cast<R>(x == y);
  } else if constexpr (to == To::not_equal && requires { static_cast<R>(x != y); }) {
    return static_cast<R>(x != y);
  } else if constexpr (to == To::swapped_minus && requires { static_cast<R>(y - x); }) {
    return static_cast<R>(y - x);
  } else if constexpr (to == To::swapped_over && requires { static_cast<R>(y / x); }) {
    return static_cast<R>(y / x);
  } else if constexpr (to == To::right && requires { static_cast<R>(y); }) {
    return static_cast<R>(y);
  } else {
    return static_cast<R>(x);  // the right operand is dropped
  }
}

template <To to, int n>
struct Op {};

template <class X, To to, int n>
struct Half {
  X&& x;
};

#define GRADUS_MUTATION_BINARY(op)                                                   \
  template <class X, To to, int n>                                                   \
  constexpr Half<X, to, n> operator op(X&& x, Op<to, n>) {                           \
    return {std::forward<X>(x)};                                                     \
  }                                                                                  \
  template <class X, class Y, To to, int n>                                          \
  constexpr auto operator op(Half<X, to, n> half, Y&& y) {                           \
    using R = std::decay_t<decltype(std::forward<X>(half.x) op std::forward<Y>(y))>; \
    if (on(n)) return changed<to, R>(half.x, y);                                     \
    return static_cast<R>(std::forward<X>(half.x) op std::forward<Y>(y));            \
  }
GRADUS_MUTATION_BINARY(+)
GRADUS_MUTATION_BINARY(-)
GRADUS_MUTATION_BINARY(*)
GRADUS_MUTATION_BINARY(/)
GRADUS_MUTATION_BINARY(%)
GRADUS_MUTATION_BINARY(<)
GRADUS_MUTATION_BINARY(<=)
GRADUS_MUTATION_BINARY(>)
GRADUS_MUTATION_BINARY(>=)
GRADUS_MUTATION_BINARY(==)
GRADUS_MUTATION_BINARY(!=)
#undef GRADUS_MUTATION_BINARY

/// x += y -> x += Assign<n>{} += y, which groups from the right.
template <int n>
struct Assign {};
template <class Y, int n>
struct Assigned {
  Y&& y;
};

#define GRADUS_MUTATION_ASSIGN(op, other)                   \
  template <class Y, int n>                                 \
  constexpr Assigned<Y, n> operator op(Assign<n>, Y&& y) {  \
    return {std::forward<Y>(y)};                            \
  }                                                         \
  template <class X, class Y, int n>                        \
  constexpr X& operator op(X& x, Assigned<Y, n> assigned) { \
    if (!on(n))                                             \
      x op std::forward<Y>(assigned.y);                     \
    else if constexpr (requires { x other assigned.y; })    \
      x other std::forward<Y>(assigned.y);                  \
    return x;                                               \
  }
GRADUS_MUTATION_ASSIGN(+=, -=)
GRADUS_MUTATION_ASSIGN(-=, +=)
GRADUS_MUTATION_ASSIGN(*=, /=)
GRADUS_MUTATION_ASSIGN(/=, *=)
GRADUS_MUTATION_ASSIGN(|=, =)
GRADUS_MUTATION_ASSIGN(&=, =)
#undef GRADUS_MUTATION_ASSIGN

/// -x -> Minus<n>{}->*x: the operator binds as a sign does.
template <int n>
struct Minus {
  template <class X>
  constexpr auto operator->*(const X& x) const {
    using R = std::decay_t<decltype(-x)>;
    return on(n) ? static_cast<R>(x) : static_cast<R>(-x);
  }
};
template <int n>
struct Not {
  template <class X>
  constexpr auto operator->*(const X& x) const {
    using R = std::decay_t<decltype(!x)>;
    return on(n) ? static_cast<R>(x) : static_cast<R>(!x);
  }
};

}  // namespace mutation
