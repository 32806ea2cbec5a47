#include "gradus/nn/recurrent.hpp"

#include "gradus/functional.hpp"
#include "gradus/random.hpp"
#include "nn/golden.hpp"
#include "nn/names.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("an LSTM of two layers agrees with PyTorch", "[nn]") {
  const nn::LSTM lstm(2, 3, {.num_layers = 2, .batch_first = true, .dtype = float64});
  CHECK(names_of(lstm) == std::vector<std::string>{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0",
                                                   "bias_hh_l0", "weight_ih_l1", "weight_hh_l1",
                                                   "bias_ih_l1", "bias_hh_l1"});
  golden_parameters(lstm);
  const auto [output, state] = lstm(golden_input({2, 3, 2}), {});
  check_values(state.h,
               {-0.237152291910914, -0.209638462371285, 0.0234479931288334, -0.336411376171254,
                -0.200108311055166, 0.0100787254679953, 0.16976856258676, 0.0616622185613747,
                -0.351658211719759, 0.165446275492955, 0.06811692381749, -0.357102651541986});
  check_values(state.c,
               {-0.321679823510232, -0.548542371826079, 0.0553337714313627, -0.585561330836558,
                -0.342991995380614, 0.0372663916390793, 0.457221365539524, 0.101449816307518,
                -0.606779514413979, 0.452411634511727, 0.110919710820693, -0.62262896034672});
  check_values(output,
               {0.112160486819343, 0.0173363513329689, -0.181427136458443, 0.149667903224805,
                0.0425662259882561, -0.289271471081337, 0.16976856258676, 0.0616622185613747,
                -0.351658211719759, 0.121737205672672, 0.0184613936765821, -0.192802379522807,
                0.159761969376899, 0.0470661867858249, -0.300762072475146, 0.165446275492955,
                0.06811692381749, -0.357102651541986});
  check_gradients(lstm, output,
                  {-0.0179563597558714, 0.00212468938747804, 0.013174762003367, 0.013174762003367,
                   0.0378919472241342, 0.00354597172973375, 0.159876321670424, 0.159876321670424});
  CHECK(lstm(golden_input({2, 3, 2})).to_vector<double>() == output.to_vector<double>());
}

TEST_CASE("a GRU agrees with PyTorch", "[nn]") {
  const nn::GRU gru(2, 3, {.dtype = float64});
  golden_parameters(gru);
  const auto [output, state] = gru(golden_input({3, 2, 2}), Tensor());
  check_values(state, {-0.235876922336056, -0.287446093064295, -0.125677635742131,
                       -0.318050219814191, -0.265373201052117, -0.0678113323645505});
  check_values(output,
               {-0.214375102675894, -0.218794705134425, 0.104302699461172, -0.157047929721496,
                -0.199881572156216, 0.086867741327741, -0.112184512068013, -0.281459847867087,
                -0.0280366412545685, -0.0684566919618221, -0.240423514024078, -0.148090102645133,
                -0.235876922336056, -0.287446093064295, -0.125677635742131, -0.318050219814191,
                -0.265373201052117, -0.0678113323645505});
  check_gradients(gru, output,
                  {-0.619165977272955, 0.00400015983298322, 0.317677403351249, 0.092320010853031});
  CHECK(gru(golden_input({3, 2, 2})).to_vector<double>() == output.to_vector<double>());
}

TEST_CASE("an RNN agrees with PyTorch", "[nn]") {
  const nn::RNN rnn(2, 3, {.dtype = float64});
  golden_parameters(rnn);
  const auto [output, state] = rnn(golden_input({3, 2, 2}), Tensor());
  check_values(state, {0.248725506934661, -0.554675153109353, -0.177939171456295, 0.510156126585065,
                       -0.545668782655879, -0.455693670827145});
  check_values(output,
               {0.640138117343982, -0.43398236064532, -0.729590247440836, 0.419784781483449,
                -0.3253458632264, -0.683060595265918, 0.315412822082362, -0.66729745608118,
                -0.0452579549588977, 0.220700089403721, -0.65643027925445, 0.049984654433789,
                0.248725506934661, -0.554675153109353, -0.177939171456295, 0.510156126585065,
                -0.545668782655879, -0.455693670827145});
  check_gradients(rnn, output,
                  {0.260757550920173, 0.0518484722397418, 0.328574836797472, 0.328574836797472});
  CHECK(rnn(golden_input({3, 2, 2})).to_vector<double>() == output.to_vector<double>());
}

TEST_CASE("cells agree with PyTorch", "[nn]") {
  const Tensor x = golden_input({2, 2}), h = golden_input({2, 3});
  const nn::LSTMCell lstm(2, 3, {.dtype = float64});
  golden_parameters(lstm);
  const nn::LSTMState state = lstm(x, {h, 0.5 * h});
  check_values(state.h, {-0.0434438118079127, -0.0599197571630278, 0.127727068343862,
                         -0.231346249553923, -0.166797835311628, -0.0314017991458056});
  check_values(state.c, {-0.0948422416032196, -0.090813783697124, 0.399542227399756,
                         -0.442611606821879, -0.251315496981702, -0.123227662412462});
  const nn::GRUCell gru(2, 3, {.dtype = float64});
  golden_parameters(gru);
  check_values(gru(x, h), {0.60401580945946, 0.00413816691945623, 0.514991071983166,
                           -0.247495577570938, -0.422589563265948, -0.458442231911248});
  const nn::RNNCell rnn(2, 3, {.nonlinearity = "relu", .dtype = float64});
  golden_parameters(rnn);
  check_values(rnn(x, h), {1.26112534207734, 0, 0, 0.488919884066584, 0, 0});
  CHECK(lstm.describe() == "LSTMCell(2, 3)");
  // Without a state, it is 0; without a batch, the first row.
  check_values(gru(x), gru(x, zeros({2, 3}, float64)).to_vector<double>());
  check_values(gru(x[0], h[0]), gru(x, h)[0].to_vector<double>());
  CHECK(names_of(nn::GRUCell(2, 3, {.bias = false})) ==
        std::vector<std::string>{"weight_ih", "weight_hh"});
}

