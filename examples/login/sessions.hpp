#pragma once
// Which session a request belongs to: the one place where cookies and hybrid meet.
//
//   C1  An id that the store does not know is never adopted: a new one is made (session fixation).
//   C2  No session and no cookie until there is something to keep.
//   C3  Logging in, and every change of what the session may do, changes the id (fixation again).
//   C4  Logging out destroys the session: nothing can bring it back, whoever has kept its cookie.
//
// There are two stores, since timeouts belong to a store: ordinary sessions end soon, those of
// "remember me" last. hybrid itself enforces both; the example has no clock and no clean-up of its own.

#include <memory>
#include <optional>

#include <httplib.h>

#include <hybrid/hybrid.hpp>

#include "cookie.hpp"

namespace example {

class Sessions {
 public:
  Sessions(std::unique_ptr<hybrid::Provider> ordinary, std::unique_ptr<hybrid::Provider> remembered,
           bool secure_cookie);

  /// The request's session, if it has one. Never creates.
  std::optional<hybrid::Session> find(const httplib::Request& request);

  /// An empty session, and its cookie in the response.
  hybrid::Session start(httplib::Response& response);

  /// The session to log somebody in to: with a new id, and all that `before` held (the basket).
  hybrid::Session log_in(std::optional<hybrid::Session> before, bool remember,
                         httplib::Response& response);

  /// The same session under a new id.
  void change_id(hybrid::Session& session, httplib::Response& response);

  void destroy(const hybrid::Session& session, httplib::Response& response);

  bool is_remembered(const hybrid::Session& session) const;

 private:
  hybrid::Provider& store_of(const hybrid::Session& session) const;
  hybrid::Session start_in(hybrid::Provider& store, httplib::Response& response);
  void send_cookie(const hybrid::Session& session, httplib::Response& response) const;

  std::unique_ptr<hybrid::Provider> ordinary_;
  std::unique_ptr<hybrid::Provider> remembered_;
  SessionCookie cookie_;
};

}  // namespace example
