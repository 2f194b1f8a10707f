#include "sessions.hpp"

#include <utility>

namespace example {
namespace {

constexpr const char* kSetCookie = "Set-Cookie";

// What make_session_id() makes. Anything else is not ours, and needs no search.
constexpr std::size_t kIdCharacters = 32;

void copy(const hybrid::Session& from, hybrid::Session& to) {
  to.update([&](hybrid::Session& view) {
      from.for_each([&](const hybrid::Value& key, const hybrid::Value& value) {
            view.set(key, value).value();
          })
          .value();
    }).value();
}

}  // namespace

Sessions::Sessions(std::unique_ptr<hybrid::Provider> ordinary,
                   std::unique_ptr<hybrid::Provider> remembered, bool secure_cookie)
    : ordinary_(std::move(ordinary)), remembered_(std::move(remembered)), cookie_(secure_cookie) {}

std::optional<hybrid::Session> Sessions::find(const httplib::Request& request) {
  const auto id = cookie_.read(request.get_header_value("Cookie"));
  if (!id || id->size() != kIdCharacters) return std::nullopt;
  auto session = ordinary_->find(*id).value();
  return session ? session : remembered_->find(*id).value();
}

hybrid::Session Sessions::start(httplib::Response& response) {
  return start_in(*ordinary_, response);
}

hybrid::Session Sessions::log_in(std::optional<hybrid::Session> before, bool remember,
                                 httplib::Response& response) {
  if (before && !remember) {
    change_id(*before, response);
    return *before;
  }
  hybrid::Session session = start_in(remember ? *remembered_ : *ordinary_, response);
  if (before) {  // it moves to the other store
    copy(*before, session);
    store_of(*before).destroy(before->session_id()).value();
  }
  return session;
}

void Sessions::change_id(hybrid::Session& session, httplib::Response& response) {
  store_of(session).change_id(session.session_id(), hybrid::make_session_id()).value();
  send_cookie(session, response);  // the handle followed: it has the new id
}

void Sessions::destroy(const hybrid::Session& session, httplib::Response& response) {
  store_of(session).destroy(session.session_id()).value();
  response.set_header(kSetCookie, cookie_.expire());
}

bool Sessions::is_remembered(const hybrid::Session& session) const {
  return remembered_->exists(session.session_id());
}

hybrid::Provider& Sessions::store_of(const hybrid::Session& session) const {
  return is_remembered(session) ? *remembered_ : *ordinary_;
}

hybrid::Session Sessions::start_in(hybrid::Provider& store, httplib::Response& response) {
  hybrid::Session session = store.init(hybrid::make_session_id()).value();
  send_cookie(session, response);
  return session;
}

// A remembered session's cookie lives as long as the session; the others go with the browser.
void Sessions::send_cookie(const hybrid::Session& session, httplib::Response& response) const {
  std::optional<std::chrono::seconds> max_age;
  if (is_remembered(session)) {
    const auto expires_at = session.expires_at().value().value();
    const auto left = expires_at - std::chrono::system_clock::now();
    max_age = std::chrono::duration_cast<std::chrono::seconds>(left);
  }
  response.set_header(kSetCookie, cookie_.write(session.session_id(), max_age));
}

}  // namespace example
