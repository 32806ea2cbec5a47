#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/data/dataset.hpp"
#include "gradus/data/report.hpp"

namespace gradus::io {

/// What happens to missing values (empty, NA, N/A, NaN, null, None, ?): an Error, the row left out,
/// the mean, median or commonest value of the column put in their place (always the commonest in
/// columns of text), or NaN kept. A row without a target is left out unless the policy is an Error.
enum class Missing { error, drop, mean, median, mode, keep };
/// How columns of text become numbers: one 0/1 column a value, or the number of the value in
/// alphabetical order.
enum class Categories { one_hot, codes };
/// How the bytes of a file stand for letters.
enum class Encoding { utf8, latin1, windows1252 };
/// What the target is: labels 0, 1, … (int64) or a quantity (floating point, shape (n, 1)).
/// Automatic: labels if it is text or a few different whole numbers.
enum class Task { automatic, classification, regression };

struct CsvOptions {
  char delimiter = 0;                  ///< 0: one of , ; tab, whichever splits the lines evenly
  char decimal = '.';                  ///< or ','
  Encoding encoding = Encoding::utf8;  ///< a file with UTF-8's mark at its beginning is UTF-8
  std::optional<bool> header = {};     ///< default: there is one if no field of line 1 is a number
  std::string target = "";             ///< name, or number from 0 (-1: last); default last; "none"
  Task task = Task::automatic;
  Missing missing = Missing::error;
  Categories categories = Categories::one_hot;
  std::vector<std::string> targets = {};      ///< several, instead of `target`; read_raw_csv only
  std::vector<std::string> categorical = {};  ///< columns to read as text although numbers
  std::vector<std::string> numeric = {};      ///< columns in which a text is an Error
  std::vector<std::string> ignored = {};      ///< columns to leave out
  bool optional_names = false;  ///< columns that the lists above name need not be in the file
  std::vector<std::string> missing_texts = {};  ///< further spellings of a missing value
  bool drop_bad_rows = false;   ///< leave out rows of wrong length or with text for a number
  Index max_categories = 1000;  ///< more different values in a column of text are an Error
  DType dtype = float32;        ///< of the features: float32 or float64
};

/// A column of a RawTable: numbers, or numbers of texts.
struct RawColumn {
  std::string name;
  bool is_text = false;
  std::vector<std::string> values = {};  ///< the texts, in alphabetical order
  Index missing = 0;
};

/// A file of rows as it was read: nothing is filled in, scaled or encoded yet.
struct RawTable {
  std::string name;                ///< of the file
  std::vector<RawColumn> columns;  ///< without the ignored ones
  bool named = false;              ///< by the first line; otherwise they are "column 0", …
  std::vector<Index> targets;      ///< numbers of the columns to predict, in the order asked for
  Index rows = 0;
  std::vector<double> cells;             ///< (rows, columns), NaN where missing
  std::vector<Index> lines;              ///< of the rows, in the file
  std::vector<std::string> class_names;  ///< that a first line as scikit-learn's declares
  data::DataReport report;

  double cell(Index row, std::size_t column) const {
    return cells[static_cast<std::size_t>(row) * columns.size() + column];
  }
};

/// A file of rows, as tensors.
struct Table {
  Tensor x;                              ///< (rows, features)
  Tensor y;                              ///< (rows,) int64 labels, or (rows, 1); undefined if none
  std::vector<std::string> columns;      ///< names of the features
  std::string target;                    ///< name of the target, or ""
  std::vector<std::string> class_names;  ///< of the labels 0, 1, …; empty for quantities
  data::DataReport report;

  /// x and, if there is a target, y, with the class names.
  data::TensorDataset dataset() const;
};

/// Reads a CSV file (RFC 4180; gzip or not; LF or CRLF; UTF-8 with or without a mark at its
/// beginning, or see Encoding). A column holds numbers if half of its values or more are some, and
/// then a text in it is an Error; else it holds texts. Fields that csv_field() wrote come back as
/// they were. Missing values are filled in from all rows; a program that holds out some of them
/// uses read_raw_csv. A first line `rows,columns,class names…` as in scikit-learn's data is
/// recognised. Errors carry file:line:column, the field, what was expected and the likely fix.
Table read_csv(const std::string& path, const CsvOptions& options = {});

/// Reads a CSV file without drawing conclusions from all of its rows, so that what is learned from
/// the data can be learned from the training part alone: see train::Pipeline. The policies mean,
/// median and mode leave NaN.
RawTable read_raw_csv(const std::string& path, const CsvOptions& options = {});
RawTable parse_raw_csv(std::string_view text, const CsvOptions& options = {},
                       const std::string& name = "text");

/// As read_csv, from text; `name` stands for the file in messages.
Table parse_csv(std::string_view text, const CsvOptions& options = {},
                const std::string& name = "text");

/// A text as a field of a CSV file, in quotes where it needs them. What a spreadsheet would take
/// for a formula (it begins with = + - @, a tab or a line end and is no number) begins with an
/// apostrophe, as do texts that begin with apostrophes and such a character; read_csv takes it off.
std::string csv_field(std::string_view text, char delimiter = ',');

}  // namespace gradus::io
