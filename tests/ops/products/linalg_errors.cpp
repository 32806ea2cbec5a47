#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;

TEST_CASE("products name the shapes that do not fit", "[ops]") {
  CHECK_THROWS_WITH(dot(ones({2, 2}), ones({2})), contains("[dot]") && contains("two vectors"));
  CHECK_THROWS_WITH(dot(ones({2}), ones({3})), contains("[dot]") && contains("2 and 3"));
  CHECK_THROWS_WITH(outer(ones({}), ones({3})), contains("[outer]"));
  CHECK_THROWS_WITH(mv(ones({2, 3}), ones({3, 1})), contains("[mv]"));
  CHECK_THROWS_WITH(mv(ones({2, 3}), ones({2})), contains("[mv]") && contains("3 and 2"));
  CHECK_THROWS_WITH(bmm(ones({2, 3}), ones({2, 3, 2})), contains("[bmm]"));
  CHECK_THROWS_WITH(bmm(ones({1, 2, 3}), ones({2, 3, 2})), contains("batch lengths 1 and 2"));
  CHECK_THROWS_WITH(bmm(ones({2, 2, 3}), ones({2, 2, 3})), contains("inner lengths 3 and 2"));
  const Tensor a = ones({2, 3}), b = ones({3, 2});
  CHECK_THROWS_WITH(addmm(ones({2}), ones({2}), b), contains("[addmm]") && contains("matrices"));
  CHECK_THROWS_WITH(addmm(ones({2}), a, a), contains("[addmm]") && contains("3 and 2"));
  CHECK_THROWS_WITH(addmm(ones({3}), a, b), contains("[addmm]"));
  CHECK_THROWS_WITH(addmm(ones({4, 2, 2}), a, b), contains("(4, 2, 2)") && contains("(2, 2)"));
  CHECK_THROWS_WITH(trace(ones({2, 2, 2})), contains("[trace]") && contains("diagonal"));
  CHECK_THROWS_WITH(matmul(ones({}), ones({2})), contains("[matmul]"));
  CHECK_THROWS_WITH(matmul(ones({2, 3}), ones({2, 3})), contains("inner lengths 3 and 2"));
  CHECK_THROWS_WITH(matmul(ones({2, 3}, int64), ones({3, 2}, int64)), contains("floating-point"));
}

TEST_CASE("dot and trace of integers stay integers", "[ops]") {
  const Tensor a = tensor({1, 2, 3}, int64);
  CHECK(dot(a, a).item<std::int64_t>() == 14);
  CHECK(dot(a, a).dtype() == int64);
  CHECK(trace(eye(3, 4, int64)).item<std::int64_t>() == 3);
}

TEST_CASE("decompositions require square floating-point matrices", "[ops]") {
  const Tensor wide = ones({2, 3});
  CHECK_THROWS_WITH(cholesky(wide), contains("[cholesky]") && contains("(2, 3)"));
  CHECK_THROWS_WITH(inverse(wide), contains("[inverse]"));
  CHECK_THROWS_WITH(inverse(ones({2})), contains("[inverse]"));
  CHECK_THROWS_WITH(det(wide), contains("[det]"));
  CHECK_THROWS_WITH(logdet(wide), contains("[logdet]"));
  CHECK_THROWS_WITH(slogdet(wide), contains("[slogdet]"));
  CHECK_THROWS_WITH(solve(wide, ones({2})), contains("[solve]"));
  CHECK_THROWS_WITH(det(ones({2, 2}, int64)), contains("[det]") && contains("int64"));
}

TEST_CASE("singular and indefinite matrices are named", "[ops]") {
  const Tensor batch = tensor({{{2, 1}, {1, 2}}, {{1, 2}, {2, 4}}});
  CHECK_THROWS_WITH(inverse(batch), contains("[inverse] matrix 1 of the batch (2,)") &&
                                        contains("pivot 2") && contains("is singular"));
  CHECK_THROWS_WITH(solve(batch, ones({2, 2})),
                    contains("[solve] matrix 1") && contains("pivot 2"));
  CHECK_THROWS_WITH(inverse(zeros({3, 3})),
                    contains("the matrix, of order 3") && contains("pivot 1"));
  CHECK_THROWS_WITH(cholesky(batch),
                    contains("[cholesky] matrix 1") && contains("minor of order 2"));
  CHECK_THROWS_WITH(cholesky(-eye(2)), contains("the matrix") && contains("minor of order 1"));
  CHECK_THROWS_WITH(solve_triangular(tensor({{1, 0}, {5, 0}}), ones({2, 1}), {.upper = false}),
                    contains("[solve_triangular]") && contains("element (1, 1)"));
}

TEST_CASE("right-hand sides have as many rows as the matrix", "[ops]") {
  const Tensor a = eye(2);
  CHECK_THROWS_WITH(solve(a, ones({3, 2})), contains("[solve]") && contains("2 rows"));
  CHECK_THROWS_WITH(solve(a, ones({3})), contains("[solve]"));
  CHECK_THROWS_WITH(solve(a, ones({})), contains("[solve]"));
  CHECK_THROWS_WITH(solve(a, ones({2}, float64)), contains("right-hand side"));
  CHECK_THROWS_WITH(solve(ones({2, 2, 2}), ones({3, 2, 2})), contains("[solve]"));
  CHECK_THROWS_WITH(solve_triangular(a, ones({2}), {.upper = true}), contains("unsqueeze"));
}

TEST_CASE("einsum explains what is wrong with an equation", "[ops]") {
  const Tensor x = ones({2, 3});
  CHECK_THROWS_WITH(einsum("ij,jk", {x}), contains("[einsum]") && contains("2 operands and 1"));
  CHECK_THROWS_WITH(einsum("ij", {}), contains("1 operands and 0"));
  CHECK_THROWS_WITH(einsum("i", {x}), contains("names 1 axes") && contains("(2, 3)"));
  CHECK_THROWS_WITH(einsum("ijk...", {x}), contains("names 3 axes"));
  CHECK_THROWS_WITH(einsum("i1j", {x}), contains("\"i1j\""));
  CHECK_THROWS_WITH(einsum("i.j", {x}), contains("\"i.j\""));
  CHECK_THROWS_WITH(einsum("...i...", {x}), contains("at most one"));
  CHECK_THROWS_WITH(einsum("ij->i->j", {x}), contains("\"i->j\""));
  CHECK_THROWS_WITH(einsum("ii", {x}), contains("diagonal") && contains("(2, 3)"));
  CHECK_THROWS_WITH(einsum("ij,ij", {x, ones({3, 2})}), contains("'i'") && contains("length 3"));
  CHECK_THROWS_WITH(einsum("ij->k", {x}), contains("output axis 'k'"));
  CHECK_THROWS_WITH(einsum("ij->ii", {x}), contains("output axis 'i'"));
  CHECK_THROWS_WITH(einsum("ij", {ones({2, 3}, int64)}), contains("[einsum]") && contains("int64"));
}
