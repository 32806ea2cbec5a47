#include "gradus/nn/attention.hpp"

#include <limits>

#include "gradus/functional.hpp"
#include "gradus/random.hpp"
#include "nn/golden.hpp"
#include "nn/names.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("multi-head attention agrees with PyTorch", "[nn]") {
  const nn::MultiheadAttention attention(4, 2, {.batch_first = true, .dtype = float64});
  CHECK(names_of(attention) == std::vector<std::string>{"in_proj_weight", "in_proj_bias",
                                                        "out_proj.weight", "out_proj.bias"});
  golden_parameters(attention);
  const Tensor x = golden_input({2, 3, 4});
  const Tensor out = attention(x);
  check_values(out,
               {-0.344009921592701, -0.631387807284966, -0.100288945834156, 0.638930407302715,
                -0.272693367231481, -0.578048579671712, -0.121624865453186, 0.565598711611381,
                -0.325975070459186, -0.646380655898391, -0.132372596019016, 0.623859805940588,
                -0.35781675736537,  -0.647819085594735, -0.101878765699293, 0.653871971390122,
                -0.284059824753776, -0.586140421583459, -0.117840733605252, 0.577236411237439,
                -0.317861978179943, -0.641425813911073, -0.135842836148823, 0.615653233244809});
  check_gradients(attention, out,
                  {-0.438952614516857, -0.119890875424395, 0.38849685735483, 0.753545250326568});
  const Tensor causal = attention(x, x, x, {.is_causal = true});
  check_values(causal,
               {-0.590023964728372, -1.0874100934758,   -0.281582989828317, 0.925074129456089,
                -0.526417127045554, -0.809544941340051, -0.08482091521311,  0.83158160179409,
                -0.325975070459186, -0.646380655898391, -0.132372596019016, 0.623859805940588,
                -0.47212972898308,  -1.01285089098125,  -0.329612766838495, 0.805509424465324,
                -0.538163430791335, -0.852007248152916, -0.112863208754727, 0.847767344555462,
                -0.317861978179943, -0.641425813911073, -0.135842836148823, 0.615653233244809});
  // true: may not look, unlike in scaled_dot_product_attention
  const Tensor later = triu(ones({3, 3}), 1) > 0;
  check_values(attention(x, x, x, {.mask = later}), causal.to_vector<double>());
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor added = where(later, full({3, 3}, -inf, float64), 0);
  check_values(attention(x, x, x, {.mask = added}), causal.to_vector<double>());
  // Three separate inputs, and one without a batch.
  check_values(attention(x, x + 0, x + 0), out.to_vector<double>());
  check_values(attention(x[1]), out[1].to_vector<double>());
  CHECK(attention(x, slice(x, 1, 0, 2), slice(x, 1, 1, 3)).shape() == Shape{2, 3, 4});
}

TEST_CASE("a mask of padding hides keys of single samples", "[nn]") {
  const nn::MultiheadAttention attention(4, 2, {.batch_first = true, .dtype = float64});
  golden_parameters(attention);
  const Tensor x = golden_input({2, 3, 4}), short_x = slice(x, 1, 0, 2);
  const Tensor padding = tensor({{0, 0, 1}, {0, 0, 0}}, boolean);
  const Tensor later = triu(ones({3, 3}), 1) > 0;
  const std::vector<double> hidden = attention(x[0], short_x[0], short_x[0]).to_vector<double>();
  const Tensor out = attention(x, x, x, {.key_padding_mask = padding});
  check_values(out[0], hidden);
  check_values(out[1], attention(x[1]).to_vector<double>());
  check_values(attention(x[0], x[0], x[0], {.key_padding_mask = padding[0]}), hidden);
  check_values(
      attention(x, x, x, {.mask = later, .key_padding_mask = padding}),
      attention(x, x, x, {.is_causal = true, .key_padding_mask = padding}).to_vector<double>());
  check_values(attention(x, x, x, {.mask = zeros({3, 3}), .key_padding_mask = padding}),
               out.to_vector<double>());
  const Tensor causal = attention(x, x, x, {.is_causal = true, .key_padding_mask = padding});
  check_values(slice(causal, 1, 0, 2),
               attention(short_x, short_x, short_x, {.is_causal = true}).to_vector<double>());
}

