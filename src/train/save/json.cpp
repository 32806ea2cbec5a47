#include "train/save/json.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/messages.hpp"
#include "train/save/state.hpp"

namespace gradus::train::detail {
namespace {

using io::detail::format_json;

/// What stands somewhere, in few words.
std::string given(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return compose("a list of ", value.size(), " values");
  if (!value.is_text()) return format_json(value);
  const std::string& text = value.text();
  return compose("\"", printable(text.substr(0, 60)), (text.size() > 60 ? "…\"" : "\""));
}

}  // namespace

Value::Value(const char* operation, const std::string& file, const std::string& name,
             std::string_view text)
    : place_(name) {
  const std::string start = printable(file) + (file.empty() ? "" : ": ");
  try {
    document_ = std::make_shared<const Document>(
        Document{"[" + std::string(operation) + "] " + start, io::detail::parse_json(text)});
    json_ = &document_->json;
  } catch (const io::detail::JsonError& e) {
    fail(operation, start, name, ": ", e.what(), "; is the file damaged?");
  }
}

void Value::refuse(const std::string& required) const {
  throw Error(document_->start + place_ + " is " + given(*json_) + "; " + required +
              " is required; is the file damaged?");
}

const Json& Value::object() const {
  if (!json_->is_object()) refuse("an object");
  return *json_;
}

Value Value::at(const std::string& key) const {
  if (auto found = find(key)) return *std::move(found);
  throw Error(document_->start + place_ + " lacks \"" + key +
              "\", which is required; is the file damaged?");
}

std::optional<Value> Value::find(const std::string& key) const {
  const Json* found = object().find(key);
  if (!found) return std::nullopt;
  return Value(*this, *found, "." + key);
}

void Value::allow(const std::vector<std::string>& keys) const {
  for (const auto& [key, value] : object().members())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      throw Error(document_->start + place_ + " has the member \"" + printable(key) + "\"; " +
                  join(keys) + " are known; is the file damaged, or of a newer version?");
}

std::vector<std::pair<std::string, Value>> Value::members() const {
  std::vector<std::pair<std::string, Value>> all;
  for (const auto& [key, value] : object().members())
    all.emplace_back(key, Value(*this, value, "." + printable(key)));
  return all;
}

std::vector<Value> Value::items(std::size_t least, std::size_t most) const {
  if (!json_->is_array()) refuse("a list");
  if (json_->size() < least || json_->size() > most)
    refuse("a list of " + text_of(least) + (least == most ? "" : " to " + text_of(most)) +
           " values");
  std::vector<Value> all;
  for (std::size_t i = 0; i < json_->size(); ++i)
    all.push_back(Value(*this, json_->items()[i], "[" + text_of(i) + "]"));
  return all;
}

bool Value::truth() const {
  if (!json_->is_truth()) refuse("true or false");
  return json_->truth();
}

std::string Value::text() const {
  if (!json_->is_text()) refuse("a text");
  return json_->text();
}

std::string Value::one_of(const std::vector<std::string>& choices) const {
  std::string chosen = json_->is_text() ? json_->text() : "";
  if (!json_->is_text() || std::find(choices.begin(), choices.end(), chosen) == choices.end())
    refuse("one of " + join(choices));
  return chosen;
}

Index Value::whole(Index least, Index most) const {
  const bool fits = json_->is_whole() && (!json_->is_bits() || json_->bits() <= INT64_MAX);
  const Index value = fits ? json_->whole() : 0;
  if (!fits || value < least || value > most)
    refuse("a whole number from " + text_of(least) + " to " + text_of(most));
  return value;
}

Index Value::whole_number(Index least, Index most) const {
  const double value = json_->is_fraction() ? json_->number() : 0.5;
  if (value == std::floor(value) && std::abs(value) < 0x1p53)
    return Value(*this, Json(static_cast<Index>(value)), "").whole(least, most);
  return whole(least, most);
}

std::uint64_t Value::bits() const {
  if (!json_->is_bits()) refuse("a whole number of 0 or more");
  return json_->bits();
}

double Value::finite() const {
  const double value = json_->is_number() ? json_->number() : NAN;
  if (!std::isfinite(value)) refuse("a finite number");
  return value;
}

double Value::number() const {
  if (json_->is_text()) {
    const auto& text = json_->text();
    if (text == "nan") return NAN;
    if (text == "inf") return INFINITY;
    if (text == "-inf") return -INFINITY;
  }
  if (!json_->is_number()) refuse("a number");
  return json_->number();
}

std::vector<std::string> Value::texts(bool unique) const {
  std::vector<std::string> all;
  std::set<std::string> seen;
  for (const Value& item : items()) {
    all.push_back(item.text());
    if (unique && !seen.insert(all.back()).second)
      item.refuse("a text that the list does not hold already");
  }
  return all;
}

std::vector<Index> Value::wholes(Index least, Index most, std::size_t longest) const {
  std::vector<Index> all;
  for (const Value& item : items(0, longest)) all.push_back(item.whole(least, most));
  return all;
}

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
