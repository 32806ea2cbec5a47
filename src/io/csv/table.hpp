#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/io/csv.hpp"
#include "io/csv/scan.hpp"

namespace gradus::io::detail {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// A column while it is read: its cells are numbers, or codes of texts by first appearance.
struct Column {
  enum Kind { unknown, number, text };
  std::string name;
  Kind kind = unknown;
  bool asked = false;  // the options say of which kind it is
  bool fixed = false;  // they do, or all cells were judged
  Index missing = 0;
  Index odd = 0;                    // texts among numbers
  std::string odd_at, first_odd;    // place and text of the first text
  std::vector<std::string> values;  // of the codes
  std::unordered_map<std::string, double, TextHash, std::equal_to<>> codes;

  double code_of(std::string_view value) {
    if (const auto at = codes.find(value); at != codes.end()) return at->second;
    const double code = static_cast<double>(values.size());
    values.emplace_back(value);
    codes.emplace(value, code);
    return code;
  }
};

struct Columns {
  std::vector<Column> list;   // those that are kept
  std::vector<int> slots;     // of each field of a record: its column, or -1
  std::vector<double> cells;  // (rows, columns); NaN where missing
  std::vector<Index> lines;   // of the rows
  Index rows = 0;
};

bool is_missing(std::string_view text, const CsvOptions& options);

/// Reads the records that are left into `columns`, each a column of numbers or of texts by all of
/// its cells; `targets` are numbers of columns. Labels must be numbers of `class_names` if there
/// are any.
void read_rows(const CsvScanner& scanner, const CsvOptions& options, Columns& columns,
               const std::vector<Index>& targets, const std::vector<std::string>& class_names,
               data::DataReport& report);
/// Numbers the texts of a column that occur in alphabetical order, and forgets the others.
void sort_codes(Columns& columns, std::size_t c);
/// The values of the first target of a table: quantities, or the numbers of classes if it has some.
struct TargetColumn {
  std::vector<double> values;
  std::vector<std::string> classes;  // by name
};
TargetColumn read_target(const RawTable& raw, Task task);
/// A number as the name of a class or category.
std::string name_of_number(double number);
/// Mean, median or commonest of the values, which must not be empty.
double typical(std::vector<double> values, Missing policy);

/// Fills in missing values, turns texts into numbers and fills x, y, names and report of `table`.
void build_table(RawTable& raw, const CsvOptions& options, Table& table);

}  // namespace gradus::io::detail
