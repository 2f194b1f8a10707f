// What the programs here do when something fails: say so, and end.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include <hybrid/error.hpp>

namespace bench {

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(1);
}

template <class T>
T sure(hybrid::Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace bench
