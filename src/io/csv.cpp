#include "gradus/io/csv.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "gradus/io/file.hpp"
#include "io/csv_scan.hpp"
#include "io/csv_table.hpp"

namespace gradus::io {

using namespace detail;

namespace {

bool is_missing(std::string_view text, const CsvOptions& options) {
  for (const char* known : {"", "?", "-", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL",
                            "None", "none", "-nan"})
    if (text == known) return true;
  return std::find(options.missing_texts.begin(), options.missing_texts.end(), text) !=
         options.missing_texts.end();
}

bool is_number(std::string_view text, const CsvOptions& options) {
  double value;
  return parse_number(text, options.decimal, value);
}

/// Refuses what is not text, and returns the text without a byte order mark.
std::string_view check_text(std::string_view text, const std::string& name) {
  const auto begins = [&](std::string_view with) { return text.substr(0, with.size()) == with; };
  if (begins("\xff\xfe") || begins("\xfe\xff"))
    fail("read_csv",
         name + ":1:1: UTF-16 text; UTF-8 is required; convert it with iconv -f UTF-16");
  if (begins("PK\x03\x04"))
    fail("read_csv", name +
                         ":1:1: a zip or spreadsheet file; CSV text is required; unpack it, or "
                         "save the sheet as CSV");
  if (const std::size_t at = text.find('\0'); at != text.npos) {
    const std::string_view before = text.substr(0, at);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    fail("read_csv", name + ":" +
                         std::to_string(1 + std::count(before.begin(), before.end(), '\n')) + ":" +
                         std::to_string(at - line_start + 1) +
                         ": a zero byte; text is required; is this a binary file?");
  }
  if (begins("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.find_first_not_of(" \t\r\n") == text.npos)
    fail("read_csv", name + ":1:1: the file is empty; lines of fields are required");
  return text;
}

void check_options(const CsvOptions& o) {
  const auto refuse = [](const std::string& what) { fail("read_csv", what); };
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::strchr("\"\n\r+-. ", c) != nullptr;
  };
  if (o.delimiter && is_plain(o.delimiter))
    refuse("the delimiter " + quote({&o.delimiter, 1}) +
           " was given; a character that numbers and quotes do not need is required, as ,");
  if (o.decimal != '.' && o.decimal != ',')
    refuse("the decimal mark " + quote({&o.decimal, 1}) + " was given; . or , is required");
  if (o.decimal == o.delimiter)
    refuse("the delimiter and the decimal mark are both ,; set .delimiter to another one");
  if (!is_floating_point(o.dtype))
    refuse(std::string("dtype ") + name_of(o.dtype) + " was given; float32 or float64 is required");
  if (o.max_categories < 1)
    refuse("max_categories = " + std::to_string(o.max_categories) + "; 1 or more is required");
}

/// What the first lines tell.
struct Layout {
  std::vector<std::string> columns;
  std::vector<std::string> class_names;  // of scikit-learn's first line
  Index rows = -1;                       // as it declares
  bool has_first_line = false;           // a first line that is not data
};

bool declares_shape(const std::vector<std::string>& first, std::size_t width, Index& rows) {
  if (first.size() < 3) return false;
  double r, c;
  if (!parse_number(first[0], '.', r) || !parse_number(first[1], '.', c)) return false;
  if (!(r >= 1 && r < 1e15 && r == std::floor(r)) || c + 1 != static_cast<double>(width))
    return false;
  double ignored;
  for (std::size_t i = 2; i < first.size(); ++i)
    if (first[i].empty() || parse_number(first[i], '.', ignored)) return false;
  rows = static_cast<Index>(r);
  return true;
}

Layout find_layout(CsvScanner scanner, const CsvOptions& options) {
  Layout layout;
  CsvScanner again = scanner;
  scanner.begin_record();
  const std::vector<std::string> first = take_record(scanner);
  const std::size_t width = scanner.begin_record() ? take_record(scanner).size() : first.size();
  if (!options.header.value_or(false) && declares_shape(first, width, layout.rows)) {
    layout.has_first_line = true;
    layout.class_names.assign(first.begin() + 2, first.end());
  } else {
    bool named = false, numbers = false;
    for (const std::string& field : first) {
      named |= !is_missing(field, options);
      numbers |= is_number(field, options);
    }
    layout.has_first_line = options.header.value_or(named && !numbers);
    if (layout.has_first_line) layout.columns = first;
  }
  const bool named = !layout.columns.empty();
  if (!named) layout.columns.resize(layout.rows >= 0 ? width : first.size());
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    std::string& name = layout.columns[i];
    if (name.empty()) name = "column " + std::to_string(i);
    const auto here = layout.columns.begin() + static_cast<std::ptrdiff_t>(i);
    if (!named || std::find(layout.columns.begin(), here, name) == here) continue;
    again.begin_record();
    for (std::size_t field = 0; field <= i; ++field) again.take();
    again.fail_here("the column name " + quote(name) +
                    " occurs twice in the first line; rename one of them, or read the line as "
                    "data with .header = false");
  }
  return layout;
}

/// The number of the target's column, or -1.
Index find_target(const Layout& layout, const CsvOptions& options, const std::string& name) {
  const Index count = static_cast<Index>(layout.columns.size());
  if (options.target.empty()) return count - 1;
  const auto at = std::find(layout.columns.begin(), layout.columns.end(), options.target);
  if (at != layout.columns.end()) return at - layout.columns.begin();
  if (options.target == "none") return -1;
  double number;
  if (parse_number(options.target, '.', number) && number == std::floor(number) &&
      number >= static_cast<double>(-count) && number < static_cast<double>(count))
    return static_cast<Index>(number) + (number < 0 ? count : 0);
  fail("read_csv", name + ":1:1: there is no target column " + quote(options.target) +
                       "; a name in the first line, or a number from " + std::to_string(-count) +
                       " to " + std::to_string(count - 1) + ", is required; did you mean " +
                       quote(nearest(options.target, layout.columns)) + "?");
}

/// Reads the rows below the first line into columns.
class Reader {
 public:
  Reader(CsvScanner& scanner, const CsvOptions& options, Columns& columns, Index target,
         const Layout& layout, data::DataReport& report)
      : scanner_(scanner),
        options_(options),
        columns_(columns),
        target_(target),
        layout_(layout),
        report_(report) {
    limit_ = options.dtype == float32 ? std::numeric_limits<float>::max()
                                      : std::numeric_limits<double>::max();
  }

