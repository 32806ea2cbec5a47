#include <algorithm>

#include "gradus/debug.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("a graph is written as DOT with names, shapes, values and gradients") {
  const Tensor x = tensor({1, 2}).requires_grad_(), w = tensor({3, 4});
  const Tensor y = sum(x * w);
  y.backward({.retain_graph = true});
  CHECK(to_dot(y, {.names = {{"x", x}, {"y", y}}}) == R"(digraph gradus {
  node [fontname="Helvetica", fontsize=10];
  n0 [label="x\n(2,) float32\n[1. 2.]\ngrad [3. 4.]", shape=box, style=filled, fillcolor="#cfe8ff"];
  n1 [label="constant\n(2,) float32\n[3. 4.]", shape=box, style=filled, fillcolor="#eeeeee"];
  n2 [label="mul\n(2,) float32\n[3. 8.]", shape=box, style=rounded];
  n3 [label="y = sum\n() float32\n11.0", shape=box, style=rounded];
  n0 -> n2;
  n1 -> n2;
  n2 -> n3;
}
)");
}

TEST_CASE("a graph is written as a Mermaid flowchart") {
  const Tensor x = tensor({1, 2}).requires_grad_();
  CHECK(to_mermaid(sum(x * x), {.names = {{"x", x}}}) == R"(flowchart TD
  n0["x<br/>#40;2,#41; float32<br/>#91;1. 2.#93;"]:::parameter
  n1["mul<br/>#40;2,#41; float32<br/>#91;1. 4.#93;"]:::operation
  n2["sum<br/>#40;#41; float32<br/>5.0"]:::operation
  n0 --> n1
  n0 --> n1
  n1 --> n2
  classDef operation fill:#ffffff,stroke:#555555
  classDef parameter fill:#cfe8ff,stroke:#555555
  classDef constant fill:#eeeeee,stroke:#555555
)");
}

TEST_CASE("labels are escaped") {
  const Tensor x = tensor(1).requires_grad_();
  const std::string name = "a\"b\\c\n<d>";
  CHECK_THAT(to_dot(x, {.names = {{name, x}}}), contains(R"(label="a\"b\\c\n<d>\n)"));
  CHECK_THAT(to_mermaid(x, {.names = {{name, x}}}), contains("[\"a#34;b#92;c<br/>#60;d#62;<br/>"));
}

TEST_CASE("values, gradients and constants can be left out") {
  const Tensor x = tensor({{1, 2}, {3, 4}}).requires_grad_();
  const Tensor y = sum(x * full({2, 2}, 2));
  y.backward({.retain_graph = true});
  CHECK(count(to_dot(y), "label=") == 4);
  CHECK(count(to_dot(y, {.constants = false}), "label=") == 3);
  CHECK(count(to_dot(y, {.max_values = 3}), "[[1. 2.] [3. 4.]]") == 0);
  CHECK(count(to_dot(y), "[[1. 2.] [3. 4.]]") == 1);
  CHECK(count(to_dot(y), "grad [[2. 2.] [2. 2.]]") == 1);
  CHECK(count(to_dot(y, {.gradients = false}), "grad [") == 0);
}

TEST_CASE("values of several lines are written in one") {
  const Tensor x = tensor({{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}).requires_grad_();
  CHECK_THAT(to_dot(x, {.max_values = 8}), contains("[[[1. 2.] [3. 4.]] [[5. 6.] [7. 8.]]]"));
}

TEST_CASE("a shared node is written once, and a freed graph ends in its root") {
  const Tensor x = tensor(2).requires_grad_();
  const Tensor a = x * x, b = a + a;
  CHECK(count(to_dot(b), "label=") == 3);
  CHECK(count(to_dot(b), "->") == 4);
  b.backward();
  CHECK(count(to_dot(b), "label=") == 1);
  CHECK_THAT(to_dot(b), contains("freed"));
}

TEST_CASE("a chain of many operations is exported on a small stack") {
  Tensor x = tensor(1).requires_grad_();
  for (int i = 0; i < 100000; ++i) x = x + 1;
  CHECK(count(to_dot(x), "->") == 100000);
}

TEST_CASE("an undefined tensor cannot be exported") {
  CHECK_THROWS_AS(to_dot(Tensor()), Error);
  CHECK_THROWS_AS(to_mermaid(Tensor()), Error);
}