TEST_CASE("a sequence in two parts equals the whole, and detaching cuts the gradient", "[nn]") {
  const nn::LSTM lstm(2, 3, {.num_layers = 2, .dtype = float64});
  const nn::GRU gru(2, 3, {.dtype = float64});
  const nn::RNN rnn(2, 3, {.nonlinearity = "relu", .dtype = float64});
  golden_parameters(lstm);
  golden_parameters(gru);
  golden_parameters(rnn);
  const Tensor x = golden_input({4, 2, 2}).requires_grad_();
  const Tensor first = slice(x, 0, 0, 2), second = slice(x, 0, 2, 4);
  const nn::LSTM::Result begin = lstm(first, {});
  check_values(lstm(second, begin.state).output, slice(lstm(x), 0, 2, 4).to_vector<double>());
  check_values(gru(second, gru(first, Tensor()).state).output,
               slice(gru(x), 0, 2, 4).to_vector<double>());
  check_values(rnn(second, rnn(first, Tensor()).state).output,
               slice(rnn(x), 0, 2, 4).to_vector<double>());
  sum(lstm(second, begin.state.detach()).output).backward();
  const std::vector<double> g = x.grad().to_vector<double>();
  for (std::size_t i = 0; i < 8; ++i) CHECK(g[i] == 0);
  CHECK(g[8] != 0);
}

TEST_CASE("sequences without a batch are those of a batch of one", "[nn]") {
  const nn::LSTM lstm(2, 3, {.num_layers = 2, .dtype = float64});
  golden_parameters(lstm);
  const Tensor x = golden_input({4, 1, 2});
  const auto [output, state] = lstm(reshape(x, {4, 2}), {});
  CHECK(output.shape() == Shape{4, 3});
  CHECK(state.c.shape() == Shape{2, 3});
  check_values(output, lstm(x).to_vector<double>());
  check_values(lstm(reshape(x, {4, 2}), state).output,
               lstm(x, {unsqueeze(state.h, 1), unsqueeze(state.c, 1)}).output.to_vector<double>());
}

TEST_CASE("dropout between recurrent layers acts in training only", "[nn]") {
  Generator generator(3);
  nn::GRU gru(2, 8, {.num_layers = 2, .dropout = 0.5, .generator = &generator});
  const Tensor x = randn({3, 2, 2});
  CHECK(gru(x).to_vector<float>() != gru(x).to_vector<float>());
  gru.eval();
  CHECK(gru(x).to_vector<float>() == gru(x).to_vector<float>());
}

TEST_CASE("recurrent networks have second derivatives", "[nn]") {
  manual_seed(2);
  const nn::LSTM lstm(2, 3, {.dtype = float64});
  const nn::GRU gru(2, 2, {.dtype = float64});
  const nn::RNN rnn(2, 2, {.dtype = float64});
  const Tensor x = randn({2, 2, 2}, float64).requires_grad_();
  const auto check = [&](const nn::Module& module) {
    check_second_order(
        module, [&](const Tensor& y) { return module(y); }, x);
    CHECK(gradcheck([&](const std::vector<Tensor>& v) { return module(v[0]); }, {x}, {.order = 2}));
  };
  check(lstm);
  check(gru);
  check(rnn);
}

TEST_CASE("recurrent networks say what does not fit", "[nn]") {
  CHECK_THROWS_WITH(nn::LSTM(0, 3), contains("[LSTM]") && contains("input_size 0"));
  CHECK_THROWS_WITH(nn::GRUCell(2, 0), contains("[GRUCell]"));
  CHECK_THROWS_WITH(nn::GRU(2, 3, {.num_layers = 0}), contains("num_layers"));
  CHECK_THROWS_WITH(nn::GRU(2, 3, {.dropout = 2}), contains("dropout"));
  CHECK_THROWS_WITH(nn::RNN(2, 3, {.nonlinearity = "sin"}), contains("known are tanh, relu"));
  CHECK_THROWS_WITH(nn::RNNCell(2, 3, {.nonlinearity = "sin"}), contains("[RNNCell]"));
  const nn::LSTM lstm(2, 3);
  CHECK_THROWS_WITH(lstm(ones({4, 1, 3})), contains("(T, N, 2)"));
  CHECK_THROWS_WITH(lstm(ones({0, 1, 2})), contains("at least one time"));
  CHECK_THROWS_WITH(lstm(ones({4, 1, 2}), {ones({1, 2, 3}), ones({1, 1, 3})}),
                    contains("a state h of shape (1, 2, 3)"));
  CHECK_THROWS_WITH(lstm(ones({4, 1, 2}), {ones({1, 1, 3}), ones({1, 3})}), contains("a state c"));
  const nn::LSTMCell cell(2, 3);
  CHECK_THROWS_WITH(cell(ones({1, 3})), contains("[LSTMCell]"));
  CHECK_THROWS_WITH(cell(ones({1, 2}), {ones({2, 3}), {}}), contains("a state of shape (2, 3)"));
}
