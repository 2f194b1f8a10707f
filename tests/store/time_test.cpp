// Rules S6, S7, S9 and S10: what time does to sessions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "testing/outcome.hpp"
#include "testing/store_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- S7: absent at the deadline, not at the next sweep

// Every way to see whether a session lives; each gets a session of its own, and its handle.
struct Observer {
  const char* name;
  std::function<bool(DrivenStore&, Session&)> sees_it;
};

const Observer kObservers[] = {
    {"exists", [](DrivenStore& s, Session&) { return s->exists("a"); }},
    {"find", [](DrivenStore& s, Session&) { return s->find("a").value().has_value(); }},
    {"size", [](DrivenStore& s, Session&) { return s->size().value() == 1; }},
    {"stats", [](DrivenStore& s, Session&) { return s->stats()->sessions == 1; }},
    {"for_each",
     [](DrivenStore& s, Session&) {
       int seen = 0;
       EXPECT_EQ(outcome(s->for_each([&](Session&) { return ++seen, true; })), "fine");
       return seen == 1;
     }},
    {"init", [](DrivenStore& s, Session&) { return outcome(s->init("a")) == "already_exists"; }},
    {"load",
     [](DrivenStore& s, Session&) { return s.load("a").get<int>("k").value().has_value(); }},
    {"change_id",
     [](DrivenStore& s, Session&) { return outcome(s->change_id("a", "b")) != "not_found"; }},
    {"change_id to it",
     [](DrivenStore& s, Session&) {
       s.load("b");
       return outcome(s->change_id("b", "a")) == "already_exists";
     }},
    {"destroy",
     [](DrivenStore& s, Session&) {
       bool destroyed = false;
       EXPECT_EQ(outcome(s->on_event(
                     [&](const Event& e) { destroyed = e.kind == Event::Kind::destroyed; })),
                 "fine");
       EXPECT_EQ(outcome(s->destroy("a")), "fine");
       return destroyed;
     }},
    {"get", [](DrivenStore&, Session& a) { return outcome(a.get<int>("k")) != "session_gone"; }},
    {"set", [](DrivenStore&, Session& a) { return outcome(a.set("k", 2)) != "session_gone"; }},
    {"erase", [](DrivenStore&, Session& a) { return outcome(a.erase("x")) != "session_gone"; }},
    {"contains",
     [](DrivenStore&, Session& a) { return outcome(a.contains("k")) != "session_gone"; }},
    {"clear", [](DrivenStore&, Session& a) { return outcome(a.clear()) != "session_gone"; }},
    {"take", [](DrivenStore&, Session& a) { return outcome(a.take<int>("k")) != "session_gone"; }},
    {"keys", [](DrivenStore&, Session& a) { return outcome(a.keys()) != "session_gone"; }},
    {"info", [](DrivenStore&, Session& a) { return outcome(a.info()) != "session_gone"; }},
    {"touch", [](DrivenStore&, Session& a) { return outcome(a.touch()) != "session_gone"; }},
    {"update",
     [](DrivenStore&, Session& a) { return outcome(a.update([](Session&) {})) != "session_gone"; }},
};

TEST(Deadlines, AreKeptToTheMillisecondByEveryCall) {
  const std::pair<const char*, Params> kinds[] = {
      {"idle", {.idle_timeout = 10s}}, {"absolute", {.absolute_timeout = 10s}}, {"own", {}}};
  for (const auto& [kind, params] : kinds) {
    for (const Observer& observer : kObservers) {
      for (const bool past : {false, true}) {
        SCOPED_TRACE(std::string{observer.name} + ", " + kind + (past ? ", past" : ", before"));
        DrivenStore store{params};
        Session session = store.load("a");
        ASSERT_EQ(outcome(session.set("k", 1)), "fine");
        if (std::string_view{kind} == "own") {
          ASSERT_EQ(outcome(session.set(Attribute::deadline, store.now() + 10s)), "fine");
        }
        store.advance(past ? 10'000ms : 9'999ms);
        EXPECT_EQ(observer.sees_it(store, session), !past);
      }
    }
  }
}

TEST(Deadlines, OfTheAbsoluteTimeoutDoNotMoveHoweverBusyTheSession) {
  DrivenStore store{{.idle_timeout = 5s, .absolute_timeout = 60s}};
  Session session = store.load("a");
  for (int second = 1; second < 60; ++second) {
    store.advance(1s);
    ASSERT_EQ(outcome(session.set("second", second)), "fine") << second;
    ASSERT_EQ(outcome(session.touch()), "fine");
    store->run_duties();
  }
  store.advance(1s);
  EXPECT_EQ(outcome(session.touch()), "session_gone");
}

