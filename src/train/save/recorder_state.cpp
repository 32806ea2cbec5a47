#include <algorithm>
#include <cmath>
#include <cstdio>

#include "gradus/train/recorder.hpp"

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
    fail("Series.add", text_of(row.size()) + " numbers were given; " + text_of(length) +
                           ", a row of " + text_of(columns.size()) + " columns, are required");
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
    // Pictures need no more than six digits.
    Tensor column = zeros({rows, width}, width > 1 ? float32 : float64);
    const auto fill = [&](auto* to) {
      for (std::size_t i = 0; i < series.times.size(); ++i)
        to = std::transform(series.at(i, c), series.at(i, c) + width, to, [](double number) {
          return static_cast<std::remove_reference_t<decltype(*to)>>(number);
        });
    };
    if (width > 1)
      fill(column.mutable_data<float>());
    else
      fill(column.mutable_data<double>());
    state[column_key(name, c, series.columns[c])] = column;
  }
}

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
  fail("Recorder.load_state_dict",
       "entry \"" + key + "\" " + why + "; the state of a recorder is required");
}

/// The numbers of an entry, empty if there is none; `length` < 0 takes any.
std::vector<double> numbers(const optim::StateDict& state, const std::string& key, Index length) {
  const auto found = state.find(key);
  if (found == state.end()) return {};
  const Tensor& tensor = found->second;
  if (length >= 0 && tensor.numel() != length)
    refuse(key, "has " + text_of(tensor.numel()) + " numbers instead of " + text_of(length));
  return tensor.to_vector<double>();
}

Series load(const optim::StateDict& state, const std::string& name, std::size_t limit) {
  Series series;
  series.limit = limit;
  for (const double time : numbers(state, name + ".times", -1))
    series.times.push_back(static_cast<Index>(time));
  if (series.times.empty()) return series;
  for (std::size_t i = 0; i < series.times.size(); ++i)
    if (series.times[i] < (i ? series.times[i - 1] + 1 : 1))
      refuse(name + ".times", "does not grow from 1 on");
  const std::vector<double> stride = numbers(state, name + ".stride", 1);
  if (stride.empty() || !(stride[0] >= 1)) refuse(name + ".stride", "is missing or below 1");
  series.stride = static_cast<Index>(stride[0]);
  const auto rows = static_cast<Index>(series.times.size());
  std::vector<std::vector<double>> columns;
  for (auto entry = state.lower_bound(name + ".0"); entry != state.end(); ++entry) {
    const std::string start = column_key(name, columns.size(), "");
    if (!entry->first.starts_with(start)) break;
    const Index count = entry->second.numel();
    if (count % rows != 0 || (!columns.empty() && count != static_cast<Index>(columns[0].size())))
      refuse(entry->first, "does not have one row for each of " + text_of(rows) + " times");
    series.columns.push_back(entry->first.substr(start.size()));
    columns.push_back(entry->second.to_vector<double>());
  }
  if (columns.empty()) refuse(name + ".times", "stands without columns");
  series.width = columns[0].size() / series.times.size();
  for (std::size_t i = 0; i < series.times.size(); ++i)
    for (const std::vector<double>& column : columns)
      series.values.insert(series.values.end(),
                           column.begin() + static_cast<std::ptrdiff_t>(i * series.width),
                           column.begin() + static_cast<std::ptrdiff_t>((i + 1) * series.width));
  return series;
}

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

Judgement load_judgement(const optim::StateDict& state, const std::string& part) {
  Judgement judged{.part = part};
  const std::string key = "judged." + judged.part;
  const std::vector<double> size = numbers(state, key + ".size", 2);
  if (size.empty() || !(size[0] >= 0 && size[1] >= 0 && size[1] < 1e6))
    refuse(key + ".size", "is missing or negative");
  judged.samples = static_cast<Index>(size[0]);
  judged.classes = static_cast<Index>(size[1]);
  for (const double n : numbers(state, key + ".confusion", -1))
    judged.confusion.push_back(static_cast<Index>(n));
  if (!judged.confusion.empty() &&
      static_cast<Index>(judged.confusion.size()) != judged.classes * judged.classes)
    refuse(key + ".confusion", "is not classes x classes");
  const std::vector<double> facts = numbers(state, key + ".wrong", -1);
  const std::vector<double> inputs = numbers(state, key + ".wrong_inputs", -1);
  const std::size_t count = facts.size() / 4;
  if (facts.size() % 4 != 0 || (count ? inputs.size() % count != 0 : !inputs.empty()))
    refuse(key + ".wrong", "does not fit its inputs");
  for (std::size_t i = 0; i < count; ++i) {
    const double* f = facts.data() + 4 * i;
    const double* x = inputs.data() + i * (inputs.size() / count);
    judged.wrong.push_back(
        {static_cast<Index>(f[0]), f[1], f[2], f[3], {x, x + inputs.size() / count}});
  }
  judged.truths = numbers(state, key + ".truths", -1);
  judged.answers = numbers(state, key + ".answers", static_cast<Index>(judged.truths.size()));
  return judged;
}

std::vector<Judgement> load_judgements(const optim::StateDict& state) {
  std::vector<Judgement> all;
  for (auto entry = state.lower_bound("judged."); entry != state.end(); ++entry) {
    if (!entry->first.starts_with("judged.")) break;
    const std::string part = entry->first.substr(7, entry->first.rfind('.') - 7);
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

void Recorder::load_state_dict(const optim::StateDict& state) {
  Recorder loaded(options_);
  for_each_series(
      loaded, [&](const char* name, Series& series) { series = load(state, name, series.limit); });
  if (!loaded.surface.empty()) {
    loaded.surface_range = numbers(state, "surface_range", -1);
    const std::size_t inputs = loaded.surface_range.size() / 2;
    if (inputs < 1 || inputs > 2 || loaded.surface_range.size() % 2 != 0)
      refuse("surface_range", "does not hold 2 or 4 numbers");
    loaded.surface_points = numbers(state, "surface_points", -1);
    if (loaded.surface_points.size() % (inputs + 1) != 0) refuse("surface_points", "is cut off");
    const std::vector<double> classes = numbers(state, "surface_classes", 1);
    loaded.surface_classes = !classes.empty() && classes[0] != 0;
  }
  if (const std::vector<double> kept_time = numbers(state, "kept", 1); !kept_time.empty())
    loaded.kept = static_cast<Index>(kept_time[0]);
  loaded.judged = load_judgements(state);
  loaded.layers_ = std::move(layers_);
  loaded.activations_ = std::move(activations_);
  loaded.grid_ = std::move(grid_);
  *this = std::move(loaded);
}

}  // namespace gradus::train
