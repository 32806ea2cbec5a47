#include "gradus/optim/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "ops/host.hpp"
#include "optim/lbfgs/wolfe.hpp"
#include "optim/options.hpp"
#include "optim/state.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {

static constexpr const char* algorithm(const LBFGSOptions*) { return "LBFGS"; }

template <OptionsLike<LBFGSOptions> O, class F>
static void visit_options(O& o, F f) {
  constexpr detail::Rule from_one{[](double x) { return x >= 1; }, "at least 1"};
  f("lr", o.lr, detail::not_negative);
  f("max_iter", o.max_iter, from_one);
  f("max_eval", o.max_eval, detail::Rule{[](double x) { return x >= 0; }, "0 or more"});
  f("tolerance_grad", o.tolerance_grad, detail::not_negative);
  f("tolerance_change", o.tolerance_change, detail::not_negative);
  f("history_size", o.history_size, from_one);
  f("line_search", o.line_search,
    detail::Rule{[](double x) { return x == 0 || x == 1; }, "0 or 1"});
}

template class OptimizerOf<LBFGSOptions>;

namespace {

using Vector = std::vector<double>;

/// Of a line search, at most.
constexpr std::int64_t line_evaluations = 25;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double largest(const Vector& a) {
  double m = 0;
  for (const double x : a) m = std::max(m, std::abs(x));
  return m;
}
void add_scaled(Vector& a, double alpha, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += alpha * b[i];
}

/// Appends the values of a tensor, or `count` zeros for an undefined one.
void append(Vector& to, const Tensor& t, Index count) {
  const Vector values =
      t.defined() ? t.to_vector<double>() : Vector(static_cast<std::size_t>(count));
  to.insert(to.end(), values.begin(), values.end());
}

}  // namespace

LBFGS::LBFGS(const std::vector<Tensor>& params, const LBFGSOptions& options)
    : LBFGS(std::vector<Group>{{params, options}}) {}

LBFGS::LBFGS(const std::vector<Group>& groups) : OptimizerOf(groups) {
  if (num_groups() != 1)
    fail(name(), num_groups(),
         " parameter groups were given; one is required: "
         "its step is one for all parameters");
  for (const Slot& slot : slots()) {
    if (slot.row > 0)
      fail(name(), "a parameter of shape ", slot.param.shape(),
           " with sparse rows was given; dense gradients are required: the step is one "
           "for all values; build the Embedding without sparse, or take Adam");
    size_ += static_cast<std::size_t>(slot.numel);
  }
}

void LBFGS::update(Slot&, double) {
  fail(name(),
       "step() was called without a closure; step(closure) is required: it evaluates the "
       "loss several times");
}

double LBFGS::evaluate(const Closure& closure, Tensor* result) {
  const EnableGrad guard;
  ++evaluations_;
  const Tensor loss = closure();
  if (!loss.defined() || loss.numel() != 1)
    fail(name(), "the closure returned ",
         (loss.defined() ? "shape " + to_string(loss.shape()) : std::string("an undefined tensor")),
         "; the loss, one number, is required");
  if (result) *result = loss;
  return loss.item();
}

Vector LBFGS::gather_gradient() const {
  Vector all;
  all.reserve(size_);
  for (const Slot& slot : slots()) append(all, slot.param.grad(), slot.numel);
  return all;
}

Vector LBFGS::gather_values() const {
  Vector all;
  all.reserve(size_);
  for (const Slot& slot : slots()) append(all, slot.param, slot.numel);
  return all;
}

/// The parameters become from + t * direction.
void LBFGS::scatter(const Vector& from, double t, const Vector& direction) {
  const NoGrad guard;
  std::size_t place = 0;
  for (Slot& slot : slots())
    detail::dispatch(slot.param.dtype(), [&]<class T>(T) {
      T* const p = slot.param.mutable_data<T>();
      for (Index i = 0; i < slot.numel; ++i, ++place)
        p[i] = static_cast<T>(from[place] + t * direction[place]);
    });
}

/// Takes the last step and the change of the gradient into the history, if they curve upwards.
void LBFGS::remember(const Vector& grad) {
  Pair pair{direction_, grad, 0};
  for (double& x : pair.step) x *= t_;
  add_scaled(pair.change, -1, last_grad_);
  const double product = dot(pair.step, pair.change);
  if (!(product > 1e-10)) return;
  pair.rho = 1 / product;
  scale_ = product / dot(pair.change, pair.change);
  history_.push_back(std::move(pair));
  if (history_.size() > static_cast<std::size_t>(options().history_size)) history_.pop_front();
}