TEST(Deadlines, AreTheEarlierOfTheTwo) {
  DrivenStore store{{.idle_timeout = 30s, .absolute_timeout = 50s}};
  Session session = store.load("a");
  const TimePoint start = store.now();
  EXPECT_EQ(session.expires_at().value(), start + 30s);
  store.advance(10s);
  ASSERT_TRUE(session.touch().has_value());
  EXPECT_EQ(session.expires_at().value(), start + 40s);
  store.advance(20s);
  ASSERT_TRUE(session.touch().has_value());
  EXPECT_EQ(session.expires_at().value(), start + 50s);
  EXPECT_EQ(DrivenStore{}.load("a").expires_at().value(), std::nullopt);
}

TEST(Deadlines, AreMovedByUseAndNotByALook) {
  const struct {
    const char* name;
    bool moves;
    std::function<void(DrivenStore&, Session&)> call;
  } cases[] = {
      {"get", true, [](DrivenStore&, Session& a) { static_cast<void>(a.get<int>("k")); }},
      {"get of what is absent", true,
       [](DrivenStore&, Session& a) { static_cast<void>(a.get<int>("x")); }},
      {"contains", true, [](DrivenStore&, Session& a) { static_cast<void>(a.contains("k")); }},
      {"keys", true, [](DrivenStore&, Session& a) { static_cast<void>(a.keys()); }},
      {"set", true, [](DrivenStore&, Session& a) { static_cast<void>(a.set("k", 1)); }},
      {"touch", true, [](DrivenStore&, Session& a) { static_cast<void>(a.touch()); }},
      {"find", true, [](DrivenStore& s, Session&) { static_cast<void>(s->find("a")); }},
      {"load", true, [](DrivenStore& s, Session&) { s.load("a"); }},
      {"exists", false, [](DrivenStore& s, Session&) { s->exists("a"); }},
      {"init", false, [](DrivenStore& s, Session&) { static_cast<void>(s->init("a")); }},
      {"info", false, [](DrivenStore&, Session& a) { static_cast<void>(a.info()); }},
      {"expires_at", false, [](DrivenStore&, Session& a) { static_cast<void>(a.expires_at()); }},
      {"size", false, [](DrivenStore& s, Session&) { static_cast<void>(s->size()); }},
      {"session_id", false, [](DrivenStore&, Session& a) { static_cast<void>(a.session_id()); }},
      {"for_each", false,
       [](DrivenStore& s, Session&) {
         static_cast<void>(s->for_each([](Session& seen) {
           static_cast<void>(seen.get<int>("k"));
           static_cast<void>(seen.keys());
           return true;
         }));
       }},
      {"a sweep", false, [](DrivenStore& s, Session&) { s->run_duties(); }},
      {"gc", false, [](DrivenStore& s, Session&) { static_cast<void>(s->gc(1h)); }},
  };
  for (const auto& [name, moves, call] : cases) {
    DrivenStore store{{.idle_timeout = 100s}};
    Session session = store.load("a");
    const TimePoint start = store.now();
    store.advance(7s);
    call(store, session);
    EXPECT_EQ(session.last_access().value(), moves ? start + 7s : start) << name;
    EXPECT_EQ(session.created_at().value(), start) << name;
  }
}

TEST(Deadlines, MakeRoomForANewSessionOfThatId) {
  DrivenStore store{{.idle_timeout = 10s}};
  Session old = store.load("a");
  ASSERT_TRUE(old.set("k", 1).has_value());
  store.advance(10s);
  Session next = store.load("a");
  EXPECT_EQ(next.info()->keys, 0U);
  EXPECT_EQ(next.version().value(), 0U);
  EXPECT_EQ(next.created_at().value(), store.now());
  EXPECT_EQ(outcome(old.get<int>("k")), "session_gone");
  EXPECT_EQ(outcome(old.set("k", 1)), "session_gone");
  EXPECT_EQ(store->size().value(), 1U);
  ASSERT_TRUE(next.set("k", 2).has_value());
  store.reopen({.idle_timeout = 10s});
  EXPECT_EQ(store.load("a").get<int>("k").value(), 2);
}

