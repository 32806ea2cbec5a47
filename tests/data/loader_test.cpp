#include <algorithm>
#include <set>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

data::TensorDataset numbered(Index n) {
  const Tensor x = arange(0, static_cast<double>(2 * n), 1).reshape({n, 2});
  return data::TensorDataset(x, arange(0, static_cast<double>(n), 1, int64));
}

/// The labels, batch by batch, of one loop.
std::vector<std::vector<Index>> epoch(data::DataLoader& loader) {
  std::vector<std::vector<Index>> batches;
  for (auto [x, y] : loader) {
    const auto labels = y.to_vector<Index>();
    const auto values = x.to_vector<double>();
    for (std::size_t i = 0; i < labels.size(); ++i)
      CHECK(values[2 * i] == static_cast<double>(2 * labels[i]));
    batches.push_back(labels);
  }
  return batches;
}

std::vector<Index> flat(const std::vector<std::vector<Index>>& batches) {
  std::vector<Index> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

}  // namespace

TEST_CASE("an epoch hands out every sample exactly once, in a new order each time") {
  for (const int prefetch : {0, 1, 3})
    for (const Index n : {1, 7, 8, 33}) {
      data::DataLoader loader(numbered(n),
                              {.batch_size = 4, .shuffle = true, .seed = 5, .prefetch = prefetch});
      CHECK(loader.size() == (n + 3) / 4);
      std::set<std::vector<Index>> orders;
      for (int e = 0; e < 3; ++e) {
        const auto batches = epoch(loader);
        CHECK(static_cast<Index>(batches.size()) == loader.size());
        for (std::size_t b = 0; b + 1 < batches.size(); ++b) CHECK(batches[b].size() == 4);
        std::vector<Index> all = flat(batches);
        orders.insert(all);
        std::sort(all.begin(), all.end());
        CHECK(all == numbered(n).y().to_vector<Index>());
      }
      if (n > 4) CHECK(orders.size() == 3);
    }
}

TEST_CASE("a loader without shuffle keeps the order") {
  data::DataLoader loader(numbered(10), {.batch_size = 4});
  const std::vector<std::vector<Index>> expected{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}};
  CHECK(epoch(loader) == expected);
  CHECK(epoch(loader) == expected);
}

TEST_CASE("the seed decides the order, and prefetching does not change it") {
  data::DataLoader a(numbered(20), {.batch_size = 3, .shuffle = true, .seed = 1});
  data::DataLoader b(numbered(20), {.batch_size = 3, .shuffle = true, .seed = 1, .prefetch = 2});
  data::DataLoader c(numbered(20), {.batch_size = 3, .shuffle = true, .seed = 2});
  const auto first = epoch(a);
  CHECK(first == epoch(b));
  CHECK(first != epoch(c));
  CHECK(epoch(a) == epoch(b));
  Generator g(7), h(7);
  data::DataLoader d(numbered(20), {.batch_size = 3, .shuffle = true, .generator = &g});
  data::DataLoader e(numbered(20), {.batch_size = 3, .shuffle = true, .generator = &h});
  CHECK(epoch(d) == epoch(e));
}

TEST_CASE("the last batch is short, dropped or merged as asked") {
  data::DataLoader dropping(numbered(9), {.batch_size = 4, .drop_last = true});
  CHECK(epoch(dropping).size() == 2);
  data::DataLoader merging(numbered(9), {.batch_size = 4, .merge_last_of_one = true});
  const auto batches = epoch(merging);
  REQUIRE(batches.size() == 2);
  CHECK(batches[1] == std::vector<Index>{4, 5, 6, 7, 8});
  REQUIRE(merging.notes().size() == 1);
  CHECK_THAT(merging.notes()[0], contains("merged"));
  data::DataLoader two(numbered(10), {.batch_size = 4, .merge_last_of_one = true});
  CHECK(epoch(two).back().size() == 2);
  CHECK(two.notes().empty());
  data::DataLoader only(numbered(1), {.batch_size = 4, .merge_last_of_one = true});
  CHECK(epoch(only).size() == 1);
  data::DataLoader none(numbered(0), {.batch_size = 4});
  CHECK(epoch(none).empty());
}

TEST_CASE("a run resumes in the middle of an epoch with the next batch") {
  for (const int prefetch : {0, 2})
    for (const char* sampler : {"random", "replacement", "sequential"})
      for (std::size_t stop = 0; stop <= 10; ++stop) {
        const data::LoaderOptions options{
            .batch_size = 3, .seed = 3, .sampler = sampler, .prefetch = prefetch};
        data::DataLoader straight(numbered(14), options);
        std::vector<std::vector<Index>> expected = epoch(straight);
        for (const auto& batch : epoch(straight)) expected.push_back(batch);

        data::DataLoader before(numbered(14), options);
        std::vector<std::vector<Index>> seen;
        while (seen.size() < stop)
          for (auto [x, y] : before) {
            seen.push_back(y.to_vector<Index>());
            if (seen.size() == stop) break;
          }
        const data::LoaderState state = before.state();
        data::LoaderOptions other = options;
        other.seed = 99;
        data::DataLoader after(numbered(14), other);
        after.load_state(state);
        while (seen.size() < expected.size())
          for (auto [x, y] : after) seen.push_back(y.to_vector<Index>());
        CHECK(seen == expected);
      }
}

