#include <set>

#include "gradus/functional.hpp"
#include "gradus/nn.hpp"
#include "gradus/random.hpp"
#include "nn/golden.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("norms agree with PyTorch", "[nn]") {
  nn::BatchNorm1d bn(3, {.dtype = float64});
  golden_parameters(bn);
  const Tensor x = golden_input({2, 3, 4});
  const Tensor out = bn(x);
  check_values(out,
               {0.336588393923159,  0.336588393923159,  0.336588393923159,   0.336588393923159,
                0.70775437438374,   0.19724001679285,   -0.0531778320090597, 0.0178118509925186,
                -0.401871511274937, -0.226018719329988, -0.0296717736416193, 0.139096745646528,
                0.336588393923159,  0.336588393923159,  0.336588393923159,   0.336588393923159,
                1.06663810061399,   0.461293131034174,  0.0513952587027573,  -0.0626982215454642,
                -0.475504063554943, -0.331146179255656, -0.140555272574804,  0.0496053554418909});
  check_values(bn.running_mean, {0.0690739694247867, -0.0724944248819976, -0.00873731826089117});
  check_values(bn.running_var, {0.911632655820701, 0.909654164223532, 0.930815268996086});
  CHECK(bn.num_batches_tracked.item() == 1);
  check_gradients(bn, out, {0.930278945731818, 1.38064772402477});
  bn.eval();
  check_values(bn(x),
               {0.336588393923159,  0.336588393923159,   0.336588393923159,   0.336588393923159,
                0.159409413627,     0.00382915489739198, -0.0724861790943197, -0.0508519329966435,
                -0.314840906538144, -0.220193166841747,  -0.114515034580343,  -0.023680202185237,
                0.336588393923159,  0.336588393923159,   0.336588393923159,   0.336588393923159,
                0.268779937982541,  0.0842998629610921,  -0.0406173231705122, -0.0753875366080832,
                -0.354471523512148, -0.27677501778616,   -0.174194909022935,  -0.0718463854540746});
  CHECK(bn.num_batches_tracked.item() == 1);

  const nn::BatchNorm2d bn2(2, {.dtype = float64});
  golden_parameters(bn2);
  check_values(bn2(golden_input({2, 2, 2, 1})),
               {0.336588393923159, 0.336588393923159, 0.808928425543782, 0.533049234782207,
                0.336588393923159, 0.336588393923159, -0.0901513569084251, -0.0586979639348119});
  const nn::GroupNorm gn(2, 4, {.dtype = float64});
  golden_parameters(gn);
  check_values(gn(golden_input({1, 4, 3})),
               {0.336588393923159, 0.336588393923159, 0.336588393923159, 0.215840153469433,
                -0.0685329390514959, -0.293397005362202, -0.403354897796321, -0.385799008865063,
                -0.293056695887469, -0.43190365734432, -0.648234690551668, -0.834180379813499});
  const nn::LayerNorm ln({2, 2}, {.dtype = float64});
  golden_parameters(ln);
  check_values(ln(golden_input({2, 2, 2})),
               {0.336588393923159, 0.571638958361304, -0.223873404218685, 0.0282371914456438,
                0.336588393923159, 0.272152852882841, -0.364567645544458, -0.208395978328469});
  const nn::RMSNorm rms(4, {.eps = 0, .dtype = float64});
  const double root = std::sqrt(30.0 / 4);
  check_values(rms(tensor({1, 2, 3, 4}, float64)), {1 / root, 2 / root, 3 / root, 4 / root});
}

