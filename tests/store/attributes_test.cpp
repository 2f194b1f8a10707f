// What a session has beside its keys: that it is obeyed, kept and logged; and sessions that are made with what is in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "testing/outcome.hpp"
#include "testing/store_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string encoded(const auto& value) {
  Buffer buffer;
  Encoder out{buffer};
  encode(out, value);
  return std::string{buffer.view()};
}

// --- Attribute::deadline

TEST(Deadline, CanBeMovedAndTakenAway) {
  DrivenStore store;
  Session session = store.load("a");
  EXPECT_EQ(session.expires_at().value(), std::nullopt);
  const TimePoint start = store.now();
  ASSERT_EQ(outcome(session.set(Attribute::deadline, start + 10s)), "fine");
  EXPECT_EQ(session.expires_at().value(), start + 10s);
  store.advance(9s);
  ASSERT_EQ(outcome(session.set(Attribute::deadline, start + 20s)), "fine");
  store.advance(10s);
  store->run_duties();
  EXPECT_TRUE(store->exists("a"));
  ASSERT_EQ(outcome(session.erase(Attribute::deadline)), "fine");
  EXPECT_EQ(session.expires_at().value(), std::nullopt);
  store.advance(1h);
  store->run_duties();
  EXPECT_TRUE(store->exists("a"));
}

TEST(Deadline, IsOneOfThree) {
  DrivenStore store{{.idle_timeout = 30s, .absolute_timeout = 50s}};
  Session session = store.load("a");
  const TimePoint start = store.now();
  ASSERT_EQ(outcome(session.set(Attribute::deadline, start + 40s)), "fine");
  EXPECT_EQ(session.expires_at().value(), start + 30s);
  store.advance(20s);
  ASSERT_EQ(outcome(session.touch()), "fine");
  EXPECT_EQ(session.expires_at().value(), start + 40s);
  ASSERT_EQ(outcome(session.set(Attribute::deadline, start + 60s)), "fine");
  EXPECT_EQ(session.expires_at().value(), start + 50s);
}

TEST(Deadline, MustBeATime) {
  DrivenStore store;
  Session session = store.load("a");
  EXPECT_EQ(outcome(session.set(Attribute::deadline, "tomorrow")), "invalid_argument");
  EXPECT_EQ(outcome(session.set(Attribute::deadline, -1)), "invalid_argument");
  EXPECT_EQ(outcome(session.set(Attribute::deadline, std::int64_t{1} << 62)), "invalid_argument");
  EXPECT_EQ(session.version().value(), 0U);
}

TEST(Deadline, SurvivesAnEndOfTheProcessAndCleaning) {
  const struct {
    const char* name;
    std::function<void(DrivenStore&)> happens;
  } cases[] = {
      {"close", [](DrivenStore& s) { s.reopen(); }},
      {"kill", [](DrivenStore& s) { s.kill_and_reopen(); }},
      {"compact",
       [](DrivenStore& s) {
         EXPECT_EQ(outcome(s->compact()), "fine");
         s.reopen();
       }},
      {"change_id",
       [](DrivenStore& s) {
         EXPECT_EQ(outcome(s->change_id("a", "b")), "fine");
         EXPECT_EQ(outcome(s->change_id("b", "a")), "fine");
         s.reopen();
       }},
  };
  for (const auto& [name, happens] : cases) {
    SCOPED_TRACE(name);
    DrivenStore store;
    const TimePoint end = store.now() + 10s;
    ASSERT_EQ(outcome(store.load("a").set(Attribute::deadline, end)), "fine");
    ASSERT_EQ(outcome(store.load("b and c").set(Attribute::deadline, end)), "fine");
    ASSERT_EQ(outcome(store.load("b and c").erase(Attribute::deadline)), "fine");
    happens(store);
    EXPECT_EQ(store.load("a").expires_at().value(), end);
    EXPECT_EQ(store.load("b and c").expires_at().value(), std::nullopt);
    store.advance(10s);
    EXPECT_FALSE(store->exists("a"));
    store->run_duties();
    EXPECT_EQ(store->stats()->expired, 1U);
    EXPECT_TRUE(store->exists("b and c"));
  }
}

TEST(Deadline, IsNotInheritedByWhoComesNext) {
  DrivenStore store;
  ASSERT_EQ(outcome(store.load("a").set(Attribute::deadline, store.now() + 10s)), "fine");
  ASSERT_EQ(outcome(store->destroy("a")), "fine");
  EXPECT_EQ(store.load("a").expires_at().value(), std::nullopt);
  store.advance(1h);
  store->run_duties();
  EXPECT_TRUE(store->exists("a"));
}

