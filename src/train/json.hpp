#pragma once

#include <nlohmann/json.hpp>

#include "gradus/train/callback.hpp"

namespace gradus::train::detail {

using json = nlohmann::ordered_json;

/// A number that comes back as it was: JSON knows no NaN and no infinity, which become texts.
json number(double value);
/// The number that number() wrote; throws for anything else.
double number(const json& value);

/// A finite number as JSON text, with the digits that bring it back.
std::string text_of_finite(double value);

/// An epoch as JSON text. Written without objects of nlohmann's: each checkpoint has all epochs.
std::string to_text(const Epoch& epoch);
/// Throws, as nlohmann's reader does, for what to_text() did not write.
Epoch read_epoch(const json& object);

}  // namespace gradus::train::detail
