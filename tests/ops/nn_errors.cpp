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
