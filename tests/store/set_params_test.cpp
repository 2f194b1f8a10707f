// set_params: what may be changed while a store is open, and how soon that shows.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "testing/outcome.hpp"
#include "testing/store_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

struct ParamsCase {
  const char* name;
  Params params;
  std::string on_open;
  std::string on_running;  // a store of the default params
};

const ParamsCase kParamsCases[] = {
    {"the same", {}, "fine", "fine"},
    {"always", {.durability = Durability::always}, "fine", "fine"},
    {"os", {.durability = Durability::os}, "fine", "fine"},
    {"none", {.durability = Durability::none}, "fine", "invalid_argument"},
    {"no durability",
     {.durability = static_cast<Durability>(9)},
     "invalid_argument",
     "invalid_argument"},
    {"the shortest interval", {.sync_interval = 1ms}, "fine", "fine"},
    {"the longest interval", {.sync_interval = 1h}, "fine", "fine"},
    {"no interval", {.sync_interval = 0ms}, "invalid_argument", "invalid_argument"},
    {"too long an interval", {.sync_interval = 1h + 1ms}, "invalid_argument", "invalid_argument"},
    {"a negative interval", {.sync_interval = -1ms}, "invalid_argument", "invalid_argument"},
    {"an idle timeout", {.idle_timeout = 1s}, "fine", "fine"},
    {"the longest idle timeout", {.idle_timeout = 24h * 365 * 100}, "fine", "fine"},
    {"too long an idle timeout",
     {.idle_timeout = 24h * 365 * 100 + 1s},
     "invalid_argument",
     "invalid_argument"},
    {"a huge idle timeout",
     {.idle_timeout = std::chrono::seconds::max()},
     "invalid_argument",
     "invalid_argument"},
    {"a negative idle timeout", {.idle_timeout = -1s}, "invalid_argument", "invalid_argument"},
    {"the longest absolute timeout", {.absolute_timeout = 24h * 365 * 100}, "fine", "fine"},
    {"too long an absolute timeout",
     {.absolute_timeout = 24h * 365 * 100 + 1s},
     "invalid_argument",
     "invalid_argument"},
    {"a negative absolute timeout",
     {.absolute_timeout = -1s},
     "invalid_argument",
     "invalid_argument"},
    {"security ops", {.sync_security_ops = true}, "fine", "fine"},
    {"the smallest segment", {.segment_bytes = 1 << 20}, "fine", "invalid_argument"},
    {"the largest segment", {.segment_bytes = 1 << 30}, "fine", "invalid_argument"},
    {"too small a segment",
     {.segment_bytes = (1 << 20) - 1},
     "invalid_argument",
     "invalid_argument"},
    {"too large a segment",
     {.segment_bytes = (1 << 30) + 1},
     "invalid_argument",
     "invalid_argument"},
};

TEST(SetParams, ChangesWhatMayChangeWhileRunning) {
  for (const ParamsCase& row : kParamsCases) {
    FaultFileSystem files;
    const auto opened = store::EmbeddedStore::open(
        {.params = row.params, .files = &files, .directory = "sessions", .background = false});
    EXPECT_EQ(outcome(opened), row.on_open) << row.name;
    DrivenStore running;
    EXPECT_EQ(outcome(running->set_params(row.params)), row.on_running) << row.name;
    EXPECT_EQ(outcome(running.load("a").set("k", 1)), "fine");
  }
}

TEST(SetParams, ChangesNothingWhenItRefuses) {
  DrivenStore store;
  store.load("a");
  store.advance(1h);
  EXPECT_EQ(outcome(store->set_params({.idle_timeout = 1s, .segment_bytes = 1 << 20})),
            "invalid_argument");
  EXPECT_EQ(outcome(store->set_params({.durability = Durability::none, .absolute_timeout = 1s})),
            "invalid_argument");
  EXPECT_TRUE(store->exists("a"));
  EXPECT_EQ(store.load("a").expires_at().value(), std::nullopt);
}

TEST(SetParams, AppliesTimeoutsAtOnce) {
  DrivenStore store;
  Session session = store.load("a");
  store.advance(10s);
  ASSERT_TRUE(store->set_params({.idle_timeout = 20s}).has_value());
  EXPECT_EQ(session.expires_at().value(), store.now() + 10s);
  ASSERT_TRUE(store->set_params({.idle_timeout = 20s, .absolute_timeout = 15s}).has_value());
  EXPECT_EQ(session.expires_at().value(), store.now() + 5s);
  ASSERT_TRUE(store->set_params({.idle_timeout = 10s}).has_value());
  EXPECT_FALSE(store->exists("a"));
  store->run_duties();
  EXPECT_EQ(store->stats()->expired, 1U);
}

TEST(SetParams, AppliesAShorterTouchIntervalAtOnce) {
  DrivenStore store;
  Session session = store.load("a");
  ASSERT_TRUE(store->set_params({.idle_timeout = 10s}).has_value());
  const std::uint64_t records = store.records();
  ASSERT_TRUE(session.touch().has_value());
  store.advance(1s);
  ASSERT_TRUE(session.touch().has_value());
  store->run_duties();
  EXPECT_EQ(store.records(), records + 1);
}

TEST(SetParams, BringsNoExpiredSessionBack) {
  DrivenStore store{{.idle_timeout = 10s}};
  Session session = store.load("a");
  store.advance(10s);
  ASSERT_FALSE(store->exists("a"));
  ASSERT_TRUE(store->set_params({.idle_timeout = 100s}).has_value());
  EXPECT_FALSE(store->exists("a"));
  EXPECT_EQ(outcome(session.touch()), "session_gone");
}

TEST(SetParams, MakesEachChangeWaitOnceItIsAlways) {
  DrivenStore store;
  Session session = store.load("a");
  const auto waiting = [&] { return store->stats()->last_lsn - store->stats()->durable_lsn; };
  EXPECT_GT(waiting(), 0U);
  ASSERT_TRUE(store->set_params({.durability = Durability::always}).has_value());
  ASSERT_TRUE(session.set("k", 1).has_value());
  EXPECT_EQ(waiting(), 0U);
  ASSERT_TRUE(store->set_params({.durability = Durability::os}).has_value());
  ASSERT_TRUE(session.set("k", 2).has_value());
  for (int i = 0; i < 3; ++i) store->run_duties();
  EXPECT_EQ(waiting(), 1U);
  ASSERT_TRUE(store->set_params({.durability = Durability::interval}).has_value());
  store->run_duties();
  EXPECT_EQ(waiting(), 0U);
}

TEST(SetParams, MakesSecurityOpsDurableAtOnce) {
  for (const bool at_once : {false, true}) {
    DrivenStore store{{.sync_security_ops = at_once}};
    const auto waiting = [&] { return store->stats()->last_lsn - store->stats()->durable_lsn; };
    store.load("a");
    EXPECT_EQ(waiting(), 1U);
    ASSERT_TRUE(store->change_id("a", "b").has_value());
    EXPECT_EQ(waiting(), at_once ? 0U : 2U);
    ASSERT_TRUE(store->destroy("b").has_value());
    EXPECT_EQ(waiting(), at_once ? 0U : 3U);
  }
}

TEST(SetParams, LetsAStoreInMemoryTakeAnyDurability) {
  DrivenStore store{{}, false};
  for (const Durability durability :
       {Durability::none, Durability::always, Durability::os, Durability::interval})
    EXPECT_EQ(outcome(store->set_params({.durability = durability})), "fine");
}

}  // namespace
}  // namespace hybrid::testing
