#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;

/// softmax(scale q k^T + added) v for batches of matrices; `open(i, j)` tells whether query i may
/// look at key j.
template <class Open>
Array attention_reference(const std::vector<Array>& v, Real scale, Open open,
                          const Array* added = nullptr) {
  const int rank = v[0].shape.size();
  const Index size = v[0].shape[rank - 1], keys = v[1].shape[rank - 2];
  Shape shape = v[0].shape;
  shape[rank - 1] = v[2].shape[rank - 1];
  Array out(shape);
  for_each_index(shape, [&](const IndexList& at) {
    Real total = 0, sum = 0;
    for (Index j = 0; j < keys; ++j) {
      if (!open(at[rank - 2], j)) continue;
      IndexList query = at, key = at, value = at;
      key[rank - 2] = value[rank - 2] = j;
      Real score = 0;
      for (Index e = 0; e < size; ++e) {
        query[rank - 1] = key[rank - 1] = e;
        score += v[0].at(query) * v[1].at(key) * scale;
      }
      if (added) score += added->at({at[rank - 2], j});
      total += std::exp(score);
      sum += std::exp(score) * v[2].at(value);
    }
    out.at(at) = total == 0 ? 0 : sum / total;
  });
  return out;
}

}  // namespace

TEST_CASE("attention agrees with its reference", "[ops]") {
  const std::vector<std::vector<Input>> cases = {
      {{.shape = {3, 2}}, {.shape = {4, 2}}, {.shape = {4, 3}}},
      {{.shape = {2, 3, 2}}, {.shape = {2, 4, 2}}, {.shape = {2, 4, 1}}},
      {{.shape = {2, 1, 3, 2}}, {.shape = {2, 1, 4, 2}}, {.shape = {2, 1, 4, 3}}},
  };
  const auto all = [](Index, Index) { return true; };
  const Real scale = 1 / std::sqrt(Real(2));
  row({.name = "scaled_dot_product_attention",
       .f =
           [](const std::vector<Tensor>& v) {
             return scaled_dot_product_attention(v[0], v[1], v[2]);
           },
       .cases = cases,
       .reference =
           [=](const std::vector<Array>& v) { return attention_reference(v, scale, all); }});
  row({.name = "scaled_dot_product_attention with a scale",
       .f =
           [](const std::vector<Tensor>& v) {
             return scaled_dot_product_attention(v[0], v[1], v[2], {.scale = 0.5});
           },
       .cases = cases,
       .reference = [=](const std::vector<Array>& v) { return attention_reference(v, 0.5, all); }});
  const auto causal = [](Index i, Index j) { return j <= i; };
  row({.name = "scaled_dot_product_attention causal",
       .f =
           [](const std::vector<Tensor>& v) {
             return scaled_dot_product_attention(v[0], v[1], v[2], {.is_causal = true});
           },
       .cases = cases,
       .reference =
           [=](const std::vector<Array>& v) { return attention_reference(v, scale, causal); }});
  // The second query may look nowhere.
  const auto open = [](Index i, Index j) { return i != 1 && (i + j) % 3 != 0; };
  row({.name = "scaled_dot_product_attention masked",
       .f =
           [open](const std::vector<Tensor>& v) {
             std::vector<bool> mask;
             for (Index i = 0; i < 3; ++i)
               for (Index j = 0; j < 4; ++j) mask.push_back(open(i, j));
             return scaled_dot_product_attention(v[0], v[1], v[2],
                                                 {.mask = from_vector(mask, {3, 4})});
           },
       .cases = cases,
       .reference =
           [=](const std::vector<Array>& v) { return attention_reference(v, scale, open); }});
  auto biased = cases;
  for (auto& inputs : biased) inputs.push_back({.shape = {3, 4}});
  row({.name = "scaled_dot_product_attention with added scores",
       .f =
           [](const std::vector<Tensor>& v) {
             return scaled_dot_product_attention(v[0], v[1], v[2], {.mask = v[3]});
           },
       .cases = biased,
       .reference =
           [=](const std::vector<Array>& v) { return attention_reference(v, scale, all, &v[3]); }});
}