TEST(Deadlines, ThatPassDuringAnUpdateUndoIt) {
  DrivenStore store{{.idle_timeout = 10s}};
  Session session = store.load("a");
  const std::uint64_t records = store.records();
  EXPECT_EQ(outcome(session.update([&](Session& view) {
              EXPECT_EQ(outcome(view.set("k", 1)), "fine");
              store.advance(10s);
              store->run_duties();
            })),
            "session_gone");
  EXPECT_EQ(store.records(), records);
  EXPECT_FALSE(store->exists("a"));
}

// --- Events

using Counts = std::map<std::array<std::byte, 32>, std::map<Event::Kind, int>>;

TEST(ExpiredEvents, ComeOnceWhoeverNoticesFirst) {
  const struct {
    const char* name;
    std::function<void(DrivenStore&)> first;
  } cases[] = {
      {"sweep", [](DrivenStore& s) { s->run_duties(); }},
      {"gc", [](DrivenStore& s) { static_cast<void>(s->gc(1h)); }},
      {"load", [](DrivenStore& s) { s.load("a"); }},
      {"init", [](DrivenStore& s) { static_cast<void>(s->init("a")); }},
      {"change_id",
       [](DrivenStore& s) {
         s.load("b");
         EXPECT_EQ(outcome(s->change_id("b", "a")), "fine");
       }},
      {"destroy", [](DrivenStore& s) { static_cast<void>(s->destroy("a")); }},
      {"find", [](DrivenStore& s) { static_cast<void>(s->find("a")); }},
  };
  for (const auto& [name, first] : cases) {
    SCOPED_TRACE(name);
    DrivenStore store{{.idle_timeout = 10s}};
    Counts counts;
    store.load("a");
    ASSERT_TRUE(
        store->on_event([&](const Event& e) { ++counts[e.sid_digest][e.kind]; }).has_value());
    store.advance(10s);
    first(store);
    for (int i = 0; i < 3; ++i) store->run_duties();
    EXPECT_EQ(counts[digest_of("a").bytes][Event::Kind::expired], 1);
    EXPECT_EQ(counts[digest_of("a").bytes][Event::Kind::destroyed], 0);
    EXPECT_EQ(store->stats()->expired, 1U);
  }
}

TEST(ExpiredEvents, ComeOnceWhenSweepsAndLoadsRace) {
  DrivenStore store{{.idle_timeout = 10s}, false};
  constexpr int kSessions = 300;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < kSessions; ++i) store.load(std::to_string(i));
    std::mutex mutex;
    Counts counts;
    ASSERT_TRUE(store
                    ->on_event([&](const Event& e) {
                      const std::lock_guard lock{mutex};
                      ++counts[e.sid_digest][e.kind];
                    })
                    .has_value());
    store.advance(10s);
    std::latch start{4};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        if (t == 0) store->run_duties();
        EXPECT_TRUE(t != 1 || store->gc(1h).has_value());
        for (int i = 0; t >= 2 && i < kSessions; ++i)
          EXPECT_EQ(outcome(store->load(std::to_string(t == 2 ? i : kSessions - 1 - i))), "fine");
      });
    }
    threads.clear();
    for (int i = 0; i < kSessions; ++i) {
      auto& seen = counts[digest_of(std::to_string(i)).bytes];
      ASSERT_EQ(seen[Event::Kind::expired], 1) << i;
      ASSERT_EQ(seen[Event::Kind::created], 1) << i;
    }
    EXPECT_EQ(store->size().value(), std::size_t{kSessions});
    ASSERT_TRUE(store->on_event({}).has_value());
  }
}

// A thread inside update() may call the store; a sweep may wait for that update meanwhile.
[[noreturn]] void sweep_during_an_update_that_sweeps() {
  ::alarm(20);  // ends a process that hangs
  for (int round = 0; round < 100; ++round) {
    DrivenStore store{{.idle_timeout = 10s}, false};
    Session session = store.load("a");
    std::jthread sweep;
    static_cast<void>(session.update([&](Session&) {
      store.advance(10s);
      std::latch started{1};
      sweep = std::jthread{[&] {
        started.count_down();
        store->run_duties();
      }};
      started.wait();
      for (int i = 0; i < 2000; ++i) std::this_thread::yield();
      static_cast<void>(store->gc(1h));
    }));
  }
  std::_Exit(0);
}

TEST(SweepDeathTest, DoesNotWaitForAnUpdateThatWaitsForASweep) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(sweep_during_an_update_that_sweeps(), ::testing::ExitedWithCode(0), "");
}

// --- S6: gc

