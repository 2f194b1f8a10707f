#pragma once
/// Sessions for POCO's HTTPServer.
///
///     class Factory : public Poco::Net::HTTPRequestHandlerFactory {
///       Poco::Net::HTTPRequestHandler* createRequestHandler(const Poco::Net::HTTPServerRequest&) override {
///         return hybrid::http::poco::with_session(sessions, [](Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse&,
///                                                        hybrid::Session& session) {
///           const int visits = session.get<int>("visits").value().value_or(0) + 1;
///           session.set("visits", visits).value();
///           return std::to_string(visits);
///         });
///       }
///     };
///
/// The handler returns the body, and sends nothing itself: the cookie is known only when it is done, and must go before the body.

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <string>
#include <utility>

#include <hybrid/http/exchange.hpp>

namespace hybrid::http::poco {

/// An Exchange; the body is none of its.
struct Exchange {
  Poco::Net::HTTPServerRequest& request;
  Poco::Net::HTTPServerResponse& response;
  Poco::Net::NameValueCollection headers_before = response;  ///< it calls the handler

  std::string cookie_header() const {
    std::string all;
    for (const auto& [name, value] : request) {
      if (Poco::icompare(name, "Cookie") == 0) all += (all.empty() ? "" : "; ") + value;
    }
    return all;
  }
  void add_set_cookie(const std::string& cookie) { response.add("Set-Cookie", cookie); }
  bool is_secure() const { return request.secure(); }
  std::string peer() const { return request.clientAddress().host().toString(); }
  void unavailable() {
    static_cast<Poco::Net::NameValueCollection&>(response) = headers_before;
    response.setStatusAndReason(Poco::Net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE);
    response.set("Cache-Control", "no-store");
    response.setContentType("text/plain");
  }
};

/// A handler of std::string handler(HTTPServerRequest&, HTTPServerResponse&, RequestSession&), for a factory to return, which owns
/// it. What it throws is for POCO, which closes the connection: renew() in it has ended the browser's session then, for the cookie with
/// the new id is lost. Let it return an error page instead.
template <class Handler>
Poco::Net::HTTPRequestHandler* with_session(Sessions sessions, Handler handler) {
  class SessionHandler final : public Poco::Net::HTTPRequestHandler {
   public:
    SessionHandler(Sessions sessions, Handler handler)
        : sessions_(std::move(sessions)), handler_(std::move(handler)) {}

    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
      std::string body;
      const auto done = http::with_session(
          sessions_, Exchange{request, response},
          [&](RequestSession& session) { body = handler_(request, response, session); });
      if (!done) body = kUnavailableText;
      response.sendBuffer(body.data(), body.size());
    }

   private:
    const Sessions sessions_;
    Handler handler_;
  };
  return new SessionHandler{std::move(sessions), std::move(handler)};
}

}  // namespace hybrid::http::poco
