#include <limits>

#include "gradus/gradus.hpp"
#include "gradus/io.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;

// Refusals that no other test meets: ./dev coverage finds them.

TEST_CASE("factories refuse shapes and ranges that make no tensor") {
  CHECK_THROWS_WITH(tensor({{1, 2}, {3}}), contains("[tensor] nested braces of different lengths"));
  CHECK_THROWS_WITH(tensor({{1, 2}, 3}), contains("different lengths"));
  CHECK_THROWS_WITH(from_vector<float>({1, 2, 3}, {2, 2}),
                    contains("[from_vector] 3 values") && contains("4 elements"));
  CHECK_THROWS_WITH(arange(0, 1, 0), contains("[arange]") && contains("step not 0"));
  CHECK_THROWS_WITH(arange(0, std::numeric_limits<double>::infinity()), contains("finite"));
  CHECK_THROWS_WITH(arange(0, 1, -1), contains("leads away from end"));
  CHECK_THROWS_WITH(arange(0, 1, 1e-300), contains("fewer than 2^63 values"));
  CHECK_THROWS_WITH(linspace(0, 1, -1), contains("[linspace] -1 steps"));
  CHECK_THROWS_WITH(Generator(1).below(0), contains("[Generator.below] the bound 0"));
}

TEST_CASE("item wants exactly one element") {
  CHECK_THROWS_WITH(ones({2}).item(), contains("[item] a tensor of shape (2,)"));
  CHECK_THROWS_WITH(zeros({0}).item<std::int64_t>(), contains("exactly one element"));
}

TEST_CASE("set_data wants a leaf, its shape, and a dtype that can have a gradient") {
  Tensor x = ones({2}).requires_grad_();
  Tensor y = x * 2;
  CHECK_THROWS_WITH(y.set_data(ones({2})), contains("[set_data]") && contains("detach()"));
  CHECK_THROWS_WITH(x.set_data(ones({3})), contains("shape (3,)") && contains("(2,) is required"));
  CHECK_THROWS_WITH(x.set_data(tensor({1, 2}, int64)), contains("dtype int64"));
  CHECK(x.to_vector<float>() == std::vector<float>{1, 1});
}

TEST_CASE("a rule's gradient of fewer axes than its input is refused") {
  Tensor x = ones({2, 3}).requires_grad_();
  const Tensor y = custom(
      "flat", {x}, [](const std::vector<Tensor>& in) { return in[0] * 2; },
      [](const Vjp&) { return ones({3}); });
  CHECK_THROWS_WITH(sum(y).backward(), contains("shape (3,) for an input of shape (2, 3)"));
}

TEST_CASE("a function that should return one tensor may not return two") {
  const Function f = [](const Tensor& x) { return std::vector<Tensor>{x, x}; };
  CHECK_THROWS_WITH(f(ones({2})), contains("[function] the function returned 2 tensors"));
  const auto twice = [](const std::vector<Tensor>& x) { return x[0] * 2; };
  CHECK_THROWS_WITH(vmap(twice)(std::vector<Tensor>{}), contains("[vmap] no input was given"));
}

TEST_CASE("modules refuse a dropout and a sequence out of range") {
  CHECK_THROWS_WITH(nn::MLP({2, 3, 1}, {.dropout = 1.5}), contains("[MLP] dropout = 1.5"));
  const nn::GRU gru(2, 3), first(2, 3, {.batch_first = true});
  CHECK_THROWS_WITH(gru(ones({4, 2, 5})), contains("[GRU]") && contains("(T, N, 2)"));
  CHECK_THROWS_WITH(first(ones({4, 0, 2})), contains("(N, T, 2)") && contains("at least one time"));
}

TEST_CASE("files that can be opened but not read, or not opened, say why") {
  const test::TemporaryFolder folder;
  const std::string file = folder / "a";
  io::write_file_atomically(file, "text");
  CHECK_THROWS_WITH(io::read_file(file + "/b"), contains("[read_file]") && contains("readable"));
#ifdef __linux__
  CHECK_THROWS_WITH(io::read_file("/proc/self/mem"), contains("reading"));
#endif
}
