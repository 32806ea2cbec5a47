#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/data/dataset.hpp"
#include "gradus/data/report.hpp"

namespace gradus::io {

/// What happens to missing values (empty, NA, N/A, NaN, null, None, ?): an Error, the row left out,
/// or the mean or median of the column put in their place (the commonest value in columns of text).
/// A row without a target is left out unless the policy is an Error.
enum class Missing { error, drop, mean, median };
/// How columns of text become numbers: one 0/1 column a value, or the number of the value in
/// alphabetical order.
enum class Categories { one_hot, codes };
/// What the target is: labels 0, 1, … (int64) or a quantity (floating point, shape (n, 1)).
/// Automatic: labels if it is text or a few different whole numbers.
enum class Task { automatic, classification, regression };

struct CsvOptions {
  char delimiter = 0;               ///< 0: one of , ; tab, whichever splits the lines evenly
  char decimal = '.';               ///< or ','
  std::optional<bool> header = {};  ///< default: there is one if no field of line 1 is a number
  std::string target = "";          ///< name, or number from 0 (-1: last); default last; "none"
  Task task = Task::automatic;
  Missing missing = Missing::error;
  Categories categories = Categories::one_hot;
  std::vector<std::string> categorical = {};    ///< columns to read as text although numbers
  std::vector<std::string> missing_texts = {};  ///< further spellings of a missing value
  bool drop_bad_rows = false;   ///< leave out rows of wrong length or with text for a number
  Index max_categories = 1000;  ///< more different values in a column of text are an Error
  DType dtype = float32;        ///< of the features: float32 or float64
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
/// beginning). A first line `rows,columns,class names…` as in scikit-learn's data is recognised.
/// Errors carry file:line:column, the field, what was expected and the likely fix.
Table read_csv(const std::string& path, const CsvOptions& options = {});

/// As read_csv, from text; `name` stands for the file in messages.
Table parse_csv(std::string_view text, const CsvOptions& options = {},
                const std::string& name = "text");

}  // namespace gradus::io
