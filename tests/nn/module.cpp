#include "gradus/nn/module.hpp"

#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/debug.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "nn/names.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::Approx;
using test::contains;
using test::names_of;

namespace {

struct Net : nn::Module {
  nn::Linear fc1 = add("fc1", nn::Linear(4, 8));
  nn::Linear fc2 = add("fc2", nn::Linear(8, 3));
  Tensor forward(const Tensor& x) const override { return fc2(relu(fc1(x))); }
};

/// A parameter and a buffer of its own, and a nested module.
struct Scaled : nn::Module {
  Net net = add("net", Net());
  const Tensor gain = parameter("gain", full({3}, 2));
  const Tensor shift = buffer("shift", ones({3}));
  Tensor forward(const Tensor& x) const override { return net(x) * gain + shift; }
};

struct TwoInputs : nn::Module {
  Tensor operator()(const Tensor& a, const Tensor& b) const { return a + b; }
};

}  // namespace

TEST_CASE("parameters have the names of their members", "[nn]") {
  Scaled model;
  CHECK(names_of(model.named_parameters()) ==
        std::vector<std::string>{"gain", "net.fc1.weight", "net.fc1.bias", "net.fc2.weight",
                                 "net.fc2.bias"});
  CHECK(names_of(model.named_buffers()) == std::vector<std::string>{"shift"});
  CHECK(model.num_parameters() == 3 + 4 * 8 + 8 + 8 * 3 + 3);
  CHECK(model.parameters().size() == 5);
  for (const Tensor& p : model.parameters()) CHECK(p.requires_grad());
  CHECK_FALSE(model.named_buffers()[0].second.requires_grad());
  std::vector<std::string> modules;
  for (const auto& [name, module] : model.named_modules())
    modules.push_back(name + ":" + module->describe());
  CHECK(modules == std::vector<std::string>{":Scaled", "net:Net", "net.fc1:Linear(4, 8)",
                                            "net.fc2:Linear(8, 3)"});
  CHECK(names_of(model.own_parameters()) == std::vector<std::string>{"gain"});
  CHECK(model.children().size() == 1);
}

TEST_CASE("copies of a module share everything", "[nn]") {
  Net model;
  Net copy = model;
  const Tensor x = randn({5, 4});
  {
    const NoGrad guard;
    Tensor(model.fc1.weight).fill_(0.25);
  }
  CHECK(copy(x).to_vector<float>() == model(x).to_vector<float>());
  CHECK(copy.fc1.weight.data<float>()[0] == 0.25f);
  copy.eval();
  CHECK_FALSE(model.is_training());
  CHECK_FALSE(model.fc1.is_training());
  sum(copy(x)).backward();
  CHECK(model.fc2.bias.grad().defined());
  CHECK(copy.is(model));
  CHECK_FALSE(Net().is(model));
}

TEST_CASE("modules survive moves, vectors that grow, and their origin's end", "[nn]") {
  const auto make = [] {
    Net model;
    nn::init::constant_(model.fc2.bias, 7);
    return model;
  };
  std::vector<Net> models;
  for (int i = 0; i < 10; ++i) models.push_back(make());
  Net moved = std::move(models[3]);
  models.clear();
  const Tensor x = zeros({1, 4});
  const Tensor before = moved(x).detach();
  {
    const NoGrad guard;
    for (Tensor& p : moved.parameters()) p.fill_(0);
  }
  CHECK(before.to_vector<float>() != std::vector<float>{0, 0, 0});
  CHECK(moved(x).to_vector<float>() == std::vector<float>{0, 0, 0});
  CHECK(moved.num_parameters() == 4 * 8 + 8 + 8 * 3 + 3);
}

TEST_CASE("a module trains", "[nn]") {
  manual_seed(1);
  Net model;
  const Tensor x = randn({64, 4});
  const Tensor y = (sum(x, {1}) > 0).to(int64);
  double first = 0, last = 0;
  for (int step = 0; step < 100; ++step) {
    const Tensor loss = cross_entropy(model(x), y);
    (step == 0 ? first : last) = loss.item();
    model.zero_grad();
    loss.backward();
    const NoGrad guard;
    for (Tensor& p : model.parameters()) p.copy_(p - 0.5 * p.grad());
  }
  CHECK(first > 0.6);
  CHECK(last < 0.15);
}

TEST_CASE("a shared parameter counts once and is saved under each name", "[nn]") {
  struct Tied : nn::Module {
    nn::Linear in = add("in", nn::Linear(3, 3, {.bias = false}));
    nn::Linear again = add("again", in);
    const Tensor alias = parameter("alias", in.weight);
    Tensor forward(const Tensor& x) const override { return again(in(x)); }
  };
  Tied model;
  CHECK(model.num_parameters() == 9);
  CHECK(names_of(model.named_parameters()) == std::vector<std::string>{"alias"});
  CHECK(model.state_dict().size() == 3);
  CHECK(model.named_modules().size() == 2);
  int visits = 0;
  model.apply([&](nn::Module&) { ++visits; });
  CHECK(visits == 2);
}

