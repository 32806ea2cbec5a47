// The workloads as a user of gradus writes them.
#pragma once

#include <functional>
#include <gradus/gradus.hpp>
#include <memory>

#include "../worker.hpp"

/// A training step in three phases.
struct Step {
  gradus::Tensor x, y;
  std::vector<gradus::Tensor> parameters;
  std::function<gradus::Tensor(const gradus::Tensor&)> model;
  std::function<gradus::Tensor(const gradus::Tensor&, const gradus::Tensor&)> loss;
  std::unique_ptr<gradus::optim::Optimizer> optimizer;
  bool clip = false;

  gradus::Tensor forward() const { return loss(model(x), y); }
  void update() const {
    if (clip) gradus::clip_grad_norm(parameters, 1.0);
    optimizer->step();
  }
  gradus::Tensor operator()() const {
    const gradus::Tensor value = forward();
    optimizer->zero_grad();
    value.backward();
    update();
    return value;
  }
};

/// `dropout` false: g without its dropout.
Step make_step(const bench::Workload& workload, double lr, bool dropout = true);

void measure_scalars(const bench::Options& options);
void measure_elementwise(const bench::Options& options);
void measure_chains(const bench::Options& options);
void measure_memory(const bench::Options& options);
void measure_growth(const bench::Options& options);
void print_checksums(const bench::Options& options);
