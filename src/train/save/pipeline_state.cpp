// What a pipeline has learned, as text and tensors.
#include <cmath>
#include <limits>
#include <set>

#include "base/messages.hpp"
#include "gradus/train/pipeline.hpp"
#include "io/csv/scan.hpp"
#include "train/save/json.hpp"

namespace gradus::train {

using detail::Json;
using io::detail::quote;

namespace {

std::vector<Index> list_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

using detail::Value;

/// A scaler as it was saved under `prefix`: for each column what is subtracted and a divisor, 0 and
/// 1 where a column is not `scaled`. Refuses other numbers; nothing if there is none.
std::shared_ptr<data::Scaler> read_scaler(const std::string& file, const io::NamedTensors& tensors,
                                          const std::string& prefix,
                                          const std::vector<bool>& scaled) {
  const std::size_t width = scaled.size();
  const auto refuse = [&](const std::string& what) {
    fail("Pipeline.parse", printable(file), (file.empty() ? "" : ": "), what,
         " is required; is the file damaged?");
  };
  data::ScalerState state;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(prefix)) continue;
    const std::string part = name.substr(prefix.size());
    if (part != "shift" && part != "scale")
      refuse(quote(name) + " stands beside the scaler; " + prefix + "shift or " + prefix + "scale");
    if (tensor.dtype() != float64 || !(tensor.shape() == Shape{static_cast<Index>(width)}))
      refuse(name + " is " + to_string(tensor.shape()) + " " + gradus::name_of(tensor.dtype()) +
             "; (" + text_of(width) + ",) float64, one number a column,");
    const std::vector<double> values = tensor.to_vector<double>();
    const bool divides = part == "scale";
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool fits = !scaled[i] ? values[i] == (divides ? 1 : 0)
                        : divides  ? values[i] > 0 && std::isnormal(values[i])
                                   : std::isfinite(values[i]);
      if (!fits)
        refuse(name + " is " + text_of(values[i]) + " at place " + text_of(i) + "; " +
               (!scaled[i] ? (divides ? "1, for the column is not scaled,"
                                      : "0, for the column is not scaled,")
                : divides  ? "a finite number above 2.3e-308, a divisor,"
                           : "a finite number"));
    }
    state.emplace_back(part, tensor);
  }
  if (state.empty()) return nullptr;
  if (state.size() != 2)
    refuse(prefix + state[0].first + " stands alone; both " + prefix + "shift and " + prefix +
           "scale");
  auto scaler = std::make_shared<data::StandardScaler>();
  scaler->load_state(state);
  return scaler;
}

/// The product of the axes, at most `most`.
Index count_of(const Value& value, const Shape& shape, Index most) {
  Index count = 1;
  for (const Index n : shape)
    if (__builtin_mul_overflow(count, n, &count) || count > most)
      value.refuse("a shape of at most " + text_of(most) + " values, the inputs of the model,");
  return count;
}

Shape read_shape(const Value& value) {
  Shape shape;
  for (const Index n : value.wholes(1, std::numeric_limits<Index>::max(), max_rank))
    shape.push_back(n);
  return shape;
}

}  // namespace

io::CsvOptions Pipeline::csv_options(io::CsvOptions base) const {
  base.optional_names = true;
  if (!targets_.empty()) base.targets = targets_;
  if (named_) {
    for (const Column& column : columns_)
      (column.is_text ? base.categorical : base.numeric).push_back(column.name);
  }
  base.missing = io::Missing::keep;
  base.task = io::Task::automatic;
  base.dtype = dtype_;
  return base;
}

std::string Pipeline::json() const {
  Json columns = Json::array();
  for (const Column& column : columns_)
    columns.push_back({{"name", column.name},
                       {"text", column.is_text},
                       {"indicator", column.indicator},
                       {"values", column.values},
                       {"fill", std::isnan(column.fill) ? Json() : Json(column.fill)}});
  const Json object = {{"version", 1},
                       {"table", is_table_},
                       {"named", named_},
                       {"embed", embed_},
                       {"ignore_unknown", ignore_unknown_},
                       {"columns", columns},
                       {"targets", targets_},
                       {"classes", classes_},
                       {"task", name_of(task_)},
                       {"sample", list_of(sample_)},
                       {"image", list_of(image_)},
                       {"dtype", gradus::name_of(dtype_)}};
  return detail::dump(object);
}

