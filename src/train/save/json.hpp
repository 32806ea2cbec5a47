#pragma once

#include "gradus/train/callback.hpp"
#include "io/json.hpp"
#include "train/save/value.hpp"

namespace gradus::train::detail {

using io::detail::Json;

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
