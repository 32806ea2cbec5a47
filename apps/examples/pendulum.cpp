// A differentiable program that is no network: the mass, length and damping of a driven pendulum,
// recovered from a recording of its swing under a known torque, by differentiating through 1,200
// steps of a Runge-Kutta integrator.
//
//   m l^2 theta'' = -m g l sin(theta) - c theta' + torque(t)
//
//   $ build/release/bin/examples/pendulum
//   start      mass 1.000   length 1.000   damping 0.100
//   recovered  mass 1.300   length 0.800   damping 0.250
#include <cmath>
#include <cstdio>
#include <gradus/gradus.hpp>

using namespace gradus;

namespace {

constexpr int steps = 1200;
constexpr double dt = 0.005, gravity = 9.81;

struct State {
  Tensor angle, velocity;
};

double torque(double t) { return 3.0 * std::sin(2.1 * t); }

/// The parameters are optimized as logarithms, so that they stay positive.
struct Pendulum {
  Tensor log_mass, log_length, log_damping;

  State derivative(const State& s, double t, const Tensor& gain, const Tensor& drag,
                   const Tensor& inverse_inertia) const {
    return {s.velocity, torque(t) * inverse_inertia - gain * sin(s.angle) - drag * s.velocity};
  }

  /// The angle at every tenth step, from rest at 0.5 rad.
  Tensor simulate() const {
    const Tensor inverse_inertia = exp(-(log_mass + 2 * log_length));
    const Tensor gain = gravity * exp(-log_length), drag = exp(log_damping) * inverse_inertia;
    const auto f = [&](const State& s, double t) {
      return derivative(s, t, gain, drag, inverse_inertia);
    };
    const auto moved = [](const State& s, const State& d, double h) {
      return State{s.angle + h * d.angle, s.velocity + h * d.velocity};
    };
    State s{tensor(0.5, float64), tensor(0.0, float64)};
    std::vector<Tensor> recording;
    for (int i = 0; i < steps; ++i) {
      const double t = i * dt;
      const State k1 = f(s, t), k2 = f(moved(s, k1, dt / 2), t + dt / 2);
      const State k3 = f(moved(s, k2, dt / 2), t + dt / 2), k4 = f(moved(s, k3, dt), t + dt);
      s.angle = s.angle + dt / 6 * (k1.angle + 2 * k2.angle + 2 * k3.angle + k4.angle);
      s.velocity =
          s.velocity + dt / 6 * (k1.velocity + 2 * k2.velocity + 2 * k3.velocity + k4.velocity);
      if (i % 10 == 9) recording.push_back(s.angle);
    }
    return stack(recording, 0);
  }
};

Pendulum pendulum(double mass, double length, double damping) {
  return {tensor(std::log(mass), float64), tensor(std::log(length), float64),
          tensor(std::log(damping), float64)};
}

void show(const char* name, const Pendulum& p) {
  std::printf("%-10s mass %.3f   length %.3f   damping %.3f\n", name, std::exp(p.log_mass.item()),
              std::exp(p.log_length.item()), std::exp(p.log_damping.item()));
}

}  // namespace

int main() {
  const Tensor observed = pendulum(1.3, 0.8, 0.25).simulate();
  Pendulum guess = pendulum(1.0, 1.0, 0.1);
  const std::vector<Tensor> parameters = {guess.log_mass, guess.log_length, guess.log_damping};
  for (Tensor p : parameters) p.requires_grad_();
  show("start", guess);

  optim::Adam optimizer(parameters, {.lr = 0.05});
  for (int step = 0; step < 160; ++step) {
    const Tensor loss = mse_loss(guess.simulate(), observed);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step == 100) optimizer.set_lr(0.01);
  }
  show("recovered", guess);
}
