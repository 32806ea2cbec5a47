#include <algorithm>
#include <cmath>
#include <limits>

#include "base/tape.hpp"
#include "kernels/rows/row_loops.hpp"
#include "kernels/rows/rows.hpp"

namespace gradus::kernels {
namespace {

template <class T>
constexpr T lowest = -std::numeric_limits<T>::infinity();

template <class T>
T row_max(const T* x, Index n) noexcept {
  return max_lanes(fold_row<T>(
      n, lowest<T>,
      [=](Index i, auto whole, Index count) noexcept {
        return read(x + i, whole, count, lowest<T>);
      },
      [](const Batch<T>& a, const Batch<T>& b) noexcept { return xsimd::max(a, b); }));
}

// Sum of e^(x - shift), the terms kept in out unless that is null.
template <class T>
T row_exp(const T* x, T shift, T* out, Index n) noexcept {
  const Batch<T> s(shift);
  const auto term = [=](Index i, auto whole, Index count) noexcept {
    return exp_of(read(x + i, whole, count, lowest<T>) - s);
  };
  if (out == nullptr) return sum_row<T>(n, term);
  return sum_row<T>(n, [=](Index i, auto whole, Index count) noexcept {
    const Batch<T> e = term(i, whole, count);
    write(out + i, e, whole, count);
    return e;
  });
}

template <class T>
void softmax_row(const T* x, T* out, Index n) noexcept {
  const T sum = row_exp(x, row_max(x, n), out, n);
  const Batch<T> factor(T(1) / sum);
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    write(out + i, read(out + i, whole, count) * factor, whole, count);
  });
}

template <class T>
void log_softmax_row(const T* x, T* out, Index n) noexcept {
  const T largest = row_max(x, n);
  const T log_sum = std::log(row_exp(x, largest, static_cast<T*>(nullptr), n));
  const Batch<T> m(largest), l(log_sum);
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    write(out + i, read(x + i, whole, count) - m - l, whole, count);
  });
}

// A cotangent of zeros gives zeros, whatever the row was. What is infinite or NaN in a row is so in
// all of its gradient.
template <class T>
[[gnu::cold, gnu::noinline]] void mend_row(const T* g, T* dx, Index n) noexcept {
  if (std::all_of(g, g + n, [](T v) { return v == T(0); })) std::fill_n(dx, n, T(0));
}

template <class T>
void softmax_backward_row(const T* g, const T* out, T* dx, Index n) noexcept {
  const Batch<T> s(sum_row<T>(n, [=](Index i, auto whole, Index count) noexcept {
    return read(g + i, whole, count) * read(out + i, whole, count);
  }));
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    write(dx + i, read(out + i, whole, count) * (read(g + i, whole, count) - s), whole, count);
  });
}

template <class T>
void log_softmax_backward_row(const T* g, const T* out, T* dx, Index n) noexcept {
  const Batch<T> s(sum_row<T>(
      n, [=](Index i, auto whole, Index count) noexcept { return read(g + i, whole, count); }));
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    write(dx + i, read(g + i, whole, count) - exp_of(read(out + i, whole, count)) * s, whole,
          count);
  });
}

template <class T, class F>
void over_rows(const void* x, void* out, Index rows, Index cols, F row) {
  if (cols == 0) return;
  const T* in = static_cast<const T*>(x);
  T* result = static_cast<T*>(out);
  for_row_tiles(rows, cols, [=](Index, Index first, Index last) {
    for (Index r = first; r < last; ++r) row(in + r * cols, result + r * cols, cols);
  });
}

template <class T, class F>
void over_rows(const void* g, const void* out, void* dx, Index rows, Index cols, F row) {
  const T *upstream = static_cast<const T*>(g), *saved = static_cast<const T*>(out);
  T* result = static_cast<T*>(dx);
  for_row_tiles(rows, cols, [=](Index, Index first, Index last) {
    for (Index r = first; r < last; ++r) {
      T* const to = result + r * cols;
      row(upstream + r * cols, saved + r * cols, to, cols);
      if (cols > 0 && !std::isfinite(to[0])) [[unlikely]]
        mend_row(upstream + r * cols, to, cols);
    }
  });
}

template <class T>
struct CrossEntropyRow {
  Index cols;
  double smoothing;
  const T* weight;

  double weight_of(Index c) const noexcept {
    return weight == nullptr ? 1.0 : static_cast<double>(weight[c]);
  }

  // The loss once more, without the terms whose coefficient is 0: they may be infinite or NaN.
  [[gnu::cold, gnu::noinline]] double sum_of_terms(const T* x, Index target,
                                                   double log_sum) const noexcept {
    double value = 0;
    for (Index c = 0; c < cols; ++c) {
      double w = smoothing / static_cast<double>(cols);
      if (c == target) w += 1 - smoothing;
      w *= weight_of(c);
      if (w != 0) value += w * (log_sum - static_cast<double>(x[c]));
    }
    return value;
  }

