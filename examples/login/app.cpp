#include "app.hpp"

#include <cstdio>
#include <expected>
#include <hybrid/http/httplib.hpp>
#include <utility>

#include "forgery.hpp"

namespace example {
namespace {

constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kServerError = 500;
constexpr int kUnavailable = 503;
constexpr int kSeeOther = 303;  // whatever the method was, get that page

void send_message(httplib::Response& response, int status, std::string_view title,
                  std::string_view text) {
  response.status = status;
  response.set_content(document(title, Visitor{}, message_page(title, text)), kHtmlType);
}

}  // namespace

App::App(hybrid::http::Sessions sessions, Users users)
    : sessions_(std::move(sessions)),
      users_(std::move(users)),
      server_name_(hybrid::make_session_id()) {}

void App::add_to(httplib::Server& server) {
  get(server, "/", &App::shop);
  get(server, "/basket", &App::basket);
  get(server, "/session", &App::session);
  get(server, "/login", &App::login);
  get(server, "/register", &App::registration);
  get(server, "/account", &App::account);
  get(server, "/goodbye", &App::goodbye);

  post(server, "/basket/add", &App::add_to_basket);
  post(server, "/basket/set", &App::set_in_basket);
  post(server, "/basket/remove", &App::remove_from_basket);
  post(server, "/order", &App::place_order);
  post(server, "/login", &App::log_in);
  post(server, "/logout", &App::log_out);
  post(server, "/register", &App::add_user);
  post(server, "/account/password", &App::change_password);

  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    if (response.status == kNotFound)
      return send_message(response, kNotFound, "Not found", "There is no such page.");
    send_message(response, response.status, "That did not work",
                 "The request could not be served.");
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response,
                                  std::exception_ptr failure) { fail(response, failure); });
}

void App::get(httplib::Server& server, const char* path, Handler handler) {
  using namespace hybrid::http;
  server.Get(path,
             cpp_httplib::with_session(
                 sessions_, [this, handler](const httplib::Request& request,
                                            httplib::Response& response, RequestSession& session) {
                   drop_if_outdated(session);
                   Exchange exchange{request, response, session};
                   (this->*handler)(exchange);
                 }));
}

void App::post(httplib::Server& server, const char* path, Handler handler) {
  using namespace hybrid::http;
  server.Post(
      path, cpp_httplib::with_session(sessions_, [this, handler](const httplib::Request& request,
                                                                 httplib::Response& response,
                                                                 RequestSession& session) {
        drop_if_outdated(session);
        Exchange exchange{request, response, session};
        // Who has no session yet has had no page with a token.
        const bool token_is_right = !session.is_there() || session.csrf_ok(exchange.form("csrf"));
        if (comes_from_this_site(request) && token_is_right) return (this->*handler)(exchange);
        send_message(
            response, kForbidden, "Refused",
            "This form was not sent by a page of this site, or the page was too old. Go back, "
            "reload it and try again.");
      }));
}

// A session that was logged in before the password was changed is no longer good.
void App::drop_if_outdated(hybrid::http::RequestSession& session) {
  const auto user = session.get<std::string>(key::kUser).value();
  if (user && users_.generation(*user) != session.get<int>(key::kGeneration).value())
    session.logout().value();
}

void App::redirect(Exchange& exchange, const std::string& page) {
  exchange.response.set_redirect(page, kSeeOther);
}

void App::send_page(Exchange& exchange, std::string_view title, const Visitor& visitor,
                    const Html& page) {
  exchange.response.set_content(document(title, visitor, page), kHtmlType);
}

void App::show(Exchange& exchange, std::string_view title, Html (*page)(const Visitor&)) {
  const Visitor visitor = welcome(exchange.session, server_name_);
  send_page(exchange, title, visitor, page(visitor));
}

void App::show_form(Exchange& exchange, std::string_view title,
                    Html (*page)(const Visitor&, const Attempt&), const Attempt& attempt) {
  const Visitor visitor = welcome(exchange.session, server_name_);
  send_page(exchange, title, visitor, page(visitor, attempt));
}

// The answer for everything that .value() threw.
void App::fail(httplib::Response& response, std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::bad_expected_access<hybrid::Error>& of_hybrid) {
    // Destroyed or expired while we were at it, as by a logout in another tab: look again who it is.
    const hybrid::Errc code = of_hybrid.error().code();
    if (code == hybrid::Errc::session_gone || code == hybrid::Errc::not_found)
      return response.set_redirect("/", kSeeOther);
    std::fprintf(stderr, "hybrid: %s\n", of_hybrid.error().message().c_str());
    send_message(
        response, kUnavailable, "Not now",
        "The shop cannot note down anything at the moment. What you did last was not done.");
  } catch (const std::exception& other) {
    std::fprintf(stderr, "error: %s\n", other.what());
    send_message(response, kServerError, "That did not work", "The mistake is ours.");
  }
}

}  // namespace example
