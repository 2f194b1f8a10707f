// What is promised of browsers' sessions: H1..H5 of hybrid/http/sessions.hpp, and what goes with them.
#include "hybrid/http/sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <hybrid/hybrid.hpp>
#include <iterator>
#include <map>
#include <thread>

#include "tests/http/site.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using http::Commit;
using http::Event;
using http::RequestSession;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- H1, H2

TEST(ABrowser, WithoutASessionGetsNoneByLooking) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    EXPECT_FALSE(session.is_there());
    EXPECT_EQ(session.get<int>("visits").value(), std::nullopt);
    EXPECT_TRUE(session.keys()->empty());
    EXPECT_TRUE(session.erase("visits").has_value());
    EXPECT_TRUE(session.clear().has_value());
    EXPECT_TRUE(session.touch().has_value());
    EXPECT_FALSE(session.csrf_ok("x"));
    EXPECT_EQ(session.take_flash<std::string>("note").value(), std::nullopt);
    EXPECT_EQ(session.take<int>("token").value(), std::nullopt);
    EXPECT_EQ(session.version().value(), 0U);
    EXPECT_EQ(session.session_id(), "");
    EXPECT_TRUE(session.remember_me(1h).has_value());
    EXPECT_TRUE(session.logout().has_value());
  });
  EXPECT_TRUE(browser.empty());
  EXPECT_EQ(site.sent(), std::nullopt);
  EXPECT_EQ(site.records(), 0U);
  EXPECT_EQ(site.store().size().value(), 0U);
}

TEST(ABrowser, GetsASessionWithTheFirstChangeAndKeepsIt) {
  Site site;
  Browser browser;
  for (int visit = 1; visit <= 3; ++visit) {
    site.request(browser, [&](RequestSession& session) {
      EXPECT_EQ(session.is_there(), visit > 1);
      const int before = session.get<int>("visits").value().value_or(0);
      EXPECT_EQ(before, visit - 1);
      ASSERT_TRUE(session.set("visits", before + 1).has_value());
      EXPECT_EQ(session.get<int>("visits").value(), visit) << "it sees its own changes";
    });
    EXPECT_EQ(site.sent().has_value(), visit == 1);
    EXPECT_EQ(site.records(), static_cast<std::uint64_t>(visit)) << "one record each";
  }
  EXPECT_THAT(site.take_events(), ElementsAre("created"));
  const StoredCookie& cookie = *browser.find(kName);
  EXPECT_TRUE(cookie.secure && cookie.http_only);
  EXPECT_EQ(cookie.same_site, "Lax");
  EXPECT_EQ(cookie.max_age, std::nullopt);
  EXPECT_EQ(cookie.value.size(), 32U);
}

TEST(AnIdThatIsNotOurs, IsNeverAdoptedAndWritesNothing) {
  Site site;
  Browser known;
  site.log_in(known, "ada");
  const std::string sid = sid_of(known);
  const std::string dead = make_session_id();
  ASSERT_TRUE(site.store().load(dead).has_value());
  ASSERT_TRUE(site.store().destroy(dead).has_value());
  ASSERT_TRUE(site.store().load("short").has_value());
  std::uint64_t records = site.records();
  site.take_events();
  const struct {
    const char* name;
    std::string value;
    const char* event;
  } cases[] = {
      {"invented", std::string(32, 'x'), "unknown_id"},
      {"dead", dead, "unknown_id"},
      {"of another form, though it is in the store", "short", "malformed_id"},
      {"empty", "", "malformed_id"},
      {"long", std::string(4000, 'x'), "malformed_id"},
      {"nearly one of ours", sid.substr(0, 31) + (sid[31] == 'A' ? 'B' : 'A'), "unknown_id"},
      {"with something behind", sid + "x", "malformed_id"},
      {"with a path in it", "../../../../etc/passwd", "malformed_id"},
  };
  for (const auto& [name, value, event] : cases) {
    SCOPED_TRACE(name);
    Browser attacker;
    EXPECT_TRUE(attacker.receive(std::string{kName} + '=' + value + "; Path=/; Secure"));
    site.request(attacker, [](RequestSession& session) { EXPECT_FALSE(session.is_there()); });
    EXPECT_EQ(site.sent(), std::nullopt) << "another request may be giving the session a new id";
    EXPECT_EQ(site.records(), records);
    EXPECT_THAT(site.take_events(), ElementsAre(event));
    site.log_in(attacker, "mallory");
    EXPECT_NE(sid_of(attacker), value);
    EXPECT_EQ(site.user(known), "ada");
    ASSERT_TRUE(site.store().destroy(sid_of(attacker)).has_value());
    site.take_events();
    records = site.records();
  }
}

