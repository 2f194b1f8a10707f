#pragma once
/// What an adapter for a web framework is made of: four functions over its request and response. docs/adapters.md has them for
/// frameworks that have no header here.
///
///     struct MyExchange {
///       const my::Request& request;
///       my::Response& response;
///       std::string cookie_header() const { return request.header("Cookie"); }
///       void add_set_cookie(const std::string& cookie) { response.add_header("Set-Cookie", cookie); }
///       bool is_secure() const { return request.tls(); }
///       std::string peer() const { return request.remote_address(); }
///       void unavailable() { response = my::Response{503}; }  // may be left out
///     };
///     MyExchange exchange{request, response};
///     auto done = hybrid::http::with_session(sessions, exchange, [&](auto& session) { ... });
///
/// Thread-safety: that of Sessions.

#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <hybrid/http/sessions.hpp>

namespace hybrid::http {

/// One request and its response.
///
/// It may have a fifth function, unavailable(), that makes the response a 503 with nothing in it that the handler put there: no body, and
/// no header, least of all an ETag, a Content-Encoding or a Set-Cookie.
template <class T>
concept Exchange = requires(T& exchange, const std::string& cookie) {
  /// All Cookie headers, joined by "; "; empty if there are none.
  { exchange.cookie_header() } -> std::convertible_to<std::string>;
  /// Adds one header, beside others of that name.
  exchange.add_set_cookie(cookie);
  /// Whether the request came by TLS.
  { exchange.is_secure() } -> std::convertible_to<bool>;
  /// The address that it came from.
  { exchange.peer() } -> std::convertible_to<std::string>;
};

/// Calls handler(RequestSession&), which returns nothing, makes its changes and adds the cookie. The response must not be on its way
/// before this returns. What the handler throws passes, and its changes are not made. An error is the store's: the answer must be 503
/// then, without anything that the handler wrote, for it was not kept. Where the exchange has unavailable() it is; else that is the caller's,
/// who leaves the cookie that was added.
template <Exchange E, std::invocable<RequestSession&> Handler>
  requires std::is_void_v<std::invoke_result_t<Handler, RequestSession&>>
[[nodiscard]] Result<void> with_session(const Sessions& sessions, E&& exchange, Handler&& handler) {
  const std::string cookies = exchange.cookie_header();
  const std::string peer = exchange.peer();
  RequestSession session =
      sessions.begin(cookies, {.peer = peer, .is_secure = exchange.is_secure()});
  const auto give_up = [&] {
    if (const auto cookie = session.give_up()) exchange.add_set_cookie(*cookie);
  };
  try {
    std::invoke(std::forward<Handler>(handler), session);
  } catch (...) {
    give_up();
    throw;
  }
  const auto cookie = session.finish();
  if (!cookie) {
    if constexpr (requires { exchange.unavailable(); }) exchange.unavailable();
    give_up();
    return std::unexpected(cookie.error());
  }
  if (*cookie) exchange.add_set_cookie(**cookie);
  return {};
}

/// What those are told whose changes could not be kept.
inline constexpr const char* kUnavailableText =
    "Sessions are not available at the moment. Please try again.\n";

}  // namespace hybrid::http
