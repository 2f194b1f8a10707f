#pragma once
// The application: which request does what. Start reading here, then session_data.hpp.
//
// A handler that changes something answers with a redirect to a page (so that reloading the page repeats
// nothing), or with the form again and what was wrong with it.
//
// Calls of hybrid return a Result. Here they are all followed by .value(), which throws what the result
// holds instead: a handler can do nothing about a full disk, and fail() below answers for all of them.

#include <exception>
#include <string>
#include <string_view>

#include <httplib.h>

#include <hybrid/http/sessions.hpp>
#include <hybrid/hybrid.hpp>

#include "pages.hpp"
#include "users.hpp"

namespace example {

inline constexpr const char* kHtmlType = "text/html; charset=utf-8";

class App {
 public:
  App(hybrid::http::Sessions sessions, Users users);

  /// Registers all pages and forms. The App must outlive what the server does with them.
  void add_to(httplib::Server& server);

 private:
  struct Exchange {
    const httplib::Request& request;
    httplib::Response& response;
    hybrid::http::RequestSession& session;

    std::string form(const char* field) const { return request.get_param_value(field); }
  };
  using Handler = void (App::*)(Exchange&);

  // Pages: handlers.cpp.
  void shop(Exchange& exchange);
  void basket(Exchange& exchange);
  void session(Exchange& exchange);
  void login(Exchange& exchange);
  void registration(Exchange& exchange);
  void account(Exchange& exchange);
  void goodbye(Exchange& exchange);

  // What forms do: handlers.cpp.
  void add_to_basket(Exchange& exchange);
  void set_in_basket(Exchange& exchange);
  void remove_from_basket(Exchange& exchange);
  void place_order(Exchange& exchange);
  void log_in(Exchange& exchange);
  void log_out(Exchange& exchange);
  void add_user(Exchange& exchange);
  void change_password(Exchange& exchange);
  void enter(Exchange& exchange, const std::string& user, int generation, bool remember);

  // Around them: app.cpp.
  void get(httplib::Server& server, const char* path, Handler handler);
  void post(httplib::Server& server, const char* path, Handler handler);
  void drop_if_outdated(hybrid::http::RequestSession& session);
  static void redirect(Exchange& exchange, const std::string& page);
  static void send_page(Exchange& exchange, std::string_view title, const Visitor& visitor,
                        const Html& page);
  void show(Exchange& exchange, std::string_view title, Html (*page)(const Visitor&));
  void show_form(Exchange& exchange, std::string_view title,
                 Html (*page)(const Visitor&, const Attempt&), const Attempt& attempt);
  static void fail(httplib::Response& response, std::exception_ptr failure);

  const hybrid::http::Sessions sessions_;
  Users users_;
  const std::string server_name_;  // of this run of the program
};

}  // namespace example
