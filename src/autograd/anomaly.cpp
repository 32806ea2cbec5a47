#include "autograd/anomaly.hpp"

#include <cmath>

#include "base/messages.hpp"
#include "gradus/debug.hpp"

namespace gradus {
namespace detail {

namespace {

thread_local std::string module_path;
thread_local const Node* running_rule = nullptr;

template <class T>
Index first_non_finite(const T* values, Index count) {
  for (Index i = 0; i < count; ++i)
    if (!std::isfinite(values[i])) return i;
  return -1;
}

Index first_non_finite(const Tensor& x) {
  const Node* n = node(x);
  if (n->dtype == DType::float32)
    return first_non_finite(static_cast<const float*>(n->data), n->numel);
  if (n->dtype == DType::float64)
    return first_non_finite(static_cast<const double*>(n->data), n->numel);
  return -1;
}

/// "nan at (0, 2)".
std::string found_at(const Tensor& x, Index place) {
  const double value =
      x.dtype() == float32 ? static_cast<double>(x.data<float>()[place]) : x.data<double>()[place];
  const Shape shape = x.shape();
  IndexList index = shape;
  for (int i = shape.size() - 1; i >= 0; --i) {
    index[i] = place % shape[i];
    place /= shape[i];
  }
  return compose(std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf", " at ", index);
}

std::string in_module(const std::string& path) {
  return path.empty() ? "" : " in module '" + path + "'";
}

}  // namespace

void note_module(Node* n) {
  if (module_path.empty()) return;
  if (!n->extras) n->extras = new Extras;
  n->extras->module = module_path;
}

RuleScope::RuleScope(const Node* n) : before_(std::exchange(running_rule, n)) {}
RuleScope::~RuleScope() { running_rule = before_; }

void check_finite(const char* name, const Tensor& value, const Inputs& inputs) {
  if (running_rule) return;
  const Index place = first_non_finite(value);
  if (place < 0) return;
  std::string shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (first_non_finite(inputs[i]) >= 0) return;  // some earlier operation is to blame
    shapes += (i ? ", " : "") + to_string(inputs[i].shape());
  }
  fail(name, "'", name, "'", in_module(module_path), " made ", found_at(value, place),
       " of its result of shape ", value.shape(), " out of finite inputs of shapes ", shapes,
       "; look for a division by 0, a logarithm of 0 or an overflow there");
}

void check_gradient(Node* n, int i, const Tensor& gradient, const Tensor& cotangent) {
  const Index place = first_non_finite(gradient);
  if (place < 0 || first_non_finite(cotangent) >= 0) return;
  std::string shapes;
  for (std::uint32_t k = 0; k < n->record->arity; ++k) {
    const Tensor& input = n->record->edges()[k].input;
    if (first_non_finite(input) >= 0) return;
    shapes += (k ? ", " : "") + to_string(input.shape());
  }
  const std::string name = n->record->name;
  fail(name.c_str(), "backward of '", name, "'", in_module(n->extras ? n->extras->module : ""),
       " made ", found_at(gradient, place), " of the gradient of input ", i, ", of shape ",
       gradient.shape(), ", out of a finite gradient of its result of shape ", cotangent.shape(),
       " and finite inputs of shapes ", shapes,
       "; look for a derivative that does not exist there, or an overflow");
}

}  // namespace detail

DetectAnomaly::DetectAnomaly(bool enabled)
    : before_(std::exchange(detail::mode.anomaly, enabled)) {}
DetectAnomaly::~DetectAnomaly() { detail::mode.anomaly = before_; }

bool is_anomaly_enabled() { return detail::mode.anomaly; }

ModuleScope::ModuleScope(const std::string& name)
    : length_before_(0), active_(detail::mode.anomaly) {
  if (!active_) return;
  length_before_ = detail::module_path.size();
  if (name.empty()) return;
  if (length_before_ > 0) detail::module_path += '.';
  detail::module_path += name;
}
ModuleScope::~ModuleScope() {
  if (active_) detail::module_path.resize(length_before_);
}

}  // namespace gradus