TEST_CASE("apply visits children before their parents", "[nn]") {
  Scaled model;
  std::vector<std::string> order;
  model.apply([&](nn::Module& module) { order.push_back(module.describe()); });
  CHECK(order == std::vector<std::string>{"Linear(4, 8)", "Linear(8, 3)", "Net", "Scaled"});
  model.apply([](nn::Module& module) {
    if (auto* layer = dynamic_cast<nn::Linear*>(&module)) nn::init::constant_(layer->weight, 0.5);
  });
  CHECK(model.net.fc2.weight.data<float>()[5] == 0.5f);
}

TEST_CASE("to converts parameters and buffers for every handle", "[nn]") {
  Scaled model;
  const Tensor held = model.gain;
  sum(model(ones({2, 4}))).backward();
  const std::vector<double> before = model.net.fc1.weight.to_vector<double>();
  model.to(float64);
  CHECK(held.dtype() == float64);
  CHECK(model.net.fc1.weight.dtype() == float64);
  CHECK(model.shift.dtype() == float64);
  CHECK(model.net.fc1.weight.to_vector<double>() == before);
  CHECK(held.requires_grad());
  CHECK(held.grad().dtype() == float64);
  CHECK(model(ones({2, 4}, float64)).dtype() == float64);
  CHECK_THROWS_WITH(model.to(int64), contains("[Module.to]"));
}

TEST_CASE("freezing keeps gradients away", "[nn]") {
  Scaled model;
  model.net.requires_grad_(false);
  CHECK(model.num_parameters({.trainable_only = true}) == 3);
  sum(model(ones({2, 4}))).backward();
  CHECK(model.gain.grad().defined());
  CHECK_FALSE(model.net.fc1.weight.grad().defined());
  model.requires_grad_();
  CHECK(model.num_parameters({.trainable_only = true}) == model.num_parameters());
  model.zero_grad();
  CHECK_FALSE(model.gain.grad().defined());
}

TEST_CASE("a state dict restores a module", "[nn]") {
  manual_seed(5);
  Scaled model, other;
  nn::init::constant_(model.shift, 4);
  const Tensor x = randn({3, 4});
  REQUIRE(model(x).to_vector<float>() != other(x).to_vector<float>());
  const nn::StateDict state = model.state_dict();
  other.load_state_dict(state);
  CHECK(model(x).to_vector<float>() == other(x).to_vector<float>());
  // It is a snapshot, not a view.
  nn::init::constant_(model.gain, 9);
  CHECK(state.at("gain").data<float>()[0] == 2);
  other.to(float64);
  other.load_state_dict(state);
  CHECK(other.gain.dtype() == float64);
}

TEST_CASE("a state dict that does not fit is refused as a whole", "[nn]") {
  Scaled model;
  nn::StateDict state = model.state_dict();
  const std::vector<float> before = model.net.fc1.bias.to_vector<float>();
  state.at("net.fc1.bias") = full({8}, 5);
  state.at("net.fc2.weight") = ones({2, 8});
  state.erase("gain");
  state.emplace("old.weight", ones({1}));
  CHECK_THROWS_WITH(model.load_state_dict(state),
                    contains("[load_state_dict]") && contains("missing: gain") &&
                        contains("not expected: old.weight") &&
                        contains("net.fc2.weight (2, 8) instead of (3, 8)"));
  CHECK(model.net.fc1.bias.to_vector<float>() == before);
  CHECK_THROWS_WITH(model.load_state_dict(state, {.strict = false}),
                    contains("net.fc2.weight") && !contains("missing"));
  state.erase("net.fc2.weight");
  model.load_state_dict(state, {.strict = false});
  CHECK(model.net.fc1.bias.data<float>()[0] == 5);
}

