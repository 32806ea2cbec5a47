#include "gradus/debug.hpp"
#include "gradus/nn.hpp"
#include "gradus/nn/container.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "nn/names.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::contains;
using test::names_of;

namespace {

nn::Function plus(double number) {
  return {"plus", [number](const Tensor& x) { return x + number; }};
}

}  // namespace

TEST_CASE("a Sequential runs a Linear and the activation behind it as one operation", "[nn]") {
  struct Shifted : nn::ReLU {
    Tensor forward(const Tensor& x) const override { return relu(x) + 1; }
  };
  nn::Sequential model(nn::Linear(3, 4), nn::GELU(), nn::Linear(4, 4), Shifted(), nn::Linear(4, 2),
                       nn::GELU({.tanh = true}), nn::Linear(2, 2), nn::Activation("tanh"));
  const Tensor x = randn({5, 3});
  Tensor apart = x;
  for (Index i = 0; i < model.size(); ++i) apart = model[i](apart);
  const Tensor together = model(x);
  CHECK(together.to_vector<float>() == apart.to_vector<float>());
  CHECK(apart.operation() == std::string("tanh"));
  CHECK(together.operation() == std::string("linear_tanh"));
  {
    const DetectAnomaly guard;  // in which each operation belongs to its own module
    CHECK(model(x).operation() == std::string("tanh"));
  }
  int calls = 0;
  for (const Index i : {-2, -1}) {
    const int hook =
        model[i].register_forward_hook([&](const nn::Module&, const Tensor&, const Tensor&) {
          ++calls;
          return Tensor();
        });
    CHECK(model(x).operation() == std::string("tanh"));
    model[i].remove_forward_hook(hook);
  }
  CHECK(calls == 2);
}

TEST_CASE("a Sequential calls its modules in their order", "[nn]") {
  nn::Sequential model(plus(1), nn::Function("twice", [](const Tensor& x) { return x * 2; }));
  CHECK(model(tensor(3)).item() == 8);
  model.append(plus(10));
  model.append("last", nn::Linear(1, 1));
  CHECK(model.size() == 4);
  CHECK(names_of(model) == std::vector<std::string>{"last.weight", "last.bias"});
  CHECK(model[0](tensor(3)).item() == 4);
  CHECK(model[-2](tensor(3)).item() == 13);
  CHECK_THROWS_WITH(model[4], contains("[Sequential] position 4"));
  // A copy sees what is appended to the original; one Sequential alone is copied, not nested.
  nn::Sequential copy(model);
  model.append(plus(0));
  CHECK(copy.size() == 5);
  nn::Sequential outer;
  outer.append(model);
  CHECK(outer.size() == 1);
  CHECK(names_of(outer)[0] == "0.last.weight");
  CHECK(nn::Sequential()(tensor(5)).item() == 5);
}

TEST_CASE("a ModuleList keeps modules by number", "[nn]") {
  struct Net : nn::Module {
    nn::ModuleList layers = add("layers", nn::ModuleList());
    Net() {
      for (int i = 0; i < 3; ++i) layers.append(nn::Linear(2, 2));
    }
    Tensor forward(const Tensor& x) const override {
      Tensor y = x;
      for (Index i = 0; i < layers.size(); ++i) y = layers[i](y);
      return y;
    }
  };
  Net net;
  CHECK(names_of(net)[4] == "layers.2.weight");
  CHECK(net(ones({1, 2})).shape() == Shape{1, 2});
  CHECK(net.layers.at<nn::Linear>(-1).in_features() == 2);
  CHECK_THROWS_WITH(net.layers.at<nn::Dropout>(1), contains("it is Linear(2, 2)"));
  CHECK_THROWS_WITH(net.layers[3], contains("[ModuleList] position 3"));
  CHECK(net.layers.describe() == "ModuleList");
}

TEST_CASE("a ModuleDict keeps modules by name", "[nn]") {
  nn::ModuleDict heads;
  heads.insert("a", nn::Linear(2, 1));
  heads.insert("b", plus(1));
  CHECK(names_of(heads) == std::vector<std::string>{"a.weight", "a.bias"});
  CHECK(heads.names() == std::vector<std::string>{"a", "b"});
  CHECK(heads.contains("b"));
  CHECK_FALSE(heads.contains("c"));
  CHECK(heads["b"](tensor(1)).item() == 2);
  CHECK(heads.at<nn::Linear>("a").out_features() == 1);
  CHECK_THROWS_WITH(heads["c"], contains("\"c\"") && contains("known are a b"));
  CHECK_THROWS_WITH(heads.at<nn::Linear>("b"), contains("it is plus"));
  CHECK_THROWS_WITH(heads.insert("a", plus(1)), contains("given twice"));
}

TEST_CASE("a Residual adds what went in, or its shortcut", "[nn]") {
  CHECK(nn::Residual(plus(1))(tensor(3)).item() == 7);
  CHECK(nn::Residual(plus(1), plus(10))(tensor(3)).item() == 17);
  CHECK(names_of(nn::Residual(nn::Linear(2, 2)))[0] == "body.weight");
  CHECK(names_of(nn::Residual(nn::Linear(2, 3), nn::Linear(2, 3)))[2] == "shortcut.weight");
  CHECK_THROWS_WITH(nn::Residual(nn::Linear(2, 3))(ones({1, 2})),
                    contains("[Residual]") && contains("shortcut"));
}

