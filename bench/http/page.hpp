// What the handlers do that bench/run-http asks, whatever the framework.
#pragma once

#include <hybrid/http/sessions.hpp>
#include <string>

namespace bench {

// wrk speaks plain HTTP.
inline hybrid::http::Sessions make_sessions(hybrid::Provider& store) {
  return hybrid::http::Sessions::make(store, {.cookie = {.name = "session", .secure = false}})
      .value();
}

inline int read(const hybrid::Session& session) {
  return session.get<int>("visits").value().value_or(0);
}

inline int change(hybrid::Session& session) {
  const int visits = read(session) + 1;
  session.set("visits", visits).value();
  return visits;
}

// 2 KB, as a small page has.
inline std::string page(int visits) {
  static const std::string kText(2000, 'x');
  return "<!doctype html><p>" + std::to_string(visits) + "</p><p>" + kText + "</p>";
}

}  // namespace bench
