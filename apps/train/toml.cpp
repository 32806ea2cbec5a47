#include "toml.hpp"

#include <algorithm>
#include <map>
#include <string_view>

using namespace gradus;

namespace {

class TomlReader {
 public:
  TomlReader(const std::string& text, const std::string& file) : text_(text), file_(file) {}

  void read(train::Config& config) {
    for (; at_ < text_.size(); end_line()) {
      skip_blanks();
      if (at_end_of_line()) continue;
      if (peek() == '[')
        skip_header();
      else
        read_setting(config);
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::size_t line) const {
    throw train::ConfigError("[config] " + file_ + ":" + std::to_string(line) + ": " + what);
  }
  [[noreturn]] void refuse(const std::string& what) const { refuse(what, line_); }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  bool at_end_of_line() const { return peek() == '\n' || peek() == '#'; }
  void skip_blanks() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) ++at_;
  }
  /// Blanks and a comment, up to the next line.
  void end_line() {
    skip_blanks();
    if (!at_end_of_line())
      refuse("the line is to end before \"" + rest_of_line() + "\"; a text stands in quotes");
    at_ = std::min(text_.find('\n', at_), text_.size());
    if (at_ < text_.size()) ++at_, ++line_;
  }
  std::string rest_of_line() const {
    std::string rest = text_.substr(at_, std::min(text_.find('\n', at_), at_ + 40) - at_);
    while (!rest.empty() && (rest.back() == '\r' || rest.back() == ' ')) rest.pop_back();
    return rest;
  }

  void skip_header() {
    const std::size_t close = text_.find_first_of("]\n", at_);
    if (close == text_.npos || text_[close] != ']') refuse("a table's name without its ]");
    at_ = close + 1;
  }

  void read_setting(train::Config& config) {
    const std::size_t line = line_;
    const std::string shown = rest_of_line();
    std::string name = peek() == '"' || peek() == '\'' ? quoted() : bare(" \t\r\n=#[],\"'");
    skip_blanks();
    if (name.empty() || peek() != '=')
      refuse("\"" + shown + "\" was found; name = value is required");
    ++at_;
    const std::string value = read_value(name);
    std::replace(name.begin(), name.end(), '_', '-');
    const auto [before, is_new] = lines_.emplace(name, line);
    if (!is_new)
      refuse("\"" + name + "\" is set in line " + std::to_string(before->second) + " already",
             line);
    try {
      train::set(config, name, value);
    } catch (const train::ConfigError& e) {
      const std::string message = e.what();
      refuse(message.substr(message.find(' ') + 1), line);
    }
  }

  std::string read_value(const std::string& name) {
    skip_blanks();
    if (peek() == '"' || peek() == '\'') return quoted();
    if (peek() == '[') return list(name);
    const std::string value = bare(" \t\r\n#,[]=\"'");
    if (value.empty())
      refuse("\"" + name + "\" has no value; a number, text, truth value or list is required");
    return value;
  }

  /// The items of a list, which may go over several lines, with commas between them.
  std::string list(const std::string& name) {
    const std::size_t begin = line_;
    std::string items;
    bool wants_item = true;
    for (++at_; at_ < text_.size();) {
      skip_blanks();
      if (at_end_of_line()) {
        end_line();
      } else if (peek() == ']') {
        ++at_;
        return items.empty() ? "none" : items;
      } else if (peek() == ',' && !wants_item) {
        ++at_;
        wants_item = true;
      } else {
        if (!wants_item || peek() == '[')
          refuse("the list of \"" + name + "\" is not one of values");
        items += (items.empty() ? "" : ",") + read_value(name);
        wants_item = false;
      }
    }
    refuse("the list of \"" + name + "\" has no end", begin);
  }

  std::string bare(std::string_view ends) {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(ends, at_), text_.size());
    return text_.substr(begin, at_ - begin);
  }

  std::string quoted() {
    const char mark = text_[at_++];
    std::string value;
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == mark) return ++at_, value;
      if (mark == '"' && text_[at_] == '\\') {
        constexpr std::string_view written = "\"\\tn", meant = "\"\\\t\n";
        const std::size_t which = ++at_ < text_.size() ? written.find(text_[at_]) : written.npos;
        if (which == written.npos) refuse("\\ in a text: '…' takes it as it is");
        value += meant[which];
      } else {
        value += text_[at_];
      }
    }
    refuse("a text has no end");
  }

  const std::string& text_;
  const std::string& file_;
  std::size_t at_ = 0, line_ = 1;
  std::map<std::string, std::size_t> lines_;  // of the settings
};

}  // namespace

void read_toml(train::Config& config, const std::string& text, const std::string& file) {
  TomlReader(text, file).read(config);
}
