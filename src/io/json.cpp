#include "io/json.hpp"

#include <unordered_set>
#include <vector>

#include "gradus/text.hpp"

namespace gradus::io::detail {
namespace {

using nlohmann::json;

/// Looks at what the parser reads, before the tree grows by it.
class Guard {
 public:
  explicit Guard(const JsonLimits& limits) : limits_(limits) {}

  void see(json::parse_event_t event, const json& value) {
    using Event = json::parse_event_t;
    switch (event) {
      case Event::key:
        check_text(value.get_ref<const std::string&>());
        if (!open_.back().keys.insert(value.get_ref<const std::string&>()).second)
          throw JsonError("the name \"" + printable(value.get_ref<const std::string&>()) +
                          "\" stands twice in an object; names must differ");
        break;
      case Event::value:
        count();
        if (value.is_string()) check_text(value.get_ref<const std::string&>());
        break;
      case Event::object_start:
      case Event::array_start:
        count();
        if (open_.size() == limits_.depth)
          throw JsonError("lists and objects are nested too deeply; at most " +
                          text_of(limits_.depth) + " within each other are allowed");
        open_.push_back({event == Event::array_start, 0, {}});
        break;
      case Event::object_end:
      case Event::array_end:
        open_.pop_back();
    }
  }

 private:
  struct Open {
    bool is_list;
    std::size_t values;
    std::unordered_set<std::string> keys;
  };

  void count() {
    if (!open_.empty() && open_.back().is_list && ++open_.back().values > limits_.list)
      throw JsonError("a list is longer than " + text_of(limits_.list) + " values, the most that " +
                      "are allowed");
  }
  static void check_text(const std::string& text) {
    if (text.find('\0') != std::string::npos)
      throw JsonError("the text \"" + printable(text.substr(0, 60)) +
                      "\" holds the character 0; texts without it are required");
  }

  JsonLimits limits_;
  std::vector<Open> open_;
};

}  // namespace

json parse_json(std::string_view text, const JsonLimits& limits) {
  // The parser takes this byte for the end, and what follows for nothing.
  if (text.find('\0') != text.npos)
    throw JsonError("it is not valid JSON: byte " + text_of(text.find('\0')) + " is 0");
  Guard guard(limits);
  try {
    return json::parse(text.begin(), text.end(),
                       [&guard](int, json::parse_event_t event, const json& value) {
                         guard.see(event, value);
                         return true;
                       });
  } catch (const json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: …"
    std::string what = e.what();
    if (const std::size_t end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
    throw JsonError("it is not valid JSON: " + printable(what.substr(0, 200)));
  }
}

}  // namespace gradus::io::detail