/// -H g by the two loops.
Vector LBFGS::find_direction(const Vector& grad) const {
  Vector d = grad, alpha(history_.size());
  for (double& x : d) x = -x;
  for (std::size_t i = history_.size(); i-- > 0;) {
    alpha[i] = history_[i].rho * dot(history_[i].step, d);
    add_scaled(d, -alpha[i], history_[i].change);
  }
  for (double& x : d) x *= scale_;
  for (std::size_t i = 0; i < history_.size(); ++i)
    add_scaled(d, alpha[i] - history_[i].rho * dot(history_[i].change, d), history_[i].step);
  return d;
}

Tensor LBFGS::step_closure(const Closure& closure) {
  gradus::detail::happens_once("LBFGS.step", "its line search goes by values");
  const LBFGSOptions o = options();
  // PyTorch lets the last line search go beyond max_eval.
  const std::int64_t started = evaluations_, begins = o.max_eval ? o.max_eval : o.max_iter * 5 / 4,
                     most = o.max_eval ? begins : std::max<std::int64_t>(begins, line_evaluations);
  const auto left = [&] { return started + most - evaluations_; };
  Tensor first;
  double loss = evaluate(closure, &first);
  Vector grad = gather_gradient();
  for (int i = 1; largest(grad) > o.tolerance_grad; ++i) {
    if (o.line_search == LineSearch::strong_wolfe && left() <= 0) break;
    if (iterations_ > 0) remember(grad);
    direction_ = find_direction(grad);
    double length = 0;
    for (const double x : grad) length += std::abs(x);
    t_ = iterations_ == 0 ? std::min(1.0, 1 / length) * o.lr : o.lr;
    ++iterations_;
    last_grad_ = grad;
    const double before = loss, slope = dot(grad, direction_), reach = largest(direction_);
    if (!(slope <= -o.tolerance_change)) break;
    const Vector start = gather_values();
    if (o.line_search == LineSearch::strong_wolfe) {
      detail::LinePoint point = detail::strong_wolfe(
          [&](double t) {
            scatter(start, t, direction_);
            const double value = evaluate(closure);
            Vector here = gather_gradient();
            const double here_slope = dot(here, direction_);
            return detail::LinePoint{t, value, here_slope, std::move(here)};
          },
          {0, loss, slope, grad}, t_, reach, o.tolerance_change,
          static_cast<int>(std::min(left(), line_evaluations)));
      t_ = point.t;
      loss = point.value;
      grad = std::move(point.grad);
      scatter(start, t_, direction_);
    } else {
      scatter(start, t_, direction_);
      // The last evaluation would be repeated by the next step().
      if (i == o.max_iter || left() <= 0) break;
      loss = evaluate(closure);
      grad = gather_gradient();
    }
    if (i == o.max_iter || evaluations_ - started >= begins) break;
    if (t_ * reach <= o.tolerance_change || std::abs(loss - before) < o.tolerance_change) break;
  }
  return first;
}

void LBFGS::save_more(StateDict& state) const {
  state["lbfgs.evaluations"] = detail::number(static_cast<double>(evaluations_));
  state["lbfgs.iterations"] = detail::number(static_cast<double>(iterations_));
  state["lbfgs.t"] = detail::number(t_);
  state["lbfgs.scale"] = detail::number(scale_);
  state["lbfgs.history"] = detail::number(static_cast<double>(history_.size()));
  if (iterations_ == 0) return;
  state["lbfgs.direction"] = from_vector(direction_);
  state["lbfgs.grad"] = from_vector(last_grad_);
  for (std::size_t i = 0; i < history_.size(); ++i) {
    const std::string key = "lbfgs." + text_of(i);
    state[key + ".step"] = from_vector(history_[i].step);
    state[key + ".change"] = from_vector(history_[i].change);
  }
}

std::function<void()> LBFGS::load_more(detail::StateReader& reader) {
  const std::int64_t evaluations = reader.count("lbfgs.evaluations"),
                     iterations = reader.count("lbfgs.iterations");
  const double t = reader.number("lbfgs.t"), scale = reader.number("lbfgs.scale");
  const std::int64_t count =
      std::min<std::int64_t>(reader.count("lbfgs.history"), options().history_size);
  const auto vector = [&](const std::string& key) {
    const Tensor x = reader.tensor(key, {static_cast<Index>(size_)}, DType::float64);
    return x.defined() ? x.to_vector<double>() : Vector();
  };
  Vector direction, grad;
  std::deque<Pair> history;
  if (iterations > 0) {
    direction = vector("lbfgs.direction");
    grad = vector("lbfgs.grad");
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string key = "lbfgs." + text_of(i);
      Pair pair{vector(key + ".step"), vector(key + ".change"), 0};
      if (pair.step.empty() || pair.change.empty()) break;  // noted, and so would be the rest
      pair.rho = 1 / dot(pair.step, pair.change);
      history.push_back(std::move(pair));
    }
  }
  return [=, this] {
    evaluations_ = evaluations;
    iterations_ = iterations;
    t_ = t;
    scale_ = scale;
    direction_ = direction;
    last_grad_ = grad;
    history_ = history;
  };
}

}  // namespace gradus::optim
