#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;

TEST_CASE("losses refuse shapes that differ, with both in the text", "[ops]") {
  const Tensor x = ones({4, 1}), y = ones({4});
  const auto refuses = [](const auto& f, const char* name) {
    CHECK_THROWS_WITH(
        f(), contains(std::string("[") + name + "]") && contains("(4, 1)") && contains("(4,)"));
  };
  refuses([&] { return mse_loss(x, y); }, "mse_loss");
  refuses([&] { return l1_loss(x, y); }, "l1_loss");
  refuses([&] { return smooth_l1_loss(x, y); }, "smooth_l1_loss");
  refuses([&] { return huber_loss(x, y); }, "huber_loss");
  refuses([&] { return binary_cross_entropy(x, y); }, "binary_cross_entropy");
  refuses([&] { return bce_with_logits(x, y); }, "binary_cross_entropy_with_logits");
  refuses([&] { return focal_loss(x, y); }, "focal_loss");
  refuses([&] { return hinge_loss(x, y); }, "hinge_loss");
  refuses([&] { return kl_div(x, y); }, "kl_div");
  refuses([&] { return gaussian_nll_loss(x, y, x); }, "gaussian_nll_loss");
  refuses([&] { return gaussian_nll_loss(x, x, y); }, "gaussian_nll_loss");
  refuses([&] { return poisson_nll_loss(x, y); }, "poisson_nll_loss");
  refuses([&] { return cosine_embedding_loss(x, y, y); }, "cosine_embedding_loss");
  refuses([&] { return triplet_margin_loss(x, y, y); }, "triplet_margin_loss");
  refuses([&] { return triplet_margin_loss(x, x, y); }, "triplet_margin_loss");
  CHECK_THROWS_WITH(mse_loss(ones({2}, int64), ones({2})), contains("[mse_loss]"));
}

TEST_CASE("losses refuse options out of range", "[ops]") {
  const Tensor x = ones({2, 3}), half = full({2, 3}, 0.5);
  CHECK_THROWS_WITH(smooth_l1_loss(x, x, {.beta = -1}), contains("beta"));
  CHECK_THROWS_WITH(huber_loss(x, x, {.delta = 0}), contains("delta"));
  CHECK_THROWS_WITH(focal_loss(x, x, {.gamma = -1}), contains("gamma"));
  CHECK_THROWS_WITH(focal_loss(x, x, {.alpha = 2}), contains("alpha"));
  CHECK_THROWS_WITH(focal_loss(x, 2 * x), contains("target 2"));
  CHECK_THROWS_WITH(binary_cross_entropy(2 * x, x), contains("the probability 2"));
  CHECK_THROWS_WITH(binary_cross_entropy(half, -x), contains("target -1"));
  CHECK_THROWS_WITH(bce_with_logits(x, x, {.pos_weight = ones({2})}),
                    contains("a pos_weight of shape (2,)") && contains("broadcasts"));
  CHECK_THROWS_WITH(hinge_loss(x, half), contains("-1 or 1"));
  CHECK_THROWS_WITH(gaussian_nll_loss(x, x, -x), contains("the variance -1"));
  CHECK_THROWS_WITH(gaussian_nll_loss(x, x, x, {.eps = 0}), contains("eps"));
  CHECK_THROWS_WITH(cosine_embedding_loss(x, x, ones({3})), contains("(N, D) and (N)"));
  CHECK_THROWS_WITH(cosine_embedding_loss(x, x, zeros({2})), contains("-1 or 1"));
  CHECK_THROWS_WITH(triplet_margin_loss(x, x, x, {.p = 0.5}), contains("p = 0.5"));
  CHECK_THROWS_WITH(triplet_margin_loss(ones({}), ones({}), ones({})), contains("(N, D) or (D)"));
  CHECK_THROWS_WITH(mse_loss(ones({}), ones({}), {.reduction = Reduction::batchmean}),
                    contains("batchmean"));
}

