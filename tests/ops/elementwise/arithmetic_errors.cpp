// Every refusal of arithmetic, reductions, shapes and products says what was given.
#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

TEST_CASE("arithmetic refuses shapes that do not broadcast, with both in the text") {
  const Tensor a = zeros({2, 3}), b = zeros({4});
  CHECK_THROWS_WITH(a + b, contains("[add]") && contains("(2, 3)") && contains("(4,)"));
  CHECK_THROWS_WITH(a - b, contains("[sub]") && contains("(2, 3)") && contains("(4,)"));
  CHECK_THROWS_WITH(a * b, contains("[mul]") && contains("(2, 3)") && contains("(4,)"));
  CHECK_THROWS_WITH(a / b, contains("[div]") && contains("(2, 3)") && contains("(4,)"));
  CHECK_THROWS_WITH(zeros({0}) + zeros({2}), contains("(0,)") && contains("(2,)"));
}

TEST_CASE("operations refuse undefined tensors") {
  const Tensor none, x = zeros({2});
  CHECK_THROWS_WITH(none + x, contains("undefined"));
  CHECK_THROWS_WITH(x + none, contains("undefined"));
  CHECK_THROWS_WITH(none * 2, contains("undefined"));
  CHECK_THROWS_WITH(-none, contains("undefined"));
  CHECK_THROWS_WITH(2 / none, contains("undefined"));
  CHECK_THROWS_WITH(none / 2, contains("undefined"));
  CHECK_THROWS_WITH(sum(none), contains("undefined"));
  CHECK_THROWS_WITH(mean(none), contains("undefined"));
  CHECK_THROWS_WITH(reshape(none, {1}), contains("undefined"));
  CHECK_THROWS_WITH(matmul(none, x), contains("undefined"));
  CHECK_THROWS_WITH(matmul(x, none), contains("undefined"));
  CHECK_THROWS_WITH(none.shape(), contains("undefined"));
  CHECK_THROWS_WITH(none.item(), contains("undefined"));
}

TEST_CASE("arithmetic promotes dtypes as PyTorch does") {
  const Tensor mask = from_vector(std::vector<bool>{true, false}), i = tensor({3, 4}, int64),
               f = tensor({.5, 2}), d = tensor({.25, 4}, float64), scalar = tensor(2, float64);
  CHECK((mask + mask).dtype() == int64);
  CHECK((mask + i).dtype() == int64);
  CHECK((i + f).dtype() == float32);
  CHECK((f + d).dtype() == float64);
  CHECK((f + scalar).dtype() == float32);
  CHECK((i + scalar).dtype() == float64);
  CHECK((i / i).dtype() == float32);
  CHECK((i * 2).dtype() == int64);
  CHECK((i * 0.5).dtype() == float32);
  CHECK((mask + 1).dtype() == int64);
  CHECK((d / 3).dtype() == float64);
  CHECK((-mask).dtype() == int64);
  CHECK((1 / i).dtype() == float32);
  CHECK((i / 2).to_vector<float>() == std::vector<float>{1.5F, 2});
  CHECK((i * 0.5).to_vector<float>() == std::vector<float>{1.5F, 2});
}

TEST_CASE("at a division by zero gradients are zero") {
  Tensor a = tensor({1, 0, 2}, float64).requires_grad_();
  Tensor b = tensor({0, 0, 4}, float64).requires_grad_();
  sum(a / b).backward();
  CHECK(a.grad().to_vector<double>() == std::vector<double>{0, 0, .25});
  CHECK(b.grad().to_vector<double>() == std::vector<double>{0, 0, -.125});
  Tensor c = tensor({0, 2}, float64).requires_grad_();
  sum(3 / c).backward();
  CHECK(c.grad().to_vector<double>() == std::vector<double>{0, -.75});
}

TEST_CASE("reductions refuse axes that do not exist or are named twice") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(sum(x, 2), contains("[sum] axis 2") && contains("2 axes"));
  CHECK_THROWS_WITH(sum(x, {0, -2}), contains("[sum]") && contains("occurs twice"));
  CHECK_THROWS_WITH(mean(x, -3), contains("[mean] axis -3"));
  CHECK_THROWS_WITH(mean(x, {1, 1}), contains("[mean]") && contains("(1, 1)"));
  CHECK_THROWS_WITH(mean(zeros({2}, int64)),
                    contains("[mean]") && contains("(2,) int64") && contains("to()"));
}

TEST_CASE("reshape refuses numbers of elements that differ") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(reshape(x, {4}), contains("[reshape]") && contains("(2, 3)") &&
                                         contains("(4,)") && contains("6 elements"));
  CHECK_THROWS_WITH(reshape(x, {4, -1}), contains("[reshape]") && contains("(4, -1)"));
  CHECK_THROWS_WITH(reshape(x, {-1, -1}), contains("[reshape]") && contains("one may be -1"));
  CHECK_THROWS_WITH(reshape(x, {-2, 3}), contains("[reshape]"));
  CHECK_THROWS_WITH(reshape(zeros({0}), {0, -1}), contains("[reshape]") && contains("(0, -1)"));
  CHECK_THROWS_AS(reshape(x, {Index{1} << 62, 8, -1}), Error);
}

