#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradus/train/callback.hpp"
#include "io/json.hpp"

namespace gradus::train::detail {

using io::detail::Json;

/// A value of a JSON document that was read back, with its place in it. Nobody vouches for the
/// document: what is taken is checked first, and what does not fit is refused in one line that
/// names the file, the place, what stands there and what is required.
class Value {
 public:
  /// Parses a document. `operation` and `file` begin the messages, `name` stands for the document
  /// in the places: "pipeline" for "pipeline.columns[3].fill".
  Value(const char* operation, const std::string& file, const std::string& name,
        std::string_view text);

  [[noreturn]] void refuse(const std::string& required) const;

  /// A member of an object that must be there.
  Value at(const std::string& key) const;
  std::optional<Value> find(const std::string& key) const;
  /// Refuses an object with other members.
  void allow(const std::vector<std::string>& keys) const;
  /// The members of an object, by name.
  std::vector<std::pair<std::string, Value>> members() const;
  /// The values of a list of `least` to `most`.
  std::vector<Value> items(std::size_t least = 0,
                           std::size_t most = static_cast<std::size_t>(-1)) const;

  bool is_null() const { return json_->is_null(); }
  bool truth() const;
  std::string text() const;
  std::string one_of(const std::vector<std::string>& choices) const;
  Index whole(Index least, Index most) const;
  /// The same, written as 2 or as 2.0.
  Index whole_number(Index least, Index most) const;
  std::uint64_t bits() const;  ///< 0 to 2^64 - 1
  double finite() const;
  double number() const;  ///< also NaN and infinities, as detail::number() writes them

  /// A list of texts, all different if `unique`.
  std::vector<std::string> texts(bool unique = false) const;
  /// A list of whole numbers.
  std::vector<Index> wholes(Index least, Index most,
                            std::size_t longest = static_cast<std::size_t>(-1)) const;

 private:
  struct Document {
    std::string start;  // of messages
    Json json;
  };
  Value(const Value& parent, const Json& json, const std::string& step)
      : document_(parent.document_), json_(&json), place_(parent.place_ + step) {}
  const Json& object() const;

  std::shared_ptr<const Document> document_;
  const Json* json_;
  std::string place_;
};

/// As text, with U+FFFD in place of bytes that are no UTF-8.
std::string dump(const Json& value, int indent = -1);

/// A number that comes back as it was: JSON knows no NaN and no infinity, which become
/// texts; Value::number() reads it.
Json number(double value);

/// What an epoch measured, by name, in the order of logs.
inline constexpr std::pair<const char*, double Epoch::*> epoch_numbers[] = {
    {"train_loss", &Epoch::train_loss},
    {"validation_loss", &Epoch::validation_loss},
    {"validation_accuracy", &Epoch::validation_accuracy},
    {"lr", &Epoch::lr},
    {"grad_norm", &Epoch::grad_norm},
    {"seconds", &Epoch::seconds}};

Json to_json(const Epoch& epoch);
Epoch read_epoch(const Value& object);
/// Adds to `object`.
Json to_json(const Finding& finding, Json object = Json::object());
Finding read_finding(const Value& object);

}  // namespace gradus::train::detail
