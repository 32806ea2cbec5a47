#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gradus/function.hpp"

namespace gradus {

// Derivatives of functions. All of them nest to any order: a result can be differentiated again
// with respect to the inputs and to whatever the function captures, if these require a gradient and
// grad mode is on; otherwise it has no history. What a function captures counts as a constant.

struct ValueAndGrad {
  Tensor value, grad;
};
struct ValueAndGrads {
  Tensor value;
  std::vector<Tensor> grads;
};
/// f(x) of one element and its gradient, of x's shape (zeros if f does not depend on x).
ValueAndGrad value_and_grad(const Function& f, const Tensor& x);
ValueAndGrads value_and_grad(const Function& f, const std::vector<Tensor>& inputs);
/// The gradients of value_and_grad alone.
Tensor grad(const Function& f, const Tensor& x);
std::vector<Tensor> grad(const Function& f, const std::vector<Tensor>& inputs);

/// The gradient of <v, f(x)>, v^T J; v has f(x)'s shape, the result x's.
Tensor vjp(const Function& f, const Tensor& x, const Tensor& v);
std::vector<Tensor> vjp(const Function& f, const std::vector<Tensor>& inputs, const Tensor& v);

/// The derivative of f at x along v, J v; v has x's shape, the result f(x)'s. Exact: the vjp is
/// linear in its cotangent and is differentiated with respect to it. Several inputs: the sum of
/// J_i v_i.
Tensor jvp(const Function& f, const Tensor& x, const Tensor& v);
Tensor jvp(const Function& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v);

/// J[i…, j…] = d f(x)[i…] / d x[j…], of shape (f(x)'s, x's), one backward pass per element of f(x).
/// Several inputs: one Jacobian each.
Tensor jacobian(const Function& f, const Tensor& x);
std::vector<Tensor> jacobian(const Function& f, const std::vector<Tensor>& inputs);

/// H[i…, j…] = d^2 f(x) / d x[i…] d x[j…] for f of one element, of shape (x's, x's). Several
/// inputs: H[a][b] has the shape of input a followed by that of input b.
Tensor hessian(const Function& f, const Tensor& x);
std::vector<std::vector<Tensor>> hessian(const Function& f, const std::vector<Tensor>& inputs);

/// The Hessian of f (of one element) times v, in two backward passes and without the Hessian; v has
/// x's shape.
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v);
std::vector<Tensor> hvp(const Function& f, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& v);

/// The function that applies f to each slice of its inputs along their first axes, of one length of
/// 1 or more, and stacks the results: `vmap(f)(xs)`. A loop: it saves writing, not time.
/// Differentiable.
Function vmap(Function f);

/// A loss of one sample: parameters, input and target, both with a first axis of length 1.
using SampleLoss =
    std::function<Tensor(const std::vector<Tensor>& params, const Tensor& x, const Tensor& y)>;
/// The gradient of loss(params, x[i], y[i]) for each sample i of the first axes of x and y:
/// one tensor (N, parameter's shape) per parameter. One backward pass per sample.
std::vector<Tensor> per_sample_grad(const SampleLoss& loss, const std::vector<Tensor>& params,
                                    const Tensor& x, const Tensor& y);

/// Tensors with their names.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// f(inputs) without the memory of its graph: nothing that f records is kept, and the backward pass
/// computes f once more. Both times every value that f records is read once to be compared, which
/// counts beside elementwise operations and not beside products. For a module see
/// nn/checkpoint.hpp: `checkpoint(module, x)`.
///
/// The value and f's first derivatives are those without the checkpoint to the last bit; higher
/// derivatives, and gradients of tensors that are used elsewhere too, are sums in another order and
/// may differ by rounding. A gradient flows to `inputs` and to the tensors `uses` that f uses
/// without being given them, such as module.named_parameters(); any other tensor that requires a
/// gradient throws Error (detach it if it is a constant).
///
/// The second time is like the first: random numbers are those of then, from whatever generators,
/// which stay where they are; modules train or evaluate as they did; what f writes, such as running
/// statistics, moves once; derivative rules are those of then, with their numbers. An exception
/// leaves all that as it was. What cannot be repeated throws Error, at once or by backward(): a
/// tensor that f uses and that was changed, replaced or frozen after the forward pass; another
/// matmul_precision(); other random numbers, operations, or values of any operation of f; set_data,
/// register_hook, a stored gradient (backward(), zero_grad()) or an optimizer's step, inside f. Not
/// seen is what a rule of one's own reads through a pointer; printing and the like happen twice.
/// Backward passes take turns where f writes or depends on a mode; forward passes do not.
Tensor checkpoint(const Function& f, const std::vector<Tensor>& inputs,
                  const NamedTensors& uses = {});

struct GradcheckOptions {
  int order = 1;              ///< 2 also checks the gradient's own derivatives, and so on
  double eps = 1e-4;          ///< step of the differences, times max(1, |x|)
  double tolerance = 1e-6;    ///< allowed error, relative to the largest entry of the Jacobian
  int random_directions = 0;  ///< 0: every entry; n: n random projections of each Jacobian
  std::uint64_t seed = 0;     ///< of directions and cotangents
  bool throws = true;         ///< a failed check throws Error with the report's message
};

/// One entry of a Jacobian: d(output `output`, element `row`) / d(input `input`, element `index`).
/// With random directions `row` and `index` are the number of the projection.
struct GradcheckEntry {
  int order = 1;
  int output = 0;
  Index row = 0;
  int input = 0;
  Index index = 0;
  double analytic = 0;
  double numeric = 0;
  double left = 0, right = 0;  ///< one-sided differences, for kinks
};

struct GradcheckReport {
  bool passed = true;
  bool deterministic = true;
  Index checked = 0;                  ///< compared entries
  double largest_error = 0;           ///< relative, over all smooth entries
  std::vector<GradcheckEntry> wrong;  ///< entries that differ, the worst first
  std::vector<GradcheckEntry> kinks;  ///< where the function has no derivative
  std::string message;                ///< what was found, in sentences
  explicit operator bool() const { return passed; }
};

/// Compares the derivatives that the rules give with fourth-order finite differences of `f` at
/// `inputs`, in float64 (float32 throws; int64 and bool inputs are constants). Order 2 checks the
/// gradient of <v, f> as a function of inputs and cotangents v in the same way. At a kink, such as
/// relu at 0, any value between the one-sided derivatives is accepted and the place is reported in
/// `kinks`. A function whose values differ between two calls fails. The inputs are not modified.
GradcheckReport gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

}  // namespace gradus