TEST(WhatElseIsInTheStore, IsNoSessionOfABrowserThoughItHasSuchAKey) {
  Site site;
  const std::string key = make_session_id();
  ASSERT_TRUE(site.store().load(key)->set("user", "root").has_value());
  Browser browser;
  EXPECT_TRUE(browser.receive(std::string{kName} + '=' + key + "; Path=/; Secure"));
  EXPECT_EQ(site.user(browser), "-");
  EXPECT_THAT(site.take_events(), ElementsAre("unknown_id"));
  // Nor is the session of another site that has the same store, whatever it keeps of it.
  for (const std::chrono::seconds idle_timeout : {0s, 7200s}) {
    const auto shop = http::Sessions::make(site.store(), {.cookie = {.name = "__Host-shop"},
                                                          .idle_timeout = idle_timeout})
                          .value();
    RequestSession session = shop.begin("");
    ASSERT_TRUE(session.set("user", "ada").has_value());
    EXPECT_TRUE(session.finish().value().has_value());
    const std::string sid = session.session_id();
    EXPECT_TRUE(shop.begin("__Host-shop=" + sid).is_there());
    EXPECT_FALSE(
        site.sessions().begin(std::string{kName} + '=' + sid, {.peer = "192.0.2.7"}).is_there());
  }
}

TEST(SeveralCookiesOfOneName, AreTriedInTheirOrderButNotManyOfThem) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  const std::string own = std::string{kName} + '=' + sid_of(browser);
  const std::string other = std::string{kName} + '=' + std::string(32, 'x') + "; ";
  const auto user = [&](const std::string& header) {
    return site.sessions()
        .begin(header, {.peer = "192.0.2.7"})
        .get<std::string>("user")
        .value()
        .value_or("-");
  };
  EXPECT_EQ(user(own), "ada");
  EXPECT_EQ(user(other + own), "ada");
  EXPECT_EQ(user("a=b; " + other + "junk; " + own + "; c"), "ada");
  EXPECT_EQ(user(other + other + other + other + own), "-");
  // Those that cannot be ours do not count, but nobody fills a log with them.
  site.take_events();
  std::string junk;
  for (int i = 0; i < 100; ++i) junk += std::string{kName} + "=x; ";
  EXPECT_EQ(user(junk + own), "ada");
  EXPECT_EQ(site.take_events().size(), 4U);
}

// --- H3

TEST(ChangesOfARequest, AreOneChangeAtItsEnd) {
  Site site;
  Browser browser;
  site.request(browser,
               [](RequestSession& session) { ASSERT_TRUE(session.set("a", 1).has_value()); });
  const Session stored = site.store().find(sid_of(browser)).value().value();
  const std::uint64_t records = site.records();
  site.request(browser, [&](RequestSession& session) {
    ASSERT_TRUE(session.set("a", 2).has_value());
    ASSERT_TRUE(session.set("b", 3).has_value());
    ASSERT_TRUE(session.erase("b").has_value());
    ASSERT_TRUE(session.set("c", 4).has_value());
    EXPECT_EQ(stored.get<int>("a").value(), 1);
    EXPECT_EQ(site.records(), records);
  });
  EXPECT_EQ(site.records(), records + 1);
  EXPECT_EQ(stored.get<int>("a").value(), 2);
  EXPECT_EQ(stored.get<int>("c").value(), 4);
  EXPECT_EQ(stored.contains("b").value(), false);
}

TEST(ChangesOfARequest, AreDroppedIfItFails) {
  Site site;
  Browser browser;
  {
    RequestSession session = site.begin(browser);
    ASSERT_TRUE(session.set("a", 1).has_value());
  }
  EXPECT_EQ(site.store().size().value(), 0U);
  EXPECT_EQ(site.records(), 0U);
}

TEST(ChangesOfARequest, AreDroppedIfItFailsThoughItsSessionWasNeededBefore) {
  const struct {
    const char* name;
    void (*call)(RequestSession&);
  } cases[] = {
      {"renew", [](RequestSession& s) { ASSERT_TRUE(s.renew().has_value()); }},
      {"csrf_token", [](RequestSession& s) { ASSERT_TRUE(s.csrf_token().has_value()); }},
  };
  for (const auto& [name, call] : cases) {
    SCOPED_TRACE(name);
    Site site;
    Browser browser;
    {
      RequestSession session = site.begin(browser);
      ASSERT_TRUE(session.set("user", "ada").has_value());
      call(session);
      EXPECT_EQ(session.get<std::string>("user").value(), "ada");
      EXPECT_TRUE(browser.receive(session.give_up().value()));
    }
    EXPECT_EQ(site.user(browser), "-");
    // And are made if it does not.
    Browser other;
    site.request(other, [&](RequestSession& session) {
      ASSERT_TRUE(session.set("user", "ada").has_value());
      call(session);
    });
    EXPECT_EQ(site.user(other), "ada");
  }
}

