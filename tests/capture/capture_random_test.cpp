// Random programs of elementwise operations: a captured step gives the bits of the step itself.
#include <random>

#include "capture/capture_support.hpp"
#include "gradus/capture.hpp"

using namespace gradus;
using test::chain_tile;
using test::require_same;
using test::Tensors;

namespace {

Tensor draw(Index n, Generator& source) { return randn({n}, float32, &source); }

/// A program of elementwise operations with reductions, other layouts and updates in between, the
/// same for every call.
class Program {
 public:
  Program(unsigned seed, Index n_) : n(n_), seed_(seed) {
    Generator source(seed);
    for (int i = 0; i < 2; ++i) weights_.push_back(draw(n, source).requires_grad_());
    state_ = draw(n, source);
    start_ = state_.clone();
  }

  /// Everything back to where it began.
  void reset() {
    for (Tensor w : weights_) w.set_grad({});
    state_.copy_(start_);
  }

  Tensors operator()(const Tensors& in) {
    pick_.seed(seed_);
    for (Tensor w : weights_) w.set_grad({});
    floats_ = {in[0], in[1], weights_[0], weights_[1], state_ * 0.5};
    wide_ = {in[0].to(float64)};
    whole_ = {in[2], clamp(in[1] * 4, -9, 9).to(int64)};
    bools_ = {gt(in[0], in[1])};
    scalars_ = {mean(in[0]), tanh(sum(weights_[0]))};
    for (std::size_t left = 6 + below(25); left > 0; --left) step();
    Tensor loss = mean(any(floats_) * weights_[1]) + sum(any(scalars_));
    for (std::size_t more = below(3); more > 0; --more) loss = loss + mean(tanh(any(floats_)));
    if (below(4)) loss = loss + mean(any(wide_)).to(float32);
    loss.backward();
    Tensors out = {loss.detach(), state_.clone()};
    for (const Tensor& w : weights_)
      if (w.grad().defined()) out.push_back(w.grad().clone());
    for (const Tensors* pool : {&floats_, &wide_, &whole_, &bools_, &scalars_})
      if (below(2)) out.push_back(any(*pool).detach());
    clear();
    return out;
  }

  const Index n;

 private:
  std::size_t below(std::size_t k) { return pick_() % k; }
  const Tensor& any(const Tensors& from) { return from[below(from.size())]; }
  void clear() {
    for (Tensors* pool : {&floats_, &wide_, &whole_, &bools_, &scalars_}) pool->clear();
  }
  /// Adds a value, or puts it in the place of one, whose memory is then free.
  void put(Tensors& pool, const Tensor& value) {
    if (below(3) == 0)
      pool.push_back(value);
    else
      pool[below(pool.size())] = value;
  }

  void step() {
    const auto kind = below(16);
    if (kind < 8)
      put(floats_, of_floats());
    else if (kind == 8)
      put(wide_, below(2) ? any(floats_).to(float64) : any(wide_) * any(wide_) - 0.25);
    else if (kind == 9)
      put(whole_, below(2) ? any(whole_) * 3 - any(whole_) : maximum(any(whole_), any(whole_)));
    else if (kind == 10)
      put(bools_, of_bools());
    else if (kind == 11)
      put(floats_, any(below(2) ? whole_ : bools_).to(float32));
    else if (kind == 12)
      put(scalars_, below(2) ? mean(any(floats_)) : sum(square(any(floats_))) * (1.0 / 4096));
    else if (kind == 13)
      put(floats_, flip(any(floats_), {0}));
    else
      update();
  }

  Tensor of_floats() {
    const Tensor a = any(floats_), b = any(floats_), c = any(floats_), s = any(scalars_);
    switch (below(14)) {
      case 0:
        return a + b;
      case 1:
        return a * b;
      case 2:
        return a * sigmoid(b * 1.702);
      case 3:
        return tanh(a);
      case 4:
        return relu(a) - b;
      case 5:
        return a * s;
      case 6:
        return s - a;
      case 7:
        return where(any(bools_), a, b);
      case 8:
        return lerp(a, b, c);
      case 9:
        return addcmul(a, b, c, 0.3);
      case 10:
        return -abs(a) + 1;
      case 11:
        return a / (square(b) + 1);
      case 12:
        return any(wide_).to(float32);
      default:
        return where(any(bools_), 0.5, a.clone());
    }
  }
  Tensor of_bools() {
    switch (below(4)) {
      case 0:
        return lt(any(floats_), any(floats_));
      case 1:
        return isfinite(any(floats_));
      case 2:
        return logical_not(any(bools_));
      default:
        return ge(any(whole_), 2.0);
    }
  }
  /// What lies outside changes, and graphs that read it know nothing of that.
  void update() {
    const NoGrad guard;
    state_.copy_(state_ * 0.9 + tanh(any(floats_).detach()) * 0.1);
    if (below(2)) put(floats_, state_ * any(scalars_).detach());
  }

  unsigned seed_;
  std::mt19937 pick_;
  Tensors weights_, floats_, wide_, whole_, bools_, scalars_;
  Tensor state_, start_;
};

/// Two rounds of a program, captured or not.
std::vector<Tensors> rounds(Program& program, const CapturedStep* captured) {
  program.reset();
  std::vector<Tensors> all;
  for (std::uint64_t round = 0; round < 2; ++round) {
    Generator source(100 + round);
    const Tensors in = {draw(program.n, source), draw(program.n, source),
                        randint(-5, 5, {program.n}, int64, &source)};
    all.push_back(captured ? captured->run(in) : program(in));
  }
  return all;
}

}  // namespace

TEST_CASE("random programs have the same bits when they are captured, on any number of threads") {
  const Index sizes[] = {1,
                         chain_tile - 1,
                         chain_tile,
                         chain_tile + 1,
                         3 * chain_tile + 5,
                         2 * chain_tile,
                         65535,
                         65536,
                         65537,
                         3 * 32768 + chain_tile + 3};
  std::size_t fused = 0, dropped = 0;
  for (unsigned seed = 0; seed < 120; ++seed) {
    Program program(seed, sizes[seed % std::size(sizes)]);
    INFO("seed " << seed << ", " << program.n << " elements");
    const std::vector<Tensors> expected = rounds(program, nullptr);
    program.reset();
    const Index n = program.n;
    const CapturedStep step = capture([&](const Tensors& in) { return program(in); },
                                      {ones({n}), ones({n}), ones({n}, int64)});
    for (const int threads : {1, 2, 3, 4, 8}) {
      if (n < 65536 && threads > 1) break;
      const test::Team team(threads);
      const std::vector<Tensors> found = rounds(program, &step);
      for (std::size_t i = 0; i < found.size(); ++i) require_same(found[i], expected[i]);
    }
    CHECK(step.captures() == 1);
    fused += step.fused();
    dropped += step.dropped();
  }
  CHECK(fused > 500);
  CHECK(dropped > 50);
}
