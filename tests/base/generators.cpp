#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <thread>

#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;

TEST_CASE("a seed gives the same numbers, another seed others") {
  Generator a(7), b(7), c(8);
  const auto first = rand({100}, float64, &a).to_vector<double>();
  CHECK(rand({100}, float64, &b).to_vector<double>() == first);
  CHECK(rand({100}, float64, &c).to_vector<double>() != first);
  CHECK(rand({100}, float64, &a).to_vector<double>() != first);
}

TEST_CASE("seed and offset are the whole state of a generator") {
  Generator a(3);
  randn({17}, float32, &a);
  a.uniform();
  a.below(10);
  Generator b;
  b.set_state(a.seed(), a.offset());
  CHECK(randn({33}, float32, &a).to_vector<float>() == randn({33}, float32, &b).to_vector<float>());
  CHECK(a.uniform() == b.uniform());
  CHECK(a.below(1000) == b.below(1000));
  CHECK(a.offset() == b.offset());
}

TEST_CASE("one number takes one block of the generator") {
  Generator g(3);
  g.uniform();
  CHECK(g.offset() == 1);
  g.below(1);  // no number is refused, so none is drawn again
  CHECK(g.offset() == 2);
}

TEST_CASE("numbers of successive calls do not overlap") {
  Generator a(3);
  std::vector<double> all;
  for (const Index n : {1, 2, 3, 5, 64, 65}) {
    const auto part = rand({n}, float64, &a).to_vector<double>();
    all.insert(all.end(), part.begin(), part.end());
  }
  for (int i = 0; i < 50; ++i) all.push_back(a.uniform());
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("uniform numbers fill [0, 1), normal ones have mean 0 and variance 1") {
  Generator g(1);
  const Index n = 100'000;
  for (const DType dtype : {float32, float64}) {
    const auto u = rand({n}, dtype, &g).to_vector<double>();
    CHECK(*std::min_element(u.begin(), u.end()) >= 0);
    CHECK(*std::max_element(u.begin(), u.end()) < 1);
    CHECK(std::accumulate(u.begin(), u.end(), 0.0) / n == Approx(0.5).margin(0.005));
    const auto z = randn({n}, dtype, &g).to_vector<double>();
    double mean = 0, square = 0;
    for (const double v : z) {
      mean += v / n;
      square += v * v / n;
    }
    CHECK(mean == Approx(0).margin(0.015));
    CHECK(square == Approx(1).margin(0.02));
  }
}

TEST_CASE("a tensor of int64 refuses numbers in braces that a double would round") {
  const std::int64_t limit = std::int64_t{1} << 53;
  CHECK(tensor({limit - 1, 1 - limit}, int64).to_vector<Index>() ==
        std::vector<Index>{limit - 1, 1 - limit});
  CHECK(tensor({2.9, -2.9, 1e15}, int64).to_vector<Index>() ==
        std::vector<Index>{2, -2, 1'000'000'000'000'000});
  CHECK_THROWS_WITH(
      tensor({std::int64_t{0}, limit + 1}, int64),
      contains("[tensor] 9007199254740992 was given for int64") && contains("from_vector"));
  CHECK_THROWS_WITH(tensor(-1e300, int64), contains("between -2^53 and 2^53"));
  CHECK_THROWS_WITH(tensor(std::nan(""), int64), contains("nan was given"));
  CHECK(from_vector<Index>({limit + 1})[0].item<Index>() == limit + 1);
  CHECK(tensor(limit + 1, float64).item() == 0x1p53);
}

TEST_CASE("below and randint are uniform and stay in their range") {
  Generator g(5);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[g.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
  const Tensor t = randint(-3, 4, {70'000}, int64, &g);
  CHECK(t.dtype() == int64);
  counts = {};
  for (const Index v : t.to_vector<Index>()) ++counts[static_cast<std::size_t>(v + 3)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
  CHECK_THROWS_WITH(randint(2, 2, {1}), contains("[randint]") && contains("low < high"));
  CHECK(g.below(1) == 0);
}

TEST_CASE("randperm is a permutation, and not always the same") {
  Generator g(5);
  auto p = randperm(100, &g).to_vector<Index>();
  const auto q = randperm(100, &g).to_vector<Index>();
  CHECK(p != q);
  std::sort(p.begin(), p.end());
  for (std::size_t i = 0; i < p.size(); ++i) REQUIRE(p[i] == static_cast<Index>(i));
  CHECK(randperm(0, &g).numel() == 0);
  CHECK_THROWS_AS(randperm(-1, &g), Error);
  std::array<int, 6> orders{};  // all 3! orders are equally likely
  for (int i = 0; i < 6000; ++i) {
    const auto r = randperm(3, &g).to_vector<Index>();
    ++orders[static_cast<std::size_t>(r[0] * 2 + (r[1] > r[2]))];
  }
  for (const int count : orders) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("the default generator belongs to a thread") {
  manual_seed(11);
  const auto here = rand({5}).to_vector<float>();
  std::vector<float> there;
  std::thread([&] {
    manual_seed(11);
    there = rand({5}).to_vector<float>();
  }).join();
  CHECK(here == there);
  manual_seed(11);
  CHECK(rand({5}).to_vector<float>() == here);
  CHECK(default_generator().seed() == 11);
}

TEST_CASE("random tensors of integers are refused where fractions are needed") {
  CHECK_THROWS_WITH(rand({2}, int64), contains("[rand]") && contains("int64"));
  CHECK_THROWS_WITH(randn({2}, boolean), contains("[randn]") && contains("bool"));
}

TEST_CASE("ranges of more values than can be counted are refused") {
  CHECK_THROWS_WITH(arange(0, 1e300), contains("[arange]") && contains("2^63"));
  CHECK_THROWS_WITH(linspace(0, 1, Index{1} << 61), contains("too many elements"));
}
