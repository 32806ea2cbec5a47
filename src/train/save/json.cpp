#include "train/save/json.hpp"

#include <cmath>

#include "train/save/state.hpp"

namespace gradus::train::detail {

std::string dump(const Json& value, int indent) {
  return io::detail::format_json(value, indent, io::detail::Broken::replace);
}

Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json to_json(const Epoch& e) {
  Json metrics = Json::array();
  for (const auto& [name, value] : e.metrics) metrics.push_back({name, number(value)});
  Json object = {{"epoch", e.epoch}};
  for (const auto& [name, value] : epoch_numbers) object[name] = number(e.*value);
  object["metrics"] = std::move(metrics);
  return object;
}

Epoch read_epoch(const Value& o) {
  Epoch e;
  std::vector<std::string> known = {"epoch", "metrics"};
  for (const auto& [name, value] : epoch_numbers) known.emplace_back(name);
  o.allow(known);
  e.epoch = o.at("epoch").whole(1, most_counted);
  for (const auto& [name, value] : epoch_numbers) e.*value = o.at(name).number();
  for (const Value& metric : o.at("metrics").items()) {
    const std::vector<Value> pair = metric.items(2, 2);
    e.metrics.emplace_back(pair[0].text(), pair[1].number());
  }
  return e;
}

Json to_json(const Finding& f, Json object) {
  object["kind"] = f.kind;
  object["alarm"] = f.alarm;
  object["where"] = f.where;
  object["epoch"] = f.epoch;
  object["step"] = f.step;
  object["text"] = f.text;
  return object;
}

Finding read_finding(const Value& o) {
  return {.kind = o.at("kind").text(),
          .alarm = o.at("alarm").truth(),
          .where = o.at("where").text(),
          .epoch = o.at("epoch").whole(0, most_counted),
          .step = o.at("step").whole(0, most_counted),
          .text = o.at("text").text()};
}

}  // namespace gradus::train::detail