TEST_CASE("expand refuses anything but repeating axes of length 1") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(expand(x, {3}), contains("[expand]") && contains("(2, 3)") && contains("(3,)"));
  CHECK_THROWS_WITH(expand(x, {}), contains("[expand]") && contains("fewer axes"));
  CHECK_THROWS_WITH(expand(x, {4, 3}), contains("[expand]") && contains("(4, 3)"));
  CHECK_THROWS_WITH(expand(x, {-1, 2, 3}), contains("[expand]"));
  CHECK_THROWS_WITH(expand(x, {2, -3}), contains("[expand]"));
  CHECK_THROWS_WITH(expand(x, {2, 0}), contains("[expand]") && contains("(2, 0)"));
}

TEST_CASE("permute and transpose refuse axes that are no order of the tensor's") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(permute(x, {0}), contains("[permute]") && contains("(0,)"));
  CHECK_THROWS_WITH(permute(x, {0, 0}), contains("[permute]") && contains("twice"));
  CHECK_THROWS_WITH(permute(x, {0, 2}), contains("[permute] axis 2"));
  CHECK_THROWS_WITH(transpose(zeros({3})), contains("[transpose]") && contains("(3,)"));
  CHECK_THROWS_WITH(transpose(zeros({})), contains("[transpose]") && contains("()"));
  CHECK_THROWS_WITH(transpose(x, 0, 2), contains("[transpose] axis 2"));
}

TEST_CASE("slice and select refuse scalars, steps of 0 and positions that do not exist") {
  const Tensor x = zeros({2, 3});
  CHECK_THROWS_WITH(slice(zeros({}), 0, 0, 1), contains("[slice]") && contains("scalar"));
  CHECK_THROWS_WITH(slice(x, 0, 0, 2, 0), contains("[slice]") && contains("step 0"));
  CHECK_THROWS_WITH(slice(x, 2, 0, 2), contains("[slice] axis 2"));
  CHECK_THROWS_WITH(select(zeros({}), 0, 0), contains("[select]") && contains("item()"));
  CHECK_THROWS_WITH(select(x, 0, 2), contains("[select] index 2") && contains("length 2"));
  CHECK_THROWS_WITH(select(x, 1, -4), contains("[select] index -4") && contains("length 3"));
  CHECK_THROWS_WITH(select(x, -3, 0), contains("[select] axis -3"));
  CHECK_THROWS_WITH(x[5], contains("[select] index 5"));
}

TEST_CASE("slices survive extreme bounds and steps") {
  const Tensor x = arange(5);
  const Index big = std::numeric_limits<Index>::max(), small = std::numeric_limits<Index>::min();
  CHECK(slice(x, 0, 0, big).to_vector<float>() == x.to_vector<float>());
  CHECK(slice(x, 0, small, big).numel() == 5);
  CHECK(slice(x, 0, 0, 5, big).to_vector<float>() == std::vector<float>{0});
  CHECK(slice(x, 0, 4, small, -big).to_vector<float>() == std::vector<float>{4});
  CHECK(slice(x, 0, big, small, small).to_vector<float>() == std::vector<float>{4});
  Tensor y = tensor({1, 2, 3}, float64).requires_grad_();
  sum(slice(y, 0, 0, 3, big)).backward();
  CHECK(y.grad().to_vector<double>() == std::vector<double>{1, 0, 0});
}

TEST_CASE("matmul refuses what has no product") {
  CHECK_THROWS_WITH(matmul(zeros({2, 3}), zeros({2, 3})), contains("[matmul]") &&
                                                              contains("(2, 3)") &&
                                                              contains("inner lengths 3 and 2"));
  CHECK_THROWS_WITH(
      matmul(zeros({2, 3}), zeros({2, 3}), {.transpose_a = true, .transpose_b = true}),
      contains("(2, 3) (transposed) and (2, 3) (transposed)"));
  CHECK_THROWS_WITH(matmul(zeros({}), zeros({2})), contains("[matmul]") && contains("()"));
  CHECK_THROWS_WITH(matmul(zeros({3}), zeros({})), contains("[matmul]") && contains("one axis"));
  CHECK_THROWS_WITH(matmul(zeros({3}), zeros({2})), contains("[matmul]") && contains("3 and 2"));
  CHECK_THROWS_WITH(matmul(zeros({2, 1, 1}), zeros({3, 1, 1})),
                    contains("[matmul]") && contains("(2,)") && contains("(3,)"));
  CHECK_THROWS_WITH(matmul(zeros({2, 2}, int64), zeros({2, 2}, int64)),
                    contains("[matmul]") && contains("int64") && contains("floating-point"));
  CHECK(matmul(ones({2, 2}, int64), ones({2, 2}, float64)).dtype() == float64);
}
