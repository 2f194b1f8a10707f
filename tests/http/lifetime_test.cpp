// How long browsers' sessions live, and what their cookies say of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/http/site.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using http::RequestSession;

TEST(ACookie, IsGoneWithTheBrowserUnlessItIsToBeKept) {
  for (const bool persistent : {false, true}) {
    Site site{{.persistent = persistent}, {.idle_timeout = 600s}};
    Browser browser;
    site.log_in(browser, "ada");
    const auto max_age = browser.find(kName)->max_age;
    if (persistent) {
      EXPECT_THAT(max_age.value(), ::testing::AllOf(::testing::Gt(590), ::testing::Le(600)));
    } else {
      EXPECT_EQ(max_age, std::nullopt);
    }
    browser.forget_session_cookies();
    EXPECT_EQ(site.user(browser), persistent ? "ada" : "-");
  }
}

TEST(ACookie, SaysWhichDeadlineComesFirst) {
  const struct {
    const char* name;
    http::Options options;
    Params params;
    long max_age;
  } cases[] = {
      {"none", {.persistent = true, .idle_timeout = 0s}, {}, 400L * 86400},
      {"idle", {.persistent = true, .idle_timeout = 0s}, {.idle_timeout = 600s}, 600},
      {"absolute", {.persistent = true}, {.idle_timeout = 600s, .absolute_timeout = 300s}, 300},
      {"the default", {.persistent = true}, {}, 7200},
      {"ours", {.persistent = true, .idle_timeout = 100s}, {.idle_timeout = 600s}, 100},
      {"the store's", {.persistent = true, .idle_timeout = 600s}, {.idle_timeout = 100s}, 100},
  };
  for (const auto& [name, options, params, max_age] : cases) {
    SCOPED_TRACE(name);
    Site site{options, params};
    Browser browser;
    site.log_in(browser, "ada");
    EXPECT_NEAR(static_cast<double>(browser.find(kName)->max_age.value()),
                static_cast<double>(max_age), 2);
  }
}

TEST(Renewal, WritesAtMostEachEighthOfALifetime) {
  Site site{{.persistent = true, .idle_timeout = 800s}};
  Browser browser;
  site.log_in(browser, "ada");
  std::uint64_t records = site.records();
  for (int i = 0; i < 10; ++i) site.visit(browser);
  EXPECT_EQ(site.records(), records);
  EXPECT_EQ(site.sent(), std::nullopt);
  age(site, browser, 99s);
  records = site.records();
  site.visit(browser);
  EXPECT_EQ(site.records(), records);
  age(site, browser, 101s);
  Session stored = site.store().find(sid_of(browser)).value().value();
  ASSERT_TRUE(stored
                  .set(Attribute::deadline, std::chrono::time_point_cast<std::chrono::milliseconds>(
                                                std::chrono::system_clock::now() + 699s))
                  .has_value());
  records = site.records();
  site.visit(browser);
  EXPECT_EQ(site.records(), records + 1);
  ASSERT_TRUE(site.sent().has_value());
  EXPECT_NEAR(static_cast<double>(browser.find(kName)->max_age.value()), 800.0, 2);
  const auto left = stored.expires_at().value().value() - std::chrono::system_clock::now();
  EXPECT_GT(left, 790s);
  site.visit(browser);
  EXPECT_EQ(site.sent(), std::nullopt);
}

TEST(Renewal, GoesWithTheChangesOfItsRequest) {
  Site site{{.idle_timeout = 800s}};
  Browser browser;
  site.log_in(browser, "ada");
  age(site, browser, 101s);
  const std::uint64_t records = site.records();
  site.request(browser,
               [](RequestSession& session) { ASSERT_TRUE(session.set("a", 1).has_value()); });
  EXPECT_EQ(site.records(), records + 1);
  EXPECT_EQ(browser.find(kName)->max_age, std::nullopt);
}

