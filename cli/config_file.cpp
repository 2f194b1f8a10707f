#include "cli/config_file.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

namespace hybrid::cli {
namespace {

constexpr const char* kConfig = "--config";

std::string name_of(const std::string& argument) { return argument.substr(0, argument.find('=')); }

std::optional<std::string> config_path(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (name_of(arguments[i]) != kConfig) continue;
    if (arguments[i] != kConfig) return arguments[i].substr(std::string{kConfig}.size() + 1);
    if (i + 1 < arguments.size()) return arguments[i + 1];
  }
  return std::nullopt;
}

// "name = value" as "--name=value", "name" as "--name". Nothing if the line says nothing.
std::optional<std::string> argument_of(std::string line) {
  CLI::detail::trim(line);
  if (line.empty() || line[0] == '#' || line[0] == ';') return std::nullopt;
  const std::size_t equals = line.find('=');
  std::string name = line.substr(0, equals);
  CLI::detail::trim(name);
  if (equals == std::string::npos) return "--" + name;
  std::string value = line.substr(equals + 1);
  CLI::detail::trim(value);
  CLI::detail::remove_quotes(value);
  return "--" + name + "=" + value;
}

std::vector<std::string> read(const CLI::App& command, const std::string& path) {
  std::ifstream file{path};
  if (!file) throw CLI::FileError{"cannot read the options in '" + path + "'"};
  std::vector<std::string> arguments;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto argument = argument_of(line);
    if (!argument) continue;
    const auto refuse = [&](const std::string& why) {
      throw CLI::FileError{"line " + std::to_string(number) + " of '" + path + "': " + why};
    };
    const std::string name = name_of(*argument);
    const CLI::Option* const option = command.get_option_no_throw(name);
    // Not repeated: it may be a secret that is in the wrong file.
    if (option == nullptr || name == kConfig) refuse("this is no option that a file may have");
    const bool has_value = name.size() < argument->size();
    if (!has_value && option->get_expected_min() > 0) refuse(name.substr(2) + " needs a value");
    arguments.push_back(*argument);
  }
  if (file.bad()) throw CLI::FileError{"cannot read the options in '" + path + "'"};
  return arguments;
}

}  // namespace

void add_config(CLI::App& command) {
  command.add_option(kConfig, "A file with options, one NAME=VALUE a line")
      ->type_name("FILE")
      ->expected(1);
}

std::vector<std::string> with_config(const CLI::App& app, std::vector<std::string> arguments) {
  if (arguments.empty()) return arguments;
  const auto commands = app.get_subcommands([&](const CLI::App* command) {
    return command->get_name() == arguments[0] && command->get_option_no_throw(kConfig) != nullptr;
  });
  if (commands.empty()) return arguments;
  const auto path = config_path(arguments);
  if (!path) return arguments;
  std::set<std::string> given;
  for (const std::string& argument : arguments) given.insert(name_of(argument));
  for (std::string& argument : read(*commands[0], *path)) {
    if (!given.contains(name_of(argument))) arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace hybrid::cli
