// Every kind of call touches the memory that it names, as it says.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "autograd/node.hpp"
#include "gradus/gradus.hpp"
#include "kernels/dispatch.hpp"
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/paths.hpp"

using namespace gradus;
using test::Audit;

namespace {

Tensor leaf(const Shape& shape, DType dtype = float32) {
  return (rand(shape, dtype) + 0.25).detach().requires_grad_();
}

void differentiate(const Tensor& y) { sum(y * y).backward(); }

/// Layers and losses, forward and backward.
void networks(DType t) {
  const Tensor x = leaf({6, 5}, t), image = leaf({2, 4, 7, 6}, t),
               labels = tensor({0, 4, 1, -100, 2, 3}, int64);
  const Tensor big = leaf({70, 40}, t), weight = leaf({33, 40}, t), offset = leaf({33}, t);
  differentiate(linear(big, weight, offset));
  differentiate(linear_act(big, weight, offset, LinearActivation::gelu));
  differentiate(linear_act(x, leaf({3, 5}, t), leaf({3}, t), LinearActivation::tanh));
  differentiate(softmax(x));
  differentiate(log_softmax(x));
  cross_entropy(x, labels, {.weight = rand({5}, t), .label_smoothing = 0.1}).backward();
  cross_entropy(x, labels, {.reduction = Reduction::sum}).backward();
  sum(cross_entropy(x, labels, {.reduction = Reduction::none})).backward();
  nll_loss(log_softmax(x), labels).backward();
  hinge_loss(x, ones({6, 5}, t)).backward();
  mse_loss(x, rand({6, 5}, t)).backward();
  binary_cross_entropy_with_logits(x, rand({6, 5}, t)).backward();
  differentiate(layer_norm(x, {5}, leaf({5}, t), leaf({5}, t)));
  differentiate(rms_norm(x, {5}, leaf({5}, t)));
  differentiate(
      batch_norm(x, zeros({5}, t), ones({5}, t), leaf({5}, t), leaf({5}, t), {.training = true}));
  differentiate(
      conv2d(image, leaf({6, 2, 3, 2}, t), leaf({6}, t), {.stride = 2, .padding = 1, .groups = 2}));
  differentiate(max_pool2d(image, 2));
  differentiate(avg_pool2d(image, 2));
  differentiate(dropout(x, 0.5));
}

/// Reductions, orders and products.
void reductions(DType t) {
  const Tensor x = leaf({4, 5, 3}, t);
  differentiate(sum(x, {1}));
  differentiate(mean(x, {0, 2}));
  differentiate(prod(x, {1}));
  differentiate(amax(x, {1}));
  differentiate(var(x, {1}));
  differentiate(stddev(x, {0}));
  differentiate(norm(x, 2, {1}));
  differentiate(norm(x, 3, {2}));
  differentiate(logsumexp(x, {1}));
  differentiate(cumsum(x, 1));
  differentiate(cumprod(x, 1));
  differentiate(logcumsumexp(x, 1));
  differentiate(cumprod(x * 0, 1));
  argmax(x, 1);
  argsort(x, 1);
  differentiate(median(x, 1).values);
  differentiate(matmul(leaf({3, 4}, t), leaf({4, 5}, t)));
  differentiate(matmul(leaf({2, 3, 4}, t), leaf({2, 4, 5}, t)));
  differentiate(matmul(leaf({2, 3, 4}, t), leaf({4, 5}, t)));
}

/// Elementwise operations, and what moves values about.
void elements(DType t) {
  const Tensor x = leaf({6, 5}, t), y = leaf({5}, t), index = tensor({1, 0, 4}, int64);
  differentiate(x * y + exp(x) / (y + 2));
  differentiate(where(gt(x, 0.5), x, y));
  differentiate(lerp(x, leaf({6, 5}, t), leaf({6, 5}, t)));
  isnan(x);
  differentiate(x.to(t == float32 ? float64 : float32));
  differentiate(concat({x, x.clone()}, 1));
  differentiate(flip(slice(x, 0, 1, 5, 2), {1}));
  differentiate(repeat(x, {2, 3}));
  differentiate(transpose(x));
  differentiate(index_select(x, 1, index));
  one_hot(index, 6);
  differentiate(tril(x));
  differentiate(gather(x, 0, tensor({{0, 1, 2, 3, 5}}, int64)));
  differentiate(index_add(x, 1, index, leaf({6, 3}, t)));
  arange(0, 7, 1, t);
  linspace(0, 1, 7, t);
  randn({9}, t);
  randint(0, 9, {5});
  Tensor target = zeros({6, 5}, t);
  target.copy_(x.detach());
  target.fill_(3);
}

/// Systems of equations and decompositions.
void systems(DType t) {
  const Tensor square = eye(4, 4, t) * 3, a = (square + rand({2, 4, 4}, t)).requires_grad_();
  const Tensor b = leaf({4, 3}, t);
  differentiate(solve(a, b));
  differentiate(inverse(a));
  differentiate(det(a));
  differentiate(solve_triangular(a, b, {.upper = true}));
  differentiate(solve_triangular(a, b, {.upper = false}));
  differentiate(cholesky(a + square));

  using kernels::Index, kernels::run;
  const Index m = 5, n = 3;
  const Tensor tall = rand({m, n}, t), other = rand({m, n}, t), wide = rand({n, m}, t);
  Tensor left = zeros({m, n}, t), right = zeros({n, m}, t), values = zeros({n}, t),
         inner = zeros({n, n}, t);
  Index rank = 0;
  kernels::Outcome outcome{};
  using detail::data;
  run(kernels::Qr{t, m, n, data(tall), data(left), data(inner), &outcome});
  run(kernels::Svd{t, m, n, data(tall), data(left), data(values), data(inner), &outcome});
  run(kernels::Svd{t, n, m, data(wide), data(inner), data(values), data(right), &outcome});
  run(kernels::Svd{t, m, n, data(tall), nullptr, data(values), nullptr, &outcome});
  run(kernels::Eigh{t, n, data(tall), data(values), data(inner), &outcome});
  run(kernels::Lstsq{t, m, n, n, data(tall), data(other), 1e-4, data(inner), data(values), &rank,
                     &outcome});
}

template <class... Calls>
std::map<std::string, Audit::Bytes> fields_of(kernels::CallList<Calls...>) {
  return {{Calls::name, test::fields_of<Calls>()}...};
}

/// The names of all kinds of calls in the headers of the kernels.
std::set<std::string> declared_kinds() {
  std::set<std::string> names;
  const std::regex name("static constexpr const char\\* name = \"(\\w+)\"");
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(test::source_dir() + "/src/kernels")) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator i(source.begin(), source.end(), name), end; i != end; ++i)
      names.insert((*i)[1]);
  }
  return names;
}

}  // namespace

