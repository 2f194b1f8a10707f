// A small site, the same in each of the frameworks: who is logged in, a form to log in, and a way out.
#pragma once

#include <hybrid/http/sessions.hpp>
#include <hybrid/hybrid.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace example {

struct Asked {
  std::string method;
  std::string path;
  std::map<std::string, std::string> form{};
};

struct Answer {
  int status = 200;
  std::string body{};
  std::map<std::string, std::string> headers{};
};

//   GET  /        who you are
//   GET  /login   the form
//   POST /login   name
//   POST /logout
//   GET  /auth    204 and who it is in the header X-User, or 401: what a proxy asks (examples/nginx)
//   GET  /error   throws, and keeps nothing of what it has set
//   GET  /large   sets more than a session can hold: 503, with nothing of what it answers
Answer answer(const Asked& asked, hybrid::http::RequestSession& session);

// A form's fields, as browsers send them.
std::map<std::string, std::string> parse_form(std::string_view body);

// PROGRAM [DIRECTORY [PORT]]: where sessions are kept, and where to listen (0: a free port).
struct Site {
  explicit Site(int argc, char** argv);
  std::unique_ptr<hybrid::Provider> store;
  hybrid::http::Sessions sessions;
  int port;
};

// Tells whoever started the program where to find it.
void say_ready(int port);

}  // namespace example