TEST(Gc, RemovesExactlyWhatWasIdleForLonger) {
  DrivenStore store;
  // s<i> was last accessed i seconds before the end.
  for (int i = 0; i < 600; ++i) store.load("s" + std::to_string(i));
  for (int i = 599; i >= 0; --i) {
    store.advance(1s);
    ASSERT_TRUE(store.load("s" + std::to_string(i)).touch().has_value());
  }
  std::size_t left = 600;
  const std::uint64_t records = store.records();
  for (const int lifetime : {1000, 599, 598, 300, 299, 0}) {
    const std::size_t stay = static_cast<std::size_t>(std::min(600, lifetime + 1));
    EXPECT_EQ(store->gc(std::chrono::seconds{lifetime}).value(), left - stay) << lifetime;
    left = stay;
    EXPECT_EQ(store->size().value(), left);
    for (int i = 0; i < 600; i += 7)
      EXPECT_EQ(store->exists("s" + std::to_string(i)), i <= lifetime) << i << " for " << lifetime;
  }
  EXPECT_EQ(store.records() - records, 599U) << "each is logged";
  store.reopen();
  EXPECT_EQ(store->size().value(), 1U);
}

TEST(Gc, KeepsASessionIdleForExactlyTheLifetime) {
  DrivenStore store;
  store.load("a");
  store.advance(10s);
  EXPECT_EQ(store->gc(10s).value(), 0U);
  store.advance(1ms);
  EXPECT_EQ(store->gc(10s).value(), 1U);
  EXPECT_EQ(store->gc(10s).value(), 0U);
}

TEST(Gc, DoesNotCountWhatHadExpired) {
  DrivenStore store{{.idle_timeout = 10s}};
  store.load("old");
  store.advance(6s);
  store.load("young");
  store.advance(5s);
  EXPECT_EQ(store->gc(1s).value(), 1U);
  EXPECT_EQ(store->size().value(), 0U);
  EXPECT_EQ(store->stats()->expired, 2U);
}

TEST(Gc, TakesAnyLifetime) {
  DrivenStore store;
  store.load("a");
  store.advance(24h * 365);
  for (const auto lifetime : {std::chrono::seconds::max(), std::chrono::seconds{24h * 365 * 1000}})
    EXPECT_EQ(store->gc(lifetime).value(), 0U);
  EXPECT_EQ(outcome(store->gc(std::chrono::seconds::min())), "invalid_argument");
  EXPECT_TRUE(store->exists("a"));
}

TEST(Gc, LeavesASessionThatIsTouchedMeanwhile) {
  for (int round = 0; round < 20; ++round) {
    DrivenStore store{{}, false};
    constexpr int kSessions = 600;
    std::vector<Session> sessions;
    for (int i = 0; i < kSessions; ++i) sessions.push_back(store.load(std::to_string(i)));
    store.advance(100s);
    std::vector<char> touched(kSessions, 0);
    {
      std::latch start{2};
      std::jthread toucher{[&] {
        start.arrive_and_wait();
        for (std::size_t i = kSessions; i-- > 0;)
          touched[i] = sessions[i].touch().has_value() ? 1 : 0;
      }};
      start.arrive_and_wait();
      ASSERT_TRUE(store->gc(10s).has_value());
    }
    for (int i = 0; i < kSessions; ++i) {
      EXPECT_TRUE(touched[static_cast<std::size_t>(i)] == 0 || store->exists(std::to_string(i)))
          << i;
    }
  }
}

// --- S9: access times

TEST(Touches, WriteNothingByThemselves) {
  DrivenStore store;
  Session session = store.load("a");
  const std::uint64_t records = store.records();
  for (int i = 0; i < 1000; ++i) {
    store.advance(1s);
    ASSERT_TRUE(session.get<int>("k").has_value());
    ASSERT_TRUE(store->find("a").has_value());
    store.load("a");
  }
  EXPECT_EQ(store.records(), records);
}

TEST(Touches, AreLoggedAtMostOnceInTheirInterval) {
  const struct {
    std::chrono::seconds idle;
    milliseconds interval;
  } cases[] = {{0s, 60s}, {24h, 60s}, {600s, 60s}, {100s, 10s}, {10s, 1s}, {1s, 100ms}};
  for (const auto& [idle, interval] : cases) {
    SCOPED_TRACE(idle.count());
    DrivenStore store{{.idle_timeout = idle}};
    std::vector<Session> sessions;
    for (int i = 0; i < 300; ++i) sessions.push_back(store.load(std::to_string(i)));
    const std::uint64_t records = store.records();
    constexpr int kIntervals = 20;
    for (int step = 0; step < kIntervals * 10; ++step) {
      store.advance(interval / 10);
      for (Session& session : sessions) ASSERT_TRUE(session.touch().has_value());
      store->run_duties();
    }
    const std::uint64_t logged = store.records() - records;
    EXPECT_LE(logged, std::uint64_t{kIntervals}) << "one record for all sessions";
    EXPECT_GE(logged, std::uint64_t{kIntervals - 1});
  }
}