TEST(ARememberedBrowser, ComesBackAfterItWasClosed) {
  Site site{{.idle_timeout = 600s}};
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.renew().has_value());
    ASSERT_TRUE(session.set("user", "ada").has_value());
    ASSERT_TRUE(session.remember_me(24h * 30).has_value());
  });
  EXPECT_NEAR(static_cast<double>(browser.find(kName)->max_age.value()), 30.0 * 86400, 2);
  browser.forget_session_cookies();
  EXPECT_EQ(site.user(browser), "ada");
  Session stored = site.store().find(sid_of(browser)).value().value();
  EXPECT_GT(stored.expires_at().value().value(), std::chrono::system_clock::now() + 24h * 29);
  // It slides.
  age(site, browser, 24h * 4);
  site.visit(browser);
  EXPECT_NEAR(static_cast<double>(browser.find(kName)->max_age.value()), 30.0 * 86400, 2);
  // A new log-in, without.
  site.request(browser,
               [](RequestSession& session) { ASSERT_TRUE(session.remember_me(0s).has_value()); });
  EXPECT_EQ(browser.find(kName)->max_age, std::nullopt);
  EXPECT_LT(stored.expires_at().value().value(), std::chrono::system_clock::now() + 601s);
  EXPECT_EQ(site.begin(browser).remember_me(-1s).error().code(), Errc::invalid_argument);
  EXPECT_EQ(site.begin(browser).remember_me(24h * 401).error().code(), Errc::invalid_argument);
}

TEST(ARememberedBrowser, IsNotRememberedForWhoeverLogsInNext) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("user", "ada").has_value());
    ASSERT_TRUE(session.remember_me(24h * 30).has_value());
  });
  site.request(browser, [&](RequestSession& session) {
    ASSERT_TRUE(site.store().destroy(sid_of(browser)).has_value());  // ada logs out elsewhere
    ASSERT_TRUE(session.renew().has_value());
    ASSERT_TRUE(session.set("user", "bob").has_value());
  });
  EXPECT_EQ(browser.find(kName)->max_age, std::nullopt);
}

TEST(AnIdleTimeout, ThatIsTurnedOffLeavesNoDeadline) {
  const TempDirectory directory;
  const auto store = open(directory.path() + "/store").value();
  Browser browser;
  const auto visit = [&](std::chrono::seconds idle_timeout, bool sets) {
    const auto sessions = http::Sessions::make(*store, {.idle_timeout = idle_timeout}).value();
    RequestSession session = sessions.begin(browser.header());
    EXPECT_TRUE(!sets || session.set("a", 1).has_value());
    const auto cookie = session.finish().value();
    EXPECT_TRUE(!cookie || browser.receive(*cookie));
    return store->find(sid_of(browser)).value()->expires_at().value();
  };
  EXPECT_TRUE(visit(100s, true).has_value());
  EXPECT_FALSE(visit(0s, false).has_value());
  EXPECT_FALSE(visit(0s, false).has_value());
  EXPECT_TRUE(visit(100s, false).has_value());
}

TEST(AnIdleTimeout, ThatIsMadeLongerHoldsFromTheNextRequestOn) {
  const TempDirectory directory;
  const auto store = open(directory.path() + "/store").value();
  Browser browser;
  const auto visit = [&](std::chrono::seconds idle_timeout) {
    const auto sessions = http::Sessions::make(*store, {.idle_timeout = idle_timeout}).value();
    RequestSession session = sessions.begin(browser.header());
    EXPECT_TRUE(session.is_there() || session.set("a", 1).has_value());
    const auto cookie = session.finish().value();
    EXPECT_TRUE(!cookie || browser.receive(*cookie));
    return store->find(sid_of(browser)).value()->expires_at().value().value() -
           std::chrono::system_clock::now();
  };
  EXPECT_LT(visit(60s), 61s);
  EXPECT_GT(visit(3600s), 3500s);
  const std::uint64_t records = store->stats()->records_appended;
  EXPECT_GT(visit(3600s), 3500s);
  EXPECT_EQ(store->stats()->records_appended, records) << "once";
  EXPECT_LT(visit(60s), 61s);
}

TEST(ARememberedBrowser, IsForgottenByLogOut) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("user", "ada").has_value());
    ASSERT_TRUE(session.remember_me(1h).has_value());
  });
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.logout().has_value());
    ASSERT_TRUE(session.set("new", 1).has_value());
  });
  EXPECT_EQ(browser.find(kName)->max_age, std::nullopt);
}

TEST(ASession, EndsAfterItsIdleTimeout) {
  Site site{{.idle_timeout = 2s}};
  Browser browser;
  site.log_in(browser, "ada");
  std::this_thread::sleep_for(1200ms);
  EXPECT_EQ(site.user(browser), "ada");
  std::this_thread::sleep_for(1200ms);
  EXPECT_EQ(site.user(browser), "ada") << "it was used";
  std::this_thread::sleep_for(2300ms);
  EXPECT_EQ(site.user(browser), "-");
}

}  // namespace
}  // namespace hybrid::testing
