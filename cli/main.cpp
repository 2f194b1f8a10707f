// The program `hybrid`. One file per subcommand; docs/tools.md is its manual.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/config_file.hpp"
#include "cli/output.hpp"
#include "hybrid/version.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(All but serve, compact and salvage may be used while a process has the store open: they take no lock, and write
nothing to it. serve and compact need the store for themselves, and salvage one that nobody changes.
Session ids are not printed; a session is shown by the SHA-256 of its id. But export writes the names of keys that
clients of serve have, which are mostly made of ids.

Examples:
  hybrid serve --dir sessions/             Redis clients keep their sessions in it
  hybrid verify sessions/                  is the log whole?
  hybrid stat sessions/                    how much is in it
  hybrid inspect sessions/ | tail          the newest changes
  hybrid log sessions/ --sid-file sid.txt  what happened to one session
  hybrid backup sessions/ /backup/today    copy it, also while it is in use
  hybrid export sessions/ sessions.jsonl   all of it, as JSON lines; import makes a store of them
  hybrid salvage sessions/ saved/          what a damaged one still proves
  hybrid compact sessions/                 make the log short

Exit codes:
  0  fine
  1  the answer is "no", or the store is damaged
  2  wrong use, or the store cannot be read or written

'hybrid COMMAND --help' says more.)";

// What was not understood. Only what looks like the name of an option is repeated: the rest may be a session id.
std::string describe_extras(const CLI::App& app) {
  for (const std::string& argument : app.remaining(true)) {
    const std::string name = argument.substr(0, argument.find('='));
    const bool is_option =
        name.starts_with("--") && name.size() > 3 && name.size() < 20 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos;
    if (is_option) return "unknown option " + name;
  }
  return "too many arguments, or an unknown option";
}

const CLI::App& chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

// "--dir=": CLI11 would take the next argument for the value.
const std::string* without_value(const std::vector<std::string>& arguments) {
  const auto found = std::ranges::find_if(arguments, [](const std::string& argument) {
    return argument.starts_with("--") && argument.find('=') == argument.size() - 1;
  });
  return found != arguments.end() ? &*found : nullptr;
}

int wrong_use(const CLI::App& app, const CLI::ParseError& error, bool has_config) {
  const CLI::App& command = chosen(app);
  std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    what = &command == &app ? "unknown command" : describe_extras(app);
  }
  const std::string help = &command == &app ? "hybrid" : "hybrid " + command.get_name();
  const std::string where = has_config ? " (here, or in the file of --config)" : "";
  return complain(kWrongUse, what + where + "; see '" + help + " --help'");
}

// Or the store's files would get their numbers, and what is printed would be written into them.
void open_standard_files() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // Gets the lowest number that is free.
    if (::fcntl(descriptor, F_GETFD) == -1) static_cast<void>(::open("/dev/null", O_RDWR));
  }
}

// A snapshot keeps each segment of a log open.
void allow_many_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, char** argv) {
  CLI::App app{"Serves stores of hybrid sessions, looks into them, and looks after them.",
               "hybrid"};
  app.set_version_flag("--version", "hybrid " + std::string{kVersion});
  app.require_subcommand(1);
  app.footer(kFooter);
  app.get_formatter()->column_width(28);
  Run run;
  add_backup(app, run);
  add_compact(app, run);
  add_export(app, run);
  add_import(app, run);
  add_inspect(app, run);
  add_log(app, run);
  add_salvage(app, run);
  add_serve(app, run);
  add_stat(app, run);
  add_verify(app, run);
  std::vector<std::string> arguments{argv + 1, argv + argc};
  if (const std::string* const option = without_value(arguments))
    return complain(kWrongUse, *option + " has no value after it");
  bool has_config = false;
  try {
    const std::size_t given = arguments.size();
    arguments = with_config(app, std::move(arguments));
    has_config = arguments.size() > given;
    std::ranges::reverse(arguments);  // as CLI11 takes them
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return wrong_use(app, error, has_config);
  }
  return run();
}

}  // namespace
}  // namespace hybrid::cli

int main(int argc, char** argv) {
  using namespace hybrid::cli;
  std::signal(SIGPIPE, SIG_IGN);
  open_standard_files();
  allow_many_open_files();
  try {
    return run(argc, argv);
  } catch (const OutputClosed&) {
    return kFine;
  } catch (const OutputFailed& failed) {
    return complain(kWrongUse,
                    std::string{"cannot write the output: "} + std::strerror(failed.system_error));
  } catch (const std::exception& error) {
    return complain(kWrongUse, error.what());
  }
}
