#include "gradus/data/report.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <unordered_set>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "io/bytes.hpp"

namespace gradus::data {
namespace {

/// The bytes of each sample of x, as views into it.
std::vector<std::string_view> rows(const Tensor& x) {
  const std::size_t count = static_cast<std::size_t>(x.size(0));
  const std::string_view values = io::detail::values_of(x);
  const std::size_t bytes = count ? values.size() / count : 0;
  std::vector<std::string_view> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = values.substr(i * bytes, bytes);
  return out;
}

/// The columns of x, flattened to (n, columns), that hold one value in all of several rows.
std::vector<std::size_t> constant_columns(const Tensor& x) {
  const Index n = x.size(0), width = n ? x.numel() / n : 0;
  if (n < 2 || width == 0) return {};
  const Tensor rows = (x.dtype() == boolean ? x.to(int64) : x).detach().reshape({n, width});
  const std::vector<double> low = amin(rows, {0}).to_vector<double>();
  const std::vector<double> high = amax(rows, {0}).to_vector<double>();
  std::vector<std::size_t> constant;
  for (std::size_t c = 0; c < low.size(); ++c)
    if (low[c] == high[c]) constant.push_back(c);
  return constant;
}

constexpr std::size_t most_listed = 10;

/// What is odd about the classes.
std::string classes_to_string(const std::vector<std::pair<std::string, Index>>& class_counts) {
  Index least = -1, most = 0;
  std::size_t single = 0;
  std::string text;
  for (const auto& [name, count] : class_counts) {
    most = std::max(most, count);
    least = least < 0 ? count : std::min(least, count);
    single += count == 1;
  }
  const std::string counts = join(class_counts, 2 * most_listed, [](const auto& one) {
    return compose(printable(one.first), " ", one.second);
  });
  if (most >= 10 * std::max<Index>(least, 1))
    text = compose("classes are unbalanced: ", counts, "\n");
  if (single)
    text += compose(single, " of ", class_counts.size(),
                    " classes have a single sample, which cannot be in more than one part\n");
  return text;
}

}  // namespace

std::string DataReport::to_string() const {
  std::string text;
  const auto line = [&](const std::string& l) { text += l + "\n"; };
  if (rows_refused) {
    line(text_of(rows_refused) + " of " + text_of(rows_read) + " rows were left out");
    for (const std::string& why : refusals) line("  " + printable(why));
  }
  const auto list = [&](const std::vector<std::pair<std::string, Index>>& columns,
                        const std::string& one, const std::string& several,
                        const std::string& kind) {
    std::size_t listed = 0;
    for (const auto& [column, count] : columns)
      if (count && ++listed <= most_listed)
        line("column \"" + printable(column) + "\": " + text_of(count) +
             (count == 1 ? one : several));
    if (listed > most_listed)
      line("and " + text_of(listed - most_listed) + " more columns with " + kind);
  };
  list(missing, " missing value", " missing values", "missing values");
  list(mixed_columns, " number among texts; the column is read as text",
       " numbers among texts; the column is read as text", "numbers among texts");
  list(unknown, " value outside of the training part is not in it, and counts as none",
       " values outside of the training part are not in it, and count as none",
       "values that are not in the training part");
  for (std::size_t i = 0; i < std::min(constant_columns.size(), most_listed); ++i)
    line("column \"" + printable(constant_columns[i]) +
         "\" is constant: it carries no information");
  if (constant_columns.size() > most_listed)
    line("and " + text_of(constant_columns.size() - most_listed) + " more constant columns");
  text += classes_to_string(class_counts);
  for (const auto& [part, count] : duplicates)
    if (count)
      line(text_of(count) + " " + part + (count == 1 ? " sample has" : " samples have") +
           " the same inputs as a training sample");
  return text;
}

DataReport inspect(const TensorDataset& dataset, const std::vector<std::string>& columns) {
  DataReport report;
  report.rows_read = dataset.size();
  if (dataset.empty()) return report;
  for (const std::size_t c : constant_columns(dataset.x()))
    report.constant_columns.push_back(c < columns.size() ? columns[c] : text_of(c));
  if (dataset.tensors().size() < 2 || dataset.y().dim() != 1 ||
      is_floating_point(dataset.y().dtype()))
    return report;
  std::map<Index, Index> counts;
  for (std::size_t c = 0; c < dataset.class_names.size(); ++c) counts[static_cast<Index>(c)] = 0;
  for (const Index label : dataset.y().to_vector<Index>()) ++counts[label];
  for (const auto& [label, count] : counts) {
    const std::size_t c = static_cast<std::size_t>(label);
    report.class_counts.emplace_back(
        label >= 0 && c < dataset.class_names.size() ? dataset.class_names[c] : text_of(label),
        count);
  }
  return report;
}

Index count_shared(const TensorDataset& part, const TensorDataset& reference) {
  if (part.empty() || reference.empty()) return 0;
  Shape a = part.x().shape(), b = reference.x().shape();
  a[0] = b[0] = 0;
  if (!(a == b) || part.x().dtype() != reference.x().dtype())
    fail("count_shared", "samples of ", part.x().shape(), " ", name_of(part.x().dtype()),
         " and of ", reference.x().shape(), " ", name_of(reference.x().dtype()),
         " were given; equal shapes and dtypes are required");
  const std::vector<std::string_view> known_rows = rows(reference.x());
  const std::unordered_set<std::string_view> known(known_rows.begin(), known_rows.end());
  Index shared = 0;
  for (const std::string_view row : rows(part.x())) shared += known.count(row) ? 1 : 0;
  return shared;
}

}  // namespace gradus::data
