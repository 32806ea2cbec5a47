#include "gradus/train/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/messages.hpp"

namespace gradus::train {
namespace {

constexpr std::size_t most_confusable = 1000;  // classes for which a matrix is kept

[[noreturn]] void refuse(const std::string& text) { fail("MetricAccumulator", text); }

double ratio(double part, double whole) { return whole > 0 ? part / whole : NAN; }
double ratio(Index part, Index whole) {
  return ratio(static_cast<double>(part), static_cast<double>(whole));
}

std::size_t as_label(double value, Index classes) {
  if (!(value >= 0 && value < static_cast<double>(classes) && value == std::floor(value)))
    refuse("the label " + text_of(value) + " was given; whole numbers from 0 to " +
           text_of(classes - 1) +
           " are required; do the labels begin at 0, and has the model an output for each?");
  return static_cast<std::size_t>(value);
}

bool is_flat(const Tensor& t) { return t.dim() == 1 || (t.dim() == 2 && t.size(1) == 1); }

}  // namespace

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [known, value] : metrics)
    if (known == name) return value;
  return NAN;
}

double roc_auc(const std::vector<double>& scores, const std::vector<bool>& labels) {
  if (scores.size() != labels.size())
    fail("roc_auc", scores.size(), " scores and ", labels.size(),
         " labels were given; one label for each score is required");
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const double score : scores)
    if (std::isnan(score)) return NAN;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  // Twice the sum of the ranks of label 1 (those of a tie are its mean): a whole number.
  double twice_ranks = 0;
  double ones = 0;
  for (std::size_t first = 0, last; first < order.size(); first = last) {
    double in_tie = 0;
    for (last = first; last < order.size() && scores[order[last]] == scores[order[first]]; ++last)
      in_tie += labels[order[last]];
    twice_ranks += in_tie * static_cast<double>(first + last + 1);
    ones += in_tie;
  }
  const double zeros = static_cast<double>(scores.size()) - ones;
  return ratio(twice_ranks / 2 - ones * (ones + 1) / 2, ones * zeros);
}

MetricAccumulator::MetricAccumulator(const MetricOptions& options)
    : options_(options), outputs_(options.outputs) {
  gradus::detail::require(options.top_k >= 1, "MetricAccumulator", "top_k", options.top_k,
                          "1 or more");
}

void MetricAccumulator::reset() { *this = MetricAccumulator(options_); }

void MetricAccumulator::settle(const Tensor& output, const Tensor& target) {
  const auto shapes = [&] {
    return compose("outputs ", output.shape(), " and targets ", target.shape(), " of dtype ",
                   name_of(target.dtype()), " were given; ");
  };
  if (output.dim() < 1 || target.dim() < 1 || output.size(0) != target.size(0))
    refuse(shapes() + "one target for each output is required");
  Outputs kind = outputs_;
  const bool one = is_flat(output) && is_flat(target);
  const bool many = output.dim() == 2 && output.size(1) > 1 && target.dim() == 1;
  const bool equal = output.shape() == target.shape();
  if (kind == Outputs::automatic) {
    kind = Outputs::none;
    if (is_floating_point(target.dtype()) && equal) kind = Outputs::values;
    if (target.dtype() == int64 && one) kind = Outputs::logit;
    if (target.dtype() == int64 && many) kind = Outputs::logits;
  }
  if (kind == Outputs::logit && !one)
    refuse(shapes() + "one logit and one label for each sample are required");
  if (kind == Outputs::logits && !many)
    refuse(shapes() + "outputs (N, C) and labels (N) are required");
  if (kind == Outputs::values && !equal) refuse(shapes() + "equal shapes are required");
  const Index width = output.size(0) ? output.numel() / output.size(0) : width_;
  if (samples_ > 0 && (kind != outputs_ || width != width_))
    refuse(shapes() + "batches before had " + text_of(width_) +
           " outputs a sample; reset() it for another model");
  outputs_ = kind;
  width_ = width;
}

void MetricAccumulator::add(const Tensor& output, const Tensor& target, double loss) {
  settle(output, target);
  if (outputs_ != Outputs::none) {
    const auto out = output.to_vector<double>(), to = target.to_vector<double>();
    if (outputs_ == Outputs::logit) add_logit(out, to);
    if (outputs_ == Outputs::logits) add_logits(out, to);
    if (outputs_ == Outputs::values) add_values(out, to);
  }
  samples_ += output.size(0);
  loss_ += loss * static_cast<double>(output.size(0));
}

void MetricAccumulator::count(std::size_t label, std::size_t predicted) {
  ++tallies_[label].support;
  ++tallies_[predicted].given;
  tallies_[label].hits += label == predicted;
  if (!confusion_.empty()) ++confusion_[label][predicted];
}

void MetricAccumulator::add_logit(const std::vector<double>& output,
                                  const std::vector<double>& target) {
  for (const double label : target) as_label(label, 2);
  tallies_.resize(2);
  confusion_.resize(2, std::vector<Index>(2));
  for (std::size_t i = 0; i < output.size(); ++i) {
    const std::size_t label = as_label(target[i], 2);
    count(label, output[i] > 0);
    scores_.push_back(output[i]);
    labels_.push_back(label == 1);
  }
}

