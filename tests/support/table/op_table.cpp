#include "support/table/op_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>

#include "support/catch.hpp"
#include "support/table/op_table_values.hpp"
#include "support/table/probe.hpp"

namespace gradus::test {

Array::Array(const Shape& s) : shape(s), values(static_cast<std::size_t>(gradus::numel(s)), 0.0L) {}
Array::Array(const Shape& s, std::vector<long double> v) : shape(s), values(std::move(v)) {
  if (gradus::numel(s) != numel()) throw std::logic_error("an Array's values do not fit its shape");
}

std::size_t Array::offset(const IndexList& index) const {
  if (index.size() != shape.size()) throw std::logic_error("an Array's index has another rank");
  Index at = 0;
  for (int i = 0; i < shape.size(); ++i) {
    if (index[i] < 0 || index[i] >= shape[i])
      throw std::logic_error("the index " + to_string(index) + " is outside of " +
                             to_string(shape));
    at = at * shape[i] + index[i];
  }
  return static_cast<std::size_t>(at);
}

long double Array::broadcast_at(const IndexList& index) const {
  IndexList own = shape;
  for (int i = 0; i < shape.size(); ++i)
    own[i] = shape[i] == 1 ? 0 : index[index.size() - shape.size() + i];
  return at(own);
}

Array map_array(const Array& x, const Scalar1& f) {
  Array out = x;
  for (long double& v : out.values) v = f(v);
  return out;
}

Array zip_array(const Array& a, const Array& b, const Scalar2& f) {
  Array out(broadcast_shapes(a.shape, b.shape, "zip_array"));
  for_each_index(out.shape,
                 [&](const IndexList& i) { out.at(i) = f(a.broadcast_at(i), b.broadcast_at(i)); });
  return out;
}

// ------------------------------------------------------------------ values of inputs

double draw(std::mt19937_64& random, double low, double high) {
  return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
}

namespace {

using Arrays = std::vector<Array>;
using Tensors = std::vector<Tensor>;

bool near_kink(const Input& input, double v) {
  return std::any_of(input.kinks.begin(), input.kinks.end(),
                     [&](double kink) { return std::abs(v - kink) < input.margin; });
}

}  // namespace

std::vector<double> values_of(const Input& input, std::size_t place, std::size_t count,
                              Index largest, std::mt19937_64& random) {
  const auto n = static_cast<std::size_t>(numel(input.shape));
  if (!input.values.empty()) {
    if (input.values.size() != n) throw std::logic_error("explicit values do not fit the shape");
    return input.values;
  }
  std::vector<double> values(n);
  std::vector<Index> cells(static_cast<std::size_t>(largest));
  std::iota(cells.begin(), cells.end(), Index{0});
  std::shuffle(cells.begin(), cells.end(), random);
  const double cell = (input.high - input.low) / static_cast<double>(largest);
  for (std::size_t i = 0; i < n; ++i) {
    double& v = values[i];
    if (input.generate) {
      v = input.generate(static_cast<Index>(i));
    } else if (input.distinct) {
      const double within = static_cast<double>(place + 1) / static_cast<double>(count + 1);
      v = input.low + cell * (static_cast<double>(cells[i]) + within);
    } else if (input.dtype == DType::boolean) {
      v = static_cast<double>(random() & 1);
    } else {
      do v = draw(random, input.low, input.high);
      while (near_kink(input, v));
    }
    v = is_floating_point(input.dtype) ? static_cast<double>(static_cast<float>(v)) : std::floor(v);
  }
  return values;
}

// ------------------------------------------------------------------ rows

void row(const Row& r) {
  const char* only = std::getenv("GRADUS_ROW");
  if (only && r.name != only) return;
  for (const auto& faults : {faults_of(r), zero_cotangent_faults(r), nan_operand_faults(r),
                             checkpoint_faults(r), capture_faults(r)})
    for (const std::string& fault : faults) FAIL_CHECK(fault);
  INFO(r.name);
  CHECK(!r.cases.empty());
}

namespace {

Row elementwise(const std::string& name, const Options& o) {
  Row r{.name = name, .f = {}, .cases = {}, .reference = {}};
  r.differentiable = o.differentiable;
  r.smooth = o.smooth;
  r.tolerance = o.tolerance;
  r.float32_tolerance = o.float32_tolerance;
  r.gradient_tolerance = o.gradient_tolerance;
  r.float32_gradient_tolerance = o.float32_gradient_tolerance;
  r.second_tolerance = o.second_tolerance;
  r.step = o.step;
  r.result = o.result;
  return r;
}

Input operand(const Shape& shape, double low, double high, const Options& o) {
  return {.shape = shape,
          .low = low,
          .high = high,
          .kinks = o.kinks,
          .margin = o.margin,
          .distinct = o.distinct};
}

}  // namespace

void unary_row(const std::string& name, Tensor1 f, Real1 reference, const Options& o) {
  Row r = elementwise(name, o);
  r.f = [&](const Tensors& x) { return f(x[0]); };
  r.reference = [&](const Arrays& x) { return map_array(x[0], reference); };
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{0}, Shape{1, 4}, Shape{2, 3},
                             Shape{2, 3, 4}, Shape{37}, Shape{0, 3}})
    r.cases.push_back({operand(shape, o.low, o.high, o)});
  row(r);
}

