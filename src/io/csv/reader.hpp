#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/io/csv.hpp"
#include "io/csv/scan.hpp"
#include "io/csv/table.hpp"

namespace gradus::io::detail {

bool is_missing(std::string_view text, const CsvOptions& options);

/// Reads the records that are left into `columns`, each a column of numbers or of texts by all of
/// its cells; `targets` are numbers of columns. Labels must be numbers of `class_names` if there
/// are any.
void read_rows(const CsvScanner& scanner, const CsvOptions& options, Columns& columns,
               const std::vector<Index>& targets, const std::vector<std::string>& class_names,
               data::DataReport& report);

}  // namespace gradus::io::detail
