// What a monitor keeps, as numbers in a checkpoint.

#include "train/save/monitor_state.hpp"

#include <array>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {
namespace {

constexpr std::array<double LayerStats::*, 9> measured = {
    &LayerStats::grad_norm, &LayerStats::weight_norm,     &LayerStats::update_ratio,
    &LayerStats::dead,      &LayerStats::activation_mean, &LayerStats::activation_std,
    &LayerStats::active,    &LayerStats::saturated,       &LayerStats::attenuation};

constexpr std::array<Mean Tally::*, 4> means = {&Tally::grad, &Tally::weight, &Tally::ratio,
                                                &Tally::attenuation};
constexpr std::array<Index Tally::*, 4> counts = {&Tally::values, &Tally::active, &Tally::saturated,
                                                  &Tally::rows};
constexpr std::size_t tally_numbers = 2 * means.size() + 2 + counts.size();

Tensor tensor_of(const Tally& tally) {
  std::vector<double> row;
  const auto put = [&row](auto number) { row.push_back(static_cast<double>(number)); };
  for (const auto mean : means) {
    put((tally.*mean).sum);
    put((tally.*mean).count);
  }
  put(tally.sum);
  put(tally.squares);
  for (const auto count : counts) put(tally.*count);
  for (const std::uint8_t alive : tally.alive) put(alive);
  return from_vector(row);
}

Tally tally_of(State& state, const std::string& key) {
  const std::vector<double> row = state.numbers(key);
  if (row.size() < tally_numbers)
    state.refuse(key, "has " + text_of(row.size()) + " numbers instead of " +
                          text_of(tally_numbers) + " or more");
  Tally tally;
  const double* at = row.data();
  for (const auto mean : means) {
    (tally.*mean).sum = *at++;
    (tally.*mean).count = state.whole_of(key, *at++);
  }
  tally.sum = *at++;
  tally.squares = *at++;
  for (const auto count : counts) tally.*count = state.whole_of(key, *at++);
  for (; at < row.data() + row.size(); ++at)
    tally.alive.push_back(static_cast<std::uint8_t>(state.whole_of(key, *at, 0, 1)));
  return tally;
}

std::vector<LayerEpoch> load_epochs(State& state, std::size_t layers) {
  std::vector<Index> places;
  for (const double place : state.list("epochs")) places.push_back(state.whole_of("epochs", place));
  const std::size_t count = places.size() / 2;
  if (places.size() % 2 != 0) state.refuse("epochs", "is cut off");
  const std::vector<double> stats = state.list("epochs.layers");
  if (const std::size_t needed = count * layers * measured.size(); stats.size() != needed)
    state.refuse("epochs.layers",
                 "has " + text_of(stats.size()) + " numbers instead of " + text_of(needed));
  std::vector<LayerEpoch> epochs;
  const double* at = stats.data();
  for (std::size_t i = 0; i < 2 * count; i += 2) {
    if (places[i] < (i ? places[i - 2] + 1 : 1)) state.refuse("epochs", "does not grow from 1 on");
    LayerEpoch epoch{places[i], places[i + 1]};
    epoch.layers.resize(layers);
    for (LayerStats& layer : epoch.layers)
      for (const auto number : measured) layer.*number = *at++;
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

std::string key_of(std::size_t layer, const char* what) {
  return compose("layer.", layer, ".", what);
}

}  // namespace

void save(optim::StateDict& state, const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    state[key_of(i, "window")] = tensor_of(layers[i].window);
    state[key_of(i, "epoch")] = tensor_of(layers[i].epoch);
  }
}

void EpochLists::add(const LayerEpoch& epoch) {
  for (const Index place : {epoch.epoch, epoch.steps}) places.push_back(static_cast<double>(place));
  for (const LayerStats& layer : epoch.layers)
    for (const auto number : measured) stats.push_back(layer.*number);
}

MonitorState read_monitor(const optim::StateDict& entries) {
  State state("Monitor.load_state_dict", "monitor", entries, float64);
  MonitorState read;
  while (state.has(key_of(read.layers.size(), "window"))) {
    Tally window = tally_of(state, key_of(read.layers.size(), "window"));
    read.layers.push_back(
        {std::move(window), tally_of(state, key_of(read.layers.size(), "epoch"))});
  }
  read.epochs = load_epochs(state, read.layers.size());
  read.norms = state.list("norms");
  read.losses = state.numbers("losses", 6);
  read.window = state.wholes("window", 3);
  read.steps = state.wholes("steps", 2);
  if (state.has("latest_losses"))  // a run that began with an earlier version has none
    read.latest_losses = state.numbers("latest_losses", limits::latest_losses);
  state.finish();
  return read;
}

}  // namespace gradus::train::detail
