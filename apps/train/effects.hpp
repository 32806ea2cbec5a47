#pragma once

#include <gradus/train.hpp>
#include <string>

#include "command_line.hpp"

/// Throws UsageError for a flag that would change nothing with these data, as --labels of a table.
/// One that asks for what is there anyway is no fault; nor is a setting of a file, which may serve
/// several data.
void require_source_effects(const SettingFlags& flags, const gradus::train::Config& config,
                            const gradus::train::Source& source);
/// The same for the flags of a training, with what was chosen for these data.
void require_training_effects(const SettingFlags& flags, const gradus::train::Prepared& data);

/// Says on stderr which flags of a training a command takes, so that a training's command line can
/// be given to it, but does not use, `also` among them.
void note_unused(const SettingFlags& flags, const char* command, const std::string& also);

/// Throws UsageError if --out is a file of the model or run at `path`, or the file of the data:
/// what is read is not to be replaced by what is written.
void require_elsewhere(const std::string& out, const std::string& path,
                       const std::string& data = "");
