#include "gradus/train/pipeline.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "io/csv/scan.hpp"
#include "io/csv/table.hpp"

namespace gradus::train {

using io::detail::quote;

namespace {

std::vector<Index> all_rows(const Source& source) {
  std::vector<Index> rows(static_cast<std::size_t>(source.size()));
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

/// The target of a table if there is one alone; else without anything.
io::detail::TargetColumn find_target(const io::RawTable& table, io::Task task) {
  return table.targets.size() == 1 ? io::detail::read_target(table, task)
                                   : io::detail::TargetColumn();
}

/// A table of numbers as it is, for a model that was trained on tensors.
Tensor matrix_of(const io::RawTable& table, Index features) {
  for (const io::RawColumn& column : table.columns)
    if (column.is_text || column.missing)
      fail("Pipeline", table.name, ": column ", quote(column.name),
           (column.is_text ? " holds texts" : " has missing values"),
           "; numbers alone are required, as in training");
  if (static_cast<Index>(table.columns.size()) != features)
    fail("Pipeline", table.name, ": has ", table.columns.size(), " columns; ", features,
         " are required, the values of a sample in their order");
  return from_vector(table.cells, {table.rows, features});
}

std::shared_ptr<data::Scaler> make_scaler(const std::string& name) {
  if (name == "standard") return std::make_shared<data::StandardScaler>();
  if (name == "minmax") return std::make_shared<data::MinMaxScaler>();
  if (name == "none") return nullptr;
  fail("Pipeline.fit", "the scaler ", quote(name),
       " was given; standard, minmax or none is required");
}

}  // namespace

Tensor class_labels(const Source& source, io::Task task) {
  if (!source.table) {
    if (source.arrays.tensors().size() < 2) return {};
    const Tensor& y = source.arrays.y();
    return y.dtype() == int64 && y.dim() == 1 ? y : Tensor();
  }
  const auto [labels, classes] = find_target(*source.table, task);
  return classes.empty() ? Tensor() : from_vector(labels).to(int64);
}

Index Pipeline::num_targets() const {
  return static_cast<Index>(task_ == Task::regression ? targets_.size() : classes_.size());
}

void Pipeline::fit(const Source& source, const std::vector<Index>& training,
                   const PipelineOptions& options) {
  if (training.empty())
    fail("Pipeline.fit", source.name, ": no training rows; one or more are required");
  *this = Pipeline();
  dtype_ = options.dtype;
  is_table_ = source.table.has_value();
  embed_ = options.embed;
  ignore_unknown_ = options.ignore_unknown;
  Tensor x, y;
  if (is_table_) {
    const io::RawTable& table = *source.table;
    named_ = table.named;
    for (const Index t : table.targets)
      targets_.push_back(table.columns[static_cast<std::size_t>(t)].name);
    classes_ = find_target(table, options.task).classes;
    learn_columns(table, training, options);
    name_features();
    x = encode(table, training);
  } else {
    const data::TensorDataset& arrays = source.arrays;
    sample_ = arrays.x().shape();
    sample_.erase(0);
    const Shape& s = sample_;
    if (s.size() >= 2 && (s.size() == 2 || s[0] == 1)) image_ = {s[s.size() - 2], s[s.size() - 1]};
    if (source.name == "digits") image_ = {8, 8};
    const data::TensorDataset part = arrays.select(training);
    x = flatten(part.x()).to(float64);
    classes_ = arrays.class_names;
    if (arrays.tensors().size() > 1 && classes_.empty())
      for (Index t = 0; t < arrays.y().size(1); ++t) targets_.push_back("y" + text_of(t));
    else
      targets_ = {"label"};
    name_features();
    if (arrays.tensors().size() > 1) y = part.y();
  }
  task_ = classes_.empty()       ? Task::regression
          : classes_.size() == 2 ? Task::binary
                                 : Task::multiclass;
  if (classes_.size() == 1)
    fail("Pipeline.fit", source.name, ": the target has a single class, ", quote(classes_[0]),
         "; two or more are required; choose another target column");
  if (is_table_ && !targets_.empty()) y = encode_targets(*source.table, training);
  fit_scalers(x, y, options);
}

void Pipeline::learn_columns(const io::RawTable& table, const std::vector<Index>& training,
                             const PipelineOptions& options) {
  const bool fills = options.missing == io::Missing::mean ||
                     options.missing == io::Missing::median || options.missing == io::Missing::mode;
  std::vector<bool> is_target(table.columns.size());
  for (const Index target : table.targets) is_target[static_cast<std::size_t>(target)] = true;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (is_target[c]) continue;
    const io::RawColumn& from = table.columns[c];
    Column column{from.name, from.is_text};
    std::vector<double> present;
    for (const Index r : training)
      if (!std::isnan(table.cell(r, c))) present.push_back(table.cell(r, c));
    if (present.empty())
      fail("Pipeline.fit", table.name, ": column ", quote(from.name),
           " has no value in the training part; leave the column out");
    if (fills)
      column.fill =
          io::detail::typical(present, from.is_text ? io::Missing::mode : options.missing);
    else
      column.fill = NAN;
    column.indicator = options.indicators && fills && present.size() < training.size();
    if (from.is_text) {
      std::sort(present.begin(), present.end());
      present.erase(std::unique(present.begin(), present.end()), present.end());
      for (const double code : present)
        column.values.push_back(from.values[static_cast<std::size_t>(code)]);
      if (fills)  // as a number of the categories that are known here
        column.fill = static_cast<double>(
            std::lower_bound(present.begin(), present.end(), column.fill) - present.begin());
    }
    columns_.push_back(std::move(column));
  }
  if (columns_.empty())
    fail("Pipeline.fit", table.name,
         ": no column is left to predict from; one or more are "
         "required; check the delimiter and --ignore");
}

void Pipeline::name_features() {
  if (!is_table_) {
    for (Index i = 0; i < numel(sample_); ++i) features_.push_back("x" + text_of(i));
    scaled_.assign(features_.size(), true);
    return;
  }
  const auto add = [this](const std::string& name, bool scaled) {
    features_.push_back(name);
    scaled_.push_back(scaled);
  };
  for (const Column& column : columns_) {
    if (!column.is_text) add(column.name, true);
    if (column.is_text && !embed_)
      for (const std::string& value : column.values) add(column.name + "=" + value, false);
    if (column.indicator) add(column.name + " is missing", false);
  }
  for (const Column& column : columns_)
    if (column.is_text && embed_) {
      add(column.name, false);
      categories_.push_back(static_cast<Index>(column.values.size()));
    }
}

void Pipeline::fit_scalers(const Tensor& x, const Tensor& y, const PipelineOptions& options) {
  if (const auto scaler = make_scaler(options.scaler)) {
    scaler->fit(x);
    std::vector<double> shift = scaler->shift().to_vector<double>();
    std::vector<double> scale = scaler->scale().to_vector<double>();
    for (std::size_t f = 0; f < shift.size(); ++f)
      if (!scaled_[f]) {
        shift[f] = 0;
        scale[f] = 1;
      }
    scaler->load_state({{"shift", from_vector(shift)}, {"scale", from_vector(scale)}});
    scaler_ = scaler;
  }
  const auto target = make_scaler(options.target_scaler);
  if (task_ != Task::regression || !target || !y.defined()) return;
  target->fit(y.to(float64));
  target_scaler_ = target;
}

Tensor Pipeline::flatten(const Tensor& x) const {
  Shape shape = x.shape();
  shape.erase(0);
  if (numel(shape) != numel(sample_))
    fail("Pipeline", "samples of shape ", shape, " were given; ", sample_,
         " is required, as in training");
  return x.reshape({x.size(0), numel(sample_)});
}

Tensor Pipeline::scale(const Tensor& x, const RowName& row) const {
  const Tensor given = scaler_ ? x.to(float64) : x;
  const Tensor scaled = (scaler_ ? scaler_->transform(given) : given).to(dtype_);
  require_finite(scaled, given, row, "column", features_);
  return scaled;
}

/// Refuses the first number that is not finite as the model is to take it.
void Pipeline::require_finite(const Tensor& scaled, const Tensor& given, const RowName& row,
                              const char* kind, const std::vector<std::string>& names) const {
  if (scaled.numel() == 0 || all(isfinite(scaled)).item<bool>()) return;
  const std::vector<double> values = scaled.to_vector<double>();
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](double value) { return !std::isfinite(value); });
  const auto at = static_cast<std::size_t>(bad - values.begin());
  const auto i = static_cast<Index>(at);
  fail("Pipeline", row(i / scaled.size(1)), ": ", kind, " ",
       quote(names.at(static_cast<std::size_t>(i % scaled.size(1)))), " has ",
       gradus::text_of(given.to_vector<double>()[at]), ", which is ", gradus::text_of(*bad),
       " as the model takes it; numbers that ", name_of(dtype_),
       " can hold after scaling are required; correct the file",
       (dtype_ == float32 ? ", or train with --precision float64" : ""));
}