TEST(ChangesOfARequest, AreKeptThoughItFailsIfTheyCameBeforeWhatIsDoneAtOnce) {
  const struct {
    const char* name;
    void (*call)(RequestSession&);
  } cases[] = {
      {"update", [](RequestSession& s) { ASSERT_TRUE(s.update([](Session&) {}).has_value()); }},
      {"take", [](RequestSession& s) { ASSERT_EQ(s.take<int>("basket").value(), 1); }},
      {"take_flash", [](RequestSession& s) { ASSERT_EQ(s.take_flash<int>("note").value(), 2); }},
      {"set_if_version",
       [](RequestSession& s) {
         // The store's version is that with `before` in it.
         const std::uint64_t version = s.version().value();
         ASSERT_TRUE(s.set_if_version("a", 1, version).has_value());
       }},
  };
  for (const auto& [name, call] : cases) {
    SCOPED_TRACE(name);
    Site site;
    Browser browser;
    site.request(browser, [](RequestSession& session) {
      ASSERT_TRUE(session.set("basket", 1).has_value());
      ASSERT_TRUE(session.flash("note", 2).has_value());
    });
    {
      RequestSession session = site.begin(browser);
      ASSERT_TRUE(session.set("before", 1).has_value());
      call(session);
      ASSERT_TRUE(session.set("after", 1).has_value());
    }
    site.request(browser, [](RequestSession& session) {
      EXPECT_TRUE(session.contains("before").value());
      EXPECT_FALSE(session.contains("after").value());
    });
  }
}

TEST(ChangesOfARequest, AreMadeAtOnceIfSoConfigured) {
  Site site{{.commit = Commit::at_once}};
  Browser browser;
  {
    RequestSession session = site.begin(browser);
    ASSERT_TRUE(session.set("a", 1).has_value());
    EXPECT_EQ(site.store().size().value(), 1U);
    EXPECT_EQ(site.store().find(session.session_id()).value()->get<int>("a").value(), 1);
    ASSERT_TRUE(session.set("a", 2).has_value());
    EXPECT_EQ(site.store().find(session.session_id()).value()->get<int>("a").value(), 2);
    EXPECT_TRUE(browser.receive(session.finish().value().value()));
  }
  site.request(browser,
               [](RequestSession& session) { EXPECT_EQ(session.get<int>("a").value(), 2); });
}

TEST(ChangesOfARequest, OfSeveralAtATimeAllCount) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  RequestSession first = site.begin(browser);
  RequestSession second = site.begin(browser);
  ASSERT_TRUE(first.set("a", 1).has_value());
  ASSERT_TRUE(second.set("b", 2).has_value());
  ASSERT_TRUE(first.finish().has_value());
  ASSERT_TRUE(second.finish().has_value());
  const Session stored = site.store().find(sid_of(browser)).value().value();
  EXPECT_EQ(stored.get<int>("a").value(), 1);
  EXPECT_EQ(stored.get<int>("b").value(), 2);
  EXPECT_EQ(stored.get<std::string>("user").value(), "ada");
}

TEST(AnUpdate, CountsThoughRequestsAreUnderWayAtTheSameTime) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  const auto count = [](Session& view) {
    view.set("n", view.get<int>("n").value().value_or(0) + 1).value();
  };
  RequestSession first = site.begin(browser);
  RequestSession second = site.begin(browser);
  EXPECT_EQ(first.get<int>("n").value(), std::nullopt);
  ASSERT_TRUE(first.set("pending", true).has_value());
  ASSERT_TRUE(second.update(count).has_value());
  ASSERT_TRUE(first.update(count).has_value());
  EXPECT_EQ(first.get<int>("n").value(), 2) << "what was read before is not kept";
  ASSERT_TRUE(first.finish().has_value());
  ASSERT_TRUE(second.finish().has_value());
  const Session stored = site.store().find(sid_of(browser)).value().value();
  EXPECT_EQ(stored.get<int>("n").value(), 2);
  EXPECT_EQ(stored.get<bool>("pending").value(), true);
}

