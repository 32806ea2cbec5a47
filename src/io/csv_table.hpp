#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/io/csv.hpp"

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
  Index missing = 0;
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
  std::vector<Column> list;
  std::vector<double> cells;  // (rows, columns); NaN where missing
  Index rows = 0;
};

/// Fills in missing values, turns texts into numbers and fills x, y, names and report of `table`.
void build_table(Columns& columns, Index target, const std::vector<std::string>& class_names,
                 const CsvOptions& options, const std::string& name, Table& table);

}  // namespace gradus::io::detail
