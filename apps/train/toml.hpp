#pragma once

#include <gradus/train.hpp>
#include <string>

/// Sets what a TOML file of settings holds: `name = value` with a number, a text, a truth value or
/// a list; headers of tables only group the settings. Throws ConfigError with `file` and line.
void read_toml(gradus::train::Config& config, const std::string& text, const std::string& file);
