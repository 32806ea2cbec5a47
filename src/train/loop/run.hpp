#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "gradus/optim/clip.hpp"
#include "gradus/optim/ema.hpp"
#include "gradus/optim/lbfgs.hpp"
#include "gradus/train/fit.hpp"
#include "train/save/folder/history_file.hpp"
#include "train/watch/judge.hpp"

namespace gradus::train::detail {

/// One call of fit().
class Run {
 public:
  Run(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer, optim::Scheduler* scheduler,
      data::DataLoader& loader, const data::TensorDataset& validation, const FitOptions& options);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  FitResult go();

 private:
  using Clock = std::chrono::steady_clock;

  void loop();
  bool train_epoch();
  bool read_parts(std::vector<data::Batch>& parts);
  void take_step(std::vector<data::Batch>& parts);
  double compute_gradient(std::vector<data::Batch>& parts);
  bool update(std::vector<data::Batch>& parts);
  bool accept_step();
  bool refuse_step(const std::string& what);
  void count_step(const std::vector<data::Batch>& parts);
  bool after_step();
  void end_epoch();
  void interrupt();
  // resume.cpp
  Checkpoint checkpoint_now();
  Lists lists() const;
  std::vector<struct Part> parts_of_state();
  void restore(const Checkpoint& checkpoint);
  void adopt(const Checkpoint& checkpoint);
  std::map<std::string, std::string> settings() const;
  std::string find_misfits(const Checkpoint& checkpoint);
  bool save_is_due(bool epoch_ended) const;
  void save();
  void end(Ended ended, const std::string& reason);
  void restore_best();
  double seconds() const;

  template <class... Arguments, class... Given>
  void tell(void (Callback::*event)(Arguments...), Given&... given) {
    for (Callback* callback : options_.callbacks) (callback->*event)(given...);
  }

  const Loss& loss_of_;
  optim::Scheduler* scheduler_;
  optim::LBFGS* lbfgs_;
  const FitOptions& options_;
  FitResult result_;
  std::vector<Finding> unread_;
  Context run_;
  std::vector<Tensor> parameters_, penalized_;
  std::optional<optim::Ema> ema_;
  std::optional<optim::PercentileClip> percentile_;
  Judge judge_;
  nn::StateDict best_;
  Place sums_;  // of the epoch; `seconds`: of the time before the run was resumed
  std::optional<HistoryFile> history_file_;  // if there are checkpoints
  Clock::time_point started_;                // the epoch
  Clock::time_point last_save_ = Clock::now();
  bool ended_ = false;
  bool within_epoch_ = false;  // between its first and its last step
  bool saved_ = false;         // since the last step
};

}  // namespace gradus::train::detail
