#include "gradus/gradus.hpp"
#include "gradus/train/report.hpp"
#include "support/files.hpp"
#include "train/report/page.hpp"

using namespace gradus;
using test::Approx;
using test::contains;
using test::page_data;

namespace {

const train::Loss half_mse = [](const Tensor& y, const Tensor& t) {
  return mse_loss(y, t, {.reduction = Reduction::sum}) / 2;
};
const train::Loss cross = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); };

/// The 2-2-1 network of the textbooks, in double precision.
nn::Sequential by_hand() {
  nn::Sequential model(nn::Linear(2, 2, {.dtype = float64}), nn::Sigmoid(),
                       nn::Linear(2, 1, {.dtype = float64}), nn::Sigmoid());
  const NoGrad guard;
  const std::vector<Tensor> p = model.parameters();
  Tensor(p[0]).copy_(tensor({{.15, .25}, {.20, .30}}, float64));
  Tensor(p[1]).copy_(tensor({.35, .35}, float64));
  Tensor(p[2]).copy_(tensor({{.40, .45}}, float64));
  Tensor(p[3]).copy_(tensor({.60}, float64));
  return model;
}

}  // namespace

TEST_CASE("the page of the 2-2-1 network holds the numbers that are right by hand") {
  nn::Sequential model = by_hand();
  const nlohmann::json data =
      page_data(train::explain_html(model, tensor({.05, .10}, float64), tensor({{.01}}, float64),
                                    half_mse, {.loss_name = "half_mse"}));
  const auto same = [](const nlohmann::json& got, double expected) {
    CHECK(got.get<double>() == Approx(expected).epsilon(1e-8).margin(6e-11));
  };
  const nlohmann::json& hidden = data["layers"][0];
  const nlohmann::json& output = data["layers"][1];
  same(hidden["z"][0], .3825);
  same(hidden["z"][1], .39);
  same(hidden["a"][0], .5944759307);
  same(hidden["a"][1], .5962826993);
  same(output["z"][0], 1.1061175870);
  same(output["a"][0], .7514046014);
  same(data["loss"]["value"], .2748403915);
  same(output["a_grad"][0], .7514046014 - .01);
  same(output["z_grad"][0], .1384912111);
  same(output["weight_grad"][0][0], .0823296916);
  same(output["weight_grad"][0][1], .0825799132);
  same(output["bias_grad"][0], .1384912111);
  same(hidden["z_grad"][0], .0133546686);
  same(hidden["z_grad"][1], .0150025228);
  same(hidden["weight_grad"][0][0], .0006677334);
  same(hidden["weight_grad"][0][1], .0013354669);
  same(hidden["weight_grad"][1][0], .0007501261);
  same(hidden["weight_grad"][1][1], .0015002523);
  CHECK(hidden["activation"] == "sigmoid");
}

TEST_CASE("the numbers of a page are the engine's, bit for bit") {
  manual_seed(0);
  nn::MLP model({3, 5, 4}, {.activation = "tanh", .dropout = 0.5});
  const Tensor x = randn({3}), target = from_vector<std::int64_t>({2});
  const nlohmann::json data =
      page_data(train::explain_html(model, x, target, cross, {.loss_name = "cross_entropy"}));
  model.eval();
  const Tensor output = model(x.reshape({1, 3}));
  cross(output, target).backward();
  CHECK(data["layers"][1]["a"].get<std::vector<float>>() == output.to_vector<float>());
  const nn::NamedTensors p = model.named_parameters();
  std::vector<float> weight_grad;
  for (const auto& row : data["layers"][0]["weight_grad"])
    for (const auto& number : row) weight_grad.push_back(number.get<float>());
  CHECK(weight_grad == p[0].second.grad().to_vector<float>());
  CHECK(data["layers"][1]["bias_grad"].get<std::vector<float>>() ==
        p[3].second.grad().to_vector<float>());
  CHECK(data["loss"]["probabilities"].get<std::vector<float>>() ==
        softmax(output.detach()).to_vector<float>());
}

TEST_CASE("explaining leaves gradients, modes and frozen parameters as they are") {
  nn::MLP model({2, 3, 1}, {.dropout = 0.5});
  model.requires_grad_(false);
  model.parameters()[0].set_grad(ones({3, 2}));
  model.train();
  const NoGrad guard;
  const std::string html = train::explain_html(model, ones({2}), ones({1, 1}), half_mse);
  CHECK(page_data(html)["layers"][0]["weight_grad"].size() == 3);
  CHECK(model.is_training());
  CHECK(!model.parameters()[0].requires_grad());
  CHECK(model.parameters()[0].grad().to_vector<float>() == std::vector<float>(6, 1));
  CHECK(!model.parameters()[1].grad().defined());
}

TEST_CASE("networks that cannot be followed node by node are refused with the reason") {
  const auto refused = [](nn::Module& model, Index inputs, const std::string& text) {
    CHECK_THROWS_WITH(
        train::explain_html(model, ones({inputs}), from_vector<std::int64_t>({0}), cross),
        contains("[explain]") && contains(text));
  };
  nn::MLP large({64, 128, 10}), normed({2, 4, 2}, {.norm = "batch"}), good({2, 4, 2});
  nn::Sequential soft(nn::Linear(2, 2), nn::Softmax()), early(nn::Tanh(), nn::Linear(2, 2)),
      twice(nn::Linear(2, 2), nn::Tanh(), nn::ReLU()), misfit(nn::Linear(2, 3), nn::Linear(2, 2)),
      none;
  refused(large, 64, "the network has 202 units");
  refused(normed, 2, "module norm1 is BatchNorm1d");
  refused(soft, 2, "mixes the units");
  refused(early, 2, "does not follow a linear layer");
  refused(twice, 2, "module 2, ReLU(), does not follow");
  refused(misfit, 2, "module 1 takes 2 inputs after 3 units");
  refused(none, 2, "a model without a linear layer");
  refused(good, 3, "a sample of 3 inputs was given; the model takes 2");
  CHECK_THROWS_WITH(train::explain_html(good, ones({2}), ones({1, 2}),
                                        [](const Tensor& y, const Tensor&) { return y; }),
                    contains("[explain] a loss of shape (1, 2)"));
}

TEST_CASE("an explaining page needs nothing from outside and keeps hostile names in their place") {
  nn::MLP model({2, 2, 2});
  const std::string hostile = "</script><script>alert(1)</script>";
  const std::string html = train::explain_html(
      model, ones({2}), from_vector<std::int64_t>({0}), cross,
      {.title = hostile, .loss_name = hostile, .input_names = {hostile}, .class_names = {hostile}});
  CHECK(test::count(html, "<script") == 2);
  CHECK(test::count(html, "</script") == 2);
  CHECK(page_data(html)["input_names"][0] == hostile);
  CHECK(html.find("http:") == std::string::npos);
  CHECK(html.find("https:") == std::string::npos);
  const test::TemporaryFolder folder;
  train::write_explain(folder / "explain.html", model, ones({2}), from_vector<std::int64_t>({0}),
                       cross);
  CHECK(page_data(test::read_bytes(folder / "explain.html"))["layers"].size() == 2);
}
