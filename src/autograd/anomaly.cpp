#include <cmath>

#include "autograd/node.hpp"

namespace gradus::detail {

namespace {
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
}  // namespace

void check_finite(const char* name, const Tensor& value, const Inputs& inputs) {
  const Index place = first_non_finite(value);
  if (place < 0) return;
  std::string shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (first_non_finite(inputs[i]) >= 0) return;  // some earlier operation is to blame
    shapes += (i ? ", " : "") + to_string(inputs[i].shape());
  }
  fail(name, "a non-finite value came out of finite inputs of shapes " + shapes + ", at element " +
                 std::to_string(place) + " of " + to_string(value.shape()) +
                 "; look for a division by 0, a logarithm of 0 or an overflow there");
}

}  // namespace gradus::detail
