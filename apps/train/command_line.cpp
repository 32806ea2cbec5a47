#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <gradus/error.hpp>
#include <gradus/io/file.hpp>

using namespace gradus;

namespace {

/// A file of settings is a small one, or not what was meant.
std::string read_settings(const std::string& path) {
  constexpr std::size_t most = std::size_t{1} << 24;
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(path, ignored);
  const std::uintmax_t size = is_file ? std::filesystem::file_size(path, ignored) : 0;
  if (size > most)
    throw train::ConfigError("[config] " + path + ": has " + text_of(size) + " bytes; at most " +
                             text_of(most) + " are required of a file of settings");
  return io::read_file(path, {.limit = most});
}

template <class T>
void add_parsed(CLI::App& app, const std::string& flag, T& value, const std::string& help,
                const char* required) {
  app.add_option_function<std::string>(
         flag,
         [&value, flag, required](const std::string& text) {
           const char* const end = text.data() + text.size();
           const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
           const auto [stop, error] = std::from_chars(text.data() + plus, end, value);
           if (error != std::errc() || stop != end)
             throw UsageError(flag + " " + text + " was given; " + required +
                              " is required; see --help");
         },
         help)
      ->type_name("NUMBER")
      ->default_str(text_of(value))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

/// "MODEL, or --model,".
std::string name_of(const CLI::Option& option) {
  const std::vector<std::string>& names = option.get_lnames();
  const std::string flag = names.empty() ? "" : "--" + names[0];
  if (option.get_positional()) {
    const std::string place = option.get_name(true);
    return flag.empty() ? place : place.substr(0, place.find(',')) + " or " + flag;
  }
  return flag;
}

/// What the parser did not understand, in the form of all messages.
std::string in_words(const CLI::App& app, const CLI::ParseError& error) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_required() && option->count() == 0)
      return "no " + name_of(*option) + " was given; " + option->get_description() +
             " is required; see --help";
    const std::string flag = option->get_lnames().empty() ? "" : "--" + option->get_lnames()[0];
    const std::string what = error.what();
    if (flag.empty() || what.find(flag) == what.npos ||
        std::isalnum(static_cast<unsigned char>(what.c_str()[what.find(flag) + flag.size()])) ||
        what.c_str()[what.find(flag) + flag.size()] == '-')
      continue;
    if (option->count() > 1)
      return name_of(*option) + " was given " + text_of(option->count()) +
             " times; one value is required; leave the others out";
    if (option->get_expected_max() == 0)
      return flag + " was given with a value; the flag alone is required";
    return flag + " was given without a value; one is required, " + option->get_description();
  }
  return std::string(error.what()) + "; see --help";
}

}  // namespace

struct CommandLine::Parser {
  Parser(const char* help, const char* command) : app(help, command) {}

  CLI::App app;
};

CommandLine::CommandLine(const char* help, const char* command)
    : parser_(std::make_unique<Parser>(help, command)) {}
CommandLine::~CommandLine() = default;

void CommandLine::add_required(const char* names, std::string& value, const char* help) {
  parser_->app.add_option(names, value, help)->required();
}
void CommandLine::add_file(const char* flag, std::string& value, const char* help) {
  parser_->app.add_option(flag, value, help)->type_name("FILE")->capture_default_str();
}
void CommandLine::add_number(const char* flag, Index& value, const char* help) {
  add_parsed(parser_->app, flag, value, help, "a whole number");
}
void CommandLine::add_number(const char* flag, double& value, const char* help) {
  add_parsed(parser_->app, flag, value, help, "a number");
}
void CommandLine::add_switch(const char* flag, bool& value, const char* help) {
  parser_->app.add_flag(flag, value, help);
}

SettingFlags::SettingFlags(CommandLine& line, const std::vector<std::string>& groups,
                           const std::vector<std::string>& names) {
  CLI::App& app = line.parser().app;
  app.add_option("--config", file_, "JSON or TOML file of settings; flags win")->type_name("FILE");
  const auto contains = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const train::Setting& setting : train::settings()) {
    if (!contains(groups, setting.group) && !contains(names, setting.name)) continue;
    const std::string flag = "--" + setting.name;
    CLI::Option* option = nullptr;
    if (setting.is_switch) {
      option = app.add_flag_callback(
          flag, [this, name = setting.name] { values_.emplace_back(name, "yes"); }, setting.help);
    } else {
      std::string type = "VALUE";
      if (!setting.choices.empty() && setting.choices.size() <= 6) {
        type.clear();
        for (const std::string& choice : setting.choices)
          type += (type.empty() ? "" : "|") + choice;
      }
      option = app.add_option_function<std::string>(
                      flag,
                      [this, name = setting.name](const std::string& text) {
                        values_.emplace_back(name, text);
                      },
                      setting.help)
                   ->type_name(type)
                   ->default_str(setting.value);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
    option->group(setting.group);
  }
}

train::Config SettingFlags::read(train::Config config) const {
  if (!file_.empty()) {
    const std::string text = read_settings(file_);
    if (file_.ends_with(".toml"))
      read_toml(config, text, file_);
    else
      train::read_json(config, text, file_);
  }
  for (const auto& [name, text] : values_) train::set(config, name, text);
  train::check(config);
  return config;
}

bool SettingFlags::given(const std::string& name) const {
  return std::any_of(values_.begin(), values_.end(),
                     [&](const auto& value) { return value.first == name; });
}

bool parse(CommandLine& line, int argc, char** argv) {
  CLI::App& app = line.parser().app;
  app.allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return false;
  } catch (const CLI::ParseError& e) {
    throw UsageError(in_words(app, e));
  }
  for (const std::string& extra : app.remaining()) {
    if (extra.size() < 2 || extra[0] != '-')
      throw UsageError(extra + " was given, and was not expected; flags and their values are " +
                       "required; see --help");
    std::vector<std::string> flags;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    const std::string flag = extra.substr(0, extra.find('='));
    throw UsageError("there is no flag " + flag + "; did you mean " + nearest_name(flag, flags) +
                     "?");
  }
  return true;
}
