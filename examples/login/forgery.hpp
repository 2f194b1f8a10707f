#pragma once
// Was a form really sent by a page of ours (CSRF)? The session's token says so (RequestSession::csrf_ok), and the browser does, too.

#include <httplib.h>

namespace example {

/// By what the browser says of the page that sent it; this protects those who are not logged in yet
/// too, against being logged in as somebody else. Requests that say nothing pass: they are not from a
/// browser, and have no cookies to abuse.
bool comes_from_this_site(const httplib::Request& request);

}  // namespace example
