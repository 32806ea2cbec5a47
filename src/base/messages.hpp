#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "gradus/error.hpp"
#include "gradus/shape.hpp"

// What error messages are made of.
namespace gradus {

/// A part of a message: text, a letter, a number, or a shape. Made where a message is needed, for
/// as long as the statement, so that a place that may fail is a call and not a page of strings.
class Piece {
 public:
  Piece(const char* text) : kind_(Kind::text), text_(text) {}
  Piece(std::string_view text) : kind_(Kind::text), text_(text) {}
  Piece(const std::string& text) : kind_(Kind::text), text_(text) {}
  Piece(double number) : kind_(Kind::f64), f64_(number) {}
  Piece(float number) : kind_(Kind::f32), f32_(number) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Piece(T number)
      : kind_(std::signed_integral<T> ? Kind::whole : Kind::natural),
        whole_(static_cast<std::int64_t>(number)) {}
  Piece(char letter) : kind_(Kind::letter), letter_(letter) {}
  Piece(bool) = delete;
  Piece(const Shape& shape) : kind_(Kind::shape), shape_(&shape) {}

  void add_to(std::string& text) const;

 private:
  enum class Kind : std::uint8_t { text, f64, f32, whole, natural, letter, shape } kind_;
  union {
    std::string_view text_;
    double f64_;
    float f32_;
    std::int64_t whole_;
    char letter_;
    const Shape* shape_;
  };
};

/// The pieces, one behind the other.
std::string compose(std::initializer_list<Piece> pieces);
template <class... P>
std::string compose(const P&... pieces) {
  return compose({Piece(pieces)...});
}

/// Throws Error("[operation] pieces").
[[noreturn, gnu::cold]] void fail(const char* operation, std::initializer_list<Piece> pieces);
template <class... P>
requires(sizeof...(P) > 1) [[noreturn]] void fail(const char* operation, const P&... pieces) {
  fail(operation, {Piece(pieces)...});
}

/// "a, b, c", each as `text` gives it; of more than `most` the first ones and "…".
template <class List, class Text = std::identity>
std::string join(const List& list, std::size_t most = std::string::npos, Text text = {}) {
  std::string all;
  std::size_t count = 0;
  for (const auto& item : list) {
    if (count == most) return all + ", …";
    all += std::string(count++ ? ", " : "") + std::invoke(text, item);
  }
  return all;
}

/// A message without its "[operation] ".
inline std::string without_operation(const std::string& message) {
  const std::size_t end = message.find("] ");
  return message.starts_with('[') && end != message.npos ? message.substr(end + 2) : message;
}

namespace detail {
/// Throws "[operation] option = value was given; … is required" for a value that is not good.
template <class T>
void require(bool good, const char* operation, const char* option, T value, const char* required) {
  if (!good) fail(operation, option, " = ", value, " was given; ", required, " is required");
}
}  // namespace detail

}  // namespace gradus