Tensor Pipeline::unscale_inputs(const Tensor& x) const {
  return scaler_ ? scaler_->inverse_transform(x) : x;
}

Tensor Pipeline::unscale(const Tensor& output) const {
  // In double precision: quantities may be larger than the model's numbers can be.
  return target_scaler_ ? target_scaler_->inverse_transform(output.to(float64)) : output;
}

data::TensorDataset Pipeline::finish(const Tensor& x, const Tensor& y, const RowName& row) const {
  if (!y.defined()) return data::TensorDataset(scale(x, row));
  Tensor target = y;
  if (task_ == Task::regression) {
    const Tensor given = y.to(float64).reshape({y.size(0), num_targets()});
    target = (target_scaler_ ? target_scaler_->transform(given) : given).to(dtype_);
    require_finite(target, given, row, "target", targets_);
  }
  data::TensorDataset set(scale(x, row), target);
  set.class_names = classes_;
  return set;
}

/// How messages name rows of a source.
Pipeline::RowName Pipeline::name_rows(const Source& source, const std::vector<Index>& rows) {
  return [&source, rows](Index i) { return source.row_name(rows.at(static_cast<std::size_t>(i))); };
}

Tensor Pipeline::inputs(const Source& source) const {
  const RowName row = name_rows(source, all_rows(source));
  if (!is_table_ && source.table)
    return scale(matrix_of(*source.table, static_cast<Index>(features_.size())), row);
  if (source.table.has_value() != is_table_)
    fail("Pipeline", source.name, ": holds ", (is_table_ ? "tensors" : "a table"),
         "; the model was trained on ", (is_table_ ? "a table" : "tensors"),
         "; data of the same kind are required");
  return scale(is_table_ ? encode(*source.table, all_rows(source)) : flatten(source.arrays.x()),
               row);
}

