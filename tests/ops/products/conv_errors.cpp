#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;

TEST_CASE("convolutions name what does not fit", "[ops]") {
  const Tensor x = ones({1, 4, 5, 5}), w = ones({6, 4, 3, 3});
  CHECK_THROWS_WITH(conv2d(ones({5, 5}), w), contains("[conv2d]") && contains("(N, C, H, W)"));
  CHECK_THROWS_WITH(conv1d(x, ones({6, 4, 3})), contains("[conv1d]") && contains("(N, C, L)"));
  CHECK_THROWS_WITH(conv2d(ones({1, 4, 5, 5}, int64), w), contains("float32 or float64"));
  CHECK_THROWS_WITH(conv2d(x, ones({6, 4, 3, 3}, float64)), contains("a weight"));
  CHECK_THROWS_WITH(conv2d(x, ones({6, 4, 3})), contains("(O, C / groups, K, M)"));
  CHECK_THROWS_WITH(conv1d(ones({4, 5}), w), contains("(O, C / groups, K) is"));
  CHECK_THROWS_WITH(conv2d(x, ones({6, 3, 3, 3})), contains("4 channels") && contains("takes 3"));
  for (const Index groups : {0, -1, 3, 4})
    CHECK_THROWS_WITH(conv2d(x, w, {}, {.groups = groups}), contains("groups were asked for"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.groups = 2}), contains("takes 8"));
  CHECK_THROWS_WITH(conv2d(x, w, ones({4})), contains("a bias of shape (4,)") && contains("6"));
  CHECK_THROWS_WITH(conv2d(x, w, ones({6}, float64)), contains("a bias"));
}

TEST_CASE("windows have sizes that make sense and fit the input", "[ops]") {
  const Tensor x = ones({1, 1, 5, 5}), w = ones({1, 1, 3, 3});
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.stride = {1, 0}}), contains("a stride of (1, 0)"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.padding = -1}), contains("a padding of (-1, -1)"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.dilation = 0}), contains("a dilation of (0, 0)"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.padding = Index{1} << 40}), contains("up to 2^31"));
  CHECK_THROWS_WITH(conv2d(x, ones({1, 1, 0, 3})), contains("a kernel of size (0, 3)"));
  CHECK_THROWS_WITH(conv1d(ones({1, 5}), ones({1, 1, 3}), {}, {.stride = -2}),
                    contains("[conv1d]") && contains("a stride of (-2,)"));
  CHECK_THROWS_WITH(conv2d(x, ones({1, 1, 6, 3})), contains("length 5") && contains("needs 6"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.padding = 1, .dilation = {1, 4}}),
                    contains("has 7 places") && contains("needs 9"));
}

TEST_CASE("poolings name what does not fit", "[ops]") {
  const Tensor x = ones({1, 1, 4, 4});
  CHECK_THROWS_WITH(max_pool2d(x, 5), contains("[max_pool2d]") && contains("needs 5"));
  CHECK_THROWS_WITH(avg_pool2d(x, 0), contains("[avg_pool2d]") && contains("(0, 0)"));
  CHECK_THROWS_WITH(max_pool2d(x, 2, {.stride = -1}), contains("a stride of (-1, -1)"));
  CHECK_THROWS_WITH(max_pool2d(x, 2, {.padding = 2}), contains("at most half of the kernel"));
  CHECK_THROWS_WITH(avg_pool1d(ones({1, 4}), 3, {.padding = 2}),
                    contains("[avg_pool1d] a padding of (2,)"));
  CHECK_THROWS_WITH(max_pool1d(ones({4}), 2), contains("(C, L)"));
  CHECK_THROWS_WITH(max_pool1d(ones({1, 4}, int64), 2), contains("[max_pool1d]"));
  CHECK_THROWS_WITH(max_pool1d(ones({1, 2}), 2, {.padding = 1, .dilation = 3}),
                    contains("padding only"));
  CHECK_THROWS_WITH(max_pool2d(ones({1, 0, 4}), 2, {.padding = 1}), contains("padding only"));
}
