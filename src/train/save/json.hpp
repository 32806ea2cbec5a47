#pragma once

#include <nlohmann/json.hpp>

#include "gradus/train/callback.hpp"
#include "train/save/value.hpp"

namespace gradus::train::detail {

using json = nlohmann::ordered_json;

/// A number that comes back as it was: JSON knows no NaN and no infinity, which become
/// texts; Value::number() reads it.
json number(double value);

json to_json(const Epoch& epoch);
Epoch read_epoch(const Value& object);
json to_json(const Finding& finding);
Finding read_finding(const Value& object);

}  // namespace gradus::train::detail
