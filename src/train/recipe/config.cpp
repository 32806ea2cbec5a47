#include "gradus/train/config.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/messages.hpp"
#include "base/utf8.hpp"
#include "gradus/error.hpp"
#include "gradus/ops.hpp"
#include "io/csv/scan.hpp"
#include "io/json.hpp"
#include "train/recipe/settings.hpp"
#include "train/save/json.hpp"

namespace gradus::train {
namespace {

using Choices = std::vector<std::string>;
using detail::Field;
using detail::Json;
using io::detail::quote;

[[noreturn]] void refuse(const std::string& text) { throw ConfigError("[config] " + text); }

/// The text of a value, as parse() reads it.
std::string setting_text(const std::string& v) { return v; }
template <class T>
requires std::is_arithmetic_v<T> std::string setting_text(T v) { return text_of(v); }
std::string setting_text(bool v) { return v ? "yes" : "no"; }
template <class T>
std::string setting_text(const std::vector<T>& v) {
  if (v.empty()) return "none";
  std::string text;
  for (const T& item : v) text += (text.empty() ? "" : ",") + setting_text(item);
  return text;
}
template <class T>
std::string setting_text(const std::optional<T>& v) {
  return v ? setting_text(*v) : "auto";
}

[[noreturn]] void bad(const std::string& name, const std::string& text, const char* required) {
  refuse("--" + name + " " + text + ": " + required + " is required");
}

void parse(const std::string& name, const std::string& text, const Choices& choices,
           std::string& value) {
  if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    refuse("--" + name + " " + text + ": one of " + join(choices) + " is required; did you mean " +
           quote(nearest_name(text, choices)) + "?");
  }
  value = text;
}
template <class T>
requires std::is_arithmetic_v<T>
void parse(const std::string& name, const std::string& text, const Choices&, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(static_cast<double>(value)))
    bad(name, text,
        std::is_floating_point_v<T> ? "a finite number"
        : std::is_signed_v<T>       ? "a whole number"
                                    : "a whole number of 0 or more");
}
void parse(const std::string& name, const std::string& text, const Choices&, bool& value) {
  const bool yes = text == "yes" || text == "true" || text == "1" || text == "on";
  if (!yes && text != "no" && text != "false" && text != "0" && text != "off")
    bad(name, text, "yes or no");
  value = yes;
}
template <class T>
void parse_items(const std::string& name, const std::vector<std::string>& items,
                 const Choices& choices, std::vector<T>& value) {
  value.clear();
  for (const std::string& item : items) parse(name, item, choices, value.emplace_back());
}
template <class T>
void parse_items(const std::string& name, const std::vector<std::string>& items,
                 const Choices& choices, std::optional<std::vector<T>>& value) {
  parse_items(name, items, choices, value.emplace());
}
template <class T>
void parse_items(const std::string& name, const std::vector<std::string>&, const Choices&, T&) {
  refuse("--" + name + ": a list was given; one value is required");
}
template <class T>
void parse(const std::string& name, const std::string& text, const Choices& choices,
           std::vector<T>& value) {
  std::vector<std::string> items;
  if (!text.empty() && text != "none")
    for (std::size_t at = 0, comma = 0; comma != text.npos; at = comma + 1) {
      comma = text.find(',', at);
      items.push_back(text.substr(at, comma == text.npos ? comma : comma - at));
    }
  parse_items(name, items, choices, value);
}
template <class T>
void parse(const std::string& name, const std::string& text, const Choices& choices,
           std::optional<T>& value) {
  value.reset();
  if (text == "auto") return;
  T parsed{};
  parse(name, text, choices, parsed);
  value = std::move(parsed);
}

template <class T>
Json json_of(const T& value) {
  return value;
}
template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json("auto");
}

/// f(field, name) for the setting of this name, which takes these texts.
template <class F>
void with_setting(Config& config, const std::string& name, const std::vector<std::string>& texts,
                  F f) {
  std::string wanted = name;
  std::replace(wanted.begin(), wanted.end(), '_', '-');
  for (const std::string& text : texts) {
    if (text.find('\0') != text.npos)
      refuse("--" + printable(name) + " " + quote(text) +
             ": a text without the character 0 is required");
    if (find_no_utf8(text) != text.npos)  // it could not be kept with the run
      bad(wanted, text, "text in UTF-8");
  }
  Choices names;
  for (const Field& field : detail::fields(config)) {
    if (!field.name) continue;
    if (wanted == field.name) return f(field, wanted);
    names.emplace_back(field.name);
  }
  refuse("there is no setting " + quote(name) + "; did you mean " +
         quote(nearest_name(wanted, names)) + "?");
}

/// A JSON value as the text that set() reads.
std::string text_of_json(const std::string& name, const Json& value) {
  if (value.is_text()) return value.text();
  if (value.is_truth()) return setting_text(value.truth());
  if (value.is_null()) return "auto";
  if (value.is_number()) return detail::dump(value);
  refuse("--" + name + " is an object; a number, text, truth value or list is required");
}

void set_from_json(Config& config, const std::string& key, const Json& value) {
  const std::string name = printable(key);
  if (!value.is_array()) return set(config, key, text_of_json(name, value));
  std::vector<std::string> items;
  for (const Json& item : value.items()) {
    if (item.is_array() || item.is_object() || item.is_null())
      refuse("--" + name + " is a list of " +
             (item.is_array()    ? "lists"
              : item.is_object() ? "objects"
                                 : "nothing") +
             "; numbers, texts or truth values are required in it");
    items.push_back(text_of_json(name, item));
  }
  set_list(config, key, items);
}

