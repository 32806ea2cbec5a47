#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gradus::io::detail {

/// Text that is no JSON, or that asks for more than it may.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a document may ask for: a parsed value takes many times its text, and a deep one the stack.
struct JsonLimits {
  std::size_t depth = 16;                           ///< lists and objects within each other
  std::size_t list = static_cast<std::size_t>(-1);  ///< values in a list
};

/// Reads JSON that nobody vouches for. Throws JsonError for what is not valid, nested too deeply or
/// too long, for a key that an object has twice (of which parsers keep one and say nothing), and
/// for the character 0 in a text, which ends it for others.
nlohmann::json parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace gradus::io::detail
