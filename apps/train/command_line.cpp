#include "command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <gradus/io/file.hpp>
#include <gradus/io/nearest.hpp>

#include "toml.hpp"

using namespace gradus;

SettingFlags::SettingFlags(CLI::App& app, const std::vector<std::string>& groups,
                           const std::vector<std::string>& names) {
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
    const std::string text = io::read_file(file_);
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

bool parse(CLI::App& app, int argc, char** argv) {
  app.allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return false;
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what());
  }
  for (const std::string& extra : app.remaining()) {
    if (extra.size() < 2 || extra[0] != '-')
      throw UsageError(extra + " was not expected; see --help");
    std::vector<std::string> flags;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    const std::string flag = extra.substr(0, extra.find('='));
    throw UsageError("there is no flag " + flag + "; did you mean " + io::nearest(flag, flags) +
                     "?");
  }
  return true;
}
