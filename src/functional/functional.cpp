#include "gradus/functional.hpp"

#include "autograd/walk.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"

namespace gradus {
namespace {

using Tensors = std::vector<Tensor>;

/// What leaves the functional API has a history only if something outside wants it.
Tensor outward(const Tensor& x, bool nested) { return nested ? x : x.detach(); }

/// f applied to handles of its own on the inputs, so that only paths through these handles count
/// and nothing outside is touched. They are recorded views where something outside wants a
/// gradient, else leaves.
struct Applied {
  Tensors inputs, outputs;
  bool nested;  // derivatives are recorded for an outer differentiation

  Applied(const Function& f, const Tensors& given, const Tensors& vectors, const char* operation)
      : nested(false) {
    const bool recording = is_grad_enabled();
    const EnableGrad guard;
    for (std::size_t i = 0; i < given.size(); ++i) {
      const Tensor& x = given[i];
      if (!is_floating_point(x.dtype()))
        fail(operation, "input ", i, " has dtype ", name_of(x.dtype()),
             "; float32 or float64 is required; capture constants in the function");
      const bool outside = recording && x.requires_grad();
      nested |= outside;
      inputs.push_back(outside ? x.reshape(x.shape()) : x.detach().requires_grad_());
    }
    for (const Tensor& v : vectors) nested |= recording && v.requires_grad();
    outputs = {f(inputs)};
    nested = nested || (recording && detail::hidden_leaf(outputs, inputs));
    if (!is_floating_point(output().dtype()))
      fail(operation, "the function returned dtype ", name_of(output().dtype()),
           "; float32 or float64 is required");
  }

  const Tensor& output() const { return outputs.front(); }

  void require_scalar(const char* operation) const {
    if (output().numel() != 1)
      fail(operation, "the function returned shape ", output().shape(),
           "; exactly one element is required; reduce it with sum or mean, or use "
           "jacobian");
  }

