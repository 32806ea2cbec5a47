// What a pipeline has learned, as text and tensors.
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradus/train/pipeline.hpp"

namespace gradus::train {

using Json = nlohmann::ordered_json;

namespace {

std::vector<Index> list_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

Shape shape_of(const Json& list) {
  Shape shape;
  if (list.size() > static_cast<std::size_t>(max_rank))
    fail("Pipeline.parse", "a shape of " + text_of(list.size()) + " axes; at most " +
                               text_of(max_rank) + " are allowed; is the file damaged?");
  for (const Json& n : list) shape.push_back(n.get<Index>());
  return shape;
}

std::shared_ptr<data::Scaler> find_scaler(const io::NamedTensors& tensors,
                                          const std::string& prefix, std::size_t width) {
  data::ScalerState state;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) state.emplace_back(name.substr(prefix.size()), tensor);
  if (state.empty()) return nullptr;
  auto scaler = std::make_shared<data::StandardScaler>();
  scaler->load_state(state);
  if (!(scaler->shift().shape() == Shape{static_cast<Index>(width)}))
    fail("Pipeline.parse", prefix + "shift has the shape " + to_string(scaler->shift().shape()) +
                               "; (" + text_of(width) + ",)" +
                               " is required; is the file damaged?");
  return scaler;
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
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
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

Pipeline Pipeline::parse(const std::string& json, const io::NamedTensors& tensors) {
  Pipeline p;
  try {
    const Json o = Json::parse(json);
    o.at("table").get_to(p.is_table_);
    o.at("named").get_to(p.named_);
    o.at("embed").get_to(p.embed_);
    o.at("ignore_unknown").get_to(p.ignore_unknown_);
    for (const Json& from : o.at("columns")) {
      Column column{from.at("name"), from.at("text"), from.at("indicator"), from.at("values")};
      column.fill = from.at("fill").is_null() ? NAN : from.at("fill").get<double>();
      p.columns_.push_back(std::move(column));
    }
    o.at("targets").get_to(p.targets_);
    o.at("classes").get_to(p.classes_);
    p.sample_ = shape_of(o.at("sample"));
    p.image_ = shape_of(o.at("image"));
    p.dtype_ = o.at("dtype") == "float64" ? float64 : float32;
  } catch (const nlohmann::json::exception& e) {
    fail("Pipeline.parse", "the description of the preprocessing is damaged: " +
                               std::string(e.what()).substr(0, 200));
  }
  p.task_ = p.classes_.empty()       ? Task::regression
            : p.classes_.size() == 2 ? Task::binary
                                     : Task::multiclass;
  Index count = 1;
  for (const Index n : p.sample_)
    if (n < 1 || (count *= n) > (1 << 24))
      fail("Pipeline.parse",
           "samples of shape " + to_string(p.sample_) + " are described; is the file damaged?");
  p.name_features();
  p.scaler_ = find_scaler(tensors, "scaler.", p.features_.size());
  p.target_scaler_ = find_scaler(tensors, "target_scaler.", p.targets_.size());
  return p;
}

}  // namespace gradus::train
