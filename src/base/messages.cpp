#include "base/messages.hpp"

#include "base/utf8.hpp"

namespace gradus {

void fail(const char* operation, const std::string& message) {
  throw Error("[" + std::string(operation) + "] " + printable_lines(message));
}

void Piece::add_to(std::string& text) const {
  switch (kind_) {
    case Kind::text:
      text += text_;
      return;
    case Kind::f64:
      text += text_of(f64_);
      return;
    case Kind::f32:
      text += text_of(f32_);
      return;
    case Kind::whole:
      text += text_of(whole_);
      return;
    case Kind::natural:
      text += text_of(static_cast<std::uint64_t>(whole_));
      return;
    case Kind::letter:
      text += letter_;
      return;
    case Kind::shape:
      text += to_string(*shape_);
  }
}

std::string compose(std::initializer_list<Piece> pieces) {
  std::string text;
  for (const Piece& piece : pieces) piece.add_to(text);
  return text;
}

void fail(const char* operation, std::initializer_list<Piece> pieces) {
  fail(operation, compose(pieces));
}

}  // namespace gradus
