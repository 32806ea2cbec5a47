#include "support/table/probe.hpp"

#include <algorithm>

#include "gradus/ops.hpp"

namespace gradus::test {

namespace {

using Tensors = std::vector<Tensor>;

/// Those of `tensors` that a gradient can flow from, and their cotangents.
Tensors differentiate(const Tensors& outputs, const Tensors& inputs, const Tensors& cotangents,
                      bool create_graph) {
  Tensors ends, seeds;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].requires_grad()) {
      ends.push_back(outputs[i]);
      seeds.push_back(cotangents[i]);
    }
  if (ends.empty()) {
    Tensors zeros;
    for (const Tensor& x : inputs) zeros.push_back(zeros_like(x));
    return zeros;
  }
  return grad(ends, inputs,
              {.create_graph = create_graph, .allow_unused = true, .grad_outputs = seeds});
}

}  // namespace

Values flat(const Tensors& tensors) {
  Values out;
  for (const Tensor& t : tensors) {
    const std::vector<double> values = t.detach().to_vector<double>();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

std::vector<Element> Probe::elements() const {
  std::vector<Element> out;
  for (const std::size_t i : movable)
    for (std::size_t e = 0; e < static_cast<std::size_t>(at[i].numel()); ++e) out.push_back({i, e});
  return out;
}

std::optional<Values> Probe::values(const Tensors& inputs) const {
  try {
    return flat(f(inputs));
  } catch (const Error&) {
    return {};
  }
}

Probe probe_of(const Row& row, const std::vector<Input>& inputs, DType dtype, std::uint64_t seed) {
  Probe p{[&row](const Tensors& x) { return Tensors{row.f(x)}; },
          make_tensors(inputs, dtype, seed),
          {}};
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (is_floating_point(inputs[i].dtype) && inputs[i].differentiable) p.movable.push_back(i);
  return p;
}

Probe gradient_of(const Probe& p, const Tensors& cotangents) {
  const std::size_t count = p.at.size();
  Probe out{{}, p.at, p.movable};
  for (std::size_t i = 0; i < cotangents.size(); ++i) {
    out.movable.push_back(out.at.size());
    out.at.push_back(cotangents[i]);
  }
  out.f = [p, count](const Tensors& inputs) {
    Tensors x(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(count));
    const Tensors c(inputs.begin() + static_cast<std::ptrdiff_t>(count), inputs.end());
    bool recorded = false;
    for (const Tensor& t : inputs) recorded |= t.requires_grad();
    Tensors wanted;
    for (const std::size_t i : p.movable) {
      if (!x[i].requires_grad()) x[i] = x[i].detach().clone().requires_grad_();
      wanted.push_back(x[i]);
    }
    return differentiate(p.f(x), wanted, c, recorded);
  };
  return out;
}

Tensors with_value(const Tensors& x, const std::vector<Element>& elements, double value) {
  Tensors out = x;
  std::vector<Values> values(x.size());
  for (const Element& e : elements) {
    if (values[e.input].empty()) values[e.input] = x[e.input].to_vector<double>();
    values[e.input][e.place] = value;
  }
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!values[i].empty()) out[i] = from_vector(values[i], x[i].shape()).to(x[i].dtype());
  return out;
}

Tensors random_like(const Tensors& like, std::mt19937_64& random) {
  Tensors out;
  for (const Tensor& t : like) {
    Values values(static_cast<std::size_t>(t.numel()));
    for (double& v : values) {
      v = 0.25 + 0.75 * (static_cast<double>(random() >> 11) * 0x1p-53);
      if (random() & 1) v = -v;
    }
    out.push_back(from_vector(values, t.shape()).to(t.dtype()));
  }
  return out;
}

Tensors gradients(const Probe& p, const Tensors& x, const Tensors& cotangents, bool twice) {
  Tensors inputs = x, wanted;
  for (const std::size_t i : p.movable) {
    inputs[i] = x[i].detach().clone().requires_grad_();
    wanted.push_back(inputs[i]);
  }
  Tensors outputs = p.f(inputs), seeds = cotangents;
  if (twice) {
    const Tensors again = p.f(inputs);
    outputs.insert(outputs.end(), again.begin(), again.end());
    seeds.insert(seeds.end(), cotangents.begin(), cotangents.end());
  }
  return differentiate(outputs, wanted, seeds, false);
}

}  // namespace gradus::test