  void run() {
    while (scanner_.begin_record()) {
      ++report_.rows_read;
      if (row()) {
        ++columns_.rows;
      } else {
        scanner_.skip();
        ++report_.rows_refused;
        columns_.cells.resize(static_cast<std::size_t>(columns_.rows) * columns_.list.size());
      }
    }
  }

 private:
  /// False if the policies leave the row out.
  bool row() {
    bool whole = true;
    for (std::size_t c = 0; c < columns_.list.size(); ++c) {
      if (!scanner_.more()) return bad_length(c);
      Column& column = columns_.list[c];
      double value = 0;
      const bool plain = column.kind != Column::text && options_.decimal == '.' &&
                         options_.missing_texts.empty() && scanner_.take_number(value, limit_);
      if (plain)
        column.kind = Column::number;
      else if (!cell(column, static_cast<Index>(c) == target_, value, whole))
        return false;
      columns_.cells.push_back(value);
    }
    if (scanner_.more()) return bad_length(columns_.list.size());
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
                             "with missing values: drop, mean or median");
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
                         std::to_string(options_.max_categories) +
                         " different texts; is it a name or a number of the sample? Leave the "
                         "column out, or raise max_categories");
    return true;
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
    if (layout_.class_names.empty() || target_ < 0) return true;
    const std::size_t width = columns_.list.size();
    const double label =
        columns_.cells[columns_.cells.size() - width + static_cast<std::size_t>(target_)];
    const auto classes = static_cast<double>(layout_.class_names.size());
    if (label >= 0 && label < classes && label == std::floor(label)) return true;
    return refuse("the label of this row is not the number of a class; 0 to " +
                  std::to_string(layout_.class_names.size() - 1) +
                  " is required, as the first line names " +
                  std::to_string(layout_.class_names.size()) + " classes");
  }

  bool bad_length(std::size_t fields) {
    const Index found = static_cast<Index>(fields) + scanner_.skip();
    return refuse("the row has " + std::to_string(found) + " fields; " +
                  std::to_string(columns_.list.size()) +
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
  const Index target_;
  const Layout& layout_;
  data::DataReport& report_;
  double limit_;
};

void mark_categorical(Columns& columns, const Layout& layout, const CsvOptions& options,
                      const std::string& name) {
  for (const std::string& wanted : options.categorical) {
    const auto at = std::find(layout.columns.begin(), layout.columns.end(), wanted);
    if (at == layout.columns.end())
      fail("read_csv", name + ":1:1: there is no column " + quote(wanted) +
                           " to read as categorical; did you mean " +
                           quote(nearest(wanted, layout.columns)) + "?");
    columns.list[static_cast<std::size_t>(at - layout.columns.begin())].kind = Column::text;
  }
}

}  // namespace

data::TensorDataset Table::dataset() const {
  data::TensorDataset set = y.defined() ? data::TensorDataset(x, y) : data::TensorDataset(x);
  set.class_names = class_names;
  return set;
}

Table parse_csv(std::string_view text, const CsvOptions& options, const std::string& name) {
  check_options(options);
  text = check_text(text, name);
  CsvScanner scanner(text, options.delimiter ? options.delimiter : detect_delimiter(text), name);
  const Layout layout = find_layout(scanner, options);
  const Index target = find_target(layout, options, name);

  Columns columns;
  columns.list.resize(layout.columns.size());
  for (std::size_t i = 0; i < columns.list.size(); ++i) columns.list[i].name = layout.columns[i];
  mark_categorical(columns, layout, options, name);
  if (layout.has_first_line) {
    scanner.begin_record();
    scanner.skip();
  }
  Table table;
  // A field takes two bytes or more, so this is bounded by the file; most take about eight.
  columns.cells.reserve(text.size() / 8);
  Reader(scanner, options, columns, target, layout, table.report).run();
  if (layout.rows >= 0 && table.report.rows_read != layout.rows)
    fail("read_csv", name + ":1:1: the first line declares " + std::to_string(layout.rows) +
                         " rows, but " + std::to_string(table.report.rows_read) +
                         " follow; is the file cut off?");
  if (columns.rows == 0)
    fail("read_csv", name + ":1:1: no row is left of " + std::to_string(table.report.rows_read) +
                         (table.report.refusals.empty() ? "" : ", " + table.report.refusals[0]) +
                         "; one or more rows of data are required");
  build_table(columns, target, layout.class_names, options, name, table);
  return table;
}

Table read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_file(path), options, path);
}

}  // namespace gradus::io