data::TensorDataset Pipeline::dataset(const Source& source) const {
  return dataset(source, all_rows(source));
}

data::TensorDataset Pipeline::dataset(const Source& source, const std::vector<Index>& rows,
                                      std::map<std::string, Index>* unknown) const {
  if (source.table.has_value() && !is_table_)
    fail("Pipeline", source.name,
         ": holds a table; the model was trained on tensors, and targets in the "
         "same form (.npz, IDX, a set by name) are required to measure it");
  if (source.table.has_value() != is_table_) inputs(source);  // says what is wrong
  const RowName row = name_rows(source, rows);
  if (!is_table_) return dataset(source.arrays.select(rows), row);
  return finish(encode(*source.table, rows, unknown), encode_targets(*source.table, rows), row);
}

data::TensorDataset Pipeline::dataset(const data::TensorDataset& arrays) const {
  return dataset(arrays, [](Index i) { return "sample " + gradus::text_of(i); });
}

data::TensorDataset Pipeline::dataset(const data::TensorDataset& arrays, const RowName& row) const {
  if (arrays.tensors().size() < 2) fail("Pipeline", "the data have no targets; give their file");
  const bool labels = arrays.y().dtype() == int64 && arrays.y().dim() == 1;
  if (labels == (task_ == Task::regression) ||
      (labels ? max(arrays.y()).item<Index>() >= num_targets()
              : arrays.y().numel() != arrays.size() * num_targets()))
    fail("Pipeline", "targets ", arrays.y().shape(), " ", name_of(arrays.y().dtype()),
         " were given; ", num_targets(),
         (task_ == Task::regression ? " quantities a sample" : " classes"),
         " are required, as in training");
  return finish(flatten(arrays.x()), arrays.y(), row);
}

}  // namespace gradus::train
