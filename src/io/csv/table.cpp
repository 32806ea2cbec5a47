#include "io/csv/table.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/messages.hpp"
#include "gradus/tensor.hpp"
#include "io/csv/scan.hpp"

namespace gradus::io::detail {
namespace {

std::size_t count_of(Index n) { return static_cast<std::size_t>(n); }

void fill_missing(RawTable& raw, std::size_t c, Missing policy) {
  const RawColumn& column = raw.columns[c];
  const std::size_t width = raw.columns.size();
  std::vector<double> present;
  for (std::size_t i = c; i < raw.cells.size(); i += width)
    if (!std::isnan(raw.cells[i])) present.push_back(raw.cells[i]);
  if (present.size() == count_of(raw.rows)) return;
  if (present.empty())
    fail("read_csv", raw.name, ": column ", quote(column.name),
         " has no value at all; leave the column out of the file");
  const double value = typical(std::move(present), column.is_text ? Missing::mode : policy);
  for (std::size_t i = c; i < raw.cells.size(); i += width)
    if (std::isnan(raw.cells[i])) raw.cells[i] = value;
}

/// Where the values of a column go: one feature, or one a text.
struct Feature {
  std::size_t column;
  double code;  // of the text that gives 1; -1 for the value itself
};

template <class T>
Tensor build_x(const RawTable& raw, const std::vector<Feature>& features) {
  Tensor x = zeros({raw.rows, static_cast<Index>(features.size())}, dtype_of<T>);
  T* out = x.mutable_data<T>();
  const std::size_t width = raw.columns.size();
  for (const double* row = raw.cells.data(); row != raw.cells.data() + raw.cells.size();
       row += width)
    for (const Feature& f : features)
      *out++ = f.code < 0 ? static_cast<T>(row[f.column]) : T(row[f.column] == f.code);
  return x;
}

/// The different values of a target if they are labels, else none.
std::vector<double> different_labels(const std::vector<double>& values, bool is_text, Task task) {
  std::vector<double> labels = values;
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  if (is_text || task == Task::classification) return labels;
  const bool whole =
      std::all_of(labels.begin(), labels.end(), [](double v) { return v == std::floor(v); });
  const bool few =
      labels.size() == 2 || (labels.size() <= 20 && 2 * labels.size() <= values.size());
  return whole && few && labels.size() > 1 ? labels : std::vector<double>();
}

}  // namespace

void sort_codes(Columns& columns, std::size_t c) {
  Column& column = columns.list[c];
  const std::size_t width = columns.list.size(), count = column.values.size();
  std::vector<bool> used(count);
  for (std::size_t i = c; i < columns.cells.size(); i += width)
    if (!std::isnan(columns.cells[i])) used[static_cast<std::size_t>(columns.cells[i])] = true;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i)
    if (used[i]) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return column.values[a] < column.values[b]; });
  std::vector<double> rank(count);
  std::vector<std::string> sorted;
  for (const std::size_t i : order) {
    rank[i] = static_cast<double>(sorted.size());
    sorted.push_back(column.values[i]);
  }
  for (std::size_t i = c; i < columns.cells.size(); i += width)
    if (!std::isnan(columns.cells[i]))
      columns.cells[i] = rank[static_cast<std::size_t>(columns.cells[i])];
  column.values = std::move(sorted);
}

double typical(std::vector<double> values, Missing policy) {
  if (policy == Missing::mean)
    return static_cast<double>(std::accumulate(values.begin(), values.end(), 0.0L) /
                               static_cast<long double>(values.size()));
  if (policy == Missing::median) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    const double upper = *middle;
    if (values.size() % 2) return upper;
    return upper + (*std::max_element(values.begin(), middle) - upper) / 2;
  }
  std::map<double, Index> counts;
  for (const double v : values) ++counts[v];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

/// Both zeros are one name.
std::string name_of_number(double number) { return text_of(number == 0 ? 0.0 : number); }

TargetColumn read_target(const RawTable& raw, Task task) {
  const std::size_t at = count_of(raw.targets[0]);
  const RawColumn& column = raw.columns[at];
  TargetColumn target;
  for (Index r = 0; r < raw.rows; ++r) target.values.push_back(raw.cell(r, at));
  if (task == Task::regression) return target;
  target.classes = raw.class_names;  // whose numbers the values are
  if (!target.classes.empty()) return target;
  const std::vector<double> labels = different_labels(target.values, column.is_text, task);
  if (labels.empty()) return target;
  for (const double label : labels)
    target.classes.push_back(column.is_text ? column.values[static_cast<std::size_t>(label)]
                                            : name_of_number(label));
  for (double& v : target.values)
    v = static_cast<double>(std::lower_bound(labels.begin(), labels.end(), v) - labels.begin());
  return target;
}

void build_table(RawTable& raw, const CsvOptions& options, Table& table) {
  table.report = raw.report;
  const Index target = raw.targets.empty() ? -1 : raw.targets[0];
  std::vector<Feature> features;
  for (std::size_t c = 0; c < raw.columns.size(); ++c) {
    const RawColumn& column = raw.columns[c];
    const bool fills = options.missing != Missing::drop && options.missing != Missing::keep;
    if (column.missing && fills) fill_missing(raw, c, options.missing);
    if (static_cast<Index>(c) == target) continue;
    if (column.is_text && options.categories == Categories::one_hot) {
      for (std::size_t v = 0; v < column.values.size(); ++v) {
        features.push_back({c, static_cast<double>(v)});
        table.columns.push_back(column.name + "=" + column.values[v]);
      }
    } else {
      features.push_back({c, -1});
      table.columns.push_back(column.name);
    }
  }
  if (features.empty())
    fail("read_csv", raw.name,
         ":1:1: the only column is the target; one or more columns of features "
         "are required; check the delimiter, or set the target to \"none\"");
  table.x =
      options.dtype == float32 ? build_x<float>(raw, features) : build_x<double>(raw, features);
  if (target >= 0) {
    TargetColumn found = read_target(raw, options.task);
    table.target = raw.columns[count_of(target)].name;
    table.y = found.classes.empty() ? from_vector(found.values, {raw.rows, 1}).to(options.dtype)
                                    : from_vector(found.values, {raw.rows}).to(int64);
    table.class_names = std::move(found.classes);
  }
  const data::DataReport found = data::inspect(table.dataset(), table.columns);
  table.report.constant_columns = found.constant_columns;
  table.report.class_counts = found.class_counts;
}

}  // namespace gradus::io::detail