TEST_CASE("every kind of call reads and writes what it names, and nothing else") {
  const auto fields = fields_of(kernels::AllCalls());
  Audit audit(fields);
  for (const DType t : {float32, float64}) {
    networks(t);
    reductions(t);
    elements(t);
    systems(t);
  }
  for (const std::string& fault : audit.faults()) FAIL_CHECK(fault);
  const std::set<std::string> declared = declared_kinds();
  REQUIRE(declared.size() > 40);
  for (const std::string& kind : declared) {
    INFO("kind " << kind);
    CHECK(audit.kinds().contains(kind));
    CHECK(fields.contains(kind));  // else kernels of other instruction sets would not be found
  }
}

namespace {
/// Calls that do not tell the truth about themselves.
struct Liar {
  static constexpr const char* name = "liar";
  const float *a, *hidden;
  float *out, *more;
  bool declares;

  void describe(kernels::Description& d) const {
    d.reads("a", a, float32, 3).writes("out", out, float32, 3);
    if (declares) d.reads("hidden", hidden, float32, 1).writes("more", more, float32, 1);
  }
};
void execute(const Liar& call) {
  for (int i = 0; i < 3; ++i) call.out[i] = call.a[i] + *call.hidden;
  *call.more = 1;
}
}  // namespace

TEST_CASE("a call that does not name an operand is noticed") {
  std::vector<float> memory(64);
  const auto faults = [&](bool declares, float* out) {
    Audit audit({{"liar", test::fields_of<Liar>()}});
    kernels::run(Liar{memory.data(), memory.data() + 20, out, memory.data() + 40, declares});
    return audit.faults();
  };
  CHECK(faults(true, memory.data() + 30).empty());
  CHECK_FALSE(faults(false, memory.data() + 30).empty());
}
