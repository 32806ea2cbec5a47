#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gradus/data/split.hpp"
#include "gradus/data/synthetic.hpp"
#include "gradus/io/csv.hpp"

namespace gradus::train {

struct SourceOptions {
  /// A set by name (see set_names), a folder with MNIST's four files, or a file: .npy, .npz, IDX,
  /// or else CSV; "-" is CSV from standard input.
  std::string data = "digits";
  std::string labels = "";  ///< file of the targets, for .npy and IDX files of inputs
  io::CsvOptions csv = {};  ///< for CSV files
  /// For sets by name; what is 0 (noise: negative) is chosen by the set.
  data::SyntheticOptions synthetic = {.n = 0, .noise = -1, .classes = 0, .features = 0};
  bool need_targets = true;  ///< throw if there are none
};

/// Data as they were read, before anything is learned from them: a table, or tensors.
struct Source {
  std::string name;
  std::optional<io::RawTable> table = {};
  data::TensorDataset arrays = {};  ///< x (n, …), and y (n) labels or (n, outputs) quantities
  data::TensorDataset test = {};    ///< samples that the source itself keeps for the end, or none

  Index size() const { return table ? table->rows : arrays.size(); }
  /// A row as messages name it: "flowers.csv:7", its line in the file, or "digits: sample 5".
  std::string row_name(Index row) const;
};

/// The names of the sets that need no file: digits, xor, moons, …
std::vector<std::string> set_names();

/// Reads or makes data. Throws for what cannot be read, with the nearest name of a set if there is
/// no such file.
Source load_source(const SourceOptions& options);

}  // namespace gradus::train
