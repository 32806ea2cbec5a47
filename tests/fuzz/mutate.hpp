#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "gradus/io.hpp"
#include "gradus/ops.hpp"

// Changes that know what a file is made of. The fuzzer's bytes are no file but a list of choices:
// which part of a good file to change, and how.
namespace gradus::fuzz {

using nlohmann::json;

class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool done() const { return at_ == end_; }
  /// 0 to n - 1; 0 when there are no more bytes.
  std::size_t below(std::size_t n) {
    std::size_t value = byte();
    if (n > 256) value = value << 8 | byte();
    return n ? value % n : 0;
  }
  template <class T, std::size_t n>
  T one_of(const T (&items)[n]) {
    return items[below(n)];
  }

 private:
  std::size_t byte() { return at_ == end_ ? 0 : *at_++; }
  const std::uint8_t *at_, *end_;
};

/// Choices to begin with: a good file, a part of it, and enough for some changes.
template <class A, class B>
std::string seed(A base, B part) {
  std::string choices = {static_cast<char>(base), static_cast<char>(part)};
  for (int i = 0; i < 24; ++i) choices += static_cast<char>(37 * (i + 3 * part) % 251);
  return choices;
}

inline constexpr double numbers[] = {0,
                                     1,
                                     -1,
                                     2,
                                     3,
                                     7,
                                     8,
                                     0.5,
                                     -0.5,
                                     1e-310,
                                     5e-324,
                                     1e9,
                                     2147483648.0,
                                     4294967296.0,
                                     9007199254740992.0,
                                     9.3e18,
                                     -9.3e18,
                                     1.9e19,
                                     3.5e38,
                                     1e300,
                                     -1e300,
                                     1e-300};
inline const char* const texts[] = {"",    "nan",     "inf",     "-inf",   "a",       "red",
                                    "y",   "auto",    "none",    "relu",   "softmax", "poisson",
                                    "mse", "float64", "\x1b[2J", "\u202e", "1e999",   "a,b",
                                    "../", "gradus/", "loss",    "batch",  "0",       "-1"};

/// All values of a document, itself first.
inline void collect(json& value, std::vector<json*>& all) {
  all.push_back(&value);
  if (value.is_structured())
    for (json& item : value) collect(item, all);
}

inline json any_value(Choices& choices) {
  switch (choices.below(9)) {
    case 0:
      return nullptr;
    case 1:
      return true;
    case 2:
      return false;
    case 3:
      return json::array();
    case 4:
      return json::object();
    case 5:
      return choices.one_of(texts);
    case 6:
      return static_cast<std::int64_t>(choices.below(65536)) - 32768;
    case 7:
      return std::int64_t{1} << choices.below(63);
    default:
      return choices.one_of(numbers);
  }
}

/// A member or item is dropped, doubled, or moves to another name.
inline void change_container(json& value, Choices& choices) {
  const std::size_t at = choices.below(value.size());
  const auto item = std::next(value.begin(), static_cast<std::ptrdiff_t>(at));
  switch (choices.below(3)) {
    case 0:
      value.erase(item);
      break;
    case 1:
      if (value.is_object())
        value[std::string(choices.one_of(texts)) + item.key()] = json(item.value());
      else
        value.push_back(json(*item));
      break;
    default:
      if (value.is_object()) {
        value[choices.one_of(texts)] = json(item.value());
      } else {
        const json copy = *item;
        for (std::size_t n = 1 + choices.below(40); n > 0; --n) value.push_back(copy);
      }
  }
}

/// One change somewhere in a document.
inline void mutate(json& document, Choices& choices) {
  std::vector<json*> all;
  collect(document, all);
  json& value = *all[choices.below(all.size())];
  json& other = *all[choices.below(all.size())];
  switch (choices.below(6)) {
    case 0:
      value = any_value(choices);
      break;
    case 1:
      value = json(other);
      break;
    case 2:
      if (value.is_structured() && !value.empty()) change_container(value, choices);
      break;
    case 3:
      if (value.is_number_integer())
        value = value.get<std::int64_t>() + static_cast<std::int64_t>(choices.below(5)) - 2;
      else if (value.is_boolean())
        value = !value.get<bool>();
      else if (value.is_string())
        value = value.get<std::string>() + choices.one_of(texts);
      break;
    case 4:
      if (!value.is_structured() && !other.is_structured()) std::swap(value, other);
      break;
    default:
      if (value.is_number()) value = choices.one_of(numbers);
  }
}

/// One number of a tensor.
inline void change_number(Tensor& tensor, Choices& choices) {
  if (tensor.numel() == 0) return;
  std::vector<double> values = tensor.to_vector<double>();
  const double further[] = {NAN, INFINITY, -INFINITY, -1};
  const std::size_t at = choices.below(values.size());
  double value = choices.below(3) ? choices.one_of(numbers) : choices.one_of(further);
  if (tensor.dtype() == int64 || tensor.dtype() == boolean)
    value = static_cast<double>(choices.below(1000)) - 2;
  if (tensor.dtype() == float32 && std::isfinite(value))
    value = std::fmin(std::fmax(value, -std::numeric_limits<float>::max()),
                      std::numeric_limits<float>::max());
  values[at] = value;
  tensor = from_vector(values, tensor.shape()).to(tensor.dtype());
}

/// One change somewhere in a list of tensors.
inline void mutate(io::NamedTensors& tensors, Choices& choices) {
  if (tensors.empty()) return;
  const std::size_t at = choices.below(tensors.size());
  auto& [name, tensor] = tensors[at];
  auto& [other_name, other] = tensors[choices.below(tensors.size())];
  const DType dtypes[] = {float32, float64, int64, boolean};
  switch (choices.below(8)) {
    case 0:
      tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1:
      tensors.emplace_back(name + choices.one_of(texts), tensor);
      break;
    case 2:
      std::swap(name, other_name);
      break;
    case 3:
      if (isfinite(tensor.to(float64)).numel() == tensor.numel())
        tensor = where(isfinite(tensor.to(float64)), clamp(tensor.to(float64), -1e9, 1e9), 0.0)
                     .to(choices.one_of(dtypes));
      break;
    case 4:
      tensor = zeros({static_cast<Index>(choices.below(40))}, tensor.dtype());
      break;
    case 5:
      tensor = other.clone();
      break;
    case 6:
      tensor = tensor.reshape({tensor.numel()});
      break;
    default:
      change_number(tensor, choices);
  }
}

/// Names that stand twice cannot be written.
inline void drop_doubles(io::NamedTensors& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i)
    for (std::size_t j = tensors.size(); j-- > i + 1;)
      if (tensors[i].first == tensors[j].first || tensors[j].first.empty())
        tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(j));
}

}  // namespace gradus::fuzz
