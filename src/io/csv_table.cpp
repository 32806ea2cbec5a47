#include "io/csv_table.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "gradus/tensor.hpp"
#include "io/csv_scan.hpp"

namespace gradus::io::detail {
namespace {

std::size_t count_of(Index n) { return static_cast<std::size_t>(n); }

/// Numbers the texts that occur in alphabetical order, and forgets the others.
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

double most_common(const std::vector<double>& values) {
  std::map<double, Index> counts;
  for (const double v : values) ++counts[v];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

void fill_missing(Columns& columns, std::size_t c, Missing policy, const std::string& name) {
  const Column& column = columns.list[c];
  const std::size_t width = columns.list.size();
  std::vector<double> present;
  for (std::size_t i = c; i < columns.cells.size(); i += width)
    if (!std::isnan(columns.cells[i])) present.push_back(columns.cells[i]);
  if (present.size() == count_of(columns.rows)) return;
  if (present.empty())
    fail("read_csv", name + ": column " + quote(column.name) +
                         " has no value at all; leave the column out of the file");
  double value;
  if (column.kind == Column::text) {
    value = most_common(present);
  } else if (policy == Missing::mean) {
    value =
        std::accumulate(present.begin(), present.end(), 0.0) / static_cast<double>(present.size());
  } else {
    const auto middle = present.begin() + static_cast<std::ptrdiff_t>(present.size() / 2);
    std::nth_element(present.begin(), middle, present.end());
    value = *middle;
    if (present.size() % 2 == 0) value += (*std::max_element(present.begin(), middle) - value) / 2;
  }
  for (std::size_t i = c; i < columns.cells.size(); i += width)
    if (std::isnan(columns.cells[i])) columns.cells[i] = value;
}

/// Where the values of a column go: one feature, or one a text.
struct Feature {
  std::size_t column;
  double code;  // of the text that gives 1; -1 for the value itself
};

template <class T>
Tensor build_x(const Columns& columns, const std::vector<Feature>& features) {
  Tensor x = zeros({columns.rows, static_cast<Index>(features.size())}, dtype_of<T>);
  T* out = x.mutable_data<T>();
  const std::size_t width = columns.list.size();
  for (const double* row = columns.cells.data(); row != columns.cells.data() + columns.cells.size();
       row += width)
    for (const Feature& f : features)
      *out++ = f.code < 0 ? static_cast<T>(row[f.column]) : T(row[f.column] == f.code);
  return x;
}

std::string text_of(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15)
    return std::to_string(static_cast<Index>(number));
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

/// The different values of the target if it holds labels, else none.
std::vector<double> find_labels(const std::vector<double>& values, bool is_text, Task task) {
  if (task == Task::regression) return {};
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

void build_y(const Columns& columns, std::size_t target, std::vector<std::string> class_names,
             const CsvOptions& options, Table& table) {
  const Column& column = columns.list[target];
  table.target = column.name;
  std::vector<double> values;
  values.reserve(count_of(columns.rows));
  for (std::size_t i = target; i < columns.cells.size(); i += columns.list.size())
    values.push_back(columns.cells[i]);
  if (class_names.empty() || options.task == Task::regression) {
    const std::vector<double> labels =
        find_labels(values, column.kind == Column::text, options.task);
    if (labels.empty()) {
      table.y = from_vector(values, {columns.rows, 1}).to(options.dtype);
      return;
    }
    class_names.clear();
    for (const double label : labels)
      class_names.push_back(column.kind == Column::text
                                ? column.values[static_cast<std::size_t>(label)]
                                : text_of(label));
    for (double& v : values)
      v = static_cast<double>(std::lower_bound(labels.begin(), labels.end(), v) - labels.begin());
  }
  table.y = from_vector(values, {columns.rows}).to(int64);
  table.class_names = std::move(class_names);
}

}  // namespace

void build_table(Columns& columns, Index target, const std::vector<std::string>& class_names,
                 const CsvOptions& options, const std::string& name, Table& table) {
  std::vector<Feature> features;
  for (std::size_t c = 0; c < columns.list.size(); ++c) {
    const Column& column = columns.list[c];
    if (column.missing) table.report.missing.emplace_back(column.name, column.missing);
    if (column.kind == Column::text) sort_codes(columns, c);
    if (column.missing && options.missing != Missing::drop)
      fill_missing(columns, c, options.missing, name);
    if (static_cast<Index>(c) == target) continue;
    if (column.kind == Column::text && options.categories == Categories::one_hot) {
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
    fail("read_csv", name +
                         ":1:1: the only column is the target; one or more columns of features "
                         "are required; check the delimiter, or set the target to \"none\"");
  table.x = options.dtype == float32 ? build_x<float>(columns, features)
                                     : build_x<double>(columns, features);
  if (target >= 0) build_y(columns, count_of(target), class_names, options, table);
  const data::DataReport found = data::inspect(table.dataset(), table.columns);
  table.report.constant_columns = found.constant_columns;
  table.report.class_counts = found.class_counts;
}

}  // namespace gradus::io::detail
