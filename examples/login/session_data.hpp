#pragma once
// What the application keeps in a session, and under which keys.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <hybrid/http/sessions.hpp>
#include <hybrid/hybrid.hpp>

namespace example {

namespace key {
inline constexpr std::string_view kUser = "user";              // string; absent: not logged in
inline constexpr std::string_view kGeneration = "generation";  // int: see Users::generation()
inline constexpr std::string_view kVisits = "visits";          // int
inline constexpr std::string_view kBasket = "basket";          // Basket
inline constexpr std::string_view kNote = "note";  // string, a flash value: for the next page
inline constexpr std::string_view kRemembered = "remembered";  // bool: for 30 days
inline constexpr std::string_view kHistory = "history";        // vector<Happening>, oldest first
inline constexpr std::string_view kServer = "server";          // string: see Visitor welcome()
}  // namespace key

/// Names of teas, and how many of each.
using Basket = std::map<std::string, int>;

struct Happening {
  std::int64_t at_ms = 0;  // since 1970
  std::string what;
};

/// All that every page needs to know of who looks at it.
struct Visitor {
  std::string user;  // empty: not logged in
  std::string csrf;
  std::string flash;
  Basket basket;
  int visits = 0;
};

/// Counts the visit of a page, if there is a session to count it in. `server` is a name for this run of
/// the program: when it is not the one that the session saw last, there was a restart.
Visitor welcome(hybrid::http::RequestSession& session, const std::string& server);

/// Adds to the session's history.
void note(hybrid::Session& session, std::string what);

}  // namespace example

// This is all it takes to keep a struct in a session.
template <>
inline constexpr auto hybrid::fields<example::Happening> =
    hybrid::field_list(hybrid::field("at", &example::Happening::at_ms),
                       hybrid::field("what", &example::Happening::what));
