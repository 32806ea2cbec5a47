#pragma once

#include <nlohmann/json.hpp>

#include "gradus/train/callback.hpp"

namespace gradus::train::detail {

using json = nlohmann::ordered_json;

/// A number that comes back as it was: JSON knows no NaN and no infinity, which become texts.
json number(double value);
/// The number that number() wrote; throws for anything else.
double number(const json& value);

json to_json(const Epoch& epoch);
/// Throws, as nlohmann's reader does, for what to_json() did not write.
Epoch read_epoch(const json& object);

}  // namespace gradus::train::detail
