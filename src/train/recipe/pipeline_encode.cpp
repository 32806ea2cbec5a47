// From the cells of a table to numbers, and what does not fit said in words.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/pipeline.hpp"
#include "io/csv/scan.hpp"
#include "io/csv/table.hpp"

namespace gradus::train {

using io::detail::quote;

namespace {

constexpr double not_known = -1, absent = NAN;

/// Faults of the values, each kind once, the first few in full.
struct ValueFaults {
  std::vector<std::string> texts;
  Index more = 0;

  void add(const std::string& text) {
    if (texts.size() < 5)
      texts.push_back(text);
    else
      ++more;
  }
  void raise(const char* fix) const {
    if (texts.empty()) return;
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    if (more) all += compose("; and ", more, " more");
    fail("Pipeline", all, "; ", fix);
  }
};

std::string place(const io::RawTable& table, Index row) {
  return compose(table.name, ":", table.lines[static_cast<std::size_t>(row)]);
}

std::unordered_map<std::string_view, Index> numbers_of_columns(const io::RawTable& table) {
  std::unordered_map<std::string_view, Index> numbers;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    numbers.emplace(table.columns[c].name, static_cast<Index>(c));
  return numbers;
}

/// Where the columns that a pipeline knows are in a table: by name, or by position where the file
/// or the model has no names. -1 for those that are not there.
std::vector<Index> match(const io::RawTable& table, const std::vector<std::string>& names,
                         bool by_name) {
  const auto numbers = numbers_of_columns(table);
  std::vector<Index> at;
  for (const std::string& name : names) {
    const auto found = numbers.find(name);
    at.push_back(found == numbers.end() ? -1 : found->second);
  }
  const bool whole = std::find(at.begin(), at.end(), Index{-1}) == at.end();
  if (by_name || (whole && table.columns.size() != names.size())) return at;
  std::vector<bool> is_target(table.columns.size());
  for (const Index target : table.targets) is_target[static_cast<std::size_t>(target)] = true;
  std::vector<Index> inputs;
  for (Index c = 0; c < static_cast<Index>(table.columns.size()); ++c)
    if (!is_target[static_cast<std::size_t>(c)]) inputs.push_back(c);
  if (table.columns.size() == names.size()) {  // the file has no targets
    inputs.clear();
    for (Index c = 0; c < static_cast<Index>(names.size()); ++c) inputs.push_back(c);
  }
  return inputs.size() == names.size() ? inputs : at;
}

}  // namespace

/// Reads one column of a table as the column that was learned.
struct Pipeline::Encoder {
  const io::RawTable& table;
  const Column& column;
  std::size_t at;               // in the table
  std::vector<double> code_of;  // of each text of the table: its category, or not_known
  std::unordered_map<std::string, double> category_of;

