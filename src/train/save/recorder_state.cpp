#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/messages.hpp"
#include "gradus/train/recorder.hpp"
#include "train/save/state.hpp"

namespace gradus::train {

// ------------------------------------------------------------------ series

void Series::begin(const std::vector<std::string>& names, std::size_t numbers) {
  if (columns == names && width == numbers) return;
  columns = names;
  width = numbers;
  if (!times.empty()) stride = 1;
  times.clear();
  values.clear();
}

void Series::add(Index time, const std::vector<double>& row) {
  const std::size_t length = columns.size() * width;
  if (row.size() != length)
    fail("Series.add", row.size(), " numbers were given; ", length, ", a row of ", columns.size(),
         " columns, are required");
  if (!times.empty() && times.back() == time) {
    times.pop_back();
    values.resize(values.size() - length);
  }
  while (times.size() >= std::max<std::size_t>(limit, 2)) {
    stride *= 2;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (!wants(times[i])) continue;
      times[kept] = times[i];
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * length), length,
                  values.begin() + static_cast<std::ptrdiff_t>(kept * length));
      ++kept;
    }
    times.resize(kept);
    values.resize(kept * length);
  }
  times.push_back(time);
  values.insert(values.end(), row.begin(), row.end());
}

void Series::forget(Index time) {
  if (times.empty() || times.back() != time) return;
  times.pop_back();
  values.resize(times.size() * columns.size() * width);
}

namespace {

// ------------------------------------------------------------------ state

// "gradients.003.fc2": columns keep their order in a map.
std::string column_key(const std::string& series, std::size_t column, const std::string& name) {
  std::array<char, 24> number;
  std::snprintf(number.data(), number.size(), ".%03zu.", column);
  return series + number.data() + name;
}

void save(optim::StateDict& state, const std::string& name, const Series& series) {
  if (series.empty()) return;
  const auto rows = static_cast<Index>(series.times.size());
  const auto width = static_cast<Index>(series.width);
  state[name + ".times"] = from_vector<std::int64_t>({series.times.begin(), series.times.end()});
  state[name + ".stride"] = from_vector<std::int64_t>({series.stride}, {});
  for (std::size_t c = 0; c < series.columns.size(); ++c) {
    std::vector<double> numbers;
    for (std::size_t i = 0; i < series.times.size(); ++i)
      numbers.insert(numbers.end(), series.at(i, c), series.at(i, c) + series.width);
    // Pictures need no more than six digits.
    const Tensor column = from_vector(numbers, {rows, width}).to(width > 1 ? float32 : float64);
    state[column_key(name, c, series.columns[c])] = column;
  }
}

using detail::State;

constexpr const char* operation = "Recorder.load_state_dict";

Series load(State& state, const std::string& name, std::size_t limit) {
  Series series;
  series.limit = limit;
  const std::string times = name + ".times";
  if (!state.has(times)) return series;
  series.times = state.wholes(times, State::any, 1);
  for (std::size_t i = 1; i < series.times.size(); ++i)
    if (series.times[i] <= series.times[i - 1]) state.refuse(times, "does not grow");
  series.stride = state.whole(name + ".stride", 1);
  const std::size_t rows = series.times.size();
  std::vector<std::vector<double>> columns;
  for (const std::string& key : state.names(name + ".0")) {
    const std::string start = column_key(name, columns.size(), "");
    if (!key.starts_with(start)) break;
    series.columns.push_back(key.substr(start.size()));
    columns.push_back(state.numbers(key));
    const std::size_t count = columns.back().size();
    if (rows == 0 || count == 0 || count % rows != 0 || count != columns[0].size())
      state.refuse(key, "does not have one row for each of " + text_of(rows) + " times");
  }
  if (columns.empty()) state.refuse(times, "stands without columns");
  series.width = columns[0].size() / rows;
  for (std::size_t i = 0; i < rows; ++i)
    for (const std::vector<double>& column : columns)
      series.values.insert(series.values.end(),
                           column.begin() + static_cast<std::ptrdiff_t>(i * series.width),
                           column.begin() + static_cast<std::ptrdiff_t>((i + 1) * series.width));
  return series;
}

constexpr Index most_labels = 1'000'000;

Tensor row_of(const std::vector<double>& values) { return from_vector(values); }

void save(optim::StateDict& state, const Judgement& judged) {
  const std::string key = "judged." + judged.part;
  std::vector<double> facts, inputs;
  for (const WrongExample& one : judged.wrong) {
    facts.insert(facts.end(),
                 {static_cast<double>(one.sample), one.truth, one.answer, one.certainty});
    inputs.insert(inputs.end(), one.inputs.begin(), one.inputs.end());
  }
  state[key + ".size"] = from_vector<std::int64_t>({judged.samples, judged.classes});
  state[key + ".confusion"] =
      from_vector<std::int64_t>({judged.confusion.begin(), judged.confusion.end()});
  state[key + ".wrong"] = row_of(facts);
  state[key + ".wrong_inputs"] = row_of(inputs);
  state[key + ".truths"] = row_of(judged.truths);
  state[key + ".answers"] = row_of(judged.answers);
}

void load_wrong(State& state, const std::string& key, Judgement& judged) {
  const std::vector<double> facts = state.numbers(key + ".wrong");
  const std::vector<double> inputs = state.numbers(key + ".wrong_inputs");
  const std::size_t count = facts.size() / 4;
  if (facts.size() % 4 != 0 || (count ? inputs.size() % count != 0 : !inputs.empty()))
    state.refuse(key + ".wrong", "does not fit its inputs");
  for (std::size_t i = 0; i < count; ++i) {
    const double* f = facts.data() + 4 * i;
    const double* x = inputs.data() + i * (inputs.size() / count);
    const Index sample = state.whole_of(key + ".wrong", f[0], 0, judged.samples - 1);
    if (judged.classes > 0) {
      state.whole_of(key + ".wrong", f[1], -most_labels, most_labels);
      state.whole_of(key + ".wrong", f[2], 0, judged.classes - 1);
    }
    judged.wrong.push_back({sample, f[1], f[2], f[3], {x, x + inputs.size() / count}});
  }
}

Judgement load_judgement(State& state, const std::string& part) {
  Judgement judged{.part = part};
  const std::string key = "judged." + judged.part;
  const std::vector<Index> size = state.wholes(key + ".size", 2);
  judged.samples = size[0];
  judged.classes = state.whole_of(key + ".size", static_cast<double>(size[1]), 0, most_labels);
  judged.confusion = state.wholes(key + ".confusion", State::any);
  if (!judged.confusion.empty() &&
      static_cast<Index>(judged.confusion.size()) != judged.classes * judged.classes)
    state.refuse(key + ".confusion", "is not classes x classes");
  load_wrong(state, key, judged);
  judged.truths = state.numbers(key + ".truths");
  judged.answers = state.numbers(key + ".answers", static_cast<Index>(judged.truths.size()));
  return judged;
}

std::vector<Judgement> load_judgements(State& state) {
  std::vector<Judgement> all;
  for (const std::string& name : state.names("judged.")) {
    const std::string part = name.substr(7, name.rfind('.') - 7);
    if (all.empty() || all.back().part != part) all.push_back(load_judgement(state, part));
  }
  return all;
}

/// Every series of a recorder with the name under which it is saved.
template <class R, class F>
void for_each_series(R& recorder, F f) {
  f("steps", recorder.steps);
  f("gradients", recorder.gradients);
  f("idle", recorder.idle);
  f("weight_histograms", recorder.weight_histograms);
  f("gradient_histograms", recorder.gradient_histograms);
  f("activation_histograms", recorder.activation_histograms);
  f("surface", recorder.surface);
}

}  // namespace