TEST_CASE("norms say what they are, and what does not fit", "[nn]") {
  CHECK(nn::LayerNorm(4).describe() == "LayerNorm((4,))");
  CHECK(nn::RMSNorm(4).describe() == "RMSNorm((4,))");
  CHECK(nn::GroupNorm(2, 4).describe() == "GroupNorm(2, 4)");
  CHECK(nn::BatchNorm1d(4).describe() == "BatchNorm1d(4)");
  CHECK(nn::LayerNorm(4, {.affine = false}).num_parameters() == 0);
  CHECK(nn::LayerNorm(4, {.bias = false}).num_parameters() == 4);
  CHECK(nn::BatchNorm1d(4, {.track_running_stats = false}).named_buffers().empty());
  CHECK_THROWS_WITH(nn::LayerNorm(Shape{}), contains("[LayerNorm]"));
  CHECK_THROWS_WITH(nn::RMSNorm(0), contains("[RMSNorm]"));
  CHECK_THROWS_WITH(nn::GroupNorm(3, 4), contains("divides the channels"));
  CHECK_THROWS_WITH(nn::BatchNorm1d(4, {.momentum = 2}), contains("momentum"));
  CHECK_THROWS_WITH(nn::BatchNorm1d(4)(ones({2, 3})), contains("4 channels"));
  CHECK_THROWS_WITH(nn::BatchNorm2d(4)(ones({2, 4})), contains("[BatchNorm2d]"));
  nn::BatchNorm1d bn(4);
  CHECK_THROWS_WITH(bn(ones({1, 4})),
                    contains("[batch_norm] one value per channel") && contains("eval()"));
  CHECK(bn.num_batches_tracked.item() == 0);
  bn.eval();
  CHECK(bn(ones({1, 4})).shape() == Shape{1, 4});
}

TEST_CASE("a bias before batch normalization has the gradient 0", "[nn]") {
  manual_seed(1);
  const nn::Linear fc(3, 4, {.dtype = float64});
  const nn::BatchNorm1d bn(4, {.dtype = float64});
  sum(square(bn(fc(randn({6, 3}, float64))) * randn({6, 4}, float64))).backward();
  for (const double g : fc.bias.grad().to_vector<double>()) CHECK(std::abs(g) < 1e-12);
}

TEST_CASE("norms have second derivatives through modules", "[nn]") {
  manual_seed(3);
  const nn::Sequential model(
      nn::Linear(3, 4, {.dtype = float64}), nn::BatchNorm1d(4, {.dtype = float64}), nn::Tanh(),
      nn::LayerNorm(4, {.dtype = float64}), nn::RMSNorm(4, {.dtype = float64}));
  const Tensor x = randn({3, 3}, float64).requires_grad_();
  check_second_order(
      model, [&](const Tensor& y) { return model(y); }, x);
  CHECK(gradcheck([&](const std::vector<Tensor>& v) { return model(v[0]); }, {x}, {.order = 2}));
}

TEST_CASE("a bilinear map agrees with PyTorch", "[nn]") {
  const nn::Bilinear layer(2, 3, 2, {.dtype = float64});
  golden_parameters(layer);
  const Tensor out = layer(golden_input({2, 2}), golden_input({2, 3}));
  check_values(out, {0.313454193625635, 0.679913386334964, 0.164821507732245, 0.399340714994723});
  check_gradients(layer, out, {0.163103337408384, 1.4401936059974});
  CHECK(layer.describe() == "Bilinear(2, 3, 2)");
  CHECK(nn::Bilinear(2, 3, 2, {.bias = false}).num_parameters() == 12);
  CHECK_THROWS_WITH(layer(ones({2, 2}), ones({3, 3})), contains("[Bilinear]"));
  CHECK_THROWS_WITH(nn::Bilinear(0, 3, 2), contains("in1_features"));
}

TEST_CASE("linear layers start as PyTorch's do", "[nn]") {
  Generator generator(1);
  const nn::Linear layer(100, 200, {.dtype = float64, .generator = &generator});
  double largest = 0, squares = 0;
  for (const double w : layer.weight.to_vector<double>()) {
    largest = std::max(largest, std::abs(w));
    squares += w * w;
  }
  CHECK(largest < 0.1);
  CHECK(largest > 0.099);
  CHECK(squares / 20000 == Approx(0.01 / 3).epsilon(0.03));
  CHECK(nn::Linear(3, 2, {.bias = false}).describe() == "Linear(3, 2, bias = false)");
  CHECK_THROWS_WITH(nn::Linear(0, 2), contains("in_features = 0"));
  CHECK_THROWS_WITH(nn::Linear(2, -1), contains("out_features = -1"));
}