TEST(AnUpdate, OfASessionThatIsNotThereMakesOneIfItSetsSomething) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.update([](Session&) {}).has_value());
  });
  EXPECT_TRUE(browser.empty());
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.update([](Session& view) { view.set("a", 1).value(); }).has_value());
    EXPECT_EQ(session.set_if_version("b", 2, 0).error().code(), Errc::conflict);
    ASSERT_TRUE(session.set_if_version("b", 2, 1).has_value());
  });
  site.request(browser, [](RequestSession& session) {
    EXPECT_EQ(session.get<int>("a").value(), 1);
    const std::uint64_t version = session.version().value();
    ASSERT_TRUE(session.set_if_version("b", 3, version).has_value());
    EXPECT_EQ(session.set_if_version("b", 4, version).error().code(), Errc::conflict);
    EXPECT_EQ(session.get<int>("b").value(), 3);
  });
}

TEST(AnUpdate, LosesNothingThatIsSetMeanwhile) {
  for (const bool is_there : {false, true}) {
    Site site;
    Browser browser;
    if (is_there) site.log_in(browser, "ada");
    site.request(browser, [](RequestSession& session) {
      ASSERT_TRUE(session
                      .update([&](Session& view) {
                        view.set("within", 1).value();
                        EXPECT_TRUE(session.set("beside", 2).has_value());
                        EXPECT_EQ(session.update([](Session&) {}).error().code(), Errc::locked);
                      })
                      .has_value());
      EXPECT_EQ(session.get<int>("within").value(), 1);
      EXPECT_EQ(session.get<int>("beside").value(), 2);
    });
    site.request(browser, [](RequestSession& session) {
      EXPECT_EQ(session.get<int>("within").value(), 1);
      EXPECT_EQ(session.get<int>("beside").value(), 2);
    });
  }
}

TEST(AnUpdate, OfASessionThatIsNotThereMaySeeItMadeAndEnded) {
  const struct {
    const char* name;
    void (*call)(RequestSession&);
  } cases[] = {
      {"csrf_token", [](RequestSession& s) { ASSERT_TRUE(s.csrf_token().has_value()); }},
      {"renew", [](RequestSession& s) { ASSERT_TRUE(s.renew().has_value()); }},
      {"logout", [](RequestSession& s) { ASSERT_TRUE(s.logout().has_value()); }},
      {"set", [](RequestSession& s) { ASSERT_TRUE(s.set("beside", 2).has_value()); }},
  };
  for (const Commit commit : {Commit::at_end, Commit::at_once}) {
    for (const auto& [name, call] : cases) {
      SCOPED_TRACE(name);
      Site site{{.commit = commit}};
      Browser browser;
      site.request(browser, [&](RequestSession& session) {
        const auto updated = session.update([&](Session& view) {
          view.set("before", 1).value();
          call(session);
          EXPECT_EQ(view.get<int>("before").value(), 1);
          EXPECT_EQ(view.get<int>("none").value(), std::nullopt);
          view.set("after", 1).value();
        });
        ASSERT_TRUE(updated.has_value()) << updated.error().message();
        EXPECT_EQ(session.get<int>("before").value(), 1);
      });
      site.request(browser, [](RequestSession& session) {
        EXPECT_EQ(session.get<int>("before").value(), 1);
        EXPECT_EQ(session.get<int>("after").value(), 1);
      });
    }
  }
}

TEST(AnUpdate, ThatThrowsLeavesTheRequestAsItWas) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  site.request(browser, [](RequestSession& session) {
    EXPECT_THROW(static_cast<void>(session.update([](Session& view) {
                   view.set("a", 1).value();
                   throw std::runtime_error{"no"};
                 })),
                 std::runtime_error);
    EXPECT_EQ(session.get<int>("a").value(), std::nullopt);
    ASSERT_TRUE(session.update([](Session& view) { view.set("a", 2).value(); }).has_value());
    EXPECT_EQ(session.get<int>("a").value(), 2);
  });
}

TEST(ChangesThatCannotBeKept, AreNotSaidToBe) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  RequestSession session = site.begin(browser);
  const std::string large(kValueBytesMax, 'x');
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(session.set(i, large).has_value());
  EXPECT_EQ(session.update([](Session&) {}).error().code(), Errc::too_large);
  EXPECT_EQ(session.finish().error().code(), Errc::too_large);
  EXPECT_EQ(session.give_up(), std::nullopt);
  EXPECT_EQ(site.user(browser), "ada");
}

TEST(ARequestThatFails, StillTellsTheBrowserItsNewId) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  {
    RequestSession session = site.begin(browser);
    ASSERT_TRUE(session.renew().has_value());
    ASSERT_TRUE(session.set("user", "bob").has_value());
    EXPECT_TRUE(browser.receive(session.give_up().value()));
    EXPECT_EQ(session.give_up(), std::nullopt);
    EXPECT_EQ(session.finish().error().code(), Errc::session_gone);
  }
  EXPECT_EQ(site.user(browser), "ada");
}