TEST_CASE("leaving a loop early starts the next epoch") {
  data::DataLoader loader(numbered(20), {.batch_size = 5, .shuffle = true, .seed = 4});
  data::DataLoader other(numbered(20), {.batch_size = 5, .shuffle = true, .seed = 4});
  for (auto [x, y] : loader) {
    CHECK(loader.state().position == 5);
    break;
  }
  epoch(other);
  CHECK(epoch(loader) == epoch(other));
  loader.set_epoch(0);
  other.set_epoch(0);
  CHECK(epoch(loader) == epoch(other));
}

TEST_CASE("samplers with replacement and weights draw as they say") {
  data::DataLoader replaced(
      numbered(50), {.batch_size = 500, .seed = 1, .sampler = "replacement", .num_samples = 500});
  const auto drawn = flat(epoch(replaced));
  CHECK(drawn.size() == 500);
  CHECK(std::set<Index>(drawn.begin(), drawn.end()).size() > 45);

  const Tensor weights = tensor({0, 1, 0, 3, 0});
  data::DataLoader weighted(numbered(5), {.batch_size = 100,
                                          .seed = 1,
                                          .sampler = "weighted",
                                          .weights = weights,
                                          .num_samples = 4000});
  CHECK(weighted.size() == 40);
  const auto picked = flat(epoch(weighted));
  const auto threes = std::count(picked.begin(), picked.end(), 3);
  CHECK(threes + std::count(picked.begin(), picked.end(), 1) == 4000);
  CHECK(std::abs(static_cast<double>(threes) - 3000) < 5 * std::sqrt(4000 * .75 * .25));
}

TEST_CASE("data sets of one and of three tensors are yielded too") {
  data::DataLoader one(data::TensorDataset(arange(6).reshape({3, 2})), {.batch_size = 2});
  Index rows = 0;
  for (const data::Batch& batch : one) rows += batch.size();
  CHECK(rows == 3);
  CHECK_THROWS_WITH(
      [&] {
        for (auto [x, y] : one) rows += y.size(0);
      }(),
      contains("TensorDataset(x, y)"));
  data::DataLoader three(data::TensorDataset(arange(3), arange(3), arange(3) + arange(3)),
                         {.batch_size = 2});
  double sum = 0;
  for (auto [x, y, w] : three.each<3>()) sum += gradus::sum(w).item();
  CHECK(sum == 6);
}

TEST_CASE("data sets refuse tensors that do not fit") {
  using data::TensorDataset;
  CHECK_THROWS_WITH(TensorDataset(std::vector<Tensor>{}), contains("no tensor"));
  CHECK_THROWS_WITH(TensorDataset(arange(3), arange(4)), contains("(3,)") && contains("(4,)"));
  CHECK_THROWS_WITH(TensorDataset(tensor(1.0)), contains("scalar"));
  CHECK_THROWS_WITH(TensorDataset(Tensor()), contains("undefined"));
  CHECK_THROWS_WITH(TensorDataset().x(), contains("empty"));
  CHECK_THROWS_WITH(TensorDataset(arange(3)).y(), contains("TensorDataset(x, y)"));
  CHECK_THROWS_WITH(numbered(3).gather({0, 3}), contains("sample 3"));
  CHECK_THROWS_WITH(numbered(3).gather({-1}), contains("sample -1"));
}

TEST_CASE("loaders refuse options that make no sense") {
  const auto refuses = [](data::LoaderOptions options, const std::string& text) {
    CHECK_THROWS_WITH(data::DataLoader(numbered(4), options), contains(text));
  };
  refuses({.batch_size = 0}, "batch_size = 0");
  refuses({.prefetch = -1}, "prefetch = -1");
  refuses({.shuffle = true, .sampler = "weighted"}, "choose one");
  refuses({.drop_last = true, .merge_last_of_one = true}, "choose one");
  refuses({.sampler = "randon"}, "valid names: sequential, random, replacement, weighted");
  refuses({.sampler = "random", .num_samples = 3}, "num_samples = 3");
  refuses({.sampler = "replacement", .num_samples = -2}, "num_samples = -2");
  refuses({.sampler = "random", .weights = ones({4})}, "weights were given");
  refuses({.sampler = "weighted"}, "(none)");
  refuses({.sampler = "weighted", .weights = ones({3})}, "(3,)");
  refuses({.sampler = "weighted", .weights = tensor({1, -1, 1, 1})}, "weight of sample 1");
  refuses({.sampler = "weighted", .weights = zeros({4})}, "add up to 0");
  CHECK_THROWS_WITH(data::DataLoader(numbered(0), {.sampler = "replacement", .num_samples = 2}),
                    contains("empty data set"));
  data::DataLoader loader(numbered(4), {.batch_size = 2});
  CHECK_THROWS_WITH(loader.load_state({0, 0, 0, 5}), contains("5 samples"));
  CHECK_THROWS_WITH(loader.load_state({0, 0, 1, 4}), contains("not the end of a batch"));
  CHECK_THROWS_WITH(loader.load_state({0, -1, 0, 4}), contains("epoch -1"));
}
