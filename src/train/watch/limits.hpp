#pragma once

// Every threshold of the monitor and of lint, with its reason.

#include "gradus/shape.hpp"

namespace gradus::train::limits {

// ------------------------------------------------------------------ how long is looked before a
// judgement

/// The first steps are all looked at: a run may be over after a few.
inline constexpr Index first_steps = 5;
/// Steps looked at before layers are judged: one batch may be an exception.
inline constexpr Index window_steps = 8;
/// Samples in them, unless the data set is smaller: a unit may be there for a rare kind of sample.
inline constexpr Index window_samples = 256;
/// Epochs before losses of epochs are judged: warm-up takes the first.
inline constexpr Index first_epochs = 3;
/// Steps before they are: with one step an epoch, three epochs are nothing.
inline constexpr Index first_epoch_steps = 60;

// ------------------------------------------------------------------ updates: |change| / |weights|
// in a step

/// 1e-3 to 1e-2 is usual; Adam starts at lr sqrt(fan_in / 2), 0.03 to 0.1 in wide layers.
inline constexpr double update_high = 0.3;
/// Half as much and a loss that is not below its beginning: the steps lead nowhere.
inline constexpr double update_high_in_vain = 0.05;
/// Weights of a tensor whose change is measured, at most: enough for their mean square to 5 %.
inline constexpr Index watched_weights = 1024;
/// Below this the weights need thousands of steps to change by their own size.
inline constexpr double update_low = 3e-4;
/// …which matters only if the loss has fallen by no more than this share since the beginning.
inline constexpr double fall_low = 0.1;

// ------------------------------------------------------------------ gradients

/// Gradient per weight of the first layer over that of the last, or before training its estimate:
/// 0.25^7, seven plain sigmoids.
inline constexpr double vanishing = 1e-4;
/// The same the other way round: healthy networks stay within a factor of about 10.
inline constexpr double exploding = 1e3;

/// From this norm on the optimizer looks whether it can apply the gradient: squares of more than
/// 1.8e19 are beyond float32.
inline constexpr double gradient_huge = 1e15;
/// Steps before a norm can be called unusual, and so many of the latest ones give the median.
inline constexpr Index spike_steps = 50;
/// A norm above this multiple of the median: batches of a healthy run differ by a few times…
inline constexpr double spike_over_median = 20;
/// …and above this multiple of the largest one so far: late norms are small, and one may be large.
inline constexpr double spike_over_largest = 3;

// ------------------------------------------------------------------ units

/// Share of dead ReLU units of a layer: wide layers on easy data lose a few tenths and do well.
inline constexpr double dead = 0.6;
/// Share of ReLU outputs above 0, where about half is usual: units that are asleep.
inline constexpr double asleep = 0.02;
/// An output is flat (see Flat) where the derivative is below this share of its largest: that is
/// saturated for a sigmoid or tanh, 0 for a relu.
inline constexpr double saturated_slope = 0.1;
/// Share of saturated outputs: fully trained classifiers reach half, and then the loss is small.
inline constexpr double saturated = 0.7;
/// …so it matters only if the loss is still above this share of the constant predictor's.
inline constexpr double loss_large = 0.5;

// ------------------------------------------------------------------ losses, c = that of the
// constant predictor

/// A loss above this multiple of its first value (and of c) diverges.
inline constexpr double diverged = 2;
/// …and so do all but one of the latest losses: half of the batches may hold a rare sample of much
/// weight, and (1/2)^11 is small.
inline constexpr Index latest_losses = 12;
/// A loss above this share of c is no better than a constant: batches scatter by a percent.
inline constexpr double no_better = 0.98;
/// Training below this share of c while validation stays above no_better: memorized, not learned.
inline constexpr double memorized = 0.8;
/// Epochs without being better than c before that is said…
inline constexpr Index constant_epochs = 5;
/// …and at least the run's length divided by this: some problems begin slowly.
inline constexpr Index constant_part = 4;
/// Gap between validation and training loss, in c: beyond it the model knows its samples by heart.
inline constexpr double overfit_gap = 0.4;
/// …and the validation loss is above its best by this share: a few validation samples scatter by
/// less.
inline constexpr double overfit_rise = 0.25;
/// …for so many epochs.
inline constexpr Index overfit_epochs = 3;
/// Epochs that are looked at for oscillation and plateaus.
inline constexpr Index trend_epochs = 10;
/// Changes of direction among them (of 8): a fair coin gives 4 to 5.
inline constexpr Index turns = 6;
/// Mean change from epoch to epoch over the mean loss: healthy runs that have arrived scatter less.
inline constexpr double swing = 0.2;
/// Relative improvement in these epochs that counts as one.
inline constexpr double improvement = 0.005;

/// The loss that is worse than `loss` by (factor - 1) of its magnitude, or better for a factor
/// below 1: factor * loss, and the other way round for losses below 0, which densities have.
constexpr double times(double factor, double loss) {
  return loss >= 0 ? factor * loss : (2 - factor) * loss;
}

// ------------------------------------------------------------------ before training

/// Samples that are sent through the model, at most.
inline constexpr Index lint_samples = 256;
/// …and at least, before units are called dead.
inline constexpr Index lint_samples_units = 32;
/// Root mean square of a feature: scaled ones have about 1, pixels of 0 to 16 up to 12.
inline constexpr double feature_large = 20;
/// …and over the median feature: then the features differ by orders.
inline constexpr double feature_ratio = 10;
/// Features all below this hardly move the first layer.
inline constexpr double feature_small = 1e-3;
/// Neighbours with equal labels, of the way from chance to sorted: shuffled data have about 0.
inline constexpr double sorted = 0.5;
/// Deviation of weights from what the activation wants, as a factor; PyTorch's default is at 0.41.
inline constexpr double init_factor = 3;
/// Fewer weights do not tell their deviation.
inline constexpr Index init_weights = 32;
/// Product of these factors over layers without normalization between them.
inline constexpr double init_product = 1e4;
/// Sigmoids one after the other: of fewer, not their number is to blame.
inline constexpr int sigmoid_stack = 5;

}  // namespace gradus::train::limits