TEST_CASE("perceptrons have the known numbers of parameters", "[nn]") {
  CHECK(nn::MLP({2, 4, 3, 1}).num_parameters() == 31);
  CHECK(nn::MLP({4, 64, 32, 3}).num_parameters() == 2499);
  CHECK(nn::MLP({16, 64, 64, 4}, {.norm = "layer"}).num_parameters() == 5764);
  CHECK(nn::MLP({128, 256, 128, 64, 1}, {.norm = "batch"}).num_parameters() == 75137);
  CHECK(nn::MLP({4, 8, 2}, {.bias = false}).num_parameters() == 48);
  CHECK(nn::MLP({4, 8, 2}, {.norm = "rms"}).num_parameters() == 40 + 8 + 18);
}

TEST_CASE("a perceptron is built as its options say", "[nn]") {
  nn::MLP model({4, 8, 8, 2},
                {.activation = "tanh", .norm = "layer", .dropout = 0.1, .residual = true});
  CHECK(names_of(model) == std::vector<std::string>{"fc1.weight", "fc1.bias", "norm1.weight",
                                                    "norm1.bias", "res2.body.fc2.weight",
                                                    "res2.body.fc2.bias", "res2.body.norm2.weight",
                                                    "res2.body.norm2.bias", "fc3.weight",
                                                    "fc3.bias"});
  std::string kinds;
  for (const auto& [name, module] : model.named_modules()) kinds += module->describe() + " ";
  CHECK(kinds ==
        "MLP Linear(4, 8) LayerNorm((8,)) Tanh() Dropout(0.1) Residual Sequential Linear(8, 8) "
        "LayerNorm((8,)) Tanh() Dropout(0.1) Linear(8, 2) ");
  CHECK(model(ones({3, 4})).shape() == Shape{3, 2});
  CHECK(nn::MLP({3, 2}, {.dtype = float64})(ones({1, 3}, float64)).dtype() == float64);
  CHECK_THROWS_WITH(nn::MLP({3}), contains("[MLP] 1 sizes"));
  CHECK_THROWS_WITH(nn::MLP({3, 2, 1}, {.activation = "x"}), contains("\"x\""));
  CHECK_THROWS_WITH(nn::MLP({3, 2, 1}, {.norm = "x"}), contains("none, layer, batch, rms"));
  CHECK_THROWS_WITH(nn::MLP({3, 2, 1}, {.init = "x"}), contains("auto, default, he"));
}

TEST_CASE("a perceptron's first weights follow its activation", "[nn]") {
  const auto variance = [](const std::string& activation, const std::string& how) {
    Generator generator(2);
    nn::MLP model({200, 300, 10}, {.activation = activation, .init = how, .generator = &generator});
    double squares = 0;
    const auto parameters = model.named_parameters();
    for (const double w : parameters[0].second.to_vector<double>()) squares += w * w;
    if (how != "default")
      for (const double b : parameters[1].second.to_vector<double>()) CHECK(b == 0);
    return squares / 60000;
  };
  const auto near = [](double value) { return test::Approx(value).epsilon(0.03); };
  CHECK(variance("relu", "auto") == near(2.0 / 200));
  CHECK(variance("gelu", "auto") == near(2.0 / 200));
  CHECK(variance("tanh", "auto") == near(25.0 / 9 * 2 / 500));
  CHECK(variance("sigmoid", "auto") == near(2.0 / 500));
  CHECK(variance("selu", "auto") == near(1.0 / 200));
  CHECK(variance("tanh", "he") == near(2.0 / 200));
  CHECK(variance("relu", "xavier") == near(2.0 / 500));
  CHECK(variance("relu", "lecun") == near(1.0 / 200));
  CHECK(variance("none", "orthogonal") == near(1.0 / 300));
  CHECK(variance("relu", "default") == near(1.0 / 200 / 3));
}

TEST_CASE("a summary lists modules, shapes and parameters", "[nn]") {
  nn::Sequential model(nn::Linear(64, 1000), nn::GELU(), nn::Dropout(0.1), nn::Linear(1000, 10));
  model[2].eval();
  model[3].requires_grad_(false);
  CHECK(nn::summary(model, {32, 64}) ==
        "module   kind              output      parameters\n"
        "(model)  Sequential        (32, 10)             -\n"
        "0        Linear(64, 1000)  (32, 1000)      65,000\n"
        "1        GELU()            (32, 1000)           -\n"
        "2        Dropout(0.1)      (32, 1000)           -\n"
        "3        Linear(1000, 10)  (32, 10)        10,010\n"
        "parameters: 75,010, trainable: 65,000\n");
  CHECK(model.is_training());
  CHECK_FALSE(model[2].is_training());
  CHECK_FALSE(model.has_forward_hooks());
  CHECK_THROWS_WITH(nn::summary(model, {32, 63}), contains("[linear]"));
  CHECK(model.is_training());
}
