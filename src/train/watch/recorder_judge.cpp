#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/recorder.hpp"
#include "train/loop/evaluation.hpp"

namespace gradus::train {

namespace {

constexpr std::size_t most_shown_inputs = 4096;  // of a wrong example
constexpr Index most_classes = 100;              // in a confusion matrix
constexpr Index most_pairs = 500;                // of truths and answers

/// How far off an answer is: wrong answers that are not finite come first.
double fault(const WrongExample& one) {
  return std::isfinite(one.certainty) ? std::abs(one.certainty) : INFINITY;
}

/// The `most` worst of those that are added.
class Worst {
 public:
  explicit Worst(std::size_t most) : most_(most) {}
  void add(WrongExample one) {
    list_.push_back(std::move(one));
    if (list_.size() > 2 * most_ + 1000) trim();
  }
  std::vector<WrongExample> take() {
    trim();
    return std::move(list_);
  }

 private:
  void trim() {
    const std::size_t kept = std::min(most_, list_.size());
    std::stable_sort(list_.begin(), list_.end(), [](const WrongExample& a, const WrongExample& b) {
      return fault(a) > fault(b);
    });
    list_.resize(kept);
  }
  std::size_t most_;
  std::vector<WrongExample> list_;
};

/// Counts one batch into `found`: predictions (n, …) and truths (n, …); `first` is the number of
/// its first sample.
void judge_batch(Judgement& found, Worst& worst, const Tensor& answers, const Tensor& truths,
                 Index first) {
  const Index count = truths.size(0), width = answers.numel() / count;
  const std::vector<double> rows = answers.to_vector<double>();
  const std::vector<double> targets = truths.to_vector<double>();
  const Index wide = truths.numel() / count;
  const Index every = (found.samples + most_pairs - 1) / most_pairs;
  for (Index i = 0; i < count; ++i) {
    const double truth = targets[static_cast<std::size_t>(i * wide)];
    const detail::Answer answer =
        detail::answer_of(rows.data() + i * width, width, found.classes > 0);
    if (found.classes > 0) {
      const auto row = static_cast<Index>(truth), column = static_cast<Index>(answer.value);
      if (!found.confusion.empty() && row >= 0 && row < found.classes)
        ++found.confusion[static_cast<std::size_t>(row * found.classes + column)];
      if (row != column) worst.add({first + i, truth, answer.value, answer.certainty, {}});
      continue;
    }
    worst.add({first + i, truth, answer.value, answer.value - truth, {}});
    if ((first + i) % every != 0) continue;
    found.truths.push_back(truth);
    found.answers.push_back(answer.value);
  }
}

}  // namespace

void Recorder::judge(nn::Module& model, const data::TensorDataset& dataset,
                     const std::string& part) {
  if (part.empty() || part.find('.') != std::string::npos)
    fail("Recorder.judge", "the part \"", part, "\" was given; a name without dots is required");
  if (dataset.empty()) fail("Recorder.judge", "the ", part, " part is empty; samples are required");
  const detail::Evaluation evaluation(model);
  Judgement found{.part = part, .samples = dataset.size()};
  Worst worst(options_.wrong);
  data::DataLoader loader(dataset, {.batch_size = 256});
  Index first = 0;
  for (auto [x, y] : loader) {
    const bool classes = detail::has_classes(y, options_);
    const Tensor out = model(x);
    if (out.numel() == 0 || out.size(0) != x.size(0))
      fail("Recorder.judge", "the model made shape ", out.shape(), " of ", x.size(0),
           " samples; one row for each is required");
    const Tensor answers = detail::predictions(out, classes, options_);
    if (first == 0 && classes) {
      found.classes = answers.numel() / x.size(0);
      if (found.classes <= most_classes)
        found.confusion.resize(static_cast<std::size_t>(found.classes * found.classes));
    }
    judge_batch(found, worst, answers, classes ? y : detail::unscaled(options_.unscale_targets, y),
                first);
    first += x.size(0);
  }
  found.wrong = worst.take();
  for (WrongExample& one : found.wrong) {
    const Tensor x = dataset.gather({one.sample}).at(0);
    if (static_cast<std::size_t>(x.numel()) <= most_shown_inputs)
      one.inputs = detail::unscaled(options_.unscale_inputs, x).to_vector<double>();
  }
  const auto before = std::find_if(judged.begin(), judged.end(),
                                   [&](const Judgement& one) { return one.part == part; });
  if (before == judged.end())
    judged.push_back(std::move(found));
  else
    *before = std::move(found);
}

}  // namespace gradus::train
