#pragma once

#include <gradus/error.hpp>
#include <gradus/train/config.hpp>
#include <memory>
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

/// The arguments of a command. The library that reads them is large, and stays behind this class.
class CommandLine {
 public:
  CommandLine(const char* help, const char* command);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  // What parse() writes to; the help shows what stands there before.
  /// An argument that must be there, by its place or by its flag: "MODEL,--model".
  void add_required(const char* names, std::string& value, const char* help);
  void add_file(const char* flag, std::string& value, const char* help);
  /// Another text than a number is a UsageError.
  void add_number(const char* flag, gradus::Index& value, const char* help);
  void add_number(const char* flag, double& value, const char* help);
  void add_switch(const char* flag, bool& value, const char* help);

  struct Parser;
  Parser& parser() { return *parser_; }

 private:
  std::unique_ptr<Parser> parser_;
};

/// The settings of train::Config as flags, and --config for a file of them.
class SettingFlags {
 public:
  /// Adds flags for the settings of the given groups and for those named.
  SettingFlags(CommandLine& line, const std::vector<std::string>& groups,
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

/// Parses the arguments; false if help was printed. Throws UsageError, naming the nearest flag for
/// an unknown one.
bool parse(CommandLine& line, int argc, char** argv);

/// Sets what a TOML file of settings holds: `name = value` with a number, a text, a truth value or
/// a list; headers of tables only group the settings. Throws ConfigError with `file` and line.
void read_toml(gradus::train::Config& config, const std::string& text, const std::string& file);
