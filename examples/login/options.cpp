#include "options.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace example {
namespace {

using Wrong = std::unexpected<std::string>;

constexpr int kPortMax = 65535;
constexpr int kIdleSecondsMax = 365 * 24 * 3600;

std::optional<int> number(std::string_view text, int min, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && value >= min && value <= max ? std::optional{value} : std::nullopt;
}

std::optional<hybrid::Durability> durability(std::string_view text) {
  if (text == "always") return hybrid::Durability::always;
  if (text == "interval") return hybrid::Durability::interval;
  if (text == "os") return hybrid::Durability::os;
  return std::nullopt;
}

// Returns what is wrong; empty if nothing.
std::string set_option(Options& options, std::string_view name, std::string_view value) {
  if (name == "--dir") {
    options.directory = value;
    return value.empty() ? "--dir needs a directory" : "";
  }
  if (name == "--host") {
    options.host = value;
    return value.empty() ? "--host needs an address" : "";
  }
  if (name == "--port") {
    const auto port = number(value, 0, kPortMax);
    options.port = port.value_or(0);
    return port ? "" : "--port needs a number from 0 to 65535";
  }
  if (name == "--idle-seconds") {
    const auto seconds = number(value, 1, kIdleSecondsMax);
    options.idle = std::chrono::seconds{seconds.value_or(0)};
    return seconds ? "" : "--idle-seconds needs a number from 1 to 31536000";
  }
  if (name == "--durability") {
    const auto level = durability(value);
    options.durability = level.value_or(options.durability);
    return level ? "" : "--durability is one of interval, always, os";
  }
  return "unknown option " + std::string{name};
}

}  // namespace

const char* const kHelp = R"(Usage: example_login [OPTION...]

A small shop whose sessions are kept by hybrid: kill it and start it again, and everybody is still
logged in, with the same basket. Ctrl-C stops it.

  --dir DIRECTORY       where sessions and users are kept (./data)
  --host ADDRESS        the address to listen on (127.0.0.1)
  --port NUMBER         the port to listen on; 0: any free one (8080)
  --durability LEVEL    what an acknowledged change of a session survives (interval):
                          interval  kill -9, and power loss but for the last second
                          always    power loss
                          os        kill -9
  --idle-seconds N      how long an unused session lasts (1800); one with "remember me" lasts for 30 days
  --secure              for https (a proxy in front): the cookie is Secure and named __Host-sid
  --help                this text

Exit codes: 0 stopped, 1 it could not start or go on, 2 wrong use.
)";

std::expected<Options, std::string> parse_options(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      return options;
    }
    if (argument == "--secure") {
      options.secure = true;
      continue;
    }
    const std::size_t equals = argument.find('=');
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < count) {
      value = arguments[++i];
    }
    const std::string wrong = set_option(options, argument.substr(0, equals), value);
    if (!wrong.empty()) return Wrong{wrong};
  }
  return options;
}

}  // namespace example
