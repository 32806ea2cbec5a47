#include "io/csv_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/error.hpp"
#include "io/packed_numbers.hpp"

namespace gradus::io::detail {

bool is_missing(std::string_view text, const CsvOptions& options) {
  for (const char* known : {"", "?", "-", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL",
                            "None", "none", "-nan"})
    if (text == known) return true;
  return std::find(options.missing_texts.begin(), options.missing_texts.end(), text) !=
         options.missing_texts.end();
}

namespace {

/// Reads the rows below the first line into columns.
class Reader {
 public:
  Reader(CsvScanner& scanner, const CsvOptions& options, Columns& columns,
         const std::vector<Index>& targets, const std::vector<std::string>& class_names,
         data::DataReport& report)
      : scanner_(scanner),
        options_(options),
        columns_(columns),
        targets_(targets),
        class_names_(class_names),
        is_target_(columns.list.size()),
        row_(columns.list.size()),
        report_(report) {
    for (const Index target : targets) is_target_[static_cast<std::size_t>(target)] = true;
    limit_ = options.dtype == float32 ? std::numeric_limits<float>::max()
                                      : std::numeric_limits<double>::max();
  }

  void run() {
    while (scanner_.begin_record()) {
      ++report_.rows_read;
      if (row()) {
        ++columns_.rows;
        for (const double value : row_) cells_.push(value);
        lines_.push(static_cast<double>(scanner_.record_line() - line_));
        line_ = scanner_.record_line();
      } else {
        scanner_.skip();
        ++report_.rows_refused;
      }
    }
    columns_.cells = cells_.take();
    const std::vector<double> steps = lines_.take();
    columns_.lines.reserve(steps.size());
    line_ = 0;
    for (const double step : steps) columns_.lines.push_back(line_ += static_cast<Index>(step));
  }

 private:
  /// False if the policies leave the row out.
  bool row() {
    bool whole = true;
    for (std::size_t field = 0; field < columns_.slots.size(); ++field) {
      if (!scanner_.more()) return bad_length(field);
      if (columns_.slots[field] < 0) {
        scanner_.take();
        continue;
      }
      const std::size_t c = static_cast<std::size_t>(columns_.slots[field]);
      Column& column = columns_.list[c];
      double value = 0;
      const bool plain = column.kind != Column::text && options_.decimal == '.' &&
                         options_.missing_texts.empty() && scanner_.take_number(value, limit_);
      if (plain)
        column.kind = Column::number;
      else if (!cell(column, is_target_[c], value, whole))
        return false;
      row_[c] = value;
    }
    if (scanner_.more()) return bad_length(columns_.slots.size());
    return whole && label_fits();
  }

  /// Takes a field that is not a plain number.
  bool cell(Column& column, bool is_target, double& value, bool& whole) {
    const std::string_view text = scanner_.take();
    if (!scanner_.quoted() || text.empty()) {
      if (is_missing(text, options_)) {
        ++column.missing;
        value = std::numeric_limits<double>::quiet_NaN();
        if (options_.missing == Missing::error)
          scanner_.fail_here("column " + quote(column.name) + " has a missing value " +
                             quote(text) +
                             "; a value is required; fill it in, or choose what to do "
                             "with missing values: drop, mean, median or mode");
        if (options_.missing == Missing::drop || is_target) {
          if (whole) note("missing value in column " + quote(column.name));
          whole = false;
        }
        return true;
      }
    }
    if (column.kind != Column::text && parse_number(text, options_.decimal, value)) {
      if (!(std::abs(value) <= limit_))
        return refuse("column " + quote(column.name) + " has " + quote(text) +
                      "; a finite number " + "within " + name_of(options_.dtype) + " is required");
      column.kind = Column::number;
      return true;
    }
    if (column.kind == Column::number || (is_target && options_.task == Task::regression))
      return refuse(not_a_number(column, text));
    column.kind = Column::text;
    value = column.code_of(text);
    if (static_cast<Index>(column.values.size()) > options_.max_categories)
      scanner_.fail_here("column " + quote(column.name) + " has more than " +
                         text_of(options_.max_categories) + " different texts; " +
                         what_it_may_be(text));
    return true;
  }

  /// Of a column with very many different texts.
  std::string what_it_may_be(std::string_view text) const {
    const char other = options_.decimal == '.' ? ',' : '.';
    double ignored;
    if (parse_number(text, other, ignored))
      return std::string("are they numbers with another decimal mark? Set .decimal = '") + other +
             "'";
    return "is it a name or a number of the sample? Leave the column out, or raise max_categories";
  }

  std::string not_a_number(const Column& column, std::string_view text) const {
    double ignored;
    std::string fix =
        "correct it, list the column in .categorical if it holds names, or leave bad "
        "rows out with drop_bad_rows";
    if (parse_number(text, options_.decimal == '.' ? ',' : '.', ignored))
      fix = options_.decimal == '.' ? "set .decimal = ','" : "set .decimal = '.'";
    return "column " + quote(column.name) + " has " + quote(text) +
           "; a number is required, as in the rows before; " + fix;
  }

  /// Labels of scikit-learn's files must be numbers of the classes in the first line.
  bool label_fits() {
    if (class_names_.empty() || targets_.empty()) return true;
    const double label = row_[static_cast<std::size_t>(targets_[0])];
    const auto classes = static_cast<double>(class_names_.size());
    if (label >= 0 && label < classes && label == std::floor(label)) return true;
    return refuse("the label of this row is not the number of a class; 0 to " +
                  text_of(class_names_.size() - 1) + " is required, as the first line names " +
                  text_of(class_names_.size()) + " classes");
  }

  bool bad_length(std::size_t fields) {
    const Index found = static_cast<Index>(fields) + scanner_.skip();
    return refuse("the row has " + text_of(found) + " fields; " + text_of(columns_.slots.size()) +
                  " are required, as in the first line; look for a missing or unquoted delimiter, "
                  "or leave bad rows out with drop_bad_rows");
  }

  bool refuse(const std::string& message) {
    if (!options_.drop_bad_rows) scanner_.fail_here(message);
    note(message);
    return false;
  }
  void note(const std::string& message) {
    constexpr std::size_t most = 10;
    if (report_.refusals.size() < most)
      report_.refusals.push_back(scanner_.here() + ": " + message);
  }

  CsvScanner& scanner_;
  const CsvOptions& options_;
  Columns& columns_;
  const std::vector<Index>& targets_;
  const std::vector<std::string>& class_names_;
  std::vector<bool> is_target_;
  std::vector<double> row_;      // of the record at hand
  PackedNumbers cells_, lines_;  // of the rows; lines since the row before
  Index line_ = 0;
  data::DataReport& report_;
  double limit_;
};

}  // namespace

void read_rows(CsvScanner& scanner, const CsvOptions& options, Columns& columns,
               const std::vector<Index>& targets, const std::vector<std::string>& class_names,
               data::DataReport& report) {
  Reader(scanner, options, columns, targets, class_names, report).run();
}

}  // namespace gradus::io::detail
