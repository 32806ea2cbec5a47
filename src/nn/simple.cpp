#include "gradus/nn/simple.hpp"

#include "base/messages.hpp"
#include "gradus/ops.hpp"

namespace gradus::nn {

Dropout::Dropout(double p, Generator* generator) : p_(p), generator_(generator) {
  gradus::detail::require(p >= 0 && p <= 1, "Dropout", "p", p, "a probability from 0 to 1");
}

std::string Dropout::describe() const { return compose("Dropout(", p_, ")"); }

Tensor Dropout::forward(const Tensor& x) const {
  return dropout(x, p_, {.training = is_training(), .generator = generator_});
}

Tensor Flatten::forward(const Tensor& x) const {
  const Shape from = x.shape();
  const int first = normalize_axis(start_, from.size(), "Flatten");
  const int last = normalize_axis(end_, from.size(), "Flatten");
  if (first > last)
    fail("Flatten", "axes ", start_, " to ", end_, " were given for a tensor of shape ", from,
         "; the first must not come after the last");
  Shape to;
  for (int i = 0; i < from.size(); ++i) {
    if (i <= first || i > last)
      to.push_back(from[i]);
    else
      to[first] *= from[i];
  }
  return reshape(x, to);
}

}  // namespace gradus::nn
