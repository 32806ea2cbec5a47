#include "train/json.hpp"

#include <charconv>
#include <cmath>
#include <utility>

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

std::string text_of_finite(double value) {
  char digits[32];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";  // -0 would come back as 0
  return text;
}

std::string to_text(const Epoch& e) {
  const auto text = [](double value) {
    return std::isfinite(value) ? text_of_finite(value) : number(value).dump();
  };
  std::string out = "{\"epoch\":" + std::to_string(e.epoch);
  const std::pair<const char*, double> fields[] = {{"train_loss", e.train_loss},
                                                   {"validation_loss", e.validation_loss},
                                                   {"validation_accuracy", e.validation_accuracy},
                                                   {"lr", e.lr},
                                                   {"grad_norm", e.grad_norm},
                                                   {"seconds", e.seconds}};
  for (const auto& [name, value] : fields) {
    out += ",\"";
    out += name;
    out += "\":" + text(value);
  }
  out += ",\"metrics\":[";
  for (std::size_t i = 0; i < e.metrics.size(); ++i) {
    if (i) out += ',';
    out += "[" + json(e.metrics[i].first).dump() + "," + text(e.metrics[i].second) + "]";
  }
  return out + "]}";
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