  // Coefficient of -log p_c: w_c ((1 - smoothing) [c = target] + smoothing / cols).
  void operator()(const T* x, Index target, T* loss, T* grad) const noexcept {
    const T largest = row_max(x, cols);
    const T sum = row_exp(x, largest, grad, cols);
    const double log_sum = static_cast<double>(largest) + std::log(static_cast<double>(sum));
    const double share = smoothing / static_cast<double>(cols);
    const double at_target = (1 - smoothing) * weight_of(target);
    double value = at_target * (log_sum - static_cast<double>(x[target]));
    double total = at_target;
    if (smoothing > 0) {
      for (Index c = 0; c < cols; ++c) {
        const double w = share * weight_of(c);
        total += w;
        value += w * (log_sum - static_cast<double>(x[c]));
      }
    }
    if (!std::isfinite(value)) [[unlikely]] {
      value = sum_of_terms(x, target, log_sum);
      if (value == 0 && total == 0) {  // no class counts, whatever the logits
        for (Index c = 0; grad != nullptr && c < cols; ++c) grad[c] = 0;
        grad = nullptr;
      }
    }
    *loss = static_cast<T>(value);
    if (grad == nullptr) return;
    const Batch<T> factor(static_cast<T>(total / static_cast<double>(sum)));
    each_batch<T>(cols, [&](Index i, auto whole, Index count) {
      write(grad + i, read(grad + i, whole, count) * factor, whole, count);
    });
    grad[target] -= static_cast<T>(at_target);
    if (smoothing > 0) {
      for (Index c = 0; c < cols; ++c) grad[c] -= static_cast<T>(share * weight_of(c));
    }
  }
};

template <class T>
double run_cross_entropy(const void* logits, const std::int64_t* target, void* losses, void* grads,
                         Index rows, Index cols, const CrossEntropy& options) {
  const T* x = static_cast<const T*>(logits);
  T *loss = static_cast<T*>(losses), *grad = static_cast<T*>(grads);
  const CrossEntropyRow<T> row{cols, options.label_smoothing,
                               static_cast<const T*>(options.weight)};
  const Index ignored = options.ignore_index;
  for_row_tiles(rows, cols, [=](Index, Index first, Index last) {
    for (Index r = first; r < last; ++r) {
      T* g = grad == nullptr ? nullptr : grad + r * cols;
      if (target[r] == ignored) {
        loss[r] = 0;
        for (Index c = 0; g != nullptr && c < cols; ++c) g[c] = 0;
      } else {
        row(x + r * cols, target[r], loss + r, g);
      }
    }
  });
  double divisor = 0;
  for (Index r = 0; r < rows; ++r) {
    if (target[r] != ignored) divisor += row.weight_of(target[r]);
  }
  return divisor;
}

}  // namespace

void softmax(DType t, const void* x, void* out, Index rows, Index cols) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { softmax(t, x, out, rows, cols); });
  if (t == DType::float32) return over_rows<float>(x, out, rows, cols, softmax_row<float>);
  if (t == DType::float64) return over_rows<double>(x, out, rows, cols, softmax_row<double>);
}

void log_softmax(DType t, const void* x, void* out, Index rows, Index cols) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { log_softmax(t, x, out, rows, cols); });
  if (t == DType::float32) return over_rows<float>(x, out, rows, cols, log_softmax_row<float>);
  if (t == DType::float64) return over_rows<double>(x, out, rows, cols, log_softmax_row<double>);
}

void softmax_backward(DType t, const void* g, const void* out, void* dx, Index rows, Index cols) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { softmax_backward(t, g, out, dx, rows, cols); });
  if (t == DType::float32) {
    over_rows<float>(g, out, dx, rows, cols, softmax_backward_row<float>);
  } else if (t == DType::float64) {
    over_rows<double>(g, out, dx, rows, cols, softmax_backward_row<double>);
  }
}

void log_softmax_backward(DType t, const void* g, const void* out, void* dx, Index rows,
                          Index cols) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { log_softmax_backward(t, g, out, dx, rows, cols); });
  if (t == DType::float32) {
    over_rows<float>(g, out, dx, rows, cols, log_softmax_backward_row<float>);
  } else if (t == DType::float64) {
    over_rows<double>(g, out, dx, rows, cols, log_softmax_backward_row<double>);
  }
}

double cross_entropy(DType t, const void* x, const std::int64_t* target, void* loss, void* grad,
                     Index rows, Index cols, const CrossEntropy& options) {
  if (t == DType::float32) {
    return run_cross_entropy<float>(x, target, loss, grad, rows, cols, options);
  }
  return run_cross_entropy<double>(x, target, loss, grad, rows, cols, options);
}

}  // namespace gradus::kernels