optim::StateDict Recorder::state_dict() const {
  optim::StateDict state;
  for_each_series(*this,
                  [&](const char* name, const Series& series) { save(state, name, series); });
  if (!surface.empty()) {
    state["surface_range"] = row_of(surface_range);
    state["surface_points"] = row_of(surface_points);
    state["surface_classes"] = from_vector<std::int64_t>({surface_classes ? 1 : 0}, {});
  }
  if (kept > 0) state["kept"] = from_vector<std::int64_t>({kept}, {});
  for (const Judgement& one : judged) save(state, one);
  return state;
}

void Recorder::load_state_dict(const optim::StateDict& entries) {
  Recorder loaded(options_);
  State state(operation, "recorder", entries);
  for_each_series(
      loaded, [&](const char* name, Series& series) { series = load(state, name, series.limit); });
  if (!loaded.surface.empty()) {
    loaded.surface_range = state.numbers("surface_range");
    const std::size_t inputs = loaded.surface_range.size() / 2;
    if (inputs < 1 || inputs > 2 || loaded.surface_range.size() % 2 != 0)
      state.refuse("surface_range", "does not hold 2 or 4 numbers");
    loaded.surface_points = state.numbers("surface_points");
    if (loaded.surface_points.size() % (inputs + 1) != 0)
      state.refuse("surface_points", "is cut off");
    loaded.surface_classes = state.whole("surface_classes", 0, 1) == 1;
  }
  if (state.has("kept")) loaded.kept = state.whole("kept");
  loaded.judged = load_judgements(state);
  state.finish();
  loaded.layers_ = std::move(layers_);
  loaded.activations_ = std::move(activations_);
  loaded.grid_ = std::move(grid_);
  *this = std::move(loaded);
}

}  // namespace gradus::train
