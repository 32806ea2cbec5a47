#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/data/dataset.hpp"

namespace gradus::data {

/// What was found in the data, for the user to judge before training.
struct DataReport {
  Index rows_read = 0;                ///< data rows in the file, without header and blank lines
  Index rows_refused = 0;             ///< of these, left out by the reader's policies
  std::vector<std::string> refusals;  ///< why, for the first few
  std::vector<std::string> constant_columns;           ///< features with a single value
  std::vector<std::pair<std::string, Index>> missing;  ///< missing values by column
  /// Columns that were read as text, though so many of their values are numbers.
  std::vector<std::pair<std::string, Index>> mixed_columns;
  /// Values of columns of text that the training part does not have, by column.
  std::vector<std::pair<std::string, Index>> unknown;
  std::vector<std::pair<std::string, Index>> class_counts;  ///< samples by class
  /// Samples whose inputs occur in the training part, part by part; see count_shared.
  std::vector<std::pair<std::string, Index>> duplicates;

  /// One finding a line; empty if there is nothing to remark.
  std::string to_string() const;
};

/// Constant features and class counts of a data set; `columns` names the features.
DataReport inspect(const TensorDataset& dataset, const std::vector<std::string>& columns = {});

/// How many samples of `part` have exactly the inputs (first tensor) of some sample of `reference`:
/// test samples that were trained on. Throws if shapes or dtypes of a sample differ.
Index count_shared(const TensorDataset& part, const TensorDataset& reference);

}  // namespace gradus::data
