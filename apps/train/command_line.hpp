#pragma once

#include <CLI/CLI.hpp>
#include <gradus/train/config.hpp>
#include <string>
#include <utility>
#include <vector>

/// How a command ends.
enum Exit {
  fine = 0,
  failed = 1,
  usage = 2,
  bad_input = 3,
  non_finite = 4,
  file_system = 5,
  busy = 6,
  interrupted = 130,  ///< and 128 + n for the signal n
  reader_left = 141   ///< as by SIGPIPE, but a run is complete
};

/// Wrong flags or arguments.
class UsageError : public gradus::Error {
 public:
  using gradus::Error::Error;
};

/// The settings of train::Config as flags, and --config for a file of them.
class SettingFlags {
 public:
  /// Adds flags for the settings of the given groups and for those named.
  SettingFlags(CLI::App& app, const std::vector<std::string>& groups,
               const std::vector<std::string>& names = {});
  /// The defaults, or `base`, changed first by the file and then by the flags.
  gradus::train::Config read(gradus::train::Config base = {}) const;
  /// True if a flag of this name was given.
  bool given(const std::string& name) const;

 private:
  std::string file_;
  std::vector<std::pair<std::string, std::string>> values_;
};

/// A message of the library in the words of the command: flags in place of options and members.
/// Texts in quotes stay as they are.
std::string in_flags(const std::string& message);

/// Adds a flag that takes a number. Another text is a UsageError.
void add_number(CLI::App& app, const std::string& flag, gradus::Index& value,
                const std::string& help);
void add_number(CLI::App& app, const std::string& flag, double& value, const std::string& help);

/// Parses the arguments; false if help was printed. Throws UsageError, naming the nearest flag for
/// an unknown one.
bool parse(CLI::App& app, int argc, char** argv);