TEST_CASE("a transformer encoder layer agrees with PyTorch", "[nn]") {
  const Tensor x = golden_input({2, 3, 4});
  for (const bool norm_first : {false, true}) {
    const nn::TransformerEncoderLayer layer(4, 2,
                                            {.dim_feedforward = 5,
                                             .dropout = 0,
                                             .activation = "gelu",
                                             .batch_first = true,
                                             .norm_first = norm_first,
                                             .dtype = float64});
    golden_parameters(layer);
    const Tensor out = layer(x);
    check_values(
        out, norm_first
                 ? std::vector<double>{0.931276377334147,  0.740002456109365,   0.451456421692246,
                                       0.22304306780452,   -0.451542522110598,  -0.898239374275431,
                                       -1.03307201607722,  -0.735435787289438,  -0.641988036621479,
                                       -0.26383814239783,  0.27970442392008,    0.942065371412002,
                                       0.943547768736262,  0.897637347786739,   0.710782356115602,
                                       0.525302090329868,  -0.184226665678351,  -0.698238736583075,
                                       -0.965957057944965, -0.824294257165913,  -0.818046477643269,
                                       -0.51351975148414,  0.00371599701988137, 0.70361590766335}
                 : std::vector<double>{-0.741027846094937, -0.129639021593576, 0.337051832121914,
                                       -0.153805478427891, -0.724934824765404, -0.153544536316538,
                                       0.339098965897152,  -0.208588707534271, -0.635853181468152,
                                       -0.436761690278171, 0.334390749675612,  -0.201873339038674,
                                       -0.701703513929615, -0.273503118551266, 0.335773902612701,
                                       -0.19317740176025,  -0.741065064042476, -0.0949966637059115,
                                       0.338981968626319,  -0.174374677594941, -0.641448005160347,
                                       -0.422176472531605, 0.334843135363941,  -0.210087438515348});
    check_gradients(
        layer, out,
        norm_first
            ? std::vector<double>{-0.0785473053224439, -0.15058809111135, 0.876225308417541,
                                  0.321664975165591, 0.00627023246466958, 0.181411739188785,
                                  0.518545245384672, 0.753545250326568, 0.00298073465527229,
                                  -0.490998259554592, -0.0307307595892366, 0.00887385294214126}
            : std::vector<double>{0.107040219456309, 0.362635816919291, -0.892971664842237,
                                  0.732425964121649, 0.0220520409393349, -0.0448451836745012,
                                  -0.0954825848629105, 0.248862869401856, 0.66260949157293,
                                  0.30396744947665, 0.168889484896808, 0.753545250326568});
  }
  const nn::TransformerEncoderLayer layer(8, 2);
  CHECK(layer.named_parameters()[0].first == "self_attn.in_proj_weight");
  CHECK(layer.num_parameters() == 3 * 64 + 24 + 64 + 8 + 2 * 8 * 2048 + 2048 + 8 + 4 * 8);
}

TEST_CASE("attention takes the sequence first by default and the batch first if asked", "[nn]") {
  manual_seed(5);
  const nn::MultiheadAttention first(4, 2, {.batch_first = true, .dtype = float64});
  const nn::MultiheadAttention attention(4, 2, {.dtype = float64});
  golden_parameters(first);
  golden_parameters(attention);
  const Tensor q = randn({3, 2, 4}, float64), k = randn({5, 2, 4}, float64),
               v = randn({5, 2, 4}, float64);
  const Tensor padding = tensor({{0, 0, 1, 0, 1}, {0, 0, 0, 0, 1}}, boolean);
  const auto swapped = [](const Tensor& x) { return transpose(x, 0, 1); };
  check_values(attention(q, k, v, {.key_padding_mask = padding}),
               swapped(first(swapped(q), swapped(k), swapped(v), {.key_padding_mask = padding}))
                   .to_vector<double>());
  check_values(attention(q), swapped(first(swapped(q))).to_vector<double>());
  check_values(attention(select(q, 1, 1)), select(attention(q), 1, 1).to_vector<double>());
  CHECK(attention(q, k, v).shape() == Shape{3, 2, 4});
  CHECK_THROWS_WITH(attention(q, swapped(k), v), contains("(S, N, E)") && contains("batch_first"));
  CHECK_THROWS_WITH(first(q, k, v), contains("(N, S, E)"));

  const nn::TransformerEncoderLayer layer(4, 2, {.dropout = 0, .dtype = float64});
  const nn::TransformerEncoderLayer layer_first(
      4, 2, {.dropout = 0, .batch_first = true, .dtype = float64});
  golden_parameters(layer);
  golden_parameters(layer_first);
  check_values(layer(q), swapped(layer_first(swapped(q))).to_vector<double>());
}

