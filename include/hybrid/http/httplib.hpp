#pragma once
/// Sessions for cpp-httplib.
///
///     httplib::Server server;
///     server.Get("/", hybrid::http::cpp_httplib::with_session(
///         sessions, [](const httplib::Request&, httplib::Response& response, hybrid::Session& session) {
///       const int visits = session.get<int>("visits").value().value_or(0) + 1;
///       session.set("visits", visits).value();
///       response.set_content(std::to_string(visits), "text/plain");
///     }));
///
/// Handlers run on the server's threads, several at a time.

#include <httplib.h>

#include <string>
#include <utility>

#include <hybrid/http/exchange.hpp>

namespace hybrid::http::cpp_httplib {

/// An Exchange. By TLS only if httplib was compiled with it; behind a proxy that ends TLS it is the proxy that knows.
struct Exchange {
  const httplib::Request& request;
  httplib::Response& response;
  httplib::Headers headers_before = response.headers;  ///< it calls the handler

  std::string cookie_header() const {
    std::string all;
    for (std::size_t i = 0; i < request.get_header_value_count("Cookie"); ++i)
      all += (i > 0 ? "; " : "") + request.get_header_value("Cookie", i);
    return all;
  }
  void add_set_cookie(const std::string& cookie) { response.set_header("Set-Cookie", cookie); }
  bool is_secure() const {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    return request.ssl != nullptr;
#else
    return false;
#endif
  }
  std::string peer() const { return request.remote_addr; }
  void unavailable() {
    // What the handler made of it ends here, a content provider among it, which is released.
    const httplib::Response dropped = std::exchange(response, httplib::Response{});
    response.version = dropped.version;
    response.headers = headers_before;
    response.status = 503;
    response.set_header("Cache-Control", "no-store");
    response.set_content(kUnavailableText, "text/plain");
  }
};

/// A handler for httplib::Server of handler(const httplib::Request&, httplib::Response&, RequestSession&), which may also take a
/// Session&. What it throws httplib answers with 500.
template <class Handler>
httplib::Server::Handler with_session(Sessions sessions, Handler handler) {
  return [sessions = std::move(sessions), handler = std::move(handler)](
             const httplib::Request& request, httplib::Response& response) {
    // Those who cannot be served are told so by unavailable().
    static_cast<void>(
        http::with_session(sessions, Exchange{request, response},
                           [&](RequestSession& session) { handler(request, response, session); }));
  };
}

}  // namespace hybrid::http::cpp_httplib