/// What the optimizer takes where nothing is set; "auto" stays where it has no such option.
void choose_moments(Config& c) {
  const auto options =
      optim::make_optimizer(c.optimizer, {zeros({1}).requires_grad_()})->state_dict();
  for (const auto& [name, value] :
       {std::pair{"momentum", &c.momentum}, {"beta1", &c.beta1}, {"beta2", &c.beta2}}) {
    const auto option = options.find(std::string("group.0.") + name);
    if (option != options.end() && !*value) *value = option->second.item();
    if (option == options.end() && *value)
      refuse("--" + std::string(name) + " " + text_of(**value) + ": --optimizer " + c.optimizer +
             " has none; --" + name + " auto, or another optimizer, is required");
  }
}

}  // namespace

std::string detail::text_of_target(const Target& target) {
  return std::visit([](const auto* value) { return setting_text(*value); }, target);
}

std::vector<Setting> settings(const Config& config) {
  Config own, given = config;
  const std::vector<Field> defaults = detail::fields(own), all = detail::fields(given);
  std::vector<Setting> list;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].name) continue;
    const auto* const truth = std::get_if<bool*>(&defaults[i].target);
    const bool is_switch = truth && !**truth;
    std::string value = detail::text_of_target(all[i].target);
    if (is_switch && value == "no") value = "";
    list.push_back({all[i].name, all[i].group, all[i].help, value, is_switch, all[i].rule.choices,
                    std::string(all[i].option)});
  }
  return list;
}

void set(Config& config, const std::string& name, const std::string& text) {
  with_setting(config, name, {text}, [&](const Field& field, const std::string& wanted) {
    std::visit([&](auto* value) { parse(wanted, text, field.rule.choices, *value); }, field.target);
  });
}

void set_list(Config& config, const std::string& name, const std::vector<std::string>& items) {
  with_setting(config, name, items, [&](const Field& field, const std::string& wanted) {
    std::visit([&](auto* value) { parse_items(wanted, items, field.rule.choices, *value); },
               field.target);
  });
}

std::string to_json(const Config& config) {
  Config given = config;
  Json object = Json::object();
  for (const Field& field : detail::fields(given))
    if (field.name)
      object[field.name] =
          std::visit([](const auto* value) { return json_of(*value); }, field.target);
  return detail::dump(object, 2) + "\n";
}

void read_json(Config& config, const std::string& json, const std::string& name) {
  const std::string file = name.empty() ? "" : printable(name) + ": ";
  Json object;
  try {
    object = io::detail::parse_json(json, {.depth = 4});
  } catch (const io::detail::JsonError& e) {
    refuse(file + e.what());
  }
  if (!object.is_object()) refuse(file + "a JSON object of settings is required");
  std::set<std::string> names;
  for (const auto& [key, value] : object.members()) {
    std::string wanted = key;
    std::replace(wanted.begin(), wanted.end(), '_', '-');
    if (!names.insert(wanted).second) refuse(file + quote(wanted) + " is set twice");
    try {
      set_from_json(config, key, value);
    } catch (const ConfigError& e) {
      refuse(file + without_operation(e.what()));
    }
  }
}

double validation_of(const Config& config, Index rows) {
  return config.validation.value_or(rows < 300 ? 0.0 : 0.1);
}

Config resolve(const Config& config, const DataSize& size) {
  Config c = config;
  const bool small = size.samples < 1000, large = size.samples >= 20'000;
  const bool plane = size.inputs <= 2;  // curved borders
  if (!c.hidden) {
    if (large)
      c.hidden = {512, 256};
    else if (small)
      c.hidden = plane ? std::vector<Index>{64, 64, 64} : std::vector<Index>{64, 64};
    else
      c.hidden = {256, 256};
  }
  if (!c.batch_size) c.batch_size = large ? 128 : small ? 16 : 32;
  if (!c.epochs) {
    const Index steps = std::max<Index>(1, size.samples / *c.batch_size);
    c.epochs = large ? 10 : small ? std::clamp<Index>(2500 / steps, 40, 200) : 40;
  }
  if (!c.dropout) c.dropout = plane ? 0.0 : large || small ? 0.2 : 0.3;
  if (!size.classification && !config.dropout) c.dropout = 0.0;
  if (!c.lr) c.lr = !small ? 2e-3 : plane ? 1e-2 : 3e-3;
  if (!c.weight_decay) c.weight_decay = 0.05;
  const bool clips = c.fit.clip_value > 0 || c.fit.clip_percentile > 0;
  if (!c.clip_norm) c.clip_norm = clips || c.optimizer == "lbfgs" ? 0.0 : 1.0;
  choose_moments(c);
  if (!c.label_smoothing) c.label_smoothing = size.classification && !plane ? 0.1 : 0.0;
  return c;
}

SourceOptions source_options(const Config& c) {
  SourceOptions o{.data = c.data, .labels = c.labels, .csv = c.csv, .synthetic = c.synthetic};
  io::CsvOptions& csv = o.csv;
  csv.delimiter = c.delimiter == "auto" ? '\0' : c.delimiter == "tab" ? '\t' : c.delimiter[0];
  csv.decimal = c.decimal[0];
  csv.encoding = c.encoding == "latin-1"        ? io::Encoding::latin1
                 : c.encoding == "windows-1252" ? io::Encoding::windows1252
                                                : io::Encoding::utf8;
  if (c.header != "auto") csv.header = c.header == "yes";
  csv.task = c.task == "classification" ? io::Task::classification
             : c.task == "regression"   ? io::Task::regression
                                        : io::Task::automatic;
  csv.missing = c.missing == "error"  ? io::Missing::error
                : c.missing == "drop" ? io::Missing::drop
                                      : io::Missing::keep;
  csv.dtype = c.precision == "float64" ? float64 : float32;
  o.synthetic.noise = c.noise.value_or(-1);
  o.synthetic.seed = c.seed;
  return o;
}

}  // namespace gradus::train
