#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gradus::io::detail {

/// Text that is no JSON, or that asks for more than it may, or a text that JSON cannot hold.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A JSON value, to be built and written, or as it was read. The library that parses and writes is
/// known to json.cpp alone: its headers cost more than most files that handle a value.
class Json {
 public:
  struct Item;
  struct Member;

  Json(std::nullptr_t = nullptr);
  Json(const char* text);
  Json(std::string text);
  template <class T>
  requires std::same_as<T, bool> || std::integral<T> || std::floating_point<T> Json(T number)
      : value_(widest(number)) {}
  template <class T>
  Json(const std::vector<T>& list);
  /// {{"a", 1}, {"b", 2}} is an object, any other {…} a list.
  Json(std::initializer_list<Item> items);

  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  static Json array();
  static Json object();

  bool is_null() const { return value_.index() == 0; }
  bool is_truth() const { return value_.index() == 1; }
  bool is_whole() const { return value_.index() == 2 || is_bits(); }
  bool is_bits() const { return value_.index() == 3; }  ///< what was read and is 0 to 2^64 - 1
  bool is_fraction() const { return value_.index() == 4; }
  bool is_number() const { return is_whole() || is_fraction(); }
  bool is_text() const { return value_.index() == 5; }
  bool is_array() const { return value_.index() == 6; }
  bool is_object() const { return value_.index() == 7; }

  // Each for its own kind.
  bool truth() const { return std::get<bool>(value_); }
  std::int64_t whole() const;
  std::uint64_t bits() const { return std::get<std::uint64_t>(value_); }
  double number() const;
  const std::string& text() const { return std::get<std::string>(value_); }
  const std::vector<Json>& items() const { return std::get<std::vector<Json>>(value_); }
  /// In the order in which they were added; those of an object that was read are sorted by name.
  const std::vector<Member>& members() const;

  std::size_t size() const;  ///< of a list or an object; 0 for anything else
  /// A member of an object; null if there is none.
  const Json* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Adds the member if there is none; null becomes an object.
  Json& operator[](std::string_view name);
  /// Adds a member of whose name the caller knows that it is new.
  void add(std::string name, Json value);
  void push_back(Json value);
  /// Puts the members of an object in the order of their names.
  void sort();

 private:
  static bool widest(bool value) { return value; }
  static std::int64_t widest(std::signed_integral auto value) { return value; }
  static std::uint64_t widest(std::unsigned_integral auto value) { return value; }
  static double widest(std::floating_point auto value) { return value; }
  std::vector<Member>& open();

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string,
               std::vector<Json>, std::vector<Member>>
      value_;
};

struct Json::Member {
  std::string name;
  Json value;
};

template <class T>
Json::Json(const std::vector<T>& list) : value_(std::vector<Json>(list.begin(), list.end())) {}

/// A value in braces, which is taken over and not copied.
struct Json::Item {
  template <class T>
  requires(!std::same_as<std::decay_t<T>, Item> && std::constructible_from<Json, T>) Item(T&& from)
      : value(std::forward<T>(from)) {}
  Item(std::initializer_list<Item> items) : value(items) {}

  mutable Json value;
};

/// What a document may ask for: a parsed value takes many times its text, and a deep one the stack.
struct JsonLimits {
  std::size_t depth = 16;                           ///< lists and objects within each other
  std::size_t list = static_cast<std::size_t>(-1);  ///< values in a list
};

/// Reads JSON that nobody vouches for. Throws JsonError for what is not valid, nested too deeply or
/// too long, for a key that an object has twice (of which parsers keep one and say nothing), and
/// for the character 0 in a text, which ends it for others.
Json parse_json(std::string_view text, const JsonLimits& limits = {});

/// Bytes that are no UTF-8.
enum class Broken {
  refuse,   ///< throws JsonError
  replace,  ///< U+FFFD stands for them
};

/// As text, in one line or, with an `indent` of 0 or more, one value a line. Numbers that are not
/// finite become null.
std::string format_json(const Json& value, int indent = -1, Broken broken = Broken::refuse);

}  // namespace gradus::io::detail
