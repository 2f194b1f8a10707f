#pragma once
/// Sessions for Boost.Beast, with C++20 coroutines.
///
///     const auto handle = hybrid::http::beast::with_session(
///         sessions, [](const Request& request, hybrid::Session& session) -> boost::asio::awaitable<Response> {
///           const int visits = session.get<int>("visits").value().value_or(0) + 1;
///           session.set("visits", visits).value();
///           co_return text(request, std::to_string(visits));
///         });
///     ...
///     Response response = co_await handle(request, {.peer = address, .is_secure = true});
///     co_await boost::beast::http::async_write(stream, response, boost::asio::use_awaitable);
///
/// A handler that waits for nothing may return the response itself; then so does `handle`. `handle` must outlive the
/// coroutines that it was called for.

#include <utility>  // Boost 1.74's awaitable.hpp needs it before

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include <hybrid/http/exchange.hpp>

namespace hybrid::http::beast {

/// All Cookie headers of a request, joined by "; ".
template <class Fields>
std::string cookie_header(const boost::beast::http::header<true, Fields>& request) {
  std::string all;
  const auto range = request.equal_range(boost::beast::http::field::cookie);
  for (auto field = range.first; field != range.second; ++field) {
    if (!all.empty()) all += "; ";
    all.append(field->value().data(), field->value().size());
  }
  return all;
}

namespace detail {

template <class T>
inline constexpr bool is_awaitable = false;
template <class T, class Executor>
inline constexpr bool is_awaitable<boost::asio::awaitable<T, Executor>> = true;

// Puts the cookie into the response; or returns 503, to be sent instead, if the changes could not be kept.
template <class Response>
std::optional<Response> finish(RequestSession& session, Response& response) {
  const auto cookie = session.finish();
  if (cookie) {
    if (*cookie) response.insert(boost::beast::http::field::set_cookie, **cookie);
    return std::nullopt;
  }
  Response unavailable{boost::beast::http::status::service_unavailable, response.version()};
  if (const auto kept = session.give_up())
    unavailable.insert(boost::beast::http::field::set_cookie, *kept);
  unavailable.keep_alive(response.keep_alive());
  unavailable.set(boost::beast::http::field::cache_control, "no-store");
  unavailable.set(boost::beast::http::field::content_type, "text/plain");
  if constexpr (std::constructible_from<typename Response::body_type::value_type, const char*>)
    unavailable.body() = kUnavailableText;
  unavailable.prepare_payload();
  return unavailable;
}

template <class Handler>
class BeastHandler {
 public:
  BeastHandler(Sessions sessions, Handler handler)
      : sessions_(std::move(sessions)), handler_(std::move(handler)) {}

  template <class Message>
  auto operator()(const Message& message, http::Request request) const {
    using Returned = std::invoke_result_t<const Handler&, const Message&, RequestSession&>;
    if constexpr (is_awaitable<Returned>)
      return wait<Returned>(message, sessions_.begin(cookie_header(message), request));
    else
      return answer<Returned>(message, sessions_.begin(cookie_header(message), request));
  }

 private:
  template <class Returned, class Message>
  Returned wait(const Message& message, RequestSession session) const {
    auto response = co_await handler_(message, session);
    if (auto unavailable = finish(session, response)) co_return std::move(*unavailable);
    co_return response;
  }
  template <class Returned, class Message>
  Returned answer(const Message& message, RequestSession session) const {
    Returned response = handler_(message, session);
    if (auto unavailable = finish(session, response)) return std::move(*unavailable);
    return response;
  }

  Sessions sessions_;
  Handler handler_;
};

}  // namespace detail

/// A function of a Beast request and a Request, that calls handler(request, RequestSession&) and returns the response, or an
/// awaitable of it. The request must live until then. What the handler throws passes, and its changes are not made; renew() in it has
/// ended the browser's session then, for an exception carries no cookie: let it return an error page.
template <class Handler>
detail::BeastHandler<Handler> with_session(Sessions sessions, Handler handler) {
  return {std::move(sessions), std::move(handler)};
}

}  // namespace hybrid::http::beast
