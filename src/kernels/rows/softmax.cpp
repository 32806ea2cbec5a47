#include <algorithm>
#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "kernels/elementwise/elementwise.hpp"
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

template <class T>
void run(const Softmax& call) {
  const auto row = call.log ? log_softmax_row<T> : softmax_row<T>;
  const T* x = call.x;
  T* out = call.out;
  const Index cols = call.cols;
  if (cols == 0) return;
  for_each_row_of(call.rows, cols, [=](Index r) { row(x + r * cols, out + r * cols, cols); });
}

template <class T>
void run(const SoftmaxBackward& call) {
  const auto row = call.log ? log_softmax_backward_row<T> : softmax_backward_row<T>;
  const T *g = call.g, *out = call.out;
  T* dx = call.dx;
  const Index cols = call.cols;
  for_each_row_of(call.rows, cols, [=](Index r) {
    T* const to = dx + r * cols;
    row(g + r * cols, out + r * cols, to, cols);
    if (cols > 0 && !std::isfinite(to[0])) [[unlikely]]
      mend_row(g + r * cols, to, cols);
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
void run(const CrossEntropy& call) {
  const T* x = call.x;
  T *loss = call.loss, *grad = call.grad;
  const CrossEntropyRow<T> row{call.cols, call.label_smoothing, call.weight};
  const Index cols = call.cols, ignored = call.ignore_index;
  const Index* const labels = call.labels;
  for_each_row_of(call.rows, cols, [=](Index r) {
    T* g = grad == nullptr ? nullptr : grad + r * cols;
    if (labels[r] == ignored) {
      loss[r] = 0;
      if (g != nullptr) std::fill_n(g, cols, T(0));
    } else {
      row(x + r * cols, labels[r], loss + r, g);
    }
  });
  if (call.divisor != nullptr)
    execute(SumOfWeights{call.type, labels, call.weight, call.divisor, call.rows, cols, ignored});
}

template <class T>
void run(const SoftTargets& call) {
  T* const to = call.out;
  const T* const w = call.weight;
  const double spread = call.label_smoothing / static_cast<double>(call.cols);
  for (Index r = 0; r < call.rows; ++r)
    for (Index c = 0; c < call.cols; ++c) {
      const double share = spread + (c == call.labels[r] ? 1 - call.label_smoothing : 0);
      to[r * call.cols + c] = call.labels[r] == call.ignore_index
                                  ? T(0)
                                  : static_cast<T>(share) * (w != nullptr ? w[c] : T(1));
    }
}

template <class T>
void run(const SumOfWeights& call) {
  const T* const w = call.weight;
  double sum = 0;
  for (Index r = 0; r < call.rows; ++r)
    if (call.labels[r] != call.ignore_index)
      sum += w != nullptr ? static_cast<double>(w[call.labels[r]]) : 1;
  *call.out = sum;
}

template <class T>
void run(const ScaleAll& call) {
  const T* const g = call.g;
  const double divisor = call.divisor ? *call.divisor : 1;
  const double factor = static_cast<double>(*g) * (divisor == 0 ? 0 : 1 / divisor);
  if (factor == 0) return execute(Fill{call.type, call.dx, 0, call.n});
  execute(Map{Unary::mul_scalar, call.type, call.x, call.dx, call.n, factor});
}

template <class Call>
void run_typed(const Call& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace

void execute(const Softmax& call) { run_typed(call); }
void execute(const SoftmaxBackward& call) { run_typed(call); }
void execute(const CrossEntropy& call) { run_typed(call); }
void execute(const SoftTargets& call) { run_typed(call); }
void execute(const SumOfWeights& call) { run_typed(call); }
void execute(const ScaleAll& call) { run_typed(call); }

void execute(const CheckLabels& call) {
  for (Index row = 0; row < call.rows; ++row)
    if (const Index label = call.labels[row];
        label != call.ignore_index && (label < 0 || label >= call.classes))
      fail(call.operation, "label ", label, " in row ", row, " was given; with ", call.classes,
           " classes, labels from 0 to ", call.classes - 1, " (or ignore_index ", call.ignore_index,
           ") are required");
}

}  // namespace gradus::kernels