io::NamedTensors Pipeline::tensors() const {
  io::NamedTensors all;
  const auto add = [&](const char* prefix, const std::shared_ptr<data::Scaler>& scaler) {
    if (!scaler) return;
    for (const auto& [name, tensor] : scaler->state()) all.emplace_back(prefix + name, tensor);
  };
  add("scaler.", scaler_);
  add("target_scaler.", target_scaler_);
  return all;
}

/// A column, and what its parts say of each other.
Pipeline::Column Pipeline::read_column(const Value& from) {
  from.allow({"name", "text", "indicator", "values", "fill"});
  Column column{from.at("name").text(), from.at("text").truth(), from.at("indicator").truth(),
                from.at("values").texts(true), NAN};
  const Value fill = from.at("fill");
  if (!fill.is_null()) column.fill = fill.finite();
  if (!column.is_text && !column.values.empty())
    from.at("values").refuse("an empty list, for the column holds numbers,");
  if (column.is_text && column.values.empty())
    from.at("values").refuse("a list of one category or more");
  if (column.is_text && !fill.is_null())
    fill.whole_number(0, static_cast<Index>(column.values.size()) - 1);
  if (column.indicator && fill.is_null())
    fill.refuse("a number, for the column tells where a value was filled in,");
  return column;
}

/// Classes and quantities exclude each other.
void Pipeline::read_targets(const Value& o) {
  targets_ = o.at("targets").texts(true);
  classes_ = o.at("classes").texts(true);
  if (classes_.size() == 1) o.at("classes").refuse("no class, or two or more,");
  if (targets_.empty()) o.at("targets").refuse("a list of one target or more");
  if (!classes_.empty() && targets_.size() > 1)
    o.at("targets").refuse("a single target, for there are classes,");
  task_ = classes_.empty()       ? Task::regression
          : classes_.size() == 2 ? Task::binary
                                 : Task::multiclass;
  const Value task = o.at("task");
  if (task.text() != name_of(task_))
    task.refuse(std::string(name_of(task_)) + ", for there are " + text_of(classes_.size()) +
                " classes,");
}

Pipeline Pipeline::parse(const std::string& json, const io::NamedTensors& tensors,
                         const std::string& file, Index inputs) {
  const Value o("Pipeline.parse", file, "pipeline", json);
  o.allow({"version", "table", "named", "embed", "ignore_unknown", "columns", "targets", "classes",
           "task", "sample", "image", "dtype"});
  o.at("version").whole(1, 1);
  Pipeline p;
  p.is_table_ = o.at("table").truth();
  p.named_ = o.at("named").truth();
  p.embed_ = o.at("embed").truth();
  p.ignore_unknown_ = o.at("ignore_unknown").truth();
  p.dtype_ = o.at("dtype").one_of({"float32", "float64"}) == "float64" ? float64 : float32;
  const std::vector<Value> columns = o.at("columns").items();
  if (p.is_table_ == columns.empty())
    o.at("columns").refuse(p.is_table_ ? "a list of one column or more" : "an empty list");
  std::set<std::string> names;
  for (const Value& column : columns) {
    p.columns_.push_back(read_column(column));
    if (!names.insert(p.columns_.back().name).second)
      column.at("name").refuse("a name that no other column has");
  }
  p.read_targets(o);
  for (std::size_t t = 0; t < p.targets_.size(); ++t)
    if (names.contains(p.targets_[t]))
      o.at("targets").items()[t].refuse("a name that no column of inputs has");
  p.sample_ = read_shape(o.at("sample"));
  p.image_ = read_shape(o.at("image"));
  if (p.is_table_ && !p.sample_.empty()) o.at("sample").refuse("an empty list, for a table");
  const Index values = count_of(o.at("sample"), p.sample_, inputs);
  if (!p.image_.empty() &&
      (p.image_.size() != 2 || count_of(o.at("image"), p.image_, inputs) != values))
    o.at("image").refuse("an empty list, or the rows and columns of a sample,");
  p.name_features();
  p.scaler_ = read_scaler(file, tensors, "scaler.", p.scaled_);
  p.target_scaler_ =
      read_scaler(file, tensors, "target_scaler.", std::vector<bool>(p.targets_.size(), true));
  if (p.target_scaler_ && p.task_ != Task::regression)
    o.at("classes").refuse("an empty list, for targets are scaled,");
  return p;
}

}  // namespace gradus::train
