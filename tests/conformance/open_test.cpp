// Opening, closing and opening again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/store.hpp"
#include "testing/outcome.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Open, UnderstandsTheseUrls) {
  const TempDirectory directory;
  const std::string base = directory.path();
  std::ofstream{base + "/file"} << "x";
  std::filesystem::create_directory(base + "/photos");
  std::ofstream{base + "/photos/1.jpg"} << "x";
  const struct {
    std::string url, expected;
  } cases[] = {
      {"memory:", "fine"},
      {"memory:x", "invalid_argument"},
      {base + "/a", "fine"},
      {base + "/b/", "fine"},
      {base + "/c///", "fine"},
      {"file:" + base + "/d", "fine"},
      {base + "/e:f", "fine"},
      {base + "/missing/a", "not_found"},
      {base + "/file", "invalid_argument"},
      {base + "/photos", "invalid_argument"},
      {"", "invalid_argument"},
      {"file:", "invalid_argument"},
      {std::string("x\0y", 3), "invalid_argument"},
      {"redi://localhost", "invalid_argument"},
      {"http://localhost/", "invalid_argument"},
  };
  for (const auto& [url, expected] : cases) EXPECT_EQ(outcome(open(url)), expected) << url;
  EXPECT_FALSE(std::filesystem::exists(base + "/photos/lock")) << "left as it was";
}

TEST(Open, RefusesParamsOutOfRangeAndMakesNothing) {
  const TempDirectory directory;
  EXPECT_EQ(outcome(open(directory.path() + "/a", {.sync_interval = 0ms})), "invalid_argument");
  EXPECT_EQ(outcome(open("memory:", {.idle_timeout = -1s})), "invalid_argument");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/a"));
}

TEST(Open, GivesAStoreToOneOpenerAtATime) {
  const TempDirectory directory;
  auto first = open(directory.path());
  ASSERT_EQ(outcome(first), "fine");
  const auto second = open("file:" + directory.path() + "/");
  ASSERT_EQ(outcome(second), "locked");
  EXPECT_THAT(second.error().message(), HasSubstr(directory.path()));
  EXPECT_EQ(outcome((*first)->init("a")), "fine");
  first->reset();
  EXPECT_TRUE(open(directory.path()).value()->exists("a"));
}