TEST_CASE("two names of one tensor are loaded with equal values only", "[nn]") {
  struct Tied : nn::Module {
    nn::Linear in = add("in", nn::Linear(3, 3, {.bias = false}));
    nn::Linear out = add("out", nn::Linear(3, 3));
    const Tensor alias = parameter("alias", in.weight);
    nn::Linear again = add("again", in);
    const Tensor mean = buffer("mean", zeros({2}));
    const Tensor same_memory = buffer("same_memory", mean.detach());
  };
  Tied model;
  nn::StateDict state = model.state_dict();
  model.load_state_dict(state);
  const auto before = model.in.weight.to_vector<float>();
  const auto refused = [&](const std::string& name, const nn::StateDict& given) {
    for (const bool strict : {true, false}) {
      CHECK_THROWS_WITH(model.load_state_dict(given, {.strict = strict}),
                        contains("[load_state_dict]") && contains("two names") &&
                            contains("alias and " + name) && contains("equal values"));
      CHECK(model.in.weight.to_vector<float>() == before);
      CHECK(model.out.bias.to_vector<float>() == state.at("out.bias").to_vector<float>());
    }
  };
  for (const std::string name : {"in.weight", "again.weight"}) {
    nn::StateDict other = state;
    other.at("out.bias") = full({3}, 9);
    other.at(name) = other.at(name).clone();
    other.at(name).mutable_data<float>()[8] += 1;
    refused(name, other);
    if (name == "in.weight") continue;
    other.erase("alias");
    other.erase("in.weight");
    model.load_state_dict(other, {.strict = false});  // one of the names: nothing contradicts
    CHECK(model.alias.data<float>()[8] == before[8] + 1);
    model.load_state_dict(state);
  }
  nn::StateDict other = state;
  other.at("mean") = ones({2});
  CHECK_THROWS_WITH(model.load_state_dict(other), contains("mean and same_memory"));
  other.at("same_memory") = ones({2});
  model.load_state_dict(other);
  CHECK(model.mean.to_vector<float>() == std::vector<float>{1, 1});
  // Equal once they are in the model's dtype; a NaN equals itself.
  for (const double value : {0.5, std::nan("")}) {
    for (const char* name : {"alias", "in.weight"}) other.at(name) = full({3, 3}, value, float64);
    other.at("again.weight") = full({3, 3}, value);
    model.load_state_dict(other);
  }
  other.at("in.weight") = full({3, 3}, 0.1, float64);
  other.at("alias") = full({3, 3}, 0.1);
  other.at("again.weight") = full({3, 3}, 0.1 + 1e-12, float64);
  model.load_state_dict(other);
  model.to(float64);
  CHECK_THROWS_WITH(model.load_state_dict(other),
                    contains("alias and in.weight, alias and again.weight"));
}

TEST_CASE("forward hooks see and replace outputs", "[nn]") {
  Net model;
  std::vector<std::string> seen;
  const int watch = model.fc1.register_forward_hook(
      [&](const nn::Module& module, const Tensor& in, const Tensor& out) {
        seen.push_back(module.describe() + to_string(in.shape()) + to_string(out.shape()));
        return Tensor();
      });
  const int replace = model.register_forward_hook(
      [](const nn::Module&, const Tensor&, const Tensor& out) { return out * 0; });
  CHECK(model.has_forward_hooks());
  CHECK(model(ones({2, 4})).to_vector<float>() == std::vector<float>(6, 0));
  CHECK(seen == std::vector<std::string>{"Linear(4, 8)(2, 4)(2, 8)"});
  model.remove_forward_hook(replace);
  model.fc1.remove_forward_hook(watch);
  CHECK(model(ones({2, 4})).to_vector<float>() != std::vector<float>(6, 0));
  CHECK(seen.size() == 1);
}

TEST_CASE("a module that is wrongly built or called says so", "[nn]") {
  struct Twice : nn::Module {
    nn::Linear a = add("a", nn::Linear(1, 1));
    nn::Linear b = add("a", nn::Linear(1, 1));
  };
  CHECK_THROWS_WITH(Twice(), contains("[Module]") && contains("\"a\" was given twice"));
  struct Unnamed : nn::Module {
    const Tensor w = parameter("", ones({1}));
  };
  CHECK_THROWS_WITH(Unnamed(), contains("empty name"));
  nn::Sequential loop;
  CHECK_THROWS_WITH(loop.append(loop), contains("no cycles"));
  CHECK_THROWS_WITH(static_cast<const nn::Module&>(TwoInputs())(ones({1})),
                    contains("[TwoInputs]") && contains("forward"));
  CHECK(TwoInputs()(ones({1}), ones({1})).item() == 2);
}

TEST_CASE("a parameter made of a computation becomes a leaf of its own", "[nn]") {
  struct Made : nn::Module {
    const Tensor w = parameter("w", ones({2}).requires_grad_() * 3);
  };
  Made model;
  CHECK(model.w.is_leaf());
  CHECK(model.w.to_vector<float>() == std::vector<float>{3, 3});
}

TEST_CASE("anomaly mode names the module in which a value went wrong", "[nn]") {
  struct Broken : nn::Module {
    Tensor forward(const Tensor& x) const override { return log(x - 1); }
  };
  struct Outer : nn::Module {
    nn::Sequential body = add("body", nn::Sequential(nn::Linear(2, 2), Broken()));
    Tensor forward(const Tensor& x) const override { return body(x); }
  };
  Outer model;
  nn::init::zeros_(model.parameters()[0]);
  nn::init::ones_(model.parameters()[1]);
  const DetectAnomaly guard;
  CHECK_THROWS_WITH(model(ones({1, 2})), contains("[log]") && contains("body.1"));
}
