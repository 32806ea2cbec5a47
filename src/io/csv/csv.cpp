#include "gradus/io/csv.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "gradus/io/file.hpp"
#include "io/csv/table.hpp"

namespace gradus::io {

using namespace detail;

namespace {

/// Columns have names and categories, which take much more memory than a short field.
constexpr Index most_columns = 1'000'000;

/// What the first lines tell.
struct Layout {
  std::vector<std::string> columns;
  std::unordered_map<std::string_view, Index> number_of;  // of a column, by its name
  std::vector<std::string> class_names;                   // of scikit-learn's first line
  Index rows = -1;                                        // as it declares
  bool has_first_line = false;                            // a first line that is not data
  bool named = false;                                     // the first line names the columns
};

/// Refuses what is not text.
void check_text(std::string_view text, const std::string& name) {
  const auto begins = [&](std::string_view with) { return text.substr(0, with.size()) == with; };
  if (begins("\xff\xfe") || begins("\xfe\xff"))
    fail("read_csv", name, ":1:1: UTF-16 text; UTF-8 is required; convert it with iconv -f UTF-16");
  if (begins("PK\x03\x04"))
    fail("read_csv", name,
         ":1:1: a zip or spreadsheet file; CSV text is required; unpack it, or "
         "save the sheet as CSV");
  if (const std::size_t at = text.find('\0'); at != text.npos) {
    fail("read_csv", place_of(text, at, name),
         "a zero byte; text is required; is this a binary file, or UTF-16?");
  }
  const std::size_t mark = begins("\xef\xbb\xbf") ? 3 : 0;
  if (text.find_first_not_of(" \t\r\n", mark) == text.npos)
    fail("read_csv", name, ":1:1: the file is empty; lines of fields are required");
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
    refuse("max_categories = " + text_of(o.max_categories) + "; 1 or more is required");
}

bool declares_shape(const std::vector<std::string>& first, std::size_t width, Index& rows) {
  if (first.size() < 3) return false;
  double r, c;
  if (!parse_number(first[0], '.', r) || !parse_number(first[1], '.', c)) return false;
  if (!(r >= 1 && r < 1e15 && r == std::floor(r)) || c + 1 != static_cast<double>(width))
    return false;
  for (std::size_t i = 2; i < first.size(); ++i)
    if (first[i].empty() || is_number(first[i], '.')) return false;
  rows = static_cast<Index>(r);
  return true;
}

Layout find_layout(CsvScanner scanner, const CsvOptions& options) {
  Layout layout;
  CsvScanner again = scanner;
  scanner.begin_record();
  CsvScanner count = scanner;
  if (const Index fields = count.skip(); fields > most_columns)
    scanner.fail_here("the first line has " + text_of(fields) + " fields; at most " +
                      text_of(most_columns) +
                      " are supported; write one row a line, or the table on its side");
  std::vector<std::string> first = take_record(scanner);
  const std::size_t fields = first.size();
  const std::size_t width =
      scanner.begin_record() ? static_cast<std::size_t>(scanner.skip()) : fields;
  if (!options.header.value_or(false) && declares_shape(first, width, layout.rows)) {
    layout.has_first_line = true;
    layout.class_names.assign(first.begin() + 2, first.end());
  } else {
    bool named = false, numbers = false;
    for (const std::string& field : first) {
      named |= !is_missing(field, options);
      numbers |= is_number(field, options.decimal);
    }
    layout.has_first_line = options.header.value_or(named && !numbers);
    if (layout.has_first_line) layout.columns = std::move(first);
  }
  const bool named = layout.named = !layout.columns.empty();
  if (!named) layout.columns.resize(layout.rows >= 0 ? width : fields);
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    std::string& name = layout.columns[i];
    if (name.empty()) name = "column " + text_of(i);
    if (layout.number_of.emplace(name, static_cast<Index>(i)).second || !named) continue;
    again.begin_record();
    for (std::size_t field = 0; field <= i; ++field) again.take();
    again.fail_here("the column name " + quote(name) +
                    " occurs twice in the first line; rename one of them, or read the line as "
                    "data with .header = false");
  }
  return layout;
}

/// The number of the field that is called `wanted`, or is the wanted-th; -1 if there is none.
Index find_column(const Layout& layout, const std::string& wanted) {
  const Index count = static_cast<Index>(layout.columns.size());
  const auto at = layout.number_of.find(wanted);
  if (at != layout.number_of.end()) return at->second;
  double number;
  if (parse_number(wanted, '.', number) && number == std::floor(number) &&
      number >= static_cast<double>(-count) && number < static_cast<double>(count))
    return static_cast<Index>(number) + (number < 0 ? count : 0);
  return -1;
}

/// As find_column; throws, naming the most similar column, where it must be there.
Index need_column(const Layout& layout, const CsvOptions& options, const std::string& name,
                  const std::string& wanted, const char* what) {
  const Index at = find_column(layout, wanted);
  if (at >= 0 || options.optional_names) return at;
  const std::string count = text_of(layout.columns.size());
  fail("read_csv", name, ":1:1: there is no ", what, " ", quote(wanted),
       "; a name in the first line, or a number from -", count, " to ", layout.columns.size() - 1,
       ", is required; did you mean ", quote(nearest_name(wanted, layout.columns)), "?");
}

/// The numbers of the fields to predict.
std::vector<Index> find_targets(const Layout& layout, const CsvOptions& options,
                                const std::string& name) {
  std::vector<Index> found;
  std::vector<bool> known(layout.columns.size());
  for (const std::string& wanted : options.targets)
    if (const Index at = need_column(layout, options, name, wanted, "target column"); at >= 0) {
      if (known[static_cast<std::size_t>(at)])
        fail("read_csv", name, ":1:1: the target column ", quote(wanted),
             " was given twice; name it once");
      found.push_back(at);
      known[static_cast<std::size_t>(at)] = true;
    }
  if (!options.targets.empty()) return found;
  if (options.target.empty()) return {static_cast<Index>(layout.columns.size()) - 1};
  if (options.target == "none" && find_column(layout, "none") < 0) return {};
  const Index at = need_column(layout, options, name, options.target, "target column");
  return at < 0 ? std::vector<Index>() : std::vector<Index>{at};
}

/// The columns that are kept, with what the options say of their kinds.
Columns make_columns(const Layout& layout, const std::vector<Index>& targets,
                     const CsvOptions& options, const std::string& name) {
  std::vector<Column::Kind> kinds(layout.columns.size(), Column::unknown);
  std::vector<bool> keep(kinds.size(), true);
  const auto each = [&](const std::vector<std::string>& list, const char* what, auto use) {
    for (const std::string& wanted : list)
      if (const Index at = need_column(layout, options, name, wanted, what); at >= 0)
        use(static_cast<std::size_t>(at));
  };
  each(options.categorical, "categorical column",
       [&](std::size_t at) { kinds[at] = Column::text; });
  each(options.numeric, "numeric column", [&](std::size_t at) { kinds[at] = Column::number; });
  each(options.ignored, "column to leave out", [&](std::size_t at) { keep[at] = false; });
  for (const Index target : targets) {
    if (!keep[static_cast<std::size_t>(target)])
      fail("read_csv", name, ": the column ",
           quote(layout.columns[static_cast<std::size_t>(target)]),
           " is a target and left out, too; choose one");
  }
  Columns columns;
  columns.slots.reserve(kinds.size());
  columns.list.reserve(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    columns.slots.push_back(keep[i] ? static_cast<int>(columns.list.size()) : -1);
    if (!keep[i]) continue;
    columns.list.emplace_back();
    columns.list.back().name = layout.columns[i];
    columns.list.back().kind = kinds[i];
    columns.list.back().asked = columns.list.back().fixed = kinds[i] != Column::unknown;
  }
  return columns;
}

/// Refuses a column of texts all of which are numbers with the other decimal mark.
void check_decimal(const Column& column, const CsvOptions& options, const std::string& name) {
  const char other = options.decimal == '.' ? ',' : '.';
  if (column.asked) return;
  for (const std::string& text : column.values)
    if (!is_number(text, other)) return;
  if (column.values.empty()) return;
  fail("read_csv", name, ": column ", quote(column.name), " has numbers with the decimal mark ",
       quote({&other, 1}), ", as ", quote(column.values[0]), "; ", quote({&options.decimal, 1}),
       " is required; set .decimal = '", other,
       "', or list the column in .categorical if it holds names");
}

}  // namespace

