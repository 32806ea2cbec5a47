#include "io/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "gradus/error.hpp"

namespace gradus::io::detail {

// ---- the value ---------------------------------------------------------------------------------

Json::Json(std::nullptr_t) {}
Json::Json(const char* text) : value_(std::string(text)) {}
Json::Json(std::string text) : value_(std::move(text)) {}
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json::Json(std::initializer_list<Item> items) {
  const bool named = std::all_of(items.begin(), items.end(), [](const Item& item) {
    return item.value.is_array() && item.value.size() == 2 && item.value.items()[0].is_text();
  });
  if (named) {
    for (const Item& item : items) {
      auto& pair = std::get<std::vector<Json>>(item.value.value_);
      add(std::move(std::get<std::string>(pair[0].value_)), std::move(pair[1]));
    }
  } else {
    for (const Item& item : items) push_back(std::move(item.value));
  }
}

Json Json::array() { return std::vector<Json>(); }

Json Json::object() {
  Json empty;
  empty.open();
  return empty;
}

std::int64_t Json::whole() const {
  return is_bits() ? static_cast<std::int64_t>(bits()) : std::get<std::int64_t>(value_);
}

double Json::number() const {
  if (is_fraction()) return std::get<double>(value_);
  return is_bits() ? static_cast<double>(bits()) : static_cast<double>(whole());
}

const std::vector<Json::Member>& Json::members() const {
  return std::get<std::vector<Member>>(value_);
}

std::size_t Json::size() const {
  return is_array() ? items().size() : is_object() ? members().size() : 0;
}

const Json* Json::find(std::string_view name) const {
  const auto found = std::find_if(members().begin(), members().end(),
                                  [name](const Member& member) { return member.name == name; });
  return found == members().end() ? nullptr : &found->value;
}

std::vector<Json::Member>& Json::open() {
  if (is_null()) value_.emplace<std::vector<Member>>();
  return std::get<std::vector<Member>>(value_);
}

Json& Json::operator[](std::string_view name) {
  std::vector<Member>& members = open();
  for (Member& member : members)
    if (member.name == name) return member.value;
  members.push_back({std::string(name), nullptr});
  return members.back().value;
}

void Json::add(std::string name, Json value) {
  open().push_back({std::move(name), std::move(value)});
}

void Json::sort() {
  if (!is_object()) return;
  std::sort(open().begin(), open().end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
}

void Json::push_back(Json value) {
  if (is_null()) value_.emplace<std::vector<Json>>();
  std::get<std::vector<Json>>(value_).push_back(std::move(value));
}

// ---- reading -----------------------------------------------------------------------------------

namespace {

using Library = nlohmann::json;

/// Hears what the parser reads, and looks at it before the tree grows by it.
class Builder : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  Json take() { return std::move(root_); }

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(std::int64_t value) override { return scalar(value); }
  bool number_unsigned(std::uint64_t value) override { return scalar(value); }
  bool number_float(double value, const std::string&) override { return scalar(value); }
  bool string(std::string& value) override {
    count();
    check_text(value);
    return put(std::move(value));
  }
  bool binary(Library::binary_t&) override { return false; }  // not in texts

  bool start_object(std::size_t) override { return start(Json::object()); }
  bool key(std::string& name) override {
    check_text(name);
    if (!open_.back().names.insert(name).second)
      throw JsonError("the name \"" + printable(name) +
                      "\" stands twice in an object; names must differ");
    open_.back().name = std::move(name);
    return true;
  }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return start(Json::array()); }
  bool end_array() override { return end(); }

  bool parse_error(std::size_t, const std::string&, const Library::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: …"
    std::string what = e.what();
    if (const std::size_t end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
    throw JsonError("it is not valid JSON: " + printable(what.substr(0, 200)));
  }

 private:
  struct Open {
    Json value;
    std::string name = {};  // of the member that is read next
    std::unordered_set<std::string> names = {};
  };

  bool scalar(Json value) {
    count();
    return put(std::move(value));
  }
  bool put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& within = open_.back(); within.value.is_array()) {
      within.value.push_back(std::move(value));
    } else {
      within.value.add(std::move(within.name), std::move(value));
    }
    return true;
  }
  bool start(Json value) {
    count();
    if (open_.size() == limits_.depth)
      throw JsonError("lists and objects are nested too deeply; at most " + text_of(limits_.depth) +
                      " within each other are allowed");
    open_.push_back({std::move(value)});
    return true;
  }
  bool end() {
    Json whole = std::move(open_.back().value);
    open_.pop_back();
    whole.sort();
    return put(std::move(whole));
  }
  void count() {
    if (open_.empty() || !open_.back().value.is_array()) return;
    if (open_.back().value.size() == limits_.list)
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
  Json root_;
};

}  // namespace

Json parse_json(std::string_view text, const JsonLimits& limits) {
  // The parser takes this byte for the end, and what follows for nothing.
  if (text.find('\0') != text.npos)
    throw JsonError("it is not valid JSON: byte " + text_of(text.find('\0')) + " is 0");
  Builder builder(limits);
  Library::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

// ---- writing -----------------------------------------------------------------------------------

namespace {

class Writer {
 public:
  Writer(int indent, Broken broken) : indent_(indent), broken_(broken) {}

  std::string take() { return std::move(out_); }

  void write(const Json& value) {
    if (value.is_array()) {
      enclose('[', ']', value.items(), [this](const Json& item) { write(item); });
    } else if (value.is_object()) {
      enclose('{', '}', value.members(), [this](const Json::Member& member) {
        scalar(member.name);
        out_ += indent_ < 0 ? ":" : ": ";
        write(member.value);
      });
    } else if (value.is_text()) {
      scalar(value.text());
    } else if (value.is_fraction()) {
      scalar(value.number());
    } else if (value.is_whole()) {
      out_ += value.is_bits() ? text_of(value.bits()) : text_of(value.whole());
    } else {
      out_ += value.is_null() ? "null" : value.truth() ? "true" : "false";
    }
  }

 private:
  template <class List, class Write>
  void enclose(char begin, char end, const List& list, Write write_one) {
    out_ += begin;
    ++depth_;
    for (const auto& one : list) {
      if (&one != list.data()) out_ += ',';
      line();
      write_one(one);
    }
    --depth_;
    if (!list.empty()) line();
    out_ += end;
  }
  void line() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(depth_), ' ');
  }
  void scalar(const Library& value) {
    const auto broken = broken_ == Broken::replace ? Library::error_handler_t::replace
                                                   : Library::error_handler_t::strict;
    out_ += value.dump(-1, ' ', false, broken);
  }

  int indent_;
  int depth_ = 0;
  Broken broken_;
  std::string out_;
};

}  // namespace

std::string format_json(const Json& value, int indent, Broken broken) {
  Writer writer(indent, broken);
  try {
    writer.write(value);
  } catch (const Library::exception& e) {
    throw JsonError(e.what());
  }
  return writer.take();
}

}  // namespace gradus::io::detail
