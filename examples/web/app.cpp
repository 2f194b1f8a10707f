#include "app.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace example {
namespace {

// For text within HTML.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += c;
    }
  }
  return safe;
}

Answer page(int status, const std::string& body) {
  return {
      .status = status,
      .body =
          "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Example</title>" + body};
}

Answer see(const std::string& path) { return {.status = 303, .headers = {{"Location", path}}}; }

// For a header: letters, digits and a few others as they are.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       kPlain.find(c) != std::string_view::npos;
    if (plain)
      safe += c;
    else
      safe += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return safe;
}

std::string form(hybrid::http::RequestSession& session, const std::string& action,
                 const std::string& fields) {
  return "<form method=\"post\" action=\"" + action +
         "\"><input type=\"hidden\" name=\"csrf\" value=\"" + session.csrf_token().value() + "\">" +
         fields + "</form>";
}

Answer home(hybrid::http::RequestSession& session) {
  std::string body;
  if (const auto note = session.take_flash<std::string>("note").value())
    body += "<p>" + escaped(*note) + "</p>";
  const auto user = session.get<std::string>("user").value();
  if (!user) return page(200, body + "<p>Hello, stranger. <a href=\"/login\">Log in</a></p>");
  const int visits = session.get<int>("visits").value().value_or(0) + 1;
  session.set("visits", visits).value();
  return page(200, body + "<p>Hello, " + escaped(*user) + ", for the " + std::to_string(visits) +
                       ". time.</p>" + form(session, "/logout", "<button>Log out</button>"));
}

Answer log_in(const Asked& asked, hybrid::http::RequestSession& session) {
  const auto name = asked.form.find("name");
  if (name == asked.form.end() || name->second.empty()) return page(400, "<p>Who are you?</p>");
  session.renew().value();
  session.set("user", name->second).value();
  const bool remember = asked.form.contains("remember");
  session.remember_me(remember ? std::chrono::days{30} : std::chrono::days{0}).value();
  session.flash("note", "You are logged in.").value();
  return see("/");
}

Answer large(hybrid::http::RequestSession& session) {
  for (int part = 0; part < 5; ++part)
    session.set(part, std::string(hybrid::kValueBytesMax, 'x')).value();
  return {.body = "It is all there.",
          .headers = {{"Cache-Control", "max-age=60"},
                      {"Content-Encoding", "identity"},
                      {"ETag", "\"large\""},
                      {"Set-Cookie", "large=yes"}}};
}

}  // namespace

Answer answer(const Asked& asked, hybrid::http::RequestSession& session) {
  if (asked.method == "POST") {
    const auto token = asked.form.find("csrf");
    if (token == asked.form.end() || !session.csrf_ok(token->second))
      return page(403, "<p>The form is too old. Please try again.</p>");
    if (asked.path == "/login") return log_in(asked, session);
    if (asked.path == "/logout") {
      session.logout().value();
      return see("/");
    }
  } else if (asked.path == "/") {
    return home(session);
  } else if (asked.path == "/login") {
    return page(
        200,
        form(session, "/login",
             "<label>Name <input name=\"name\" autofocus></label> <label><input type=\"checkbox\" "
             "name=\"remember\"> Remember me</label> <button>Log in</button>"));
  } else if (asked.path == "/auth") {
    const auto user = session.get<std::string>("user").value();
    if (!user) return {.status = 401};
    return {.status = 204, .headers = {{"X-User", percent_encoded(*user)}}};
  } else if (asked.path == "/error") {
    session.set("user", "nobody").value();
    throw std::runtime_error{"this page does not work"};
  } else if (asked.path == "/large") {
    return large(session);
  }
  return page(404, "<p>There is no such page.</p>");
}

std::map<std::string, std::string> parse_form(std::string_view body) {
  const auto decoded = [](std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      unsigned code = 0;
      const char* const digits = text.data() + i + 1;
      if (text[i] == '+') {
        plain += ' ';
      } else if (text[i] == '%' && i + 2 < text.size() &&
                 std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
        plain += static_cast<char>(code);
        i += 2;
      } else {
        plain += text[i];
      }
    }
    return plain;
  };
  std::map<std::string, std::string> fields;
  while (!body.empty()) {
    const std::string_view field = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(field.size() + 1, body.size()));
    const std::size_t sign = std::min(field.find('='), field.size());
    fields[decoded(field.substr(0, sign))] =
        decoded(field.substr(std::min(sign + 1, field.size())));
  }
  return fields;
}

// Plain HTTP: without Secure, and so not named __Host-. Behind TLS leave the cookie as it is.
Site::Site(int argc, char** argv)
    : store(hybrid::open(argc > 1 ? argv[1] : "memory:").value()),
      sessions(
          hybrid::http::Sessions::make(*store, {.cookie = {.name = "session", .secure = false}})
              .value()),
      port(argc > 2 ? std::atoi(argv[2]) : 8080) {}

void say_ready(int port) {
  std::printf("listening on http://127.0.0.1:%d/\n", port);
  std::fflush(stdout);
}

}  // namespace example