TEST(SetIfVersion, HasNoConflictWithARenewal) {
  Site site{{.idle_timeout = 800s}};
  Browser browser;
  site.log_in(browser, "ada");
  age(site, browser, 101s);
  site.request(browser, [](RequestSession& session) {
    EXPECT_TRUE(session.set_if_version("a", 1, session.version().value()).has_value());
  });
}

TEST(AFlash, IsShownOnceAndNotLost) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.flash("note", "first").has_value());
  });
  RequestSession one = site.begin(browser);
  RequestSession other = site.begin(browser);
  EXPECT_EQ(one.take_flash<std::string>("note").value(), "first");
  EXPECT_EQ(other.take_flash<std::string>("note").value(), std::nullopt);
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.flash("note", "second").has_value());
  });
  ASSERT_TRUE(one.finish().has_value());
  ASSERT_TRUE(other.finish().has_value());
  site.request(browser, [](RequestSession& session) {
    EXPECT_EQ(session.take_flash<std::string>("note").value(), "second");
  });
}

TEST(AFlash, IsAmongTheKeysAndGoesWithThem) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.flash("note", "first").has_value());
    EXPECT_EQ(session.keys()->size(), 1U);
    ASSERT_TRUE(session.clear().has_value());
    EXPECT_EQ(session.take_flash<std::string>("note").value(), std::nullopt);
  });
}

TEST(WhatWasRead, StaysTheSameForTheRequest) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  site.request(browser, [&](RequestSession& session) {
    EXPECT_EQ(session.get<std::string>("user").value(), "ada");
    EXPECT_EQ(session.get<int>("later").value(), std::nullopt);
    Session stored = site.store().find(sid_of(browser)).value().value();
    ASSERT_TRUE(stored.set("user", "bob").has_value());
    ASSERT_TRUE(stored.set("later", 1).has_value());
    EXPECT_EQ(session.get<std::string>("user").value(), "ada");
    EXPECT_EQ(session.get<int>("later").value(), std::nullopt);
  });
  EXPECT_EQ(site.user(browser), "bob");
}

TEST(ARequestSession, IsOverWhenItsRequestIs) {
  Site site;
  Browser browser;
  std::optional<Session> kept;
  site.request(browser, [&](RequestSession& session) {
    ASSERT_TRUE(session.set("a", 1).has_value());
    kept = session;
  });
  EXPECT_EQ(kept->get<int>("a").error().code(), Errc::session_gone);
  EXPECT_EQ(kept->set("a", 2).error().code(), Errc::session_gone);
  EXPECT_EQ(kept->update([](Session&) {}).error().code(), Errc::session_gone);
  EXPECT_EQ(kept->destroy().error().code(), Errc::session_gone);
  RequestSession twice = site.begin(browser);
  ASSERT_TRUE(twice.finish().has_value());
  EXPECT_EQ(twice.finish().error().code(), Errc::session_gone);
  EXPECT_EQ(twice.renew().error().code(), Errc::session_gone);
  EXPECT_TRUE(twice.is_there());
  EXPECT_EQ(twice.session_id(), sid_of(browser));
}

// --- H4

TEST(LogIn, GivesANewIdAndTheOldOneIsDead) {
  Site site;
  Browser browser;
  std::string form;
  site.request(browser, [&](RequestSession& session) {
    ASSERT_TRUE(session.set("basket", "apples").has_value());
    form = session.csrf_token().value();
    EXPECT_TRUE(session.csrf_ok(form));
  });
  const Browser thief = browser;  // it has planted or seen the id
  site.take_events();
  site.log_in(browser, "ada");
  EXPECT_THAT(site.take_events(), ElementsAre("renewed"));
  EXPECT_NE(sid_of(browser), sid_of(thief));
  site.request(browser, [&](RequestSession& session) {
    EXPECT_EQ(session.get<std::string>("basket").value(), "apples");
    EXPECT_FALSE(session.csrf_ok(form)) << "forms of before are no good";
    EXPECT_TRUE(session.csrf_ok(session.csrf_token().value()));
  });
  Browser copy = thief;
  EXPECT_EQ(site.user(copy), "-");
  EXPECT_EQ(site.store().size().value(), 1U);
}

TEST(LogIn, ChangesTheIdBeforeItStoresWhoItIs) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("basket", "apples").has_value());
  });
  const std::string before = sid_of(browser);
  RequestSession session = site.begin(browser);
  ASSERT_TRUE(session.renew().has_value());
  EXPECT_FALSE(site.store().exists(before));
  // Here the process may end.
}

TEST(LogIn, WithoutASessionMakesOne) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  EXPECT_EQ(site.user(browser), "ada");
  EXPECT_THAT(site.take_events(), ElementsAre("created"));
}

