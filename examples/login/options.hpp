#pragma once
// What the command line says.

#include <chrono>
#include <expected>
#include <string>

#include <hybrid/params.hpp>

namespace example {

struct Options {
  std::string directory = "./data";
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one
  hybrid::Durability durability = hybrid::Durability::interval;
  std::chrono::seconds idle{1800};
  bool secure = false;
  bool help = false;
};

/// Or what is wrong with it, in one line.
std::expected<Options, std::string> parse_options(int count, char** arguments);

extern const char* const kHelp;

}  // namespace example
