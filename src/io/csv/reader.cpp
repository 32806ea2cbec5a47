#include <algorithm>
#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "io/csv/table.hpp"
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

/// What may be done about a text among numbers.
std::string fix_of(std::string_view text, const CsvOptions& options) {
  if (is_number(text, options.decimal == '.' ? ',' : '.'))
    return options.decimal == '.' ? "set .decimal = ','" : "set .decimal = '.'";
  return "correct it, list it in .missing_texts if it stands for a missing value, list the column "
         "in .categorical if it holds names, or leave bad rows out with .drop_bad_rows";
}

std::string among_numbers(const Column& column, const CsvOptions& options) {
  return compose(column.odd_at, ": column ", quote(column.name), " has ", quote(column.first_odd),
                 " among numbers; a number is required; ", fix_of(column.first_odd, options));
}

std::size_t count_numbers(const std::vector<std::string>& texts, const CsvOptions& options) {
  return static_cast<std::size_t>(
      std::count_if(texts.begin(), texts.end(),
                    [&](const std::string& text) { return is_number(text, options.decimal); }));
}

/// Numbers and texts of a column.
struct Mixture {
  Index numbers = 0, texts = 0;  // cells
  std::size_t different_numbers = 0, different_texts = 0;
  /// Half of the cells or more; or texts that are few, but stand in many cells.
  bool is_numeric() const {
    return numbers >= texts || (different_numbers > 10 && different_numbers > different_texts);
  }
};

/// `cells` holds a column of texts as codes of `column`, one of numbers with NaN for the texts.
Mixture mixture_of(const Column& column, std::vector<double> cells, const CsvOptions& options) {
  Mixture found;
  if (column.kind == Column::number) {
    found.numbers = static_cast<Index>(cells.size());
    found.texts = column.odd;
    std::sort(cells.begin(), cells.end());
    found.different_numbers =
        static_cast<std::size_t>(std::unique(cells.begin(), cells.end()) - cells.begin());
    found.different_texts = column.values.size();
    return found;
  }
  std::vector<bool> are_numbers;
  for (const std::string& text : column.values) {
    are_numbers.push_back(is_number(text, options.decimal));
    ++(are_numbers.back() ? found.different_numbers : found.different_texts);
  }
  for (const double code : cells)
    ++(are_numbers[static_cast<std::size_t>(code)] ? found.numbers : found.texts);
  return found;
}

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
    if (!options_.drop_bad_rows) refuse_few_texts();
    columns_.cells = cells_.take();
    const std::vector<double> steps = lines_.take();
    columns_.lines.reserve(steps.size());
    line_ = 0;
    for (const double step : steps) columns_.lines.push_back(line_ += static_cast<Index>(step));
  }

 private:
  /// Texts among as many numbers or more, while the numbers are still packed: a file that is
  /// refused takes no more memory than its size.
  void refuse_few_texts() const {
    for (const Column& column : columns_.list)
      if (column.kind == Column::number && !column.fixed && column.odd > 0 &&
          columns_.rows - column.missing >= 2 * column.odd)
        fail("read_csv", among_numbers(column, options_));
  }

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
      if (plain && column.kind == Column::unknown)
        column.kind = Column::number;
      else if (!plain && !cell(column, is_target_[c], value, whole))
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
    if (column.fixed && column.kind == Column::number) return refuse(not_a_number(column, text));
    if (column.first_odd.empty() && !column.fixed) {
      column.first_odd = text;
      column.odd_at = scanner_.here();
    }
    const bool room = static_cast<Index>(column.values.size()) <= options_.max_categories;
    if (column.kind == Column::number) {
      ++column.odd;
      if (room) column.code_of(text);  // how many there are tells whether this is a column of texts
      value = std::numeric_limits<double>::quiet_NaN();
      return true;
    }
    column.kind = Column::text;
    value = column.code_of(text);
    if (static_cast<Index>(column.values.size()) > options_.max_categories)
      too_many_texts(column, text, value);
    return true;
  }

  /// A column that began with a text, and has more different values than a column of texts may
  /// have.
  void too_many_texts(Column& column, std::string_view text, double& value) {
    if (column.fixed || 2 * count_numbers(column.values, options_) <= column.values.size())
      scanner_.fail_here("column " + quote(column.name) + " has more than " +
                         text_of(options_.max_categories) + " different texts; " +
                         what_it_may_be(text));
    if (!options_.drop_bad_rows) fail("read_csv", among_numbers(column, options_));
    column.kind = Column::number;  // its rows will be read again
    ++column.odd;
    value = std::numeric_limits<double>::quiet_NaN();
  }

  /// Of a column with very many different texts.
  std::string what_it_may_be(std::string_view text) const {
    const char other = options_.decimal == '.' ? ',' : '.';
    if (is_number(text, other))
      return compose("are they numbers with another decimal mark? Set .decimal = '", other, "'");
    return "is it a name or a number of the sample? Leave the column out, or raise max_categories";
  }

  std::string not_a_number(const Column& column, std::string_view text) const {
    return compose("column ", quote(column.name), " has ", quote(text), "; a number is required; ",
                   fix_of(text, options_));
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

/// Decides what columns with numbers and texts hold, and notes those of texts; true if the rows
/// have to be read again for it. Throws for a text among numbers.
bool judge_kinds(Columns& columns, const CsvOptions& options, data::DataReport& report) {
  bool again = false;
  const std::size_t width = columns.list.size();
  for (std::size_t c = 0; c < width; ++c) {
    Column& column = columns.list[c];
    if (column.fixed || column.first_odd.empty()) continue;
    if (column.kind == Column::text && count_numbers(column.values, options) == 0) continue;
    std::vector<double> cells;
    for (std::size_t i = c; i < columns.cells.size(); i += width)
      if (!std::isnan(columns.cells[i])) cells.push_back(columns.cells[i]);
    const Mixture found = mixture_of(column, std::move(cells), options);
    if (found.numbers == 0 || found.texts == 0) continue;
    const bool numeric = found.is_numeric();
    if (numeric && !options.drop_bad_rows) fail("read_csv", among_numbers(column, options));
    if (!numeric) report.mixed_columns.emplace_back(column.name, found.numbers);
    again = again || numeric || column.kind == Column::number;
    column.kind = numeric ? Column::number : Column::text;
    column.fixed = true;
  }
  return again;
}

}  // namespace

void read_rows(const CsvScanner& start, const CsvOptions& options, Columns& columns,
               const std::vector<Index>& targets, const std::vector<std::string>& class_names,
               data::DataReport& report) {
  for (const Index target : targets)
    if (options.task == Task::regression || !class_names.empty()) {
      Column& column = columns.list[static_cast<std::size_t>(target)];
      if (!column.fixed) column.kind = Column::number;
      column.fixed = true;
    }
  CsvScanner scanner = start;
  Reader(scanner, options, columns, targets, class_names, report).run();
  data::DataReport judged;
  if (!judge_kinds(columns, options, report)) return;
  judged.mixed_columns = std::move(report.mixed_columns);
  report = std::move(judged);
  columns.cells.clear();
  columns.lines.clear();
  columns.rows = 0;
  for (Column& column : columns.list) {
    column.values.clear();
    column.codes.clear();
    column.missing = column.odd = 0;
  }
  CsvScanner again = start;
  Reader(again, options, columns, targets, class_names, report).run();
}

}  // namespace gradus::io::detail