void MetricAccumulator::add_logits(const std::vector<double>& output,
                                   const std::vector<double>& target) {
  const auto width = static_cast<std::size_t>(width_);
  for (const double label : target) as_label(label, width_);
  tallies_.resize(width);
  if (width <= most_confusable) confusion_.resize(width, std::vector<Index>(width));
  // As argmax: the first of equals, and NaN above all.
  const auto above = [](double a, double b) { return a > b || (std::isnan(a) && !std::isnan(b)); };
  for (std::size_t i = 0; i < target.size(); ++i) {
    const double* const row = output.data() + i * width;
    const std::size_t label = as_label(target[i], width_);
    std::size_t predicted = 0;
    Index rank = 0;  // outputs that come before the label's
    for (std::size_t c = 0; c < width; ++c) {
      if (above(row[c], row[predicted])) predicted = c;
      if (above(row[c], row[label]) || (c < label && !above(row[label], row[c]))) ++rank;
    }
    count(label, predicted);
    if (rank < options_.top_k) ++top_hits_;
    if (width != 2) continue;
    scores_.push_back(row[1] - row[0]);
    labels_.push_back(label == 1);
  }
}

void MetricAccumulator::add_values(const std::vector<double>& output,
                                   const std::vector<double>& target) {
  const auto width = static_cast<std::size_t>(width_);
  columns_.resize(width);
  for (std::size_t i = 0; i < target.size(); ++i) {
    Column& column = columns_[i % width];
    const double from_mean = target[i] - column.mean, error = output[i] - target[i];
    column.mean += from_mean / static_cast<double>(samples_ + static_cast<Index>(i / width) + 1);
    column.distances += from_mean * (target[i] - column.mean);
    column.squares += error * error;
    column.absolute += std::abs(error);
  }
}

double MetricAccumulator::loss() const { return ratio(loss_, static_cast<double>(samples_)); }

double MetricAccumulator::accuracy() const {
  Index hits = 0;
  for (const Tally& tally : tallies_) hits += tally.hits;
  return tallies_.empty() ? NAN : ratio(hits, samples_);
}

double MetricAccumulator::top_k_accuracy() const {
  return outputs_ == Outputs::logits ? ratio(top_hits_, samples_) : NAN;
}

double MetricAccumulator::auc() const {
  return tallies_.size() == 2 ? roc_auc(scores_, labels_) : NAN;
}

std::vector<ClassScore> MetricAccumulator::classes() const {
  std::vector<ClassScore> all;
  for (const Tally& tally : tallies_) {
    ClassScore score{.support = tally.support};
    if (tally.given > 0) score.precision = ratio(tally.hits, tally.given);
    if (tally.support > 0) score.recall = ratio(tally.hits, tally.support);
    if (tally.hits > 0) score.f1 = ratio(2 * tally.hits, tally.given + tally.support);
    all.push_back(score);
  }
  return all;
}

double MetricAccumulator::r2() const {
  double sum = 0;
  Index counted = 0;
  for (const Column& column : columns_)
    if (column.distances > 0) {
      sum += 1 - column.squares / column.distances;
      ++counted;
    }
  return ratio(sum, static_cast<double>(counted));
}

double MetricAccumulator::mae() const {
  double sum = 0;
  for (const Column& column : columns_) sum += column.absolute;
  return ratio(sum, static_cast<double>(samples_ * width_));
}

double MetricAccumulator::rmse() const {
  double sum = 0;
  for (const Column& column : columns_) sum += column.squares;
  return std::sqrt(ratio(sum, static_cast<double>(samples_ * width_)));
}

Metrics MetricAccumulator::metrics() const {
  Metrics all{{"loss", loss()}};
  if (outputs_ == Outputs::values) {
    all.insert(all.end(), {{"r2", r2()}, {"mae", mae()}, {"rmse", rmse()}});
    return all;
  }
  if (tallies_.empty()) return all;
  all.emplace_back("accuracy", accuracy());
  if (outputs_ == Outputs::logits && width_ > options_.top_k)
    all.emplace_back("top" + text_of(options_.top_k) + "_accuracy", top_k_accuracy());
  ClassScore sum;
  const std::vector<ClassScore> each = classes();
  for (std::size_t c = 0; c < each.size(); ++c) {
    if (tallies_[c].support + tallies_[c].given == 0) continue;
    sum.precision += each[c].precision;
    sum.recall += each[c].recall;
    sum.f1 += each[c].f1;
    ++sum.support;
  }
  const auto appear = static_cast<double>(sum.support);
  all.emplace_back("precision_macro", ratio(sum.precision, appear));
  all.emplace_back("recall_macro", ratio(sum.recall, appear));
  all.emplace_back("f1_macro", ratio(sum.f1, appear));
  if (tallies_.size() == 2) all.emplace_back("auc", auc());
  return all;
}

}  // namespace gradus::train
