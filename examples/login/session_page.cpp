// The page that shows a session to its owner.
#include <ctime>
#include <ranges>

#include "pages.hpp"

namespace example {
namespace {

Html time(std::int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char for_machines[32];
  char for_people[32];
  std::strftime(for_machines, sizeof for_machines, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::strftime(for_people, sizeof for_people, "%e %B %Y, %H:%M:%S", &utc);
  return html(R"(<time datetime="{}">{}</time>)", std::string_view{for_machines},
              std::string_view{for_people});
}

Html time(hybrid::TimePoint at) { return time(at.time_since_epoch().count()); }

Html row(std::string_view name, const Html& value) {
  return html("\n    <div><dt>{}</dt><dd>{}</dd></div>", name, value);
}

Html rows(const Visitor& visitor, const SessionPanel& panel) {
  const hybrid::SessionInfo& info = panel.info;
  Html all;
  all += row("Digest", html("<code>{}</code>", panel.digest));
  all += row("Logged in as", visitor.user.empty() ? html("nobody yet") : to_html(visitor.user));
  all += row("Kept", panel.remembered ? html("for 30 days: you are remembered")
                                      : html("until you close the browser, or leave it idle"));
  all += row("Created", time(info.created_at));
  all += row("Last access", time(info.last_access));
  all += row("Expires", info.expires_at ? time(*info.expires_at) : html("never"));
  all += row("Pages seen", to_html(visitor.visits));
  all += row("Keys", html("{}, of {} bytes in all", info.keys, info.bytes));
  all += row("Version", html("{} <small>(one more with each change)</small>", info.version));
  return all;
}

Html history(const SessionPanel& panel) {
  Html items;
  for (const Happening& happening : std::views::reverse(panel.history))
    items += html("\n    <li>{}<span>{}</span></li>", time(happening.at_ms), happening.what);
  if (items.text().empty()) items = html("\n    <li><span>Nothing yet</span></li>");
  return items;
}

}  // namespace

Html session_page(const Visitor& visitor, const SessionPanel& panel) {
  return html(R"(
<div class="columns">
<section class="panel">
  <h1>My session</h1>
  <dl class="facts">{}
  </dl>
  <p class="hint">The digest is the beginning of SHA-256 of the session's id. The id itself is in your
  cookie and nowhere else: not on this page, and not in the store's files. Times are UTC.</p>
</section>
<section class="panel">
  <h2>What happened</h2>
  <ol class="history">{}
  </ol>
</section>
</div>)",
              rows(visitor, panel), history(panel));
}

Html no_session_page() {
  return message_page(
      "You have no session",
      "Looking around makes none, and sets no cookie. Put something into the basket "
      "or log in, and there will be one.");
}

}  // namespace example
