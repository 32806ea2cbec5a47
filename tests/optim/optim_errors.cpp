#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::contains;

TEST_CASE("optimizers refuse parameters they cannot update") {
  Tensor p = ones({2, 2}).requires_grad_();
  CHECK_THROWS_WITH(SGD(std::vector<Tensor>{}), contains("[SGD] an empty list of parameters"));
  CHECK_THROWS_WITH(SGD(std::vector<SGD::Group>{}), contains("[SGD] no parameter group"));
  CHECK_THROWS_WITH(AdamW({p, Tensor()}), contains("[AdamW] parameter 1 is undefined"));
  CHECK_THROWS_WITH(AdamW({zeros({2}, int64)}), contains("parameter 0 has dtype int64"));
  CHECK_THROWS_WITH(AdamW({p * p}), contains("is the result of operation mul"));
  CHECK_THROWS_WITH(AdamW({p, p}), contains("parameter 1 of shape (2, 2) was given twice"));
  CHECK_THROWS_WITH(AdamW({p, p.detach()}), contains("shares its memory"));
  CHECK_THROWS_WITH(AdamW({{{p}, {}}, {{p}, {}}}), contains("was given twice"));
}

TEST_CASE("optimizers refuse options that make no sense") {
  Tensor p = ones({2, 2}).requires_grad_();
  struct Row {
    const char* optimizer;
    NamedOptions options;
    const char* text;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Row> rows = {
      {"sgd", {{"lr", -1}}, "[SGD] lr = -1 was given; a finite number >= 0 is required"},
      {"sgd", {{"lr", nan}}, "lr = nan"},
      {"sgd", {{"momentum", -1}}, "momentum = -1"},
      {"sgd", {{"weight_decay", -1}}, "weight_decay = -1"},
      {"sgd", {{"dampening", nan}}, "dampening = nan"},
      {"sgd", {{"nesterov", 1}}, "nesterov with momentum = 0"},
      {"nesterov", {{"dampening", 0.5}}, "dampening = 0.5 was given; it requires"},
      {"adam", {{"beta1", 1}}, "[Adam] betas[0] = 1 was given; 0 <= value < 1"},
      {"adamw", {{"beta2", -0.5}}, "[AdamW] betas[1] = -0.5"},
      {"adamw", {{"eps", -1}}, "eps = -1"},
      {"adamw", {{"weight_decay", -1}}, "weight_decay = -1"},
      {"adagrad", {{"lr_decay", -1}}, "[Adagrad] lr_decay"},
      {"adagrad", {{"weight_decay", -1}}, "weight_decay"},
      {"adagrad", {{"initial_accumulator_value", -1}}, "initial_accumulator_value"},
      {"adagrad", {{"eps", -1}}, "eps"},
      {"adadelta", {{"rho", 1.5}}, "[Adadelta] rho = 1.5"},
      {"adadelta", {{"eps", -1}}, "eps"},
      {"adadelta", {{"weight_decay", -1}}, "weight_decay"},
      {"rmsprop", {{"alpha", 1}}, "[RMSprop] alpha = 1"},
      {"rmsprop", {{"eps", -1}}, "eps"},
      {"rmsprop", {{"weight_decay", -1}}, "weight_decay"},
      {"rmsprop", {{"momentum", -1}}, "momentum"},
      {"adamax", {{"eps", -1}}, "[Adamax] eps"},
      {"nadam", {{"momentum_decay", -1}}, "[NAdam] momentum_decay"},
      {"radam", {{"weight_decay", -1}}, "[RAdam] weight_decay"},
      {"radam", {{"beta1", 1}}, "[RAdam] betas[0]"},
      {"lion", {{"weight_decay", -1}}, "[Lion] weight_decay"},
      {"lion", {{"beta1", 2}}, "[Lion] betas[0]"},
      {"muon", {{"momentum", 1}}, "[Muon] momentum"},
      {"muon", {{"ns_steps", 0}}, "ns_steps = 0"},
      {"muon", {{"weight_decay", -1}}, "weight_decay"},
      {"muon", {{"adamw_lr", -1}}, "adamw_lr"},
      {"muon", {{"beta1", 1}}, "betas[0]"},
      {"muon", {{"eps", -1}}, "eps"},
      {"lbfgs", {{"max_iter", 0}}, "[LBFGS] max_iter"},
      {"lbfgs", {{"max_eval", -1}}, "max_eval"},
      {"lbfgs", {{"tolerance_grad", -1}}, "tolerance_grad"},
      {"lbfgs", {{"tolerance_change", -1}}, "tolerance_change"},
      {"lbfgs", {{"history_size", 0}}, "history_size"},
      {"lbfgs", {{"line_search", 2}}, "line_search"},
      {"adm", {}, "[make_optimizer] \"adm\" was given; one of these is required: sgd, momentum, "},
      {"adam",
       {{"momentum", 0.9}},
       "option \"momentum\" was given to Adam; it has these: lr, beta1"},
  };
  for (const Row& row : rows) {
    INFO(row.optimizer);
    CHECK_THROWS_WITH(make_optimizer(row.optimizer, {p}, row.options), contains(row.text));
  }
  CHECK_THROWS_WITH(SGD({p}, {.lr = -1}), contains("[SGD] lr = -1"));
  CHECK_THROWS_WITH(newton_schulz(ones({2})), contains("[newton_schulz]"));
  CHECK_THROWS_WITH(newton_schulz(zeros({2, 2}, int64)), contains("a floating-point matrix"));
}

TEST_CASE("rates are checked when they are set") {
  Tensor p = ones({2}).requires_grad_();
  SGD opt({p});
  CHECK_THROWS_WITH(opt.set_lr(-1), contains("[set_lr] lr = -1"));
  CHECK_THROWS_WITH(opt.set_lr(1, 0.1), contains("group 1 of SGD was asked for; it has 1"));
  CHECK_THROWS_WITH(opt.lr(3), contains("[lr] group 3"));
  CHECK_THROWS_WITH(opt.initial_lr(3), contains("[initial_lr] group 3"));
}

TEST_CASE(
    "a state that does not fit is refused with everything that is wrong, and changes nothing") {
  Tensor p = ones({2}).requires_grad_(), q = ones({3}).requires_grad_();
  AdamW opt({p, q}, {.lr = 0.5});
  p.set_grad(ones({2}));
  q.set_grad(ones({3}));
  opt.step();
  const StateDict good = opt.state_dict();
  StateDict bad = good;
  bad.erase("param.0.exp_avg");
  bad["param.0.exp_avg_sq"] = ones({5});
  bad["param.1.exp_avg"] = ones({3}, float64);
  bad["param.1.exp_avg_sq"] = Tensor();
  bad["param.2.step"] = ones({});
  bad["group.0.lr"] = full({}, 0.25);
  CHECK_THROWS_WITH(opt.load_state_dict(bad),
                    contains("missing: param.0.exp_avg;") &&
                        contains("param.0.exp_avg_sq is (5,) float32; (2,) float32 is required") &&
                        contains("param.1.exp_avg is (3,) float64; (3,) float32 is required") &&
                        contains("undefined: param.1.exp_avg_sq") &&
                        contains("unexpected: param.2.step"));
  CHECK(opt.lr() == 0.5);
  CHECK(opt.state_dict().at("param.0.exp_avg").to_vector<float>() ==
        good.at("param.0.exp_avg").to_vector<float>());
  bad = good;
  bad["param.0.step"] = full({}, 1.5);
  CHECK_THROWS_WITH(opt.load_state_dict(bad), contains("param.0.step = 1.5; a whole number"));
  bad = good;
  bad["group.0.eps"] = full({}, -1);
  CHECK_THROWS_WITH(opt.load_state_dict(bad), contains("[AdamW] eps = -1"));
  CHECK(opt.options().eps == 1e-8);
  SGD other({p, q});
  CHECK_THROWS_WITH(other.load_state_dict(good), contains("missing: group.0.momentum"));
  opt.load_state_dict(good);
}