TEST_CASE("attention layers have second derivatives", "[nn]") {
  manual_seed(4);
  const nn::TransformerEncoderLayer layer(
      4, 2, {.dim_feedforward = 3, .dropout = 0, .activation = "tanh", .dtype = float64});
  const nn::MultiheadAttention attention(2, 1, {.batch_first = true, .dtype = float64});
  const Tensor x = randn({2, 2, 4}, float64).requires_grad_();
  CHECK(gradcheck([&](const std::vector<Tensor>& v) { return layer(v[0]); }, {x}, {.order = 2}));
  check_second_order(
      layer, [&](const Tensor& y) { return layer(y); }, x);
  const Tensor y = randn({1, 3, 2}, float64).requires_grad_();
  const auto causal = [&](const Tensor& z) { return attention(z, z, z, {.is_causal = true}); };
  check_second_order(attention, causal, y);
  CHECK(gradcheck([&](const std::vector<Tensor>& v) { return causal(v[0]); }, {y}, {.order = 2}));
}

TEST_CASE("dropout of attention acts in training only", "[nn]") {
  nn::MultiheadAttention attention(8, 2, {.dropout = 0.5});
  const Tensor x = randn({2, 6, 8});
  CHECK(attention(x).to_vector<float>() != attention(x).to_vector<float>());
  attention.eval();
  CHECK(attention(x).to_vector<float>() == attention(x).to_vector<float>());
}

TEST_CASE("SwiGLU has the known number of parameters and value", "[nn]") {
  CHECK(nn::SwiGLU(512, 1365).num_parameters() == 2096640);
  const nn::SwiGLU layer(2, 3, {.dtype = float64});
  golden_parameters(layer);
  const Tensor x = golden_input({4, 2});
  const Tensor a = matmul(x, layer.w1.weight, {.transpose_b = true}),
               b = matmul(x, layer.w3.weight, {.transpose_b = true});
  check_values(
      layer(x),
      matmul(a * sigmoid(a) * b, layer.w2.weight, {.transpose_b = true}).to_vector<double>());
}

TEST_CASE("attention layers say what does not fit", "[nn]") {
  CHECK_THROWS_WITH(nn::MultiheadAttention(5, 2), contains("divides embed_dim"));
  CHECK_THROWS_WITH(nn::MultiheadAttention(4, 2, {.dropout = -1}), contains("dropout"));
  const nn::MultiheadAttention attention(4, 2, {.batch_first = true});
  CHECK_THROWS_WITH(attention(ones({3, 5})), contains("[MultiheadAttention]"));
  CHECK_THROWS_WITH(attention(ones({1, 3, 4}), ones({1, 2, 4}), ones({1, 3, 4})),
                    contains("(1, 2, 4)"));
  const Tensor x = ones({2, 3, 4}), mask = ones({3, 3}) > 0;
  CHECK_THROWS_WITH(attention(x, x, x, {.mask = mask, .is_causal = true}), contains("one of them"));
  CHECK_THROWS_WITH(attention(x, x, x, {.key_padding_mask = mask}), contains("key_padding_mask"));
  CHECK_THROWS_WITH(attention(x, x, x, {.key_padding_mask = ones({2, 3})}),
                    contains("bool (N, S)"));
  CHECK_THROWS_WITH(nn::TransformerEncoderLayer(4, 2, {.activation = "relux"}),
                    contains("[Activation]"));
}

TEST_CASE("later places do not count for attention that is causal, even as NaN", "[nn]") {
  Generator generator(1);
  const Tensor usual = randn({5, 2, 8}, float64, &generator);
  const nn::MultiheadAttention attention(8, 2, {.dtype = float64, .generator = &generator});
  const Tensor counts = reshape(arange(0, 5) < 4, {5, 1, 1});
  const auto run = [&](double last, const nn::Attend& options) {
    std::vector<Tensor> inputs = attention.parameters();
    inputs.insert(inputs.begin(), where(counts, usual, last).detach().requires_grad_());
    const Tensor y = where(counts, attention(inputs[0], inputs[0], inputs[0], options), 0);
    return grad(sum(y * y), inputs);
  };
  const auto want = run(0, {.is_causal = true});
  for (const double last : std::vector<double>{NAN, INFINITY})
    for (const nn::Attend& options :
         {nn::Attend{.is_causal = true}, nn::Attend{.mask = triu(ones({5, 5}), 1) > 0}}) {
      const auto found = run(last, options);
      for (std::size_t i = 0; i < want.size(); ++i)
        CHECK(max(abs(found[i] - want[i])).item() < 1e-12);
    }
}