TEST(Open, FindsEverythingAgainAfterAClose) {
  for (const Durability durability :
       {Durability::always, Durability::interval, Durability::os, Durability::none}) {
    const TempDirectory directory;
    const Params params{.durability = durability};
    const std::string large(100'000, 'v');
    SessionInfo before;
    {
      const auto store = open(directory.path(), params).value();
      for (int i = 0; i < 300; ++i) {
        Session session = store->init("s" + std::to_string(i)).value();
        ASSERT_EQ(outcome(session.set("number", i)), "fine");
        ASSERT_EQ(outcome(session.set("gone", i)), "fine");
        if (i % 50 != 0) continue;
        ASSERT_EQ(outcome(session.set("large", large)), "fine");
      }
      for (int i = 0; i < 300; ++i) {
        const std::string sid = "s" + std::to_string(i);
        ASSERT_EQ(outcome(store->find(sid).value()->erase("gone")), "fine");
        const auto ended = i % 3 == 1   ? store->destroy(sid)
                           : i % 3 == 2 ? store->change_id(sid, "new" + sid)
                                        : Result<void>{};
        ASSERT_EQ(outcome(ended), "fine");
      }
      before = store->find("s150").value()->info().value();
    }
    const auto store = open(directory.path(), params).value();
    EXPECT_EQ(store->size().value(), 200U);
    for (int i = 0; i < 300; ++i) {
      const std::string sid = (i % 3 == 2 ? "news" : "s") + std::to_string(i);
      const auto found = store->find(sid).value();
      ASSERT_EQ(found.has_value(), i % 3 != 1) << sid;
      if (!found) continue;
      EXPECT_EQ(found->get<int>("number").value(), i);
      EXPECT_FALSE(found->contains("gone").value());
      EXPECT_EQ(found->contains("large").value(), i % 50 == 0);
    }
    const SessionInfo after = store->find("s150").value()->info().value();
    EXPECT_EQ(after.version, before.version);
    EXPECT_EQ(after.created_at, before.created_at);
    EXPECT_EQ(after.keys, before.keys);
    EXPECT_EQ(after.bytes, before.bytes);
    EXPECT_GE(after.last_access, before.last_access);
    const RecoveryReport report = store->stats()->recovery;
    EXPECT_TRUE(report.clean_close);
    EXPECT_EQ(report.sessions, 200U);
    EXPECT_EQ(report.bytes_cut, 0U);
    EXPECT_EQ(report.records_rewritten, 0U);
  }
}

TEST(Open, TakesChangesOfAStoreThatWasOpenedManyTimes) {
  const TempDirectory directory;
  for (int run = 0; run < 10; ++run) {
    const auto store = open(directory.path()).value();
    Session session = store->load("s").value();
    EXPECT_EQ(session.get<int>("runs").value().value_or(0), run);
    ASSERT_EQ(outcome(run % 3 == 1 ? Result<void>{} : store->flush()), "fine");
    ASSERT_EQ(outcome(session.set("runs", run + 1)), "fine");
  }
}

TEST(Open, FindsTheLargestUpdateAgainThoughItIsLargerThanASegment) {
  const TempDirectory directory;
  const Params params{.segment_bytes = 1 << 20};
  const std::string large(kValueBytesMax - 100, 'v');
  {
    const auto store = open(directory.path(), params).value();
    Session session = store->load("s").value();
    for (int round = 0; round < 2; ++round) {
      ASSERT_EQ(outcome(session.update([&](Session& view) {
                  for (int i = 0; i < 4; ++i)
                    EXPECT_EQ(outcome(view.set(i, large + std::to_string(round))), "fine");
                })),
                "fine");
      ASSERT_EQ(outcome(session.set("small", round)), "fine");
    }
  }
  const auto store = open(directory.path(), params).value();
  Session session = store->load("s").value();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(session.get<std::string>(i).value(), large + "1");
  EXPECT_EQ(session.get<int>("small").value(), 1);
}

// What no MessagePack value is must not get into the log, since the store could not be opened any more.
TEST(Open, SucceedsWhateverAValueHeld) {
  const std::string_view junk[] = {"",     "\xc1",      "\xd9", "\xda\x01", "\xdb\xff\xff\xff\xff",
                                   "\xc6", "two values"};
  for (const std::string_view bytes : junk) {
    const TempDirectory directory;
    std::string as_value;
    std::string as_key;
    {
      const auto store = open(directory.path()).value();
      Session session = store->load("s").value();
      as_value = outcome(session.set("k", Value{bytes}));
      as_key = outcome(session.set(Value{bytes}, "v"));
      ASSERT_EQ(outcome(session.set("after", 1)), "fine");
    }
    EXPECT_EQ(as_value, "invalid_argument") << ::testing::PrintToString(bytes);
    EXPECT_EQ(as_key, "invalid_argument") << ::testing::PrintToString(bytes);
    const auto again = open(directory.path());
    ASSERT_EQ(outcome(again), "fine") << again.error().message();
    EXPECT_EQ((*again)->load("s")->get<int>("after").value(), 1);
  }
}

// store.hpp: after close() every call but the destructor is `unavailable`.
TEST(Closed, MakesEveryCallUnavailable) {
  for (const bool logged : {true, false}) {
    const TempDirectory directory;
    const std::unique_ptr<store::EmbeddedStore> store =
        store::EmbeddedStore::open({.files = logged ? &io::posix_file_system() : nullptr,
                                    .directory = directory.path(),
                                    .background = false})
            .value();
    Session session = store->load("a").value();
    ASSERT_EQ(outcome(store->close()), "fine");
    EXPECT_EQ(outcome(store->close()), "fine");
    const struct {
      const char* name;
      std::string got;
    } calls[] = {
        {"session.set", outcome(session.set("k", 1))},
        {"session.get", outcome(session.get<int>("k"))},
        {"init", outcome(store->init("b"))},
        {"load", outcome(store->load("a"))},
        {"find", outcome(store->find("a"))},
        {"destroy", outcome(store->destroy("a"))},
        {"change_id", outcome(store->change_id("a", "b"))},
        {"gc", outcome(store->gc(1h))},
        {"flush", outcome(store->flush())},
        {"for_each", outcome(store->for_each([](Session&) { return true; }))},
    };
    for (const auto& [name, got] : calls) EXPECT_EQ(got, "unavailable") << name;
    EXPECT_FALSE(store->exists("a"));
  }
}

}  // namespace
}  // namespace hybrid::testing