TEST(LogIn, WithASessionThatHasJustEndedMakesANewOne) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  const std::string before = sid_of(browser);
  site.request(browser, [&](RequestSession& session) {
    ASSERT_TRUE(session.set("basket", "apples").has_value());
    ASSERT_TRUE(site.store().destroy(before).has_value());
    ASSERT_TRUE(session.renew().has_value());
    ASSERT_TRUE(session.set("user", "bob").has_value());
  });
  EXPECT_NE(sid_of(browser), before);
  EXPECT_EQ(site.user(browser), "bob");
  site.request(browser, [](RequestSession& session) {
    EXPECT_EQ(session.get<std::string>("basket").value(), "apples");
  });
}

TEST(LogOut, EndsTheSessionAndTheCookie) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  Browser copy = browser;
  site.take_events();
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("late", 1).has_value());
    ASSERT_TRUE(session.logout().has_value());
    EXPECT_FALSE(session.is_there());
    EXPECT_EQ(session.get<std::string>("user").value(), std::nullopt);
  });
  EXPECT_THAT(site.take_events(), ElementsAre("ended"));
  EXPECT_TRUE(browser.empty());
  EXPECT_EQ(site.store().size().value(), 0U);
  EXPECT_EQ(site.user(copy), "-") << "the old cookie is dead";
}

TEST(LogOut, IsNotUndoneByARequestThatIsUnderWay) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  Browser copy = browser;
  RequestSession slow = site.begin(browser);
  EXPECT_EQ(slow.get<std::string>("user").value(), "ada");
  ASSERT_TRUE(slow.set("late", 1).has_value());
  site.request(browser, [](RequestSession& session) { ASSERT_TRUE(session.logout().has_value()); });
  const auto cookie = slow.finish();
  ASSERT_TRUE(cookie.has_value());
  EXPECT_EQ(*cookie, std::nullopt);
  EXPECT_EQ(site.store().size().value(), 0U);
  EXPECT_EQ(site.user(copy), "-");
}

TEST(LogOut, OfASessionThatGotANewIdMeanwhileEndsItToo) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  RequestSession leaving = site.begin(browser);
  site.request(browser, [](RequestSession& session) { ASSERT_TRUE(session.renew().has_value()); });
  ASSERT_TRUE(leaving.logout().has_value());
  ASSERT_TRUE(leaving.finish().has_value());
  EXPECT_EQ(site.user(browser), "-");
  EXPECT_EQ(site.store().size().value(), 0U);
}

TEST(LogOut, MayBeFollowedByANewSession) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  const std::string before = sid_of(browser);
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.logout().has_value());
    ASSERT_TRUE(session.flash("note", "Good bye.").has_value());
  });
  EXPECT_NE(sid_of(browser), before);
  site.request(browser, [](RequestSession& session) {
    EXPECT_EQ(session.get<std::string>("user").value(), std::nullopt);
    EXPECT_EQ(session.take_flash<std::string>("note").value(), "Good bye.");
  });
  site.request(browser, [](RequestSession& session) {
    EXPECT_EQ(session.take_flash<std::string>("note").value(), std::nullopt);
  });
}

// --- Requests that are under way with an id that is no more

TEST(ARequestWithTheOldId, NeitherSeesNorChangesWhatIsLoggedIn) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("basket", "apples").has_value());
  });
  RequestSession attacker = site.begin(browser);  // it has planted the id
  const std::string form = attacker.csrf_token().value();
  EXPECT_TRUE(attacker.csrf_ok(form));
  EXPECT_EQ(attacker.get<std::string>("basket").value(), "apples");
  site.log_in(browser, "ada");

  EXPECT_FALSE(attacker.csrf_ok(form));
  for (const char* const key : {"user", "basket"})
    EXPECT_EQ(attacker.get<std::string>(key).error().code(), Errc::session_gone) << key;
  EXPECT_EQ(attacker.keys().error().code(), Errc::session_gone);
  EXPECT_EQ(attacker.info().error().code(), Errc::session_gone);
  EXPECT_EQ(attacker.csrf_token().error().code(), Errc::session_gone);
  EXPECT_EQ(
      attacker.update([](Session& view) { return view.get<std::string>("user"); }).error().code(),
      Errc::session_gone);
  ASSERT_TRUE(attacker.set("user", "mallory").has_value());
  EXPECT_EQ(attacker.finish().value(), std::nullopt);
  EXPECT_EQ(site.user(browser), "ada");
}

