#pragma once
// Was a form really sent by a page of ours (CSRF)? Two answers, and a request needs both.

#include <optional>

#include <httplib.h>

#include <hybrid/session.hpp>

namespace example {

/// By what the browser says of the page that sent it; this protects those who are not logged in yet
/// too, against being logged in as somebody else. Requests that say nothing pass: they are not from a
/// browser, and have no cookies to abuse.
bool comes_from_this_site(const httplib::Request& request);

/// By the token that logging in put into the session, and our pages into their forms.
bool token_is_right(const httplib::Request& request, const std::optional<hybrid::Session>& session);

}  // namespace example
