// Options from a file: each line is one, as on the command line but for the dashes.
//
//   # where the sessions are
//   dir = /var/lib/hybrid
//   threads = 2
//   no-password
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace hybrid::cli {

// Adds to `command` the option --config, the name of such a file.
void add_config(CLI::App& command);

// The arguments of the program, with what the file says that they name by --config; what they say themselves counts more. All of it is
// for `app` to parse. Throws CLI::ParseError, whose text says which file and line.
std::vector<std::string> with_config(const CLI::App& app, std::vector<std::string> arguments);

}  // namespace hybrid::cli