TEST_CASE("losses refuse weights that do not broadcast to them", "[ops]") {
  const Tensor x = ones({2, 3}), half = full({2, 3}, 0.5), signs = ones({2});
  const Tensor labels = zeros({2}, int64);
  const auto refuses = [&](const auto& f, const char* name) {
    INFO(name);
    const std::string who = std::string("[") + name + "] a weight of shape ";
    CHECK_THROWS_WITH(f(ones({2})), contains(who + "(2,) was given for losses of shape (2, 3)") &&
                                        contains("aligned at the last axis") &&
                                        contains("per sample reshape it to (2, 1)"));
    CHECK_THROWS_WITH(f(ones({4})), contains(who + "(4,)") && !contains("sample"));
    CHECK_THROWS_WITH(f(ones({1, 2, 3})), contains(who + "(1, 2, 3)"));
    CHECK_THROWS_WITH(f(ones({2, 3}, int64)), contains(std::string("[") + name + "]"));
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{3}, Shape{2, 1}, Shape{1, 3}, Shape{2, 3}})
      CHECK_NOTHROW(f(ones(shape, float64)));
  };
  refuses([&](const Tensor& w) { return mse_loss(x, x, {.weight = w}); }, "mse_loss");
  refuses([&](const Tensor& w) { return l1_loss(x, x, {.weight = w}); }, "l1_loss");
  refuses([&](const Tensor& w) { return smooth_l1_loss(x, x, {.weight = w}); }, "smooth_l1_loss");
  refuses([&](const Tensor& w) { return huber_loss(x, x, {.weight = w}); }, "huber_loss");
  refuses([&](const Tensor& w) { return hinge_loss(x, x, {.weight = w}); }, "hinge_loss");
  refuses([&](const Tensor& w) { return binary_cross_entropy(half, x, {.weight = w}); },
          "binary_cross_entropy");
  refuses([&](const Tensor& w) { return bce_with_logits(x, x, {.weight = w}); },
          "binary_cross_entropy_with_logits");
  refuses([&](const Tensor& w) { return focal_loss(x, x, {.weight = w}); }, "focal_loss");
  refuses([&](const Tensor& w) { return kl_div(x, x, {.weight = w}); }, "kl_div");
  refuses([&](const Tensor& w) { return kl_div(x, x, {.log_target = true, .weight = w}); },
          "kl_div");
  refuses([&](const Tensor& w) { return gaussian_nll_loss(x, x, x, {.weight = w}); },
          "gaussian_nll_loss");
  refuses([&](const Tensor& w) { return poisson_nll_loss(x, x, {.weight = w}); },
          "poisson_nll_loss");
  const auto refuses_three = [](const auto& f, const char* text) {
    CHECK_THROWS_WITH(f(), contains(text) && contains("(3,) was given for losses of shape (2,)"));
  };
  const Tensor w = ones({3});
  refuses_three([&] { return cosine_embedding_loss(x, x, signs, {.weight = w}); }, "a weight");
  refuses_three([&] { return triplet_margin_loss(x, x, x, {.weight = w}); }, "a weight");
  refuses_three([&] { return nll_loss(x, labels, {.sample_weight = w}); }, "a sample_weight");
  refuses_three([&] { return cross_entropy(x, labels, {.sample_weight = w}); }, "a sample_weight");
  refuses_three([&] { return cross_entropy(x, x, {.sample_weight = w}); }, "a sample_weight");
}

TEST_CASE("cross-entropy names the row and the label that do not fit", "[ops]") {
  const Tensor x = ones({3, 4});
  const Tensor labels = tensor({0, 1, 2}, int64);
  CHECK_THROWS_WITH(cross_entropy(x, tensor({0, 4, 1}, int64)),
                    contains("[cross_entropy] label 4 in row 1") && contains("0 to 3"));
  CHECK_THROWS_WITH(cross_entropy(x, tensor({0, 1, -1}, int64)), contains("label -1 in row 2"));
  CHECK_THROWS_WITH(nll_loss(x, tensor({9, 1, 1}, int64)), contains("[nll_loss] label 9 in row 0"));
  CHECK_THROWS_WITH(cross_entropy(x, tensor({0, 1, 2})), contains("to(int64)"));
  CHECK_THROWS_WITH(cross_entropy(x, reshape(labels, {3, 1})),
                    contains("(3, 4)") && contains("(3, 1)"));
  CHECK_THROWS_WITH(cross_entropy(ones({}), tensor(0, int64)), contains("shape ()"));
  CHECK_THROWS_WITH(cross_entropy(ones({3, 0}), labels), contains("at least one class"));
  CHECK_THROWS_WITH(cross_entropy(ones({3, 4}, int64), labels), contains("[cross_entropy]"));
  CHECK_THROWS_WITH(cross_entropy(x, labels, {.weight = ones({3})}),
                    contains("one weight per class"));
  CHECK_THROWS_WITH(cross_entropy(x, labels, {.weight = ones({4}, float64)}),
                    contains("a class weight"));
  CHECK_THROWS_WITH(cross_entropy(x, labels, {.label_smoothing = 1.5}),
                    contains("label_smoothing"));
  CHECK_THROWS_WITH(cross_entropy(x, labels, {.sample_weight = ones({2})}),
                    contains("one weight per sample"));
  CHECK_THROWS_WITH(cross_entropy(ones({4}), tensor(1, int64), {.reduction = Reduction::batchmean}),
                    contains("batchmean"));
}
