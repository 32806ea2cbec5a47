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
  return {{"epoch", e.epoch},
          {"train_loss", number(e.train_loss)},
          {"validation_loss", number(e.validation_loss)},
          {"validation_accuracy", number(e.validation_accuracy)},
          {"lr", number(e.lr)},
          {"grad_norm", number(e.grad_norm)},
          {"seconds", number(e.seconds)},
          {"metrics", metrics}};
}

Epoch read_epoch(const Value& o) {
  o.allow({"epoch", "train_loss", "validation_loss", "validation_accuracy", "lr", "grad_norm",
           "seconds", "metrics"});
  Epoch e;
  e.epoch = o.at("epoch").whole(1, most_counted);
  e.train_loss = o.at("train_loss").number();
  e.validation_loss = o.at("validation_loss").number();
  e.validation_accuracy = o.at("validation_accuracy").number();
  e.lr = o.at("lr").number();
  e.grad_norm = o.at("grad_norm").number();
  e.seconds = o.at("seconds").number();
  for (const Value& metric : o.at("metrics").items()) {
    const std::vector<Value> pair = metric.items(2, 2);
    e.metrics.emplace_back(pair[0].text(), pair[1].number());
  }
  return e;
}

Json to_json(const Finding& f) {
  return {{"kind", f.kind},   {"alarm", f.alarm}, {"where", f.where},
          {"epoch", f.epoch}, {"step", f.step},   {"text", f.text}};
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
