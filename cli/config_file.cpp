#include "cli/config_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
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

// "NAME = VALUE", or "NAME" alone.
struct Line {
  std::string name;
  std::optional<std::string> value;
  bool is_quoted = false;
};

// Nothing if it says nothing.
std::optional<Line> parse(std::string text) {
  CLI::detail::trim(text);
  if (text.empty() || text[0] == '#' || text[0] == ';') return std::nullopt;
  const std::size_t equals = text.find('=');
  Line line{.name = text.substr(0, equals), .value = std::nullopt};
  CLI::detail::trim(line.name);
  if (equals == std::string::npos) return line;
  std::string value = text.substr(equals + 1);
  CLI::detail::trim(value);
  const std::size_t size = value.size();
  CLI::detail::remove_quotes(value);
  line.is_quoted = value.size() < size;
  line.value = std::move(value);
  return line;
}

bool has_comment(const std::string& value) {
  return value.find(" #") != std::string::npos || value.find("\t#") != std::string::npos;
}

// What is wrong with a line, if anything. It is not repeated: it may be a secret that is in the wrong file.
std::optional<std::string> fault_of(const CLI::App& command, const Line& line) {
  const CLI::Option* const option = command.get_option_no_throw("--" + line.name);
  if (option == nullptr || "--" + line.name == kConfig)
    return "this is no option that a file may have";
  const bool has_value = line.value && !line.value->empty();
  if (!has_value && (line.value || option->get_expected_min() > 0))
    return line.name + " needs a value; leave the line out for what it is without";
  if (has_value && !line.is_quoted && has_comment(*line.value))
    return "a comment has a line of its own; or put a value that has # in it in quotes";
  return std::nullopt;
}

std::vector<std::string> read(const CLI::App& command, const std::string& path) {
  const auto unreadable = [&] {
    return CLI::FileError{"cannot read the options in '" + path + "': " + std::strerror(errno)};
  };
  std::ifstream file{path};
  if (!file) throw unreadable();
  std::vector<std::string> arguments;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    const auto line = parse(text);
    if (!line) continue;
    if (const auto fault = fault_of(command, *line))
      throw CLI::FileError{"line " + std::to_string(number) + " of '" + path + "': " + *fault};
    arguments.push_back("--" + line->name + (line->value ? "=" + *line->value : ""));
  }
  if (file.bad()) throw unreadable();
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