data::TensorDataset Table::dataset() const {
  data::TensorDataset set = y.defined() ? data::TensorDataset(x, y) : data::TensorDataset(x);
  set.class_names = class_names;
  return set;
}

RawTable parse_raw_csv(std::string_view text, const CsvOptions& options, const std::string& name) {
  check_options(options);
  check_text(text, name);
  std::string decoded;
  text = to_utf8(text, options.encoding, name, decoded);
  CsvScanner scanner(text, options.delimiter ? options.delimiter : detect_delimiter(text), name);
  const Layout layout = find_layout(scanner, options);
  const std::vector<Index> targets = find_targets(layout, options, name);
  Columns columns = make_columns(layout, targets, options, name);
  RawTable raw;
  raw.name = name;
  raw.named = layout.named;
  raw.class_names = layout.class_names;
  for (const Index target : targets)
    raw.targets.push_back(columns.slots[static_cast<std::size_t>(target)]);
  if (layout.has_first_line) {
    scanner.begin_record();
    scanner.skip();
  }
  read_rows(scanner, options, columns, raw.targets, layout.class_names, raw.report);
  if (layout.rows >= 0 && raw.report.rows_read != layout.rows)
    fail("read_csv", name, ":1:1: the first line declares ", layout.rows, " rows, but ",
         raw.report.rows_read, " follow; is the file cut off?");
  if (columns.rows == 0)
    fail("read_csv", name, ":1:1: no row is left of ", raw.report.rows_read,
         (raw.report.refusals.empty() ? "" : ", " + raw.report.refusals[0]),
         "; one or more rows of data are required");
  for (std::size_t c = 0; c < columns.list.size(); ++c) {
    Column& column = columns.list[c];
    if (column.missing) raw.report.missing.emplace_back(column.name, column.missing);
    if (column.kind == Column::text) {
      check_decimal(column, options, name);
      sort_codes(columns, c);
    }
    raw.columns.push_back({std::move(column.name), column.kind == Column::text,
                           std::move(column.values), column.missing});
  }
  raw.rows = columns.rows;
  raw.cells = std::move(columns.cells);
  raw.lines = std::move(columns.lines);
  return raw;
}

RawTable read_raw_csv(const std::string& path, const CsvOptions& options) {
  return parse_raw_csv(read_file(path), options, path);
}

Table parse_csv(std::string_view text, const CsvOptions& options, const std::string& name) {
  if (!options.targets.empty())
    fail("read_csv", "several targets were given; read_raw_csv is required for them");
  RawTable raw = parse_raw_csv(text, options, name);
  Table table;
  build_table(raw, options, table);
  return table;
}

Table read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_file(path), options, path);
}

}  // namespace gradus::io
