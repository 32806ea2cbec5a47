#include "train/save/json.hpp"

#include <cmath>

namespace gradus::train::detail {

json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number(const json& value) {
  if (value.is_number()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "nan") return NAN;
  if (text == "inf") return INFINITY;
  if (text == "-inf") return -INFINITY;
  throw std::runtime_error("\"" + text + "\" stands where a number is required");
}

json to_json(const Epoch& e) {
  json metrics = json::array();
  for (const auto& [name, value] : e.metrics) metrics.push_back({name, number(value)});
  return {{"epoch", e.epoch},
          {"train_loss", number(e.train_loss)},
          {"validation_loss", number(e.validation_loss)},
          {"validation_accuracy", number(e.validation_accuracy)},
          {"lr", number(e.lr)},
          {"grad_norm", number(e.grad_norm)},
          {"seconds", number(e.seconds)},
          {"metrics", metrics}};
}

Epoch read_epoch(const json& j) {
  Epoch e;
  e.epoch = j.at("epoch").get<Index>();
  e.train_loss = number(j.at("train_loss"));
  e.validation_loss = number(j.at("validation_loss"));
  e.validation_accuracy = number(j.at("validation_accuracy"));
  e.lr = number(j.at("lr"));
  e.grad_norm = number(j.at("grad_norm"));
  e.seconds = number(j.at("seconds"));
  for (const json& pair : j.at("metrics"))
    e.metrics.emplace_back(pair.at(0).get<std::string>(), number(pair.at(1)));
  return e;
}

}  // namespace gradus::train::detail