TEST(Touches, AreNotLoggedForSessionsThatWereChangedOrLeftAlone) {
  DrivenStore store;
  Session changed = store.load("changed");
  store.load("alone");
  store.advance(120s);
  ASSERT_TRUE(changed.set("k", 1).has_value());
  const std::uint64_t records = store.records();
  store->run_duties();
  store.advance(120s);
  store->run_duties();
  EXPECT_EQ(store.records(), records);
}

TEST(Touches, AreLoggedOfNoSessionTwiceForOneUse) {
  DrivenStore store;
  Session often = store.load("often");
  Session once = store.load("once");
  store.advance(30s);
  ASSERT_TRUE(once.touch().has_value());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(often.touch().has_value());
    store.advance(60s);
    store->run_duties();
  }
  store.close();
  std::map<Digest, int> logged;
  ASSERT_TRUE(store.for_each_record([&](const scf::Record& record) {
    if (record.op != scf::Op::touch) return;
    const auto touches = scf::parse_touches(record.data).value();
    for (const scf::Touch& touch : touches) ++logged[touch.sid];
  }));
  EXPECT_EQ(logged[digest_of("once")], 1);
  EXPECT_EQ(logged[digest_of("often")], 5);
}

TEST(Touches, AreKeptByAClose) {
  DrivenStore store{{.idle_timeout = 1000s}};
  Session a = store.load("a");
  Session b = store.load("b");
  ASSERT_TRUE(store->change_id("b", "c").has_value());
  const TimePoint start = store.now();
  store.advance(1234ms);
  ASSERT_TRUE(a.touch().has_value());
  store.advance(1ms);
  ASSERT_TRUE(b.touch().has_value());
  store.advance(100s);
  store.reopen({.idle_timeout = 1000s});
  std::set<std::chrono::milliseconds> accessed;
  ASSERT_TRUE(store
                  ->for_each([&](Session& s) {
                    accessed.insert(s.last_access().value() - start);
                    EXPECT_EQ(s.created_at().value(), start);
                    return true;
                  })
                  .has_value());
  EXPECT_THAT(accessed, ElementsAre(1234ms, 1235ms));
}

TEST(Touches, ThatACrashLosesMakeADeadlineLateByNoMoreThanOneInterval) {
  const struct {
    std::chrono::seconds idle;
    milliseconds bound;
  } cases[] = {{24h, 60s}, {600s, 60s}, {100s, 10s}, {10s, 1s}};
  for (const auto& [idle, bound] : cases) {
    const Params params{.idle_timeout = idle};
    for (int crash_after = 0; crash_after < 40; ++crash_after) {
      SCOPED_TRACE(std::to_string(idle.count()) + " s idle, crash after " +
                   std::to_string(crash_after));
      DrivenStore store{params};
      Session session = store.load("a");
      for (int step = 0; step < crash_after; ++step) {
        store.advance(bound / 13);
        if (step % 3 != 2) static_cast<void>(session.touch());
        store->run_duties();
      }
      const TimePoint due = *session.expires_at().value();
      store.kill_and_reopen(params);
      TimePoint now_due{};
      ASSERT_TRUE(store
                      ->for_each([&](Session& s) {
                        now_due = *s.expires_at().value();
                        return true;
                      })
                      .has_value());
      EXPECT_GE(now_due, due) << "nobody is logged out early";
      EXPECT_LE(now_due, due + bound);
    }
  }
}

TEST(Touches, ThatACrashLosesDoNotMoveTheAbsoluteDeadline) {
  const Params params{.idle_timeout = 100s, .absolute_timeout = 50s};
  DrivenStore store{params};
  Session session = store.load("a");
  const TimePoint start = store.now();
  store.advance(40s);
  ASSERT_TRUE(session.touch().has_value());
  store.kill_and_reopen(params);
  ASSERT_TRUE(store->exists("a"));
  EXPECT_EQ(store.load("a").expires_at().value(), start + 50s);
  store.advance(10s);
  EXPECT_FALSE(store->exists("a"));
}

