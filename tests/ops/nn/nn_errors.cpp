#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;

TEST_CASE("operations of networks name what does not fit", "[ops]") {
  const Tensor x = ones({2, 3});
  CHECK_THROWS_WITH(linear(x, ones({4, 5})),
                    contains("[linear]") && contains("(2, 3)") && contains("(4, 5)"));
  CHECK_THROWS_WITH(linear(ones({}), ones({4, 5})), contains("[linear]"));
  CHECK_THROWS_WITH(linear(x, ones({3})), contains("weight (out, in)"));
  CHECK_THROWS_WITH(linear(x, ones({4, 3}), ones({3})), contains("bias (out)"));
  CHECK_THROWS_WITH(linear(x, ones({4, 3}, float64)), contains("a weight"));
  CHECK_THROWS_WITH(linear(x, ones({4, 3}), ones({4}, float64)), contains("a bias"));
  CHECK_THROWS_WITH(linear(ones({2, 3}, int64), ones({4, 3})), contains("[linear]"));
  CHECK_THROWS_WITH(softmax(ones({3}, int64)), contains("[softmax]"));
  CHECK_THROWS_WITH(softmax(x, 2), contains("[softmax]"));
  CHECK_THROWS_WITH(log_softmax(x, -3), contains("[log_softmax]"));
  CHECK_THROWS_WITH(dropout(x, 1.5), contains("[dropout]") && contains("1.5"));
  CHECK_THROWS_WITH(dropout(x, -0.1), contains("[dropout]"));
  CHECK_THROWS_WITH(dropout(ones({3}, int64)), contains("[dropout]"));
}

TEST_CASE("norms, embeddings and attention name what does not fit", "[ops]") {
  const Tensor x = ones({2, 3});
  CHECK_THROWS_WITH(layer_norm(x, {4}), contains("[layer_norm]") && contains("(4,)"));
  CHECK_THROWS_WITH(layer_norm(x, Shape{}), contains("at least one"));
  CHECK_THROWS_WITH(layer_norm(x, {3}, ones({2})), contains("a weight of shape (2,)"));
  CHECK_THROWS_WITH(layer_norm(x, {3}, {}, ones({2})), contains("a bias"));
  CHECK_THROWS_WITH(layer_norm(x, {3}, {}, {}, -1), contains("eps"));
  CHECK_THROWS_WITH(layer_norm(ones({3}, int64), {3}), contains("[layer_norm]"));
  CHECK_THROWS_WITH(rms_norm(x, {2}), contains("[rms_norm]"));
  CHECK_THROWS_WITH(rms_norm(x, {3}, ones({3}, float64)), contains("[rms_norm]"));
  CHECK_THROWS_WITH(group_norm(x, 2), contains("divides the channels"));
  CHECK_THROWS_WITH(group_norm(ones({3}), 1), contains("(N, C)"));
  CHECK_THROWS_WITH(batch_norm(x, zeros({3}), {}), contains("both or none"));
  CHECK_THROWS_WITH(batch_norm(x, zeros({2}), ones({2})), contains("a running_mean"));
  CHECK_THROWS_WITH(batch_norm(x, zeros({3}), ones({2})), contains("a running_var"));
  CHECK_THROWS_WITH(batch_norm(ones({1, 3}), {}, {}), contains("one value per channel"));
  CHECK_THROWS_WITH(normalize(x, 0.5), contains("[normalize]"));
  CHECK_THROWS_WITH(normalize(x, 2, 2), contains("[normalize]"));
  CHECK_THROWS_WITH(normalize(ones({2}, int64)), contains("[normalize]"));
  CHECK_THROWS_WITH(embedding(x, ones({2})), contains("[embedding] an index"));
  CHECK_THROWS_WITH(embedding(ones({3}), tensor({0}, int64)), contains("a weight of shape"));
  CHECK_THROWS_WITH(embedding(x, tensor({0, 2}, int64)), contains("index 2 at element 1"));
  CHECK_THROWS_WITH(embedding(x, tensor({0}, int64), 2), contains("padding_idx 2"));
  const auto attend = scaled_dot_product_attention;
  CHECK_THROWS_WITH(attend(ones({3}), x, x, {}), contains("[scaled_dot_product_attention]"));
  CHECK_THROWS_WITH(attend(x, ones({2, 4}), x, {}), contains("(2, 4)"));
  CHECK_THROWS_WITH(attend(x, x, ones({3, 3}), {}), contains("(..., S, Ev)"));
  CHECK_THROWS_WITH(attend(x, x.to(float64), x, {}), contains("k of"));
  CHECK_THROWS_WITH(attend(x, x, x.to(float64), {}), contains("v of"));
  CHECK_THROWS_WITH(attend(x, x, x, {.mask = ones({2, 2}) > 0, .is_causal = true}),
                    contains("one of them"));
  CHECK_THROWS_WITH(attend(x, x, x, {.mask = ones({2, 2}, int64)}), contains("a mask of"));
  CHECK_THROWS_WITH(attend(x, x, x, {.mask = ones({5, 2, 2})}), contains("(5, 2, 2)"));
}