  Encoder(const io::RawTable& t, const Column& c, std::size_t where)
      : table(t), column(c), at(where) {
    for (std::size_t v = 0; v < c.values.size(); ++v)
      category_of[c.values[v]] = static_cast<double>(v);
    for (const std::string& text : t.columns[at].values) code_of.push_back(find(text));
  }
  double find(const std::string& text) const {
    const auto known = category_of.find(text);
    return known == category_of.end() ? not_known : known->second;
  }
  std::string text(Index row) const {
    const double cell = table.cell(row, at);
    return table.columns[at].is_text ? table.columns[at].values[static_cast<std::size_t>(cell)]
                                     : io::detail::name_of_number(cell);
  }
  /// The value or the number of the category; not_known or absent (NaN) if there is none.
  double value(Index row) const {
    const double cell = table.cell(row, at);
    if (std::isnan(cell)) return column.fill;
    if (!column.is_text) return cell;
    return table.columns[at].is_text ? code_of[static_cast<std::size_t>(cell)]
                                     : find(io::detail::name_of_number(cell));
  }
};

Tensor Pipeline::encode(const io::RawTable& table, const std::vector<Index>& rows,
                        std::map<std::string, Index>* unknown) const {
  std::vector<std::string> names, have;
  for (const Column& column : columns_) names.push_back(column.name);
  for (const io::RawColumn& column : table.columns) have.push_back(column.name);
  const std::vector<Index> at = match(table, names, named_ && table.named);
  constexpr int most_named = 20;
  std::string lacking;
  int misfits = 0;
  for (std::size_t c = 0; c < at.size(); ++c) {
    const bool is_there = at[c] >= 0;
    if (is_there &&
        (columns_[c].is_text || !table.columns[static_cast<std::size_t>(at[c])].is_text))
      continue;
    if (++misfits > most_named) continue;
    lacking += "; column " + quote(names[c]);
    if (is_there)
      lacking += compose(" holds texts, such as ",
                         quote(table.columns[static_cast<std::size_t>(at[c])].values.front()),
                         ", where numbers were trained on");
    else
      lacking +=
          " is missing" +
          (table.named ? ", the most similar one is " + quote(nearest_name(names[c], have)) : "");
  }
  if (misfits > most_named) lacking += compose("; and ", misfits - most_named, " more");
  if (misfits > 0)
    fail("Pipeline", table.name, ": the file does not fit the model: it has ", have.size(),
         " columns", lacking, "; all of the ", names.size(),
         " columns that the model was trained on are required");

  std::vector<double> x(rows.size() * features_.size());
  ValueFaults faults;
  std::size_t feature = 0, code = features_.size() - categories_.size();
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const Column& column = columns_[c];
    const Encoder encoder(table, column, static_cast<std::size_t>(at[c]));
    const std::size_t width = column.is_text ? (embed_ ? 0 : column.values.size()) : 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double* row = x.data() + i * features_.size();
      const double value = encoder.value(rows[i]);
      if (std::isnan(value)) {
        faults.add(place(table, rows[i]) + ": column " + quote(column.name) +
                   " has a missing value");
      } else if (!column.is_text) {
        row[feature] = value;
      } else if (value == not_known && !ignore_unknown_ && !unknown) {
        faults.add(place(table, rows[i]) + ": column " + quote(column.name) + " has " +
                   quote(encoder.text(rows[i])) + "; it was trained on " + join(column.values, 10));
      } else if (embed_) {
        row[code] = value == not_known ? 0 : value + 1;
      } else if (value != not_known) {
        row[feature + static_cast<std::size_t>(value)] = 1;
      }
      if (unknown && column.is_text && value == not_known) ++(*unknown)[column.name];
      if (column.indicator)
        row[feature + width] = std::isnan(table.cell(rows[i], encoder.at)) ? 1 : 0;
    }
    feature += width + (column.indicator ? 1 : 0);
    if (column.is_text && embed_) ++code;
  }
  faults.raise(
      "values that the model knows are required; correct the file, or train with --missing mean "
      "(median, mode) for missing values and --unknown ignore for new categories");
  return from_vector(x, {static_cast<Index>(rows.size()), static_cast<Index>(features_.size())});
}

Tensor Pipeline::encode_targets(const io::RawTable& table, const std::vector<Index>& rows) const {
  std::vector<Index> at;
  const auto numbers = numbers_of_columns(table);
  for (std::size_t t = 0; t < targets_.size(); ++t) {
    const auto found = numbers.find(targets_[t]);
    if (found != numbers.end())
      at.push_back(found->second);
    else if (!(named_ && table.named) && table.targets.size() == targets_.size())
      at.push_back(table.targets[t]);
    else
      fail("Pipeline", table.name, ": there is no target column ", quote(targets_[t]),
           "; it is required to measure the model; train predict does without");
  }
  ValueFaults faults;
  const Index n = static_cast<Index>(rows.size());
  if (task_ == Task::regression) {
    std::vector<double> y;
    for (const Index row : rows)
      for (const Index t : at) {
        const std::size_t c = static_cast<std::size_t>(t);
        if (table.columns[c].is_text)
          fail("Pipeline", table.name, ": the target column ", quote(table.columns[c].name),
               " holds texts, such as ", quote(table.columns[c].values.front()),
               "; numbers are required for regression");
        y.push_back(table.cell(row, c));
      }
    return from_vector(y, {n, static_cast<Index>(at.size())});
  }
  Column column{targets_[0], true, false, classes_, absent};
  const std::size_t where = static_cast<std::size_t>(at[0]);
  const Encoder encoder(table, column, where);
  const bool numbered = !table.class_names.empty();  // labels are numbers of the classes
  std::vector<Index> labels;
  for (const Index row : rows) {
    const double cell = table.cell(row, where);
    const double label = numbered ? cell : encoder.value(row);
    if (std::isnan(cell) || label == not_known || label >= static_cast<double>(classes_.size()))
      faults.add(place(table, row) + ": the target has " +
                 (std::isnan(cell) ? "no value" : quote(encoder.text(row))) +
                 "; the model knows the classes " + join(classes_, 10));
    labels.push_back(static_cast<Index>(label));
  }
  faults.raise("known classes are required");
  return from_vector(labels);
}

}  // namespace gradus::train
