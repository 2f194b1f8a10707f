// The subcommands of the program, as main.cpp puts them together, and the options that several of them have.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "hybrid/error.hpp"

namespace hybrid::cli {

// What the chosen subcommand does; returns the exit code.
using Run = std::function<int()>;

// Each adds itself to `app`. Parsing the command line sets `run` to the one that was chosen.
void add_backup(CLI::App& app, Run& run);
void add_compact(CLI::App& app, Run& run);
void add_export(CLI::App& app, Run& run);
void add_import(CLI::App& app, Run& run);
void add_inspect(CLI::App& app, Run& run);
void add_log(CLI::App& app, Run& run);
void add_salvage(CLI::App& app, Run& run);
void add_serve(CLI::App& app, Run& run);
void add_stat(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);

void add_directory(CLI::App& command, std::string& directory);

// A session as the user names it: by its id, which is hashed at once and never printed, or by the first digits of
// its digest.
class SessionName {
 public:
  static Result<SessionName> of_sid(std::string_view sid);
  static Result<SessionName> of_digest(std::string_view hex);

  bool matches(const Digest& digest) const;

 private:
  Digest digest_{};
  std::size_t digits_ = 0;  // how many hexadecimal digits of it count
};

struct SessionOptions {
  std::string sid;
  std::string sid_file;
  std::string digest;
};
// --sid, --sid-file and --digest, of which at most one may be given.
void add_session_options(CLI::App& command, SessionOptions& options);
// Nothing if none was given. `invalid_argument` says what is wrong with it, without repeating it.
Result<std::optional<SessionName>> session_named(const CLI::App& command,
                                                 const SessionOptions& options);

}  // namespace hybrid::cli