TEST(Touches, AreNotMadeUpByOneCrashAfterAnother) {
  const Params params{.idle_timeout = 100s};
  DrivenStore store{params};
  const TimePoint due = *store.load("a").expires_at().value();
  for (int crash = 0; crash < 20; ++crash) {
    store.advance(11s);
    store->run_duties();
    store.kill_and_reopen(params);
  }
  ASSERT_GT(store.now(), due + 100s);
  EXPECT_FALSE(store->exists("a")) << "nobody has used it since";
}

TEST(Touches, SurviveAChangeOfIdInTheSameInterval) {
  const Params params{.idle_timeout = 100s};
  DrivenStore store{params};
  Session session = store.load("a");
  store.advance(9s);
  ASSERT_TRUE(session.touch().has_value());
  const TimePoint due = *session.expires_at().value();
  ASSERT_TRUE(store->change_id("a", "b").has_value());
  store->run_duties();
  store.reopen(params);
  EXPECT_EQ(*store->find("b").value()->info()->expires_at - store.now(), 100s)
      << "find is an access";
  store.reopen(params);
  store.advance(1s);
  EXPECT_GE(*store.load("b").expires_at().value(), due);
}

// --- S10: time does not run backwards

TEST(Time, StandsStillWhileTheClockIsBehind) {
  for (const bool logged : {true, false}) {
    DrivenStore store{{.idle_timeout = 100s}, logged};
    const TimePoint start = store.now();
    Session a = store.load("a");
    store.advance(-1h);
    Session b = store.load("b");
    EXPECT_EQ(b.created_at().value(), start);
    EXPECT_EQ(b.expires_at().value(), start + 100s);
    ASSERT_TRUE(a.touch().has_value());
    EXPECT_EQ(a.last_access().value(), start);
    store.advance(1h + 100s - 1ms);
    EXPECT_TRUE(store->exists("a"));
    store.advance(1ms);
    EXPECT_FALSE(store->exists("a"));
    store.advance(-1h);
    EXPECT_FALSE(store->exists("a")) << "what was past its deadline stays so";
  }
}

// The excuse that a crash gives everybody must not undo a logout.
TEST(Expiry, ASessionDestroyedAfterItsDeadlineStaysDestroyedOverACrash) {
  const Params params{.idle_timeout = 600s};
  for (const bool by_handle : {false, true}) {
    DrivenStore store{params};
    auto session = store.load("a");
    ASSERT_TRUE(session.set("k", 1).has_value());
    store.advance(601s);
    ASSERT_TRUE((by_handle ? session.destroy() : store->destroy("a")).has_value());
    store.kill_and_reopen({});
    EXPECT_FALSE(store->exists("a"));
  }
}

TEST(Gc, OfManyCostsWhatItRemoves) {
  DrivenStore store{{}, false};
  constexpr std::size_t kMany = 200'000;  // hours, if each removal cost in proportion to the others
  for (std::size_t i = 0; i < kMany; ++i) store.load(std::to_string(i));
  store.advance(10s);
  EXPECT_EQ(store->gc(5s).value(), kMany);
}

TEST(Time, DoesNotRunBackwardsOverARestart) {
  for (const bool killed : {false, true}) {
    const Params params{.idle_timeout = 100s};
    DrivenStore store{params};
    store.load("a");
    store.advance(50s);
    ASSERT_TRUE(store.load("a").set("k", 1).has_value());
    const TimePoint last = store.now();
    store.advance(-24h);
    killed ? store.kill_and_reopen(params) : store.reopen(params);
    EXPECT_EQ(store.load("b").created_at().value(), last);
    EXPECT_GE(store.load("a").last_access().value(), last);
    ASSERT_TRUE(store.load("b").set("k", 1).has_value());
    store.reopen(params);
    EXPECT_EQ(store.load("b").created_at().value(), last);
  }
}

TEST(Time, MayJumpFarAhead) {
  DrivenStore store{{.idle_timeout = 24h * 365 * 100, .absolute_timeout = 24h * 365 * 100}};
  store.load("a");
  store.advance(24h * 365 * 99);
  EXPECT_TRUE(store->exists("a"));
  store.advance(24h * 365);
  EXPECT_FALSE(store->exists("a"));
  store->run_duties();
  EXPECT_EQ(store->stats()->expired, 1U);
}

}  // namespace
}  // namespace hybrid::testing
