#include <algorithm>
#include <cassert>
#include <cctype>
#include <map>
#include <stdexcept>
#include <vector>

#include "command_line.hpp"

// The parser asserts things that only a good file makes true, such as that a table's name begins
// with a letter, and in a release it takes them for granted. Here a false one is an exception.
struct FalseAssertion : std::logic_error {
  using std::logic_error::logic_error;
};
[[noreturn]] static void false_assertion(const char* text) { throw FalseAssertion(text); }
#define TOML_ASSERT(expr) ((expr) ? void() : false_assertion(#expr))
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

using namespace gradus;

namespace {

class Settings {
 public:
  Settings(train::Config& config, const std::string& file) : config_(config), file_(file) {}

  void take(const toml::table& table) {
    for (const auto& [key, node] : table)
      if (const toml::table* group = node.as_table())
        take(*group);
      else
        set(std::string(key.str()), node);
  }
  [[noreturn]] void refuse(const toml::source_region& at, const std::string& what) const {
    throw train::ConfigError("[config] " + printable(file_) + ":" + text_of(at.begin.line) + ": " +
                             what);
  }

 private:
  void set(std::string name, const toml::node& node) {
    std::replace(name.begin(), name.end(), '_', '-');
    const auto [before, is_new] = lines_.emplace(name, node.source().begin.line);
    if (!is_new)
      refuse(node.source(),
             "\"" + name + "\" is set in line " + text_of(before->second) + " already");
    const toml::array* const list = node.as_array();
    const auto texts = list ? items_of(*list, name) : std::vector{flag_value(node, name)};
    try {
      if (list)
        train::set_list(config_, name, texts);
      else
        train::set(config_, name, texts[0]);
    } catch (const train::ConfigError& e) {
      const std::string message = e.what();
      refuse(node.source(), message.substr(message.find(' ') + 1));
    }
  }

  std::vector<std::string> items_of(const toml::array& list, const std::string& name) const {
    std::vector<std::string> items;
    for (const toml::node& item : list) {
      if (!item.is_value())
        refuse(item.source(), "the list of \"" + name + "\" is not one of values");
      items.push_back(flag_value(item, name));
    }
    return items;
  }
  /// A value as a flag would give it.
  std::string flag_value(const toml::node& node, const std::string& name) const {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    if (const auto* whole = node.as_integer()) return text_of(whole->get());
    if (const auto* number = node.as_floating_point()) return text_of(number->get());
    refuse(node.source(), "\"" + name + "\" is neither a number, text, truth value nor list");
  }

  train::Config& config_;
  const std::string& file_;
  std::map<std::string, toml::source_index> lines_;  // of the settings
};

/// The line in which tables, lists or the parts of a dotted name are nested too deeply for a parser
/// that calls itself, or 0. Texts and comments do not count.
toml::source_index too_deep(std::string_view text) {
  constexpr int deepest = 16;
  toml::source_index line = 1;
  int open = 0, dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '"' || c == '\'') {
      const std::string_view triple = text.substr(i, 3);
      const bool is_long = triple == R"(""")" || triple == "'''";
      const std::string_view end = triple.substr(0, is_long ? 3 : 1);
      for (i += end.size(); i < text.size() && text.substr(i, end.size()) != end; ++i) {
        if (text[i] == '\n') ++line;
        if (text[i] == '\n' && !is_long) break;  // never closed: the parser says so
        if (text[i] == '\\' && c == '"') ++i;
      }
      i += end.size() - 1;
    } else if (c == '.') {
      ++dots;
    } else if (c != ' ' && c != '\t' && !std::isalnum(static_cast<unsigned char>(c)) && c != '_' &&
               c != '-') {
      dots = 0;
      open += (c == '[' || c == '{') - (c == ']' || c == '}');
      if (c == '\n') ++line;
    }
    if (open > deepest || dots > deepest) return line;
  }
  return 0;
}

}  // namespace

void read_toml(train::Config& config, const std::string& text, const std::string& file) {
  Settings settings(config, file);
  if (const toml::source_index line = too_deep(text)) {
    const toml::source_position at{line, 1};
    settings.refuse({at, at, nullptr},
                    "tables and lists are nested too deeply; at most 16 within each other are "
                    "allowed");
  }
  try {
    settings.take(toml::parse(text));
  } catch (const FalseAssertion&) {
    throw train::ConfigError(
        "[config] " + printable(file) +
        ": not valid TOML: a name is required in brackets, of letters, digits, "
        "- and _, or in quotes");
  } catch (const toml::parse_error& e) {
    settings.refuse(e.source(), "not valid TOML: " + std::string(e.description()));
  }
}
