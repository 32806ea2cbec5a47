#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::contains;

namespace {

using Rows = std::vector<std::vector<double>>;

/// The gradient of step t for a table of 6 rows: two of them in turn, one of which keeps a 0.
Tensor gradient(int t) {
  Rows g(6, std::vector<double>(3, 0));
  const auto i = static_cast<std::size_t>(t);
  for (std::size_t j = 0; j < 3; ++j) {
    g[i % 3][j] = std::sin(static_cast<double>(7 * t) + static_cast<double>(j));
    g[3 + i % 2][j] = j == 1 ? 0 : 0.5;
  }
  std::vector<double> flat;
  for (const auto& row : g) flat.insert(flat.end(), row.begin(), row.end());
  return from_vector(flat, {6, 3});
}

Tensor table() {
  Generator generator(11);
  const Tensor rows = randn({6, 3}, float64, &generator).clone().requires_grad_();
  set_sparse_grad(rows);
  return rows;
}

}  // namespace

TEST_CASE("no optimizer moves a row of a sparse table that was not looked up") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs") continue;
    for (const DType dtype : {float32, float64}) {
      INFO(name << " " << name_of(dtype));
      nn::Embedding table(8, 3, {.sparse = true, .dtype = dtype});
      CHECK(sparse_grad(table.weight));
      const auto opt =
          make_optimizer(name, table.parameters(), {{"lr", 0.1}, {"weight_decay", 0.1}});
      const auto step = [&](const Tensor& index) {
        const auto before = table.weight.to_vector<double>();
        opt->zero_grad();
        sum(square(table(index))).backward();
        opt->step();
        const auto after = table.weight.to_vector<double>();
        std::vector<bool> moved;
        for (std::size_t i = 0; i < before.size(); ++i) moved.push_back(before[i] != after[i]);
        return moved;
      };
      const auto rows = [](std::vector<Index> looked_up) {
        std::vector<bool> moved(8 * 3, false);
        for (const Index row : looked_up)
          for (Index j = 0; j < 3; ++j) moved[static_cast<std::size_t>(row * 3 + j)] = true;
        return moved;
      };
      CHECK(step(tensor({1, 4}, int64)) == rows({1, 4}));
      CHECK(step(tensor({4, 7, 7}, int64)) == rows({4, 7}));
      CHECK(step(tensor({{0}, {2}}, int64)) == rows({0, 2}));
    }
  }
}

TEST_CASE("without sparse, moments go on to move rows that are no longer looked up") {
  nn::Embedding table(3, 2);
  CHECK_FALSE(sparse_grad(table.weight));
  Adam opt(table.parameters());
  sum(square(table(tensor({0}, int64)))).backward();
  opt.step();
  const auto before = table.weight.to_vector<float>();
  opt.zero_grad();
  sum(square(table(tensor({1}, int64)))).backward();
  opt.step();
  CHECK(table.weight.to_vector<float>()[0] != before[0]);
}

TEST_CASE("adam on sparse rows has lazy moments and the bias correction of the whole table") {
  Tensor p = table();
  auto x = p.to_vector<double>();
  std::vector<double> m(x.size(), 0), v(x.size(), 0);
  Adam opt({p}, {.lr = 0.1});
  for (int t = 1; t <= 100; ++t) {
    const Tensor grad = gradient(t);
    p.set_grad(grad);
    opt.step();
    const auto g = grad.to_vector<double>();
    for (std::size_t row = 0; row < 6; ++row) {
      if (g[row * 3] == 0 && g[row * 3 + 1] == 0 && g[row * 3 + 2] == 0) continue;
      for (std::size_t i = row * 3; i < row * 3 + 3; ++i) {
        m[i] += 0.1 * (g[i] - m[i]);
        v[i] += 0.001 * (g[i] * g[i] - v[i]);
        x[i] -= 0.1 * (m[i] / (1 - std::pow(0.9, t))) /
                (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
      }
    }
  }
  const auto found = p.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(found[i] - x[i]) < 1e-12);
  CHECK(opt.state_dict().at("param.0.step").item() == 100);
}

TEST_CASE("sgd with momentum and adagrad on sparse rows touch nothing but these rows") {
  Tensor p = table(), q = table();
  auto x = p.to_vector<double>(), y = x;
  std::vector<double> b(x.size(), 0), s(x.size(), 0);
  SGD sgd({p}, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
  Adagrad adagrad({q}, {.lr = 0.1});
  for (int t = 0; t < 20; ++t) {
    p.set_grad(gradient(t));
    q.set_grad(gradient(t));
    sgd.step();
    adagrad.step();
    const auto g = gradient(t).to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t row = i / 3 * 3;
      if (g[row] == 0 && g[row + 1] == 0 && g[row + 2] == 0) continue;
      b[i] = 0.9 * b[i] + g[i] + 0.01 * x[i];
      x[i] -= 0.1 * b[i];
      s[i] += g[i] * g[i];
      y[i] -= 0.1 * g[i] / (std::sqrt(s[i]) + 1e-10);
    }
  }
  const auto found = p.to_vector<double>(), other = q.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(std::abs(found[i] - x[i]) < 1e-12);
    CHECK(std::abs(other[i] - y[i]) < 1e-12);
  }
}

TEST_CASE("a sparse table without gaps is trained as a dense one, to the last bit") {
  for (const std::string& name : optimizer_names()) {
    if (name == "lbfgs" || name == "muon") continue;  // muon takes AdamW for sparse tables
    INFO(name);
    Tensor sparse = table(), dense = table();
    set_sparse_grad(dense, false);
    const auto a = make_optimizer(name, {sparse}), b = make_optimizer(name, {dense});
    Generator generator(3);
    for (int t = 0; t < 5; ++t) {
      const Tensor g = randn({6, 3}, float64, &generator);
      sparse.set_grad(g);
      dense.set_grad(g);
      a->step();
      b->step();
    }
    CHECK(sparse.to_vector<double>() == dense.to_vector<double>());
  }
}

TEST_CASE("a row that holds NaN counts as one with a gradient") {
  Tensor p = ones({2, 2}).requires_grad_();
  set_sparse_grad(p);
  SGD opt({p}, {.lr = 1});
  p.set_grad(tensor({{std::nan(""), 0}, {0, 0}}));
  opt.step();
  CHECK(std::isnan(p.to_vector<float>()[0]));
  CHECK(p.to_vector<float>()[2] == 1);
}

TEST_CASE("sparse rows are refused where they make no sense") {
  CHECK_THROWS_WITH(set_sparse_grad(tensor(1.0)),
                    contains("[set_sparse_grad]") && contains("rows"));
  const Tensor x = ones({2, 2}).requires_grad_();
  CHECK_THROWS_WITH(set_sparse_grad(x * 2), contains("the result of a recorded operation"));
  CHECK_THROWS_WITH(LBFGS({table()}), contains("[LBFGS]") && contains("without sparse"));
}
