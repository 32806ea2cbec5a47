#include "train/save/value.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "gradus/error.hpp"
#include "gradus/text.hpp"
#include "io/json.hpp"

namespace gradus::train::detail {
namespace {

using nlohmann::json;

/// What stands somewhere, in few words.
std::string given(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list of " + text_of(value.size()) + " values";
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  return "\"" + printable(text.substr(0, 60)) + (text.size() > 60 ? "…\"" : "\"");
}

std::string join(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
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
    fail(operation, start + name + ": " + e.what() + "; is the file damaged?");
  }
}

void Value::refuse(const std::string& required) const {
  throw Error(document_->start + place_ + " is " + given(*json_) + "; " + required +
              " is required; is the file damaged?");
}

const json& Value::object() const {
  if (!json_->is_object()) refuse("an object");
  return *json_;
}

Value Value::at(const char* key) const {
  if (auto found = find(key)) return *std::move(found);
  throw Error(document_->start + place_ + " lacks \"" + key +
              "\", which is required; is the file damaged?");
}

std::optional<Value> Value::find(const char* key) const {
  const auto found = object().find(key);
  if (found == json_->end()) return std::nullopt;
  return Value(*this, *found, std::string(".") + key);
}

void Value::allow(std::initializer_list<const char*> keys) const {
  for (const auto& [key, value] : object().items())
    if (std::none_of(keys.begin(), keys.end(),
                     [&wanted = key](const char* known) { return wanted == known; }))
      throw Error(document_->start + place_ + " has the member \"" + printable(key) + "\"; " +
                  join({keys.begin(), keys.end()}) +
                  " are known; is the file damaged, or of a newer version?");
}

std::vector<std::pair<std::string, Value>> Value::members() const {
  std::vector<std::pair<std::string, Value>> all;
  for (const auto& [key, value] : object().items())
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
    all.push_back(Value(*this, (*json_)[i], "[" + text_of(i) + "]"));
  return all;
}

bool Value::truth() const {
  if (!json_->is_boolean()) refuse("true or false");
  return json_->get<bool>();
}

std::string Value::text() const {
  if (!json_->is_string()) refuse("a text");
  return json_->get<std::string>();
}

std::string Value::one_of(const std::vector<std::string>& choices) const {
  std::string chosen = json_->is_string() ? json_->get<std::string>() : "";
  if (!json_->is_string() || std::find(choices.begin(), choices.end(), chosen) == choices.end())
    refuse("one of " + join(choices));
  return chosen;
}

Index Value::whole(Index least, Index most) const {
  const bool fits = json_->is_number_integer() &&
                    (!json_->is_number_unsigned() ||
                     json_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  const Index value = fits ? json_->get<Index>() : 0;
  if (!fits || value < least || value > most)
    refuse("a whole number from " + text_of(least) + " to " + text_of(most));
  return value;
}

Index Value::whole_number(Index least, Index most) const {
  const double value = json_->is_number_float() ? json_->get<double>() : 0.5;
  if (value == std::floor(value) && std::abs(value) < 0x1p53)
    return Value(*this, json(static_cast<Index>(value)), "").whole(least, most);
  return whole(least, most);
}

std::uint64_t Value::bits() const {
  if (!json_->is_number_unsigned()) refuse("a whole number of 0 or more");
  return json_->get<std::uint64_t>();
}

double Value::finite() const {
  const double value = json_->is_number() ? json_->get<double>() : NAN;
  if (!std::isfinite(value)) refuse("a finite number");
  return value;
}

double Value::number() const {
  if (json_->is_string()) {
    const auto& text = json_->get_ref<const std::string&>();
    if (text == "nan") return NAN;
    if (text == "inf") return INFINITY;
    if (text == "-inf") return -INFINITY;
  }
  if (!json_->is_number()) refuse("a number");
  return json_->get<double>();
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

}  // namespace gradus::train::detail