TEST(ARequestWithTheOldId, GetsASessionOfItsOwnIfItRenews) {
  Site site;
  Browser browser;
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.set("basket", "apples").has_value());
  });
  Browser other = browser;
  RequestSession attacker = site.begin(other);
  ASSERT_TRUE(attacker.set("mine", 1).has_value());
  site.log_in(browser, "ada");
  ASSERT_TRUE(attacker.renew().has_value());
  EXPECT_EQ(attacker.get<std::string>("user").value(), std::nullopt);
  EXPECT_TRUE(other.receive(attacker.finish().value().value()));
  EXPECT_EQ(site.user(other), "-");
  EXPECT_EQ(site.user(browser), "ada");
  site.request(other, [](RequestSession& session) {
    EXPECT_EQ(session.get<int>("mine").value(), 1);
    EXPECT_EQ(session.get<std::string>("basket").value(), std::nullopt);
  });
}

TEST(ARequestWithTheOldId, SendsNoCookieThatWouldReplaceTheNewOne) {
  Site site{{.persistent = true, .idle_timeout = 800s}};
  Browser browser;
  site.log_in(browser, "ada");
  age(site, browser, 101s);
  RequestSession poll = site.begin(browser);
  site.log_in(browser, "ada");
  EXPECT_EQ(poll.finish().value(), std::nullopt);
  EXPECT_EQ(site.user(browser), "ada");
}

TEST(ARequestUnderWay, DoesNotForgetABrowserThatIsToBeRemembered) {
  Site site{{.idle_timeout = 800s}};
  Browser browser;
  site.log_in(browser, "ada");
  age(site, browser, 101s);
  RequestSession poll = site.begin(browser);
  ASSERT_TRUE(poll.set("polled", 1).has_value());
  site.request(browser, [](RequestSession& session) {
    ASSERT_TRUE(session.remember_me(24h * 30).has_value());
  });
  EXPECT_EQ(poll.finish().value(), std::nullopt) << "the other request has renewed it";
  const Session stored = site.store().find(sid_of(browser)).value().value();
  EXPECT_EQ(stored.get<int>("polled").value(), 1);
  EXPECT_GT(stored.expires_at().value().value(), std::chrono::system_clock::now() + 24h * 29);
}

// --- What is on the disk

TEST(FilesOfASite, HoldNoIdAndNoToken) {
  Site site;
  Browser browser;
  std::string token;
  site.request(browser, [&](RequestSession& session) { token = session.csrf_token().value(); });
  const std::string before = sid_of(browser);
  site.log_in(browser, "ada");
  ASSERT_TRUE(site.store().flush().has_value());
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{site.directory()}) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file{entry.path(), std::ios::binary};
    all.append(std::istreambuf_iterator<char>{file}, {});
  }
  EXPECT_NE(all.find("ada"), std::string::npos);
  for (const std::string& secret : {before, sid_of(browser), token})
    EXPECT_EQ(all.find(secret.substr(0, 16)), std::string::npos);
}

// --- Signed cookies

TEST(SigningKeys, CanBeChangedWhileBrowsersKeepTheirSessions) {
  const std::string old_key(32, 'o');
  const std::string new_key(32, 'n');
  const TempDirectory directory;
  const auto store = open(directory.path() + "/store").value();
  Browser browser;
  const auto visit = [&](std::vector<std::string> keys) {
    const auto sessions = http::Sessions::make(*store, {.signing_keys = std::move(keys)}).value();
    RequestSession session = sessions.begin(browser.header());
    const int n = session.get<int>("n").value().value_or(0) + 1;
    EXPECT_TRUE(session.set("n", n).has_value());
    const auto cookie = session.finish().value();
    EXPECT_TRUE(!cookie || browser.receive(*cookie));
    return std::pair{n, cookie.has_value()};
  };
  EXPECT_EQ(visit({old_key}), (std::pair{1, true}));
  EXPECT_EQ(visit({old_key}), (std::pair{2, false}));
  EXPECT_EQ(visit({new_key, old_key}), (std::pair{3, true})) << "signed anew";
  EXPECT_EQ(visit({new_key, old_key}), (std::pair{4, false}));
  EXPECT_EQ(visit({new_key}), (std::pair{5, false}));
  EXPECT_EQ(visit({old_key}), (std::pair{1, true})) << "who has no good signature has no session";
}

TEST(SigningKeys, EndAllSessionsWhenTheyAreTurnedOnOrOff) {
  const std::vector<std::string> keys{std::string(32, 'k')};
  const struct {
    const char* name;
    http::Options before;
    http::Options after;
  } cases[] = {
      {"on", {}, {.signing_keys = keys}},
      {"off", {.signing_keys = keys}, {}},
  };
  for (const auto& [name, before, after] : cases) {
    SCOPED_TRACE(name);
    Site site{before};
    Browser browser;
    site.log_in(browser, "ada");
    const auto sessions = http::Sessions::make(site.store(), after).value();
    EXPECT_FALSE(sessions.begin(browser.header()).is_there());
  }
}

