#pragma once
// The pages, from what they show to markup. No HTTP and no store here.

#include <string>
#include <string_view>
#include <vector>

#include <hybrid/session.hpp>

#include "html.hpp"
#include "session_data.hpp"

namespace example {

/// A whole document. `body` is the page's main part.
std::string document(std::string_view title, const Visitor& visitor, const Html& body);

/// To go into every form: see App::post().
Html token_field(const Visitor& visitor);

Html shop_page(const Visitor& visitor);
Html basket_page(const Visitor& visitor);

/// A session as its owner may see it: never its id.
struct SessionPanel {
  std::string digest;
  hybrid::SessionInfo info;
  bool remembered = false;
  std::vector<Happening> history;
};
Html session_page(const Visitor& visitor, const SessionPanel& panel);
Html no_session_page();

/// What was typed before, and what was wrong with it.
struct Attempt {
  std::string name;
  bool remember = false;
  std::string objection;
};
Html login_page(const Visitor& visitor, const Attempt& attempt);
Html register_page(const Visitor& visitor, const Attempt& attempt);
Html account_page(const Visitor& visitor, const Attempt& attempt);

Html message_page(std::string_view title, std::string_view text);

}  // namespace example
