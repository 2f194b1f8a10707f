// A site with sessions, whatever its framework: a store, and requests of browsers to it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <hybrid/hybrid.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hybrid/http/sessions.hpp"
#include "testing/temp_directory.hpp"
#include "tests/http/browser.hpp"

namespace hybrid::testing {

inline constexpr const char* kName = "__Host-session";

// A site: a store and its sessions, and what it was told.
class Site {
 public:
  explicit Site(http::Options options = {}, const Params& params = {})
      : store_(open(directory_.path() + "/store", params).value()) {
    options.on_event = [this](const http::Event& event) {
      EXPECT_EQ(event.peer, "192.0.2.7");
      events_.emplace_back(to_string(event.kind));
    };
    sessions_.emplace(http::Sessions::make(*store_, std::move(options)).value());
  }

  // One request of `browser`, which gets the response.
  template <class F>
  void request(Browser& browser, F&& handler) {
    http::RequestSession session = sessions_->begin(browser.header(), {.peer = "192.0.2.7"});
    handler(session);
    const auto cookie = session.finish();
    ASSERT_TRUE(cookie.has_value()) << cookie.error().message();
    sent_ = *cookie;
    EXPECT_TRUE(!sent_ || browser.receive(*sent_)) << *sent_;
  }
  void visit(Browser& browser) {
    request(browser, [](http::RequestSession&) {});
  }
  // What `browser` has of the session: "-" if it has none.
  std::string user(Browser& browser) {
    std::string user = "-";
    request(browser, [&](http::RequestSession& session) {
      user = session.get<std::string>("user").value().value_or("-");
    });
    return user;
  }
  void log_in(Browser& browser, const std::string& user) {
    request(browser, [&](http::RequestSession& session) {
      ASSERT_TRUE(session.renew().has_value());
      ASSERT_TRUE(session.set("user", user).has_value());
    });
  }

  http::RequestSession begin(const Browser& browser) {
    return sessions_->begin(browser.header(), {.peer = "192.0.2.7"});
  }
  std::uint64_t records() { return store_->stats()->records_appended; }
  std::vector<std::string> take_events() { return std::exchange(events_, {}); }
  const std::optional<std::string>& sent() const { return sent_; }
  Provider& store() { return *store_; }
  std::string directory() const { return directory_.path(); }
  const http::Sessions& sessions() const { return *sessions_; }

 private:
  TempDirectory directory_;
  std::unique_ptr<Provider> store_;
  std::optional<http::Sessions> sessions_;
  std::vector<std::string> events_;
  std::optional<std::string> sent_;
};

inline std::string sid_of(const Browser& browser) { return browser.find(kName)->value; }

// Moves the time at which the session's lifetime was renewed into the past.
inline void age(Site& site, const Browser& browser, std::chrono::seconds by) {
  using Web = std::tuple<std::string, std::int64_t, std::int64_t, bool>;
  Session session = site.store().find(sid_of(browser)).value().value();
  Web web = session.get<Web>(Attribute::web).value().value();
  std::get<1>(web) -= std::chrono::milliseconds{by}.count();
  ASSERT_TRUE(session.set(Attribute::web, web).has_value());
}

}  // namespace hybrid::testing