TEST(SigningKeys, KeepGuessesFromTheStore) {
  Site site{{.signing_keys = {std::string(32, 'k')}}};
  Browser browser;
  site.log_in(browser, "ada");
  Browser attacker;
  EXPECT_TRUE(attacker.receive(std::string{kName} + '=' + sid_of(browser).substr(0, 32) +
                               "; Secure; Path=/"));
  site.take_events();
  EXPECT_EQ(site.user(attacker), "-");
  EXPECT_THAT(site.take_events(), ElementsAre("forged_id"));
}

// --- Wrong use, and a store that fails

TEST(Options, ThatCannotWorkAreRefused) {
  const auto store = open("memory:").value();
  const struct {
    const char* name;
    http::Options options;
  } cases[] = {
      {"a cookie that browsers refuse", {.cookie = {.secure = false}}},
      {"a cookie that is too long with its value", {.cookie = {.name = std::string(4070, 'n')}}},
      {"a cookie that is too long if it is signed",
       {.cookie = {.name = std::string(4030, 'n')}, .signing_keys = {std::string(32, 'k')}}},
      {"a short key", {.signing_keys = {std::string(32, 'k'), std::string(31, 'k')}}},
      {"a timeout below zero", {.idle_timeout = -1s}},
  };
  for (const auto& [name, options] : cases) {
    const auto made = http::Sessions::make(*store, options);
    ASSERT_FALSE(made.has_value()) << name;
    EXPECT_EQ(made.error().code(), Errc::invalid_argument) << name;
  }
}

TEST(AStoreThatIsClosed, IsAnErrorAndNoLogOut) {
  auto store = open("memory:").value();
  const auto sessions = http::Sessions::make(*store).value();
  Browser browser;
  {
    RequestSession session = sessions.begin("");
    ASSERT_TRUE(session.set("a", 1).has_value());
    EXPECT_TRUE(browser.receive(session.finish().value().value()));
  }
  Session kept = store->find(sid_of(browser)).value().value();
  RequestSession under_way = sessions.begin(browser.header());
  ASSERT_TRUE(under_way.set("a", 2).has_value());
  class Closed final : public Provider {
   public:
    Result<void> set_params(const Params&) override { return gone(); }
    Result<Session> init(std::string_view) override { return gone(); }
    Result<Session> load(std::string_view) override { return gone(); }
    Result<std::optional<Session>> find(std::string_view) override { return gone(); }
    Result<void> destroy(std::string_view) override { return gone(); }
    Result<void> change_id(std::string_view, std::string_view) override { return gone(); }
    bool exists(std::string_view) override { return false; }
    Result<std::size_t> gc(std::chrono::seconds) override { return gone(); }

   private:
    static std::unexpected<Error> gone() {
      return std::unexpected(Error{Errc::unavailable, "the store is closed"});
    }
  } closed;
  const auto broken = http::Sessions::make(closed).value();
  RequestSession session = broken.begin(browser.header());
  EXPECT_EQ(session.get<int>("a").error().code(), Errc::unavailable);
  EXPECT_EQ(session.set("a", 1).error().code(), Errc::unavailable);
  EXPECT_EQ(session.logout().error().code(), Errc::unavailable);
  EXPECT_EQ(session.csrf_token().error().code(), Errc::unavailable);
  EXPECT_FALSE(session.csrf_ok("x"));
  EXPECT_EQ(session.finish().error().code(), Errc::unavailable);
  RequestSession without_cookie = broken.begin("");
  EXPECT_EQ(without_cookie.get<int>("a").value(), std::nullopt);
  ASSERT_TRUE(without_cookie.set("a", 1).has_value());
  EXPECT_EQ(without_cookie.finish().error().code(), Errc::unavailable);
}

TEST(OneRequest, MayUseItsSessionFromSeveralThreads) {
  Site site;
  Browser browser;
  site.log_in(browser, "ada");
  site.request(browser, [](RequestSession& session) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&session, t] {
        for (int i = 0; i < 50; ++i) {
          EXPECT_TRUE(session.set(t * 100 + i, i).has_value());
          EXPECT_TRUE(session.get<std::string>("user").has_value());
          if (i % 10 == 0) {
            EXPECT_TRUE(session
                            .update([](Session& view) {
                              view.set("n", view.get<int>("n").value().value_or(0) + 1).value();
                            })
                            .has_value());
          }
        }
      });
    }
    threads.clear();
    EXPECT_EQ(session.get<int>("n").value(), 20);
    EXPECT_EQ(session.keys()->size(), 202U);
  });
}

}  // namespace
}  // namespace hybrid::testing