// Of many sessions with deadlines all over, each goes at its own, by sweeps that look at few chunks.
TEST(Deadline, IsSweptAtItsTime) {
  constexpr int kSessions = 2000;
  DrivenStore store;
  const TimePoint start = store.now();
  for (int i = 0; i < kSessions; ++i) {
    const auto end = start + std::chrono::seconds{1 + i * 7919 % kSessions};
    ASSERT_EQ(outcome(store.load(std::to_string(i)).set(Attribute::deadline, end)), "fine");
  }
  for (int second = 0; second < kSessions; second += 100) {
    EXPECT_EQ(store->size().value(), static_cast<std::size_t>(kSessions - second));
    store->run_duties();
    EXPECT_EQ(store->stats()->expired, static_cast<std::size_t>(second));
    EXPECT_EQ(store->stats()->deadlines, static_cast<std::size_t>(kSessions - second));
    store.advance(100s);
  }
}

// --- All attributes

TEST(Attributes, AreNoKeys) {
  DrivenStore store;
  Session session = store.load("a");
  ASSERT_EQ(outcome(session.set("k", 1)), "fine");
  ASSERT_EQ(outcome(session.set(Attribute::served, "name")), "fine");
  ASSERT_EQ(outcome(session.set(Attribute::deadline, store.now() + 10s)), "fine");
  const auto look = [](const Session& seen) {
    std::vector<std::string> keys;
    const std::vector<Value> listed = seen.keys().value();
    for (const Value& key : listed) keys.push_back(key.as<std::string>().value());
    EXPECT_THAT(keys, ElementsAre("k"));
    int visited = 0;
    EXPECT_EQ(outcome(seen.for_each([&](const Value&, const Value&) { ++visited; })), "fine");
    EXPECT_EQ(visited, 1);
    EXPECT_EQ(seen.info()->keys, 1U);
    EXPECT_EQ(seen.get<std::string>(Attribute::served).value(), "name");
  };
  look(session);
  ASSERT_EQ(outcome(session.update(look)), "fine");
}

TEST(Attributes, AreKeptByAClear) {
  const struct {
    const char* name;
    std::function<Result<void>(Session&)> clear;
  } cases[] = {
      {"clear", [](Session& s) { return s.clear(); }},
      {"in an update", [](Session& s) { return s.update([](Session& v) { return v.clear(); }); }},
      {"in an update that sets it first",
       [](Session& s) {
         return s.update([](Session& v) -> Result<void> {
           if (auto set = v.set(Attribute::served, "name"); !set) return set;
           return v.clear();
         });
       }},
      {"in an update that sets it afterwards",
       [](Session& s) {
         return s.update([](Session& v) -> Result<void> {
           if (auto cleared = v.clear(); !cleared) return cleared;
           EXPECT_EQ(v.get<std::string>(Attribute::served).value(), "served");
           return v.set(Attribute::served, "name");
         });
       }},
  };
  for (const auto& [name, clear] : cases) {
    SCOPED_TRACE(name);
    DrivenStore store;
    Session session = store.load("a");
    const TimePoint end = store.now() + 10s;
    ASSERT_EQ(outcome(session.set("k", 1)), "fine");
    ASSERT_EQ(outcome(session.set(Attribute::served, "served")), "fine");
    ASSERT_EQ(outcome(session.set(Attribute::deadline, end)), "fine");
    ASSERT_EQ(outcome(clear(session)), "fine");
    const auto look = [&] {
      const Session seen = store.load("a");
      EXPECT_THAT(seen.keys().value(), IsEmpty());
      EXPECT_THAT(seen.get<std::string>(Attribute::served).value()->substr(0, 1),
                  ::testing::AnyOf("s", "n"));
      EXPECT_EQ(seen.expires_at().value(), end);
    };
    look();
    const auto served = session.get<std::string>(Attribute::served).value();
    EXPECT_EQ(served, std::string_view{name}.contains("sets") ? "name" : "served");
    store.kill_and_reopen();
    look();
    EXPECT_EQ(store.load("a").get<std::string>(Attribute::served).value(), served);
  }
}

TEST(Attributes, OfAnErasedOneNothingComesBack) {
  DrivenStore store;
  Session session = store.load("a");
  ASSERT_EQ(outcome(session.set(Attribute::deadline, store.now() + 10s)), "fine");
  ASSERT_EQ(outcome(session.update([](Session& v) -> Result<void> {
              if (auto erased = v.erase(Attribute::deadline); !erased) return erased;
              return v.clear();
            })),
            "fine");
  EXPECT_EQ(session.expires_at().value(), std::nullopt);
}

TEST(Attributes, OfAnErasedOneNothingComesBackBesideKeysThatAreCleared) {
  DrivenStore store;
  Session session = store.load("a");
  ASSERT_EQ(outcome(session.set("key", 1)), "fine");
  ASSERT_EQ(outcome(session.set(Attribute::deadline, store.now() + 10s)), "fine");
  ASSERT_EQ(outcome(session.set(Attribute::served, "before")), "fine");
  ASSERT_EQ(outcome(session.update([](Session& v) -> Result<void> {
              if (auto cleared = v.clear(); !cleared) return cleared;
              if (auto set = v.set(Attribute::served, "after"); !set) return set;
              return v.erase(Attribute::deadline);
            })),
            "fine");
  EXPECT_EQ(session.expires_at().value(), std::nullopt);
  store.reopen();
  Session again = store.load("a");
  EXPECT_EQ(again.expires_at().value(), std::nullopt);
  EXPECT_EQ(again.get<std::string>(Attribute::served).value(), "after");
  EXPECT_EQ(again.get<int>("key").value(), std::nullopt);
}