TEST_CASE("an embedding is a table with a padding row", "[nn]") {
  const nn::Embedding table(5, 3, {.padding_idx = 1});
  CHECK(table.describe() == "Embedding(5, 3)");
  CHECK(table(tensor({1}, int64)).to_vector<float>() == std::vector<float>{0, 0, 0});
  const Tensor out = table(tensor({{0, 1}, {4, 4}}, int64));
  CHECK(out.shape() == Shape{2, 2, 3});
  sum(out).backward();
  CHECK(table.weight.grad().to_vector<float>() ==
        std::vector<float>{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2});
  CHECK_THROWS_WITH(nn::Embedding(0, 3), contains("[Embedding]"));
  CHECK_THROWS_WITH(nn::Embedding(3, 3, {.padding_idx = 3}), contains("padding_idx 3"));
  CHECK_THROWS_WITH(table(tensor({5}, int64)), contains("index 5 at element 0"));
}

TEST_CASE("activations are found by name, and compute their functions", "[nn]") {
  const Tensor x = tensor({-2, -0.5, 0, 0.5, 2}, float64);
  const auto same = [&](const nn::Module& module, const Tensor& expected) {
    INFO(module.describe());
    check_values(module(x), expected.to_vector<double>());
  };
  same(nn::ReLU(), relu(x));
  same(nn::ReLU6(), relu6(x));
  same(nn::GELU(), gelu(x));
  same(nn::GELU({.tanh = true}), gelu(x, GeluApproximate::tanh));
  same(nn::SiLU(), silu(x));
  same(nn::Mish(), mish(x));
  same(nn::Tanh(), tanh(x));
  same(nn::Sigmoid(), sigmoid(x));
  same(nn::LogSigmoid(), logsigmoid(x));
  same(nn::Hardswish(), hardswish(x));
  same(nn::Hardsigmoid(), hardsigmoid(x));
  same(nn::Softsign(), softsign(x));
  same(nn::Tanhshrink(), tanhshrink(x));
  same(nn::SELU(), selu(x));
  same(nn::LeakyReLU(0.2), leaky_relu(x, 0.2));
  same(nn::ELU(0.5), elu(x, 0.5));
  same(nn::CELU(0.5), celu(x, 0.5));
  same(nn::Softplus(2, 1), softplus(x, 2, 1));
  same(nn::Hardtanh(-0.3, 0.4), hardtanh(x, -0.3, 0.4));
  same(nn::Softmax(0), softmax(x, 0));
  same(nn::LogSoftmax(), log_softmax(x));
  same(nn::Activation("leaky_relu"), leaky_relu(x));
  same(nn::Activation("none"), x);
  const std::vector<std::string> names = nn::activation_names();
  CHECK(std::set(names.begin(), names.end()).size() == names.size());
  CHECK(names.size() >= 22);
  for (const std::string& name : names) CHECK(nn::Activation(name).name() == name);
  CHECK(nn::LeakyReLU(0.2).describe() == "LeakyReLU(0.2)");
  CHECK(nn::Softplus().describe() == "Softplus(1, 20)");
  CHECK(nn::GELU({.tanh = true}).describe() == "GELU(tanh)");
  CHECK_THROWS_WITH(nn::Activation("rely"), contains("\"rely\"") && contains("relu, gelu"));
}

TEST_CASE("small modules do what they say", "[nn]") {
  const Tensor x = ones({2, 3, 4});
  CHECK(nn::Identity()(x).is(x));
  CHECK(nn::Flatten()(x).shape() == Shape{2, 12});
  CHECK(nn::Flatten(0, 1)(x).shape() == Shape{6, 4});
  CHECK_THROWS_WITH(nn::Flatten(2, 0)(x), contains("[Flatten]"));
  CHECK_THROWS_WITH(nn::Flatten(3)(x), contains("[Flatten]"));
  nn::Dropout drop(0.5);
  CHECK(drop.describe() == "Dropout(0.5)");
  CHECK(drop(x).to_vector<float>() != x.to_vector<float>());
  drop.eval();
  CHECK(drop(x).is(x));
  CHECK_THROWS_WITH(nn::Dropout(1.1), contains("[Dropout]"));
  const nn::Function twice("twice", [](const Tensor& y) { return y * 2; });
  CHECK(twice(x).data<float>()[0] == 2);
  CHECK(twice.describe() == "twice");
}