void binary_row(const std::string& name, Tensor2 f, Real2 reference, const Options& o) {
  const double low2 = o.low2.value_or(o.low), high2 = o.high2.value_or(o.high);
  Row r = elementwise(name, o);
  r.f = [&](const Tensors& x) { return f(x[0], x[1]); };
  r.reference = [&](const Arrays& x) { return zip_array(x[0], x[1], reference); };
  const std::pair<Shape, Shape> shapes[] = {{{}, {}},          {{1}, {1}},
                                            {{5}, {5}},        {{0}, {0}},
                                            {{1, 4}, {1, 4}},  {{2, 3}, {2, 3}},
                                            {{37}, {37}},      {{2, 3, 4}, {2, 3, 4}},
                                            {{2, 3}, {3}},     {{3}, {2, 3}},
                                            {{3, 1}, {1, 4}},  {{}, {2, 3}},
                                            {{2, 3}, {}},      {{2, 1, 3}, {4, 1}},
                                            {{0}, {1}},        {{1}, {0}},
                                            {{2, 0}, {2, 1}},  {{2, 1}, {1}},
                                            {{1}, {}},         {{3, 19}, {19}},
                                            {{3, 19}, {3, 1}}, {{2, 1, 3, 1, 2}, {4, 1, 3, 1}}};
  for (const auto& [a, b] : shapes)
    r.cases.push_back({operand(a, o.low, o.high, o), operand(b, low2, high2, o)});
  row(r);
  const double low = std::max(o.low, low2), high = std::min(o.high, high2);
  if (!o.same || low >= high) return;
  Options twice = o;
  twice.low = low;
  twice.high = high;
  unary_row(
      name + " of the same tensor twice", [&](const Tensor& x) { return f(x, x); },
      [&](long double x) { return reference(x, x); }, twice);
}

Tensor make_tensor(const Input& input, DType floating, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto values = values_of(input, 0, 1, std::max<Index>(1, numel(input.shape)), random);
  return from_vector(values, input.shape)
      .to(is_floating_point(input.dtype) ? floating : input.dtype);
}

std::vector<Tensor> make_tensors(const std::vector<Input>& inputs, DType floating,
                                 std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Index largest = 1;
  for (const Input& input : inputs) largest = std::max(largest, numel(input.shape));
  Tensors out;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    out.push_back(
        from_vector(values_of(inputs[i], i, inputs.size(), largest, random), inputs[i].shape)
            .to(is_floating_point(inputs[i].dtype) ? floating : inputs[i].dtype));
  return out;
}

}  // namespace gradus::test