TEST_CASE("keys at which a query may not look do not count for it, whatever they hold", "[ops]") {
  Generator generator(3);
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor q = randn({2, 4, 3}, float64, &generator), k = randn({2, 4, 3}, float64, &generator),
               v = randn({2, 4, 2}, float64, &generator);
  const Tensor mask = tril(ones({4, 4})) > 0;
  const std::vector<AttentionOptions> all = {
      {.is_causal = true}, {.mask = mask}, {.mask = where(mask, zeros({4, 4}), -infinity)}};
  // The last key and its value are looked at by the last query only, whose result is left out.
  const Tensor counts = reshape(arange(0, 4) < 3, {4, 1}), last = logical_not(counts);
  using Tensors = std::vector<Tensor>;
  using Doubles = std::vector<double>;
  const auto run = [&](const AttentionOptions& options, double key, double value) {
    Tensors x = {q, where(last, full({1}, key, float64), k),
                 where(last, full({1}, value, float64), v)};
    for (Tensor& t : x) t = t.detach().requires_grad_();
    const Tensor y = where(counts, scaled_dot_product_attention(x[0], x[1], x[2], options), 0);
    Tensors found = {y};
    const Tensors first = grad(sum(y * y), x, {.create_graph = true});
    for (const Tensor& g : first) found.push_back(g);
    Tensor length = zeros({}, float64);
    for (const Tensor& g : first) length = length + sum(g * g);
    for (const Tensor& g : grad(length, x)) found.push_back(g);
    return found;
  };
  const Tensors usual = run(all[1], 0, 0);
  for (const AttentionOptions& options : all)
    for (const double key : Doubles{0, NAN, infinity, -infinity})
      for (const double value : Doubles{0, NAN, infinity, -infinity}) {
        INFO(options.is_causal << " " << key << " " << value);
        const Tensors found = run(options, key, value);
        // Equal up to rounding: what meets a NaN is computed once more, in another order.
        for (std::size_t i = 0; i < usual.size(); ++i)
          CHECK(amax(abs(found[i] - usual[i])).item() <= 1e-13 * amax(abs(usual[i])).item());
      }
}

TEST_CASE("attention drops weights, not values", "[ops]") {
  Generator a(1), b(1);
  const Tensor q = randn({2, 8, 4}, float64, &a), v = eye(8, 8, float64);
  const Tensor keys = reshape(concat({q[0]}), {8, 4});
  const Tensor plain = scaled_dot_product_attention(q[0], keys, v);
  const Tensor dropped =
      scaled_dot_product_attention(q[0], keys, v, {.dropout_p = 0.5, .generator = &b});
  Index zeros_seen = 0;
  const std::vector<double> x = plain.to_vector<double>(), y = dropped.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    zeros_seen += y[i] == 0;
    if (y[i] != 0) CHECK(y[i] == Approx(2 * x[i]));
  }
  CHECK(zeros_seen > 16);
  CHECK(zeros_seen < 48);
}

TEST_CASE("embedding agrees with its reference", "[ops]") {
  const Input index{.shape = {2, 3}, .low = 0, .high = 5, .dtype = int64};
  const auto reference = [](const std::vector<Array>& v) {
    Shape shape = v[1].shape;
    shape.push_back(v[0].shape[1]);
    Array out(shape);
    for_each_index(v[1].shape, [&](const IndexList& at) {
      IndexList place = at;
      place.push_back(0);
      for (Index j = 0; j < v[0].shape[1]; ++j) {
        place[place.size() - 1] = j;
        out.at(place) = v[0].at({static_cast<Index>(v[1].at(at)), j});
      }
    });
    return out;
  };
  row({.name = "embedding",
       .f = [](const std::vector<Tensor>& v) { return embedding(v[0], v[1]); },
       .cases = {{{.shape = {5, 3}}, index},
                 {{.shape = {5, 1}}, {.shape = {}, .low = 0, .high = 5, .dtype = int64}},
                 {{.shape = {5, 2}}, {.shape = {0}, .low = 0, .high = 5, .dtype = int64}}},
       .reference = reference});
  const Tensor weight = ones({4, 2}, float64).requires_grad_();
  sum(embedding(weight, tensor({1, 3, 3}, int64), -1)).backward();
  CHECK(weight.grad().to_vector<double>() == std::vector<double>{0, 0, 1, 1, 0, 0, 0, 0});
}
