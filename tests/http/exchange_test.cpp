// What every adapter does: with_session over a framework that is only a struct.
#include "hybrid/http/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hybrid/hybrid.hpp>
#include <stdexcept>
#include <vector>

namespace hybrid::testing {
namespace {

using http::RequestSession;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Framework {
  std::string cookies{};
  std::vector<std::string> sent{};

  std::string cookie_header() const { return cookies; }
  void add_set_cookie(const std::string& cookie) { sent.push_back(cookie); }
  bool is_secure() const { return true; }
  std::string peer() const { return "192.0.2.7"; }
};
static_assert(http::Exchange<Framework>);

std::string cookie_of(const Framework& framework) {
  return framework.sent.at(0).substr(0, framework.sent.at(0).find(';'));
}

TEST(WithSession, MakesChangesAndSendsTheCookie) {
  const auto store = open("memory:").value();
  const auto sessions = http::Sessions::make(*store).value();
  Framework looks;
  EXPECT_TRUE(http::with_session(sessions, looks, [](Session& session) {
                EXPECT_TRUE(session.keys()->empty());
              }).has_value());
  EXPECT_THAT(looks.sent, IsEmpty());
  Framework sets;
  EXPECT_TRUE(http::with_session(sessions, sets, [](Session& session) {
                session.set("a", 1).value();
              }).has_value());
  ASSERT_THAT(sets.sent, ElementsAre(HasSubstr("__Host-session=")));
  Framework again{.cookies = cookie_of(sets)};
  EXPECT_TRUE(http::with_session(sessions, again, [](Session& session) {
                EXPECT_EQ(session.get<int>("a").value(), 1);
              }).has_value());
  EXPECT_THAT(again.sent, IsEmpty());
}

TEST(WithSession, MakesNoChangesIfTheHandlerThrowsButSendsANewId) {
  const auto store = open("memory:").value();
  const auto sessions = http::Sessions::make(*store).value();
  Framework first;
  ASSERT_TRUE(http::with_session(sessions, first, [](Session& session) {
                session.set("a", 1).value();
              }).has_value());
  Framework fails{.cookies = cookie_of(first)};
  EXPECT_THROW(static_cast<void>(http::with_session(sessions, fails,
                                                    [](RequestSession& session) {
                                                      session.renew().value();
                                                      session.set("a", 2).value();
                                                      throw std::runtime_error{"no"};
                                                    })),
               std::runtime_error);
  ASSERT_EQ(fails.sent.size(), 1U) << "the old id is dead";
  Framework again{.cookies = cookie_of(fails)};
  EXPECT_TRUE(http::with_session(sessions, again, [](Session& session) {
                EXPECT_EQ(session.get<int>("a").value(), 1);
              }).has_value());
}

TEST(WithSession, SaysThatChangesCouldNotBeKept) {
  const auto store = open("memory:").value();
  const auto sessions = http::Sessions::make(*store).value();
  Framework framework;
  const auto done = http::with_session(sessions, framework, [](RequestSession& session) {
    session.renew().value();
    for (int i = 0; i < 5; ++i) session.set(i, std::string(kValueBytesMax, 'x')).value();
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::too_large);
  EXPECT_EQ(framework.sent.size(), 1U) << "there is a session by now";
}

TEST(WithSession, ClearsTheAnswerOfWhatCouldNotBeKeptBeforeItAddsTheCookie) {
  struct Refuses : Framework {
    void unavailable() { sent = {"503"}; }
  };
  const auto store = open("memory:").value();
  const auto sessions = http::Sessions::make(*store).value();
  Refuses exchange;
  const auto answer = [&](int values) {
    return http::with_session(sessions, exchange, [&](RequestSession& session) {
      session.renew().value();
      exchange.add_set_cookie("of the handler");
      for (int i = 0; i < values; ++i) session.set(i, std::string(kValueBytesMax, 'x')).value();
    });
  };
  EXPECT_TRUE(answer(0).has_value());
  EXPECT_THAT(exchange.sent, ElementsAre("of the handler", HasSubstr("__Host-session=")));
  EXPECT_FALSE(answer(5).has_value());
  EXPECT_THAT(exchange.sent, ElementsAre("503", HasSubstr("__Host-session=")));
}

}  // namespace
}  // namespace hybrid::testing