TEST(Attributes, NameTheSessionThatExpires) {
  DrivenStore store;
  ASSERT_EQ(outcome(store.load("a").set(Attribute::served, "name")), "fine");
  ASSERT_EQ(outcome(store.load("a").set(Attribute::deadline, store.now() + 10s)), "fine");
  ASSERT_EQ(outcome(store.load("b").set(Attribute::deadline, store.now() + 10s)), "fine");
  std::multiset<std::string> names;
  ASSERT_EQ(outcome(store->on_event([&](const Event& event) {
              if (event.kind == Event::Kind::expired) names.emplace(event.served);
            })),
            "fine");
  store.advance(10s);
  store->run_duties();
  EXPECT_THAT(names, ElementsAre("", encoded("name")));
}

// --- put

TEST(Put, MakesASessionWithWhatIsInItByOneRecord) {
  DrivenStore store;
  const TimePoint end = store.now() + 10s;
  const std::string key = encoded("k");
  const std::string value = encoded(1);
  const std::string deadline_key = encoded(Attribute::deadline);
  const std::string deadline = encoded(end);
  const Change changes[] = {{.key = key, .value = value}, {.key = deadline_key, .value = deadline}};
  const Session made = store->put("a", changes).value();
  EXPECT_EQ(store.records(), 1U);
  EXPECT_EQ(made.version().value(), 1U);
  store.kill_and_reopen();
  const Session found = store->find("a").value().value();
  EXPECT_EQ(found.get<int>("k").value(), 1);
  EXPECT_EQ(found.expires_at().value(), end);
  EXPECT_EQ(found.version().value(), 1U);
  EXPECT_EQ(store->size().value(), 1U);
}

TEST(Put, ChangesTheSessionThatLives) {
  DrivenStore store;
  Session session = store.load("a");
  ASSERT_EQ(outcome(session.set("other", 2)), "fine");
  const std::string key = encoded("k");
  const std::string value = encoded(1);
  const Change change{.key = key, .value = value};
  ASSERT_EQ(outcome(store->put("a", {&change, 1})), "fine");
  EXPECT_EQ(session.get<int>("k").value(), 1);
  EXPECT_EQ(session.get<int>("other").value(), 2);
  EXPECT_EQ(session.version().value(), 2U);
}

TEST(Put, MakesNothingOfChangesThatAreRefused) {
  DrivenStore store;
  const std::string key = encoded("k");
  const std::string large = encoded(std::string(kValueBytesMax + 1, 'v'));
  const Change change{.key = key, .value = large};
  EXPECT_EQ(outcome(store->put("a", {&change, 1})), "too_large");
  EXPECT_FALSE(store->exists("a"));
  EXPECT_EQ(store.records(), 0U);
  EXPECT_EQ(store->size().value(), 0U);
}

TEST(Put, ReplacesASessionThatHasExpired) {
  DrivenStore store;
  ASSERT_EQ(outcome(store.load("a").set("before", 1)), "fine");
  ASSERT_EQ(outcome(store.load("a").set(Attribute::deadline, store.now() + 10s)), "fine");
  store.advance(10s);
  const std::string key = encoded("k");
  const std::string value = encoded(1);
  const Change change{.key = key, .value = value};
  const Session made = store->put("a", {&change, 1}).value();
  EXPECT_EQ(made.info()->keys, 1U);
  EXPECT_EQ(made.expires_at().value(), std::nullopt);
}

// --- scan

TEST(Scan, ReturnsWhatLivesThroughout) {
  DrivenStore store;
  std::set<int> expected;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(outcome(store.load(std::to_string(i)).set("i", i)), "fine");
    if (i % 3 != 0) expected.insert(i);
  }
  for (const std::size_t places : {1U, 7U, 256U, 100000U}) {
    std::set<int> seen;
    std::uint64_t cursor = 0;
    int come_and_go = 1000;
    do {
      cursor = store
                   ->scan(cursor, places,
                          [&](Session& session) {
                            if (const auto i = session.get<int>("i").value()) seen.insert(*i);
                          })
                   .value();
      // Others come, go and change their ids meanwhile.
      if (come_and_go % 100 == 0) store.load(std::to_string(come_and_go));
      EXPECT_EQ(outcome(store->destroy(std::to_string(come_and_go / 2 * 3 % 1000 / 3 * 3))),
                "fine");
      const std::string id = std::to_string(come_and_go * 3 % 1000 / 3 * 3 + 1);
      EXPECT_EQ(outcome(store->change_id(id, "renamed")), "fine");
      EXPECT_EQ(outcome(store->change_id("renamed", id)), "fine");
      ++come_and_go;
    } while (cursor != 0);
    EXPECT_TRUE(std::ranges::includes(seen, expected)) << places;
  }
  EXPECT_EQ(store->scan(~std::uint64_t{0}, 10, [](Session&) { FAIL(); }).value(), 0U);
}

}  // namespace
}  // namespace hybrid::testing
