#pragma once
// The HTTP server around the App: limits, headers of all responses, listening and stopping.

#include <expected>
#include <string>

#include <httplib.h>

namespace example {

/// Limits, security headers, style sheet and icon.
void prepare(httplib::Server& server, bool secure);

/// Returns the port, which is another one if `port` is 0; or what is wrong, in one line.
std::expected<int, std::string> bind(httplib::Server& server, const std::string& host, int port);

/// SIGINT and SIGTERM wait for serve_until_signal(). Call it before any thread starts.
void hold_signals();

/// Serves until SIGINT or SIGTERM, then finishes what is in progress. False if listening broke off.
bool serve_until_signal(httplib::Server& server);

}  // namespace example