  /// The gradients of sum <v_i, y_i> with respect to `to`, seeing nothing of what lies below the
  /// inputs.
  Tensors pull(const Tensors& y, const Tensors& to, const Tensors& v, bool create_graph) const {
    Tensors gradients = detail::differentiate(y, to,
                                              {.create_graph = create_graph,
                                               .retain_graph = true,
                                               .allow_unused = true,
                                               .grad_outputs = v},
                                              inputs);
    for (Tensor& g : gradients) g = outward(g, create_graph);
    return gradients;
  }
  Tensors pull(const Tensor& y, const Tensor& v, bool create_graph) const {
    return pull(Tensors{y}, inputs, Tensors{v}, create_graph);
  }
  /// The gradients of an output of one element.
  Tensors gradients(bool create_graph) const {
    return pull(output(), ones_like(output()), create_graph);
  }
};

void require_like(const Tensor& v, const Tensor& x, const char* operation, const char* what) {
  if (!(v.shape() == x.shape()) || v.dtype() != x.dtype())
    fail(operation, "a vector of shape ", v.shape(), ", ", name_of(v.dtype()),
         " was given; the shape and dtype of ", what, ", ", x.shape(), ", ", name_of(x.dtype()),
         ", are required");
}

void require_like(const Tensors& v, const Tensors& inputs, const char* operation) {
  if (v.size() != inputs.size())
    fail(operation, v.size(), " vectors were given for ", inputs.size(),
         " inputs; one per input is required");
  for (std::size_t i = 0; i < v.size(); ++i) require_like(v[i], inputs[i], operation, "the input");
}

Shape joined(const Shape& a, const Shape& b, const char* operation) {
  if (a.size() + b.size() > max_rank)
    fail(operation, "the result would have the axes of ", a, " and of ", b, "; at most ", max_rank,
         " axes are supported; flatten with reshape");
  Shape both = a;
  for (const Index length : b) both.push_back(length);
  return both;
}

/// The Jacobian of `y` for each input, one row per element of y.
Tensors rows_of(const Applied& at, const Tensor& y, bool create_graph, const char* operation) {
  std::vector<Shape> shapes;
  for (const Tensor& x : at.inputs) shapes.push_back(joined(y.shape(), x.shape(), operation));
  std::vector<Tensors> rows(at.inputs.size());
  for (Index k = 0; k < y.numel(); ++k) {
    std::vector<double> unit(static_cast<std::size_t>(y.numel()));
    unit[static_cast<std::size_t>(k)] = 1;
    const Tensor v = from_vector(unit, y.shape()).to(y.dtype());
    Tensors row = at.pull(y, v, create_graph);
    for (std::size_t i = 0; i < row.size(); ++i) rows[i].push_back(std::move(row[i]));
  }
  const EnableGrad guard;
  Tensors blocks;
  for (std::size_t i = 0; i < rows.size(); ++i)
    blocks.push_back(rows[i].empty() ? zeros(shapes[i], at.inputs[i].dtype())
                                     : outward(stack(rows[i]).reshape(shapes[i]), create_graph));
  return blocks;
}

}  // namespace

ValueAndGrads value_and_grad(const Function& f, const std::vector<Tensor>& inputs) {
  const Applied at(f, inputs, {}, "value_and_grad");
  at.require_scalar("value_and_grad");
  return {outward(at.output(), at.nested), at.gradients(at.nested)};
}
ValueAndGrad value_and_grad(const Function& f, const Tensor& x) {
  ValueAndGrads all = value_and_grad(f, Tensors{x});
  return {all.value, all.grads[0]};
}
Tensor grad(const Function& f, const Tensor& x) { return value_and_grad(f, x).grad; }
std::vector<Tensor> grad(const Function& f, const std::vector<Tensor>& inputs) {
  return value_and_grad(f, inputs).grads;
}

std::vector<Tensor> vjp(const Function& f, const std::vector<Tensor>& inputs, const Tensor& v) {
  const Applied at(f, inputs, {v}, "vjp");
  require_like(v, at.output(), "vjp", "the function's result");
  return at.pull(at.output(), v, at.nested);
}
Tensor vjp(const Function& f, const Tensor& x, const Tensor& v) { return vjp(f, Tensors{x}, v)[0]; }

Tensor jvp(const Function& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v) {
  require_like(v, inputs, "jvp");
  const Applied at(f, inputs, v, "jvp");
  // Any cotangent would do; zeros are a special case to some rules.
  const Tensor u = ones_like(at.output()).requires_grad_();
  const Tensors pulled = at.pull(at.output(), u, true);
  return at.pull(pulled, {u}, v, at.nested)[0];
}
Tensor jvp(const Function& f, const Tensor& x, const Tensor& v) {
  return jvp(f, Tensors{x}, Tensors{v});
}

std::vector<Tensor> jacobian(const Function& f, const std::vector<Tensor>& inputs) {
  const Applied at(f, inputs, {}, "jacobian");
  return rows_of(at, at.output(), at.nested, "jacobian");
}
Tensor jacobian(const Function& f, const Tensor& x) { return jacobian(f, Tensors{x})[0]; }

std::vector<std::vector<Tensor>> hessian(const Function& f, const std::vector<Tensor>& inputs) {
  const Applied at(f, inputs, {}, "hessian");
  at.require_scalar("hessian");
  std::vector<Tensors> blocks;
  for (const Tensor& gradient : at.gradients(true))
    blocks.push_back(rows_of(at, gradient, at.nested, "hessian"));
  return blocks;
}
Tensor hessian(const Function& f, const Tensor& x) { return hessian(f, Tensors{x})[0][0]; }

std::vector<Tensor> hvp(const Function& f, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& v) {
  require_like(v, inputs, "hvp");
  const Applied at(f, inputs, v, "hvp");
  at.require_scalar("hvp");
  return at.pull(at.gradients(true), at.inputs, v, at.nested);
}
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v) {
  return hvp(f, Tensors{x}, Tensors{v})[0];
}

namespace {
/// The common length of the first axes.
Index rows_in(const Tensors& inputs, const char* operation) {
  if (inputs.empty()) fail(operation, "no input was given; at least one is required");
  for (const Tensor& x : inputs)
    if (x.dim() == 0 || x.size(0) != inputs[0].size(0) || x.size(0) == 0)
      fail(operation, "an input of shape ", x.shape(), " was given beside ", inputs[0].shape(),
           "; first axes of one length of 1 or more are required");
  return inputs[0].size(0);
}
}  // namespace

Function vmap(Function f) {
  return Function([f = std::move(f)](const Tensors& inputs) {
    const Index count = rows_in(inputs, "vmap");
    Tensors results;
    for (Index i = 0; i < count; ++i) {
      Tensors row;
      for (const Tensor& x : inputs) row.push_back(x[i]);
      results.push_back(f(row));
    }
    return stack(results);
  });
}

std::vector<Tensor> per_sample_grad(const SampleLoss& loss, const std::vector<Tensor>& params,
                                    const Tensor& x, const Tensor& y) {
  const Index count = rows_in({x, y}, "per_sample_grad");
  std::vector<Tensors> rows(params.size());
  for (Index i = 0; i < count; ++i) {
    const Tensor xi = slice(x, 0, i, i + 1), yi = slice(y, 0, i, i + 1);
    const auto one = [&](const Tensors& p) { return loss(p, xi, yi); };
    Tensors grads = value_and_grad(one, params).grads;
    for (std::size_t k = 0; k < grads.size(); ++k) rows[k].push_back(std::move(grads[k]));
  }
  Tensors stacked;
  for (const Tensors& row : rows) stacked.push_back(stack(row));
  return stacked;
}

}  // namespace gradus
