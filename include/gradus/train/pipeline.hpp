#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gradus/data/scaler.hpp"
#include "gradus/io/npy.hpp"
#include "gradus/train/source.hpp"
#include "gradus/train/task.hpp"

namespace gradus::train {

namespace detail {
class Value;
}

struct PipelineOptions {
  io::Task task = io::Task::automatic;
  io::Missing missing = io::Missing::error;  ///< mean, median and mode fill in; others refuse
  bool indicators = false;      ///< a further feature, 0 or 1, for columns with missing values
  bool embed = false;           ///< columns of text become one code, not one feature a text
  bool ignore_unknown = false;  ///< texts that were not trained on count as none; else an Error
  std::string scaler = "standard", target_scaler = "standard";  ///< or "minmax", "none"
  DType dtype = float32;
};

/// Labels 0, 1, … (n) of a source, by which it is split, or an undefined tensor for quantities.
Tensor class_labels(const Source& source, io::Task task = io::Task::automatic);

/// From data as they were read to what a model is given: missing values filled in, texts encoded,
/// features scaled. What this takes (means, categories, names of classes) is learned from the
/// training part alone, saved with the model, and applied to all data that come later.
class Pipeline {
 public:
  Pipeline() = default;

  /// Learns from the rows `training` of a source. Throws if there is nothing to learn, as for a
  /// column without a value.
  void fit(const Source& source, const std::vector<Index>& training,
           const PipelineOptions& options = {});

  /// The inputs of all rows, (n, features). Throws one Error that lists all missing columns, or the
  /// first values that cannot be encoded or are not finite when scaled, with file, line and column.
  Tensor inputs(const Source& source) const;
  /// Inputs and targets; throws as inputs(), and for targets that are not there or not known.
  data::TensorDataset dataset(const Source& source) const;
  /// The same for some rows. Texts that were not trained on count as none where `unknown` receives
  /// how many a column has.
  data::TensorDataset dataset(const Source& source, const std::vector<Index>& rows,
                              std::map<std::string, Index>* unknown = nullptr) const;
  /// The same for tensors: Source::test.
  data::TensorDataset dataset(const data::TensorDataset& arrays) const;
  /// Inputs of a model in the units of the data.
  Tensor unscale_inputs(const Tensor& x) const;
  /// Outputs of a regression in the units of the data; float64 where they were scaled.
  Tensor unscale(const Tensor& output) const;

  bool is_fitted() const { return !features_.empty(); }
  Task task() const { return task_; }
  const std::vector<std::string>& class_names() const { return classes_; }
  const std::vector<std::string>& target_names() const { return targets_; }
  /// Names of the columns of x.
  const std::vector<std::string>& features() const { return features_; }
  /// How many categories each of the last columns of x has; see ModelSpec.
  const std::vector<Index>& categories() const { return categories_; }
  /// Classes, or quantities.
  Index num_targets() const;
  /// Rows and columns of images, or {}.
  const Shape& image_shape() const { return image_; }
  DType dtype() const { return dtype_; }

  /// How a further file of the same kind is to be read.
  io::CsvOptions csv_options(io::CsvOptions base = {}) const;

  /// Everything as JSON and tensors, and back. Throws, naming `file`, for a state that is damaged:
  /// parts that do not fit each other, numbers out of range, more values in a sample than `inputs`.
  std::string json() const;
  io::NamedTensors tensors() const;
  static Pipeline parse(const std::string& json, const io::NamedTensors& tensors,
                        const std::string& file = "", Index inputs = 1 << 24);

 private:
  struct Column {
    std::string name;
    bool is_text = false, indicator = false;
    std::vector<std::string> values = {};  // categories
    double fill = 0;                       // what missing values become; NaN: refused
  };
  struct Encoder;

  void learn_columns(const io::RawTable& table, const std::vector<Index>& training,
                     const PipelineOptions& options);
  void name_features();
  static Column read_column(const detail::Value& from);
  void read_targets(const detail::Value& from);
  void fit_scalers(const Tensor& x, const Tensor& y, const PipelineOptions& options);
  Tensor encode(const io::RawTable& table, const std::vector<Index>& rows,
                std::map<std::string, Index>* unknown = nullptr) const;
  Tensor encode_targets(const io::RawTable& table, const std::vector<Index>& rows) const;
  Tensor flatten(const Tensor& x) const;
  using RowName = std::function<std::string(Index row)>;
  static RowName name_rows(const Source& source, const std::vector<Index>& rows);
  Tensor scale(const Tensor& x, const RowName& row) const;
  void require_finite(const Tensor& scaled, const Tensor& given, const RowName& row,
                      const char* kind, const std::vector<std::string>& names) const;
  data::TensorDataset finish(const Tensor& x, const Tensor& y, const RowName& row) const;
  data::TensorDataset dataset(const data::TensorDataset& arrays, const RowName& row) const;

  bool is_table_ = false, named_ = false, embed_ = false, ignore_unknown_ = false;
  std::vector<Column> columns_;
  std::vector<std::string> targets_, classes_, features_;
  std::vector<bool> scaled_;  // of the features
  std::vector<Index> categories_;
  Task task_ = Task::multiclass;
  Shape sample_, image_;
  DType dtype_ = float32;
  std::shared_ptr<data::Scaler> scaler_, target_scaler_;
};

}  // namespace gradus::train
