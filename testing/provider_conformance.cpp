#include "testing/provider_conformance.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "testing/outcome.hpp"

namespace hybrid::testing {

void ProviderConformance::SetUp() {
  auto opened = GetParam().open(directory_.path());
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  store_ = std::move(*opened);
}

std::string name_of_provider(const ::testing::TestParamInfo<ProviderUnderTest>& info) {
  return info.param.name;
}

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A string key's or value's, nothing if absent.
std::optional<std::string> text(const Session& session, std::string_view key) {
  return session.get<std::string>(key).value();
}

void run_in_threads(int count, const std::function<void(int)>& work) {
  std::latch start{count};
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      work(i);
    });
  }
}

// Every call of a handle, by name.
std::vector<std::pair<const char*, std::string>> outcomes_of_all_calls(Session session) {
  return {
      {"set", outcome(session.set("k", 1))},
      {"get", outcome(session.get<int>("k"))},
      {"erase", outcome(session.erase("k"))},
      {"contains", outcome(session.contains("k"))},
      {"take", outcome(session.take<int>("k"))},
      {"clear", outcome(session.clear())},
      {"update", outcome(session.update([](Session& s) { return s.set("k", 2); }))},
      {"update of nothing", outcome(session.update([](Session&) {}))},
      {"version", outcome(session.version())},
      {"set_if_version", outcome(session.set_if_version("k", 1, 0))},
      {"keys", outcome(session.keys())},
      {"for_each", outcome(session.for_each([](const Value&, const Value&) {}))},
      {"created_at", outcome(session.created_at())},
      {"last_access", outcome(session.last_access())},
      {"expires_at", outcome(session.expires_at())},
      {"info", outcome(session.info())},
      {"touch", outcome(session.touch())},
  };
}

void expect_all_calls(const Session& session, std::string_view expected) {
  for (const auto& [call, got] : outcomes_of_all_calls(session)) EXPECT_EQ(got, expected) << call;
}

// --- S1 to S3: making and finding

TEST_P(ProviderConformance, InitRefusesAnIdThatLives) {
  EXPECT_EQ(outcome(store().init(sid())), "fine");
  EXPECT_EQ(outcome(store().init(sid())), "already_exists");
  ASSERT_TRUE(store().destroy(sid()).has_value());
  EXPECT_EQ(outcome(store().init(sid())), "fine");
}

TEST_P(ProviderConformance, InitLetsOneOfManyThreadsIn) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> created{0};
    run_in_threads(4, [&](int) {
      const std::string result = outcome(store().init(sid(std::to_string(round))));
      if (result == "fine")
        ++created;
      else
        EXPECT_EQ(result, "already_exists");
    });
    EXPECT_EQ(created, 1);
  }
}

TEST_P(ProviderConformance, LoadReturnsTheLiveSessionOrMakesOne) {
  Session made = store().load(sid()).value();
  ASSERT_TRUE(made.set("k", "v").has_value());
  EXPECT_EQ(text(store().load(sid()).value(), "k"), "v");
  EXPECT_EQ(made.session_id(), sid());
  EXPECT_TRUE(store().exists(sid()));
}

TEST_P(ProviderConformance, FindAndExistsNeverCreate) {
  EXPECT_FALSE(store().exists(sid()));
  EXPECT_FALSE(store().find(sid()).value().has_value());
  EXPECT_FALSE(store().exists(sid()));
  EXPECT_FALSE(store().find(sid()).value().has_value());
  EXPECT_EQ(outcome(store().init(sid())), "fine");
  EXPECT_TRUE(store().exists(sid()));
  ASSERT_TRUE(store().find(sid()).value().has_value());
  EXPECT_EQ(store().find(sid()).value()->session_id(), sid());
}

TEST_P(ProviderConformance, FindsManyAtOnceAsItFindsEach) {
  std::vector<std::string> ids;
  for (int i = 0; i < 50; ++i) {
    ids.push_back(sid(std::to_string(i)));
    if (i % 3 == 0) continue;
    ASSERT_TRUE(store().init(ids.back())->set("number", i).has_value());
  }
  ids.push_back(ids[1]);  // twice
  const auto found =
      store().find_many(std::vector<std::string_view>{ids.begin(), ids.end()}).value();
  ASSERT_EQ(found.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(found[i].has_value(), store().exists(ids[i])) << i;
    if (!found[i]) continue;
    EXPECT_EQ(found[i]->session_id(), ids[i]);
    EXPECT_EQ(found[i]->get<std::size_t>("number").value(), i == 50 ? 1 : i);
  }
  EXPECT_FALSE(store().exists(ids[0])) << "nothing is created";
  EXPECT_TRUE(store().find_many({})->empty());
}

TEST_P(ProviderConformance, RefusesToFindManyIfOneCannotBe) {
  EXPECT_EQ(outcome(store().init(sid())), "fine");
  const std::string id = sid();
  const std::vector<std::string_view> ids{id, ""};
  EXPECT_EQ(outcome(store().find_many(ids)), "invalid_argument");
}

TEST_P(ProviderConformance, ANewSessionIsEmpty) {
  const Session made = session();
  const SessionInfo info = made.info().value();
  EXPECT_EQ(info.version, 0U);
  EXPECT_EQ(info.keys, 0U);
  EXPECT_EQ(info.bytes, 0U);
  EXPECT_EQ(info.created_at, info.last_access);
  EXPECT_FALSE(info.expires_at.has_value()) << "there is no timeout";
  EXPECT_THAT(made.keys().value(), IsEmpty());
}

// --- Ids

TEST_P(ProviderConformance, TakesIdsOfAnyBytes) {
  const std::vector<std::string> ids = {sid(std::string(1, '\0')),
                                        sid(std::string(2, '\0')),
                                        sid(),
                                        sid("\xff\xfe"),
                                        sid(" "),
                                        sid("\n"),
                                        sid("{}*?[a-z]"),
                                        sid("../x"),
                                        sid("A"),
                                        sid("a"),
                                        sid(std::string(kSidBytesMax - sid().size(), 'x'))};
  for (std::size_t i = 0; i < ids.size(); ++i)
    ASSERT_TRUE(store().init(ids[i]).value().set("number", i).has_value());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = store().find(ids[i]).value();
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->get<std::size_t>("number").value(), i);
    EXPECT_EQ(found->session_id(), ids[i]);
  }
}

TEST_P(ProviderConformance, RefusesIdsThatCannotBe) {
  for (const std::string& bad : {std::string{}, std::string(kSidBytesMax + 1, 'x')}) {
    EXPECT_EQ(outcome(store().init(bad)), "invalid_argument");
    EXPECT_EQ(outcome(store().load(bad)), "invalid_argument");
    EXPECT_EQ(outcome(store().find(bad)), "invalid_argument");
    EXPECT_EQ(outcome(store().destroy(bad)), "invalid_argument");
    EXPECT_EQ(outcome(store().change_id(bad, sid("a"))), "invalid_argument");
    EXPECT_EQ(outcome(store().change_id(sid("a"), bad)), "invalid_argument");
    EXPECT_FALSE(store().exists(bad));
  }
  EXPECT_FALSE(store().exists(sid("a")));
}

// --- S4: destroyed is destroyed

TEST_P(ProviderConformance, DestroyingWhatIsAbsentSucceeds) {
  EXPECT_EQ(outcome(store().destroy(sid())), "fine");
  session();
  EXPECT_EQ(outcome(store().destroy(sid())), "fine");
  EXPECT_EQ(outcome(store().destroy(sid())), "fine");
  EXPECT_FALSE(store().exists(sid()));
}

TEST_P(ProviderConformance, NoHandleBringsADestroyedSessionBack) {
  Session old = session();
  ASSERT_TRUE(old.set("k", 1).has_value());
  ASSERT_TRUE(store().destroy(sid()).has_value());
  expect_all_calls(old, "session_gone");
  EXPECT_FALSE(store().exists(sid()));

  // Nor does it reach the next session of that id.
  const Session next = session();
  expect_all_calls(old, "session_gone");
  EXPECT_THAT(next.keys().value(), IsEmpty());
}

TEST_P(ProviderConformance, NoWriteInFlightBringsADestroyedSessionBack) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = sid(std::to_string(round));
    Session shared = store().load(id).value();
    std::atomic<bool> destroyed{false};
    run_in_threads(3, [&](int thread) {
      if (thread == 0) {
        EXPECT_EQ(outcome(store().destroy(id)), "fine");
        destroyed = true;
        EXPECT_FALSE(store().exists(id));
        return;
      }
      for (;;) {
        const bool was_destroyed = destroyed;
        const std::string got = outcome(shared.set("k", 1));
        EXPECT_TRUE(got == "session_gone" || (got == "fine" && !was_destroyed)) << got;
        if (got != "fine") return;
      }
    });
    EXPECT_FALSE(store().exists(id));
  }
}

// --- S5: another id

TEST_P(ProviderConformance, ChangeIdKeepsEverythingButTheId) {
  Session handle = session("old");
  ASSERT_TRUE(handle.set("k", "v").has_value());
  const SessionInfo before = handle.info().value();
  ASSERT_EQ(outcome(store().change_id(sid("old"), sid("new"))), "fine");
  EXPECT_FALSE(store().exists(sid("old")));
  EXPECT_TRUE(store().exists(sid("new")));
  const Session found = store().find(sid("new")).value().value();
  EXPECT_EQ(text(found, "k"), "v");
  EXPECT_EQ(found.session_id(), sid("new"));
  EXPECT_EQ(found.info()->version, before.version);
  EXPECT_EQ(found.info()->created_at, before.created_at);
  EXPECT_EQ(found.info()->keys, before.keys);
}

TEST_P(ProviderConformance, HandlesFollowAChangeOfId) {
  Session handle = session("a");
  const Session copy = handle;
  for (const auto& [from, to] : {std::pair{"a", "b"}, {"b", "c"}, {"c", "a"}}) {
    ASSERT_EQ(outcome(store().change_id(sid(from), sid(to))), "fine");
    EXPECT_EQ(handle.session_id(), sid(to));
    EXPECT_EQ(copy.session_id(), sid(to));
    ASSERT_EQ(outcome(handle.set("now", to)), "fine");
    EXPECT_EQ(text(store().find(sid(to)).value().value(), "now"), to);
  }
  ASSERT_TRUE(store().destroy(sid("a")).has_value());
  expect_all_calls(handle, "session_gone");
}

TEST_P(ProviderConformance, AnIdThatWasGivenUpIsFree) {
  Session first = session("a");
  ASSERT_TRUE(store().change_id(sid("a"), sid("b")).has_value());
  Session second = store().init(sid("a")).value();
  ASSERT_TRUE(second.set("k", "second").has_value());
  EXPECT_EQ(text(first, "k"), std::nullopt);
  EXPECT_EQ(outcome(store().change_id(sid("b"), sid("a"))), "already_exists");
  ASSERT_TRUE(store().destroy(sid("a")).has_value());
  expect_all_calls(second, "session_gone");
  EXPECT_EQ(outcome(first.set("k", "first")), "fine");
}

TEST_P(ProviderConformance, ChangeIdThatIsRefusedChangesNothing) {
  ASSERT_TRUE(session("a").set("k", "a").has_value());
  ASSERT_TRUE(session("b").set("k", "b").has_value());
  const struct {
    const char* name;
    std::string from, to, expected;
  } cases[] = {
      {"old absent", sid("x"), sid("y"), "not_found"},
      {"old absent, new alive", sid("x"), sid("a"), "not_found"},
      {"new alive", sid("a"), sid("b"), "already_exists"},
      {"the same", sid("a"), sid("a"), "invalid_argument"},
      {"the same and absent", sid("x"), sid("x"), "invalid_argument"},
      {"an empty new one", sid("a"), "", "invalid_argument"},
      {"an empty old one", "", sid("y"), "invalid_argument"},
      {"too long a new one", sid("a"), std::string(kSidBytesMax + 1, 'x'), "invalid_argument"},
  };
  for (const auto& [name, from, to, expected] : cases) {
    EXPECT_EQ(outcome(store().change_id(from, to)), expected) << name;
    EXPECT_EQ(text(session("a"), "k"), "a") << name;
    EXPECT_EQ(text(session("b"), "k"), "b") << name;
    EXPECT_FALSE(store().exists(sid("x"))) << name;
    EXPECT_FALSE(store().exists(sid("y"))) << name;
  }
}

TEST_P(ProviderConformance, AWriteFollowsASessionThatChangesItsIdMeanwhile) {
  Session handle = session("0");
  constexpr int kRounds = 200;
  run_in_threads(3, [&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      if (thread == 0) {
        EXPECT_EQ(outcome(store().change_id(sid(std::to_string(i)), sid(std::to_string(i + 1)))),
                  "fine");
      } else {
        EXPECT_EQ(outcome(handle.set(thread * kRounds + i, i)), "fine");
      }
    }
  });
  EXPECT_EQ(store().find(sid(std::to_string(kRounds))).value()->info()->keys, 2U * kRounds);
}

// --- Keys and values

TEST_P(ProviderConformance, KeepsWhatWasSet) {
  Session s = session();
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}};
  const std::map<std::string, std::vector<int>> map{{"a", {1, 2}}, {"", {}}};
  ASSERT_EQ(outcome(s.set("text", std::string("a\0b", 3))), "fine");
  ASSERT_EQ(outcome(s.set("bytes", bytes)), "fine");
  ASSERT_EQ(outcome(s.set("map", map)), "fine");
  ASSERT_EQ(outcome(s.set("none", std::optional<int>{})), "fine");
  ASSERT_EQ(outcome(s.set("", "an empty key")), "fine");
  EXPECT_EQ(text(s, "text"), std::string("a\0b", 3));
  EXPECT_EQ(s.get<std::vector<std::byte>>("bytes").value(), bytes);
  EXPECT_EQ((s.get<std::map<std::string, std::vector<int>>>("map").value()), map);
  EXPECT_EQ(s.get<std::optional<int>>("none").value(),
            std::optional<std::optional<int>>{std::optional<int>{}});
  EXPECT_EQ(text(s, ""), "an empty key");
  EXPECT_EQ(text(s, "absent"), std::nullopt);
}

TEST_P(ProviderConformance, TellsKeysOfOtherTypesApart) {
  Session s = session();
  ASSERT_TRUE(s.set(1, "integer").has_value());
  ASSERT_TRUE(s.set("1", "text").has_value());
  ASSERT_TRUE(s.set(true, "bool").has_value());
  ASSERT_TRUE(s.set(1.5, "real").has_value());
  ASSERT_TRUE(s.set(std::vector<int>{1}, "array").has_value());
  EXPECT_EQ(s.get<std::string>(std::uint8_t{1}).value(), "integer");
  EXPECT_EQ(s.get<std::string>(std::int64_t{1}).value(), "integer");
  EXPECT_EQ(s.get<std::string>("1").value(), "text");
  EXPECT_EQ(s.get<std::string>(true).value(), "bool");
  EXPECT_EQ(s.get<std::string>(1.5F).value(), "real");
  EXPECT_EQ(s.get<std::string>(std::vector<int>{1}).value(), "array");
  EXPECT_EQ(s.info()->keys, 5U);
}

TEST_P(ProviderConformance, ReplacesAValueByOneOfAnyTypeAndSize) {
  Session s = session();
  for (const std::size_t size : {1U, 1000U, 3U, 100'000U, 0U, 50U}) {
    ASSERT_TRUE(s.set("k", std::string(size, 'x')).has_value());
    EXPECT_EQ(text(s, "k")->size(), size);
  }
  ASSERT_TRUE(s.set("k", 7).has_value());
  EXPECT_EQ(s.get<int>("k").value(), 7);
  EXPECT_EQ(s.info()->keys, 1U);
}

TEST_P(ProviderConformance, RefusesToReadAValueAsWhatItIsNot) {
  Session s = session();
  ASSERT_TRUE(s.set("k", "text").has_value());
  EXPECT_EQ(outcome(s.get<int>("k")), "type_mismatch");
  EXPECT_EQ(outcome(s.take<int>("k")), "type_mismatch");
  EXPECT_EQ(text(s, "k"), "text") << "it stays";
}

TEST_P(ProviderConformance, RefusesANullPointer) {
  Session s = session();
  const char* const null = nullptr;
  EXPECT_EQ(outcome(s.set(null, 1)), "invalid_argument");
  EXPECT_EQ(outcome(s.set("k", null)), "invalid_argument");
  EXPECT_EQ(outcome(s.get<int>(null)), "invalid_argument");
  EXPECT_EQ(outcome(s.erase(null)), "invalid_argument");
  EXPECT_EQ(outcome(s.contains(null)), "invalid_argument");
  EXPECT_EQ(s.version().value(), 0U);
}

TEST_P(ProviderConformance, ErasesAndClears) {
  Session s = session();
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(s.set(key, key).has_value());
  ASSERT_EQ(outcome(s.erase("b")), "fine");
  ASSERT_EQ(outcome(s.erase("absent")), "fine");
  EXPECT_FALSE(s.contains("b").value());
  EXPECT_TRUE(s.contains("a").value());
  ASSERT_EQ(outcome(s.clear()), "fine");
  EXPECT_FALSE(s.contains("a").value());
  EXPECT_EQ(s.info()->keys, 0U);
  EXPECT_TRUE(store().exists(sid())) << "the session lives on";
  ASSERT_TRUE(s.set("a", "again").has_value());
  EXPECT_EQ(text(s, "a"), "again");
}

TEST_P(ProviderConformance, TakesAValueOnce) {
  Session s = session();
  ASSERT_TRUE(s.set("flash", "saved").has_value());
  EXPECT_EQ(s.take<std::string>("flash").value(), "saved");
  EXPECT_EQ(s.take<std::string>("flash").value(), std::nullopt);
  EXPECT_FALSE(s.contains("flash").value());
}

TEST_P(ProviderConformance, GivesAValueToOneOfManyTakers) {
  Session s = session();
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(s.set("token", round).has_value());
    std::atomic<int> taken{0};
    run_in_threads(4, [&](int) {
      const auto token = s.take<int>("token");
      EXPECT_EQ(outcome(token), "fine");
      if (token && *token) ++taken;
    });
    EXPECT_EQ(taken, 1);
  }
}

TEST_P(ProviderConformance, ListsItsKeysAndValues) {
  Session s = session();
  ASSERT_TRUE(s.set("a", 1).has_value());
  ASSERT_TRUE(s.set(2, "two").has_value());
  std::map<std::string, std::string> seen;
  const std::vector<Value> keys = s.keys().value();
  for (const Value& key : keys)
    seen[std::string{key.encoded()}] = s.get<Value>(key).value()->encoded();
  EXPECT_EQ(seen.size(), 2U);
  std::set<int> integers;
  std::set<std::string> texts;
  ASSERT_EQ(outcome(s.for_each([&](const Value& key, const Value& value) {
              EXPECT_EQ(seen[std::string{key.encoded()}], value.encoded());
              if (key.kind() == Kind::string) texts.insert(key.as<std::string>().value());
              if (key.kind() == Kind::integer) integers.insert(key.as<int>().value());
            })),
            "fine");
  EXPECT_THAT(integers, ElementsAre(2));
  EXPECT_THAT(texts, ElementsAre("a"));
}

TEST_P(ProviderConformance, MayBeChangedWhileItsKeysAreVisited) {
  Session s = session();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(s.set(i, i).has_value());
  int visited = 0;
  ASSERT_EQ(outcome(s.for_each([&](const Value& key, const Value&) {
              ++visited;
              EXPECT_EQ(outcome(s.erase(key)), "fine");
              EXPECT_EQ(outcome(s.set("new", visited)), "fine");
            })),
            "fine");
  EXPECT_EQ(visited, 10);
  EXPECT_EQ(s.info()->keys, 1U);
}

// --- Versions

TEST_P(ProviderConformance, RaisesTheVersionByOneWithEachChange) {
  Session s = session();
  const std::function<void()> changes[] = {
      [&] { ASSERT_TRUE(s.set("a", 1).has_value()); },
      [&] { ASSERT_TRUE(s.set("a", 1).has_value()); },
      [&] {
        ASSERT_TRUE(s.update([](Session& v) {
                       ASSERT_TRUE(v.set("b", 1).has_value());
                       ASSERT_TRUE(v.set("c", 1).has_value());
                     }).has_value());
      },
      [&] { ASSERT_TRUE(s.erase("a").has_value()); },
      [&] { ASSERT_TRUE(s.take<int>("b").has_value()); },
      [&] { ASSERT_TRUE(s.clear().has_value()); },
  };
  std::uint64_t expected = 0;
  for (const auto& change : changes) {
    change();
    EXPECT_EQ(s.version().value(), ++expected);
  }
  ASSERT_TRUE(s.erase("absent").has_value());
  ASSERT_TRUE(s.get<int>("absent").has_value());
  EXPECT_EQ(s.version().value(), expected) << "nothing was changed";
}

TEST_P(ProviderConformance, SetsOnlyAtTheVersionThatIsExpected) {
  Session s = session();
  ASSERT_TRUE(s.set("k", "first").has_value());
  const std::uint64_t version = s.version().value();
  EXPECT_EQ(outcome(s.set_if_version("k", "late", version - 1)), "conflict");
  EXPECT_EQ(outcome(s.set_if_version("k", "early", version + 1)), "conflict");
  EXPECT_EQ(text(s, "k"), "first");
  EXPECT_EQ(s.version().value(), version);
  EXPECT_EQ(outcome(s.set_if_version("k", "second", version)), "fine");
  EXPECT_EQ(text(s, "k"), "second");
  EXPECT_EQ(outcome(s.set_if_version("k", "third", version)), "conflict");
}

TEST_P(ProviderConformance, LosesNoCompareAndSet) {
  Session s = session();
  ASSERT_TRUE(s.set("count", 0).has_value());
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  run_in_threads(kThreads, [&](int) {
    for (int i = 0; i < kEach;) {
      const std::uint64_t version = s.version().value();
      const int count = s.get<int>("count").value().value();
      const auto done = s.set_if_version("count", count + 1, version);
      if (done)
        ++i;
      else
        ASSERT_EQ(done.error().code(), Errc::conflict);
    }
  });
  EXPECT_EQ(s.get<int>("count").value(), kThreads * kEach);
}

TEST_P(ProviderConformance, ChangesASessionOnlyUnderTheIdThatIsNamed) {
  Session s = session();
  const std::string old_sid = s.session_id();
  const std::string new_sid = make_session_id();
  const auto set = [&](const std::string& sid, int value,
                       std::optional<std::uint64_t> if_version = std::nullopt) {
    const detail::Encoded key{std::string{"k"}};
    const detail::Encoded encoded{value};
    const Change change{.key = key.view(), .value = encoded.view()};
    return outcome(s.backend()->apply_if_id(sid, {&change, 1}, if_version));
  };
  EXPECT_EQ(set(old_sid, 1), "fine");
  EXPECT_EQ(set(new_sid, 2), "session_gone");
  EXPECT_EQ(s.get<int>("k").value(), 1);
  ASSERT_TRUE(store().change_id(old_sid, new_sid).has_value());
  EXPECT_EQ(set(old_sid, 3), "session_gone");
  EXPECT_EQ(set(new_sid, 4), "fine");
  const std::uint64_t version = s.version().value();
  EXPECT_EQ(set(new_sid, 5, version - 1), "conflict");
  EXPECT_EQ(set(old_sid, 6, version), "session_gone");
  EXPECT_EQ(s.get<int>("k").value(), 4);
  EXPECT_EQ(set(new_sid, 7, version), "fine");
  EXPECT_EQ(s.get<int>("k").value(), 7);
}

// --- Updates

TEST_P(ProviderConformance, UpdateReturnsWhatItsFunctionReturns) {
  Session s = session();
  const Result<void> nothing = s.update([](Session& v) { static_cast<void>(v.set("a", 1)); });
  EXPECT_EQ(outcome(nothing), "fine");
  const Result<int> value =
      s.update([](Session& v) { return v.get<int>("a").value().value() + 1; });
  EXPECT_EQ(value.value(), 2);
  const Result<std::string> result =
      s.update([](Session&) -> Result<std::string> { return "text"; });
  EXPECT_EQ(result.value(), "text");
  const Result<void> none = s.update([](Session& v) -> Result<void> { return v.set("b", 1); });
  EXPECT_EQ(outcome(none), "fine");
  const Result<std::unique_ptr<int>> moved =
      s.update([](Session&) { return std::make_unique<int>(3); });
  EXPECT_EQ(**moved, 3);
  EXPECT_EQ(s.info()->keys, 2U);
}

TEST_P(ProviderConformance, UpdateThatFailsChangesNothing) {
  Session s = session();
  ASSERT_TRUE(s.set("k", "before").has_value());
  const std::uint64_t version = s.version().value();
  const auto failed = s.update([](Session& v) -> Result<int> {
    EXPECT_EQ(outcome(v.clear()), "fine");
    EXPECT_EQ(text(v, "k"), std::nullopt);
    EXPECT_EQ(outcome(v.set("k", "after")), "fine");
    return std::unexpected(Error{Errc::not_found, "no such product"});
  });
  EXPECT_EQ(outcome(failed), "not_found");
  EXPECT_EQ(failed.error().message(), "not_found: no such product");
  EXPECT_THROW(static_cast<void>(s.update([](Session& v) {
                 EXPECT_EQ(outcome(v.set("k", "after")), "fine");
                 throw std::runtime_error{"the user's own"};
               })),
               std::runtime_error);
  EXPECT_EQ(text(s, "k"), "before");
  EXPECT_EQ(s.version().value(), version);
  EXPECT_EQ(outcome(s.set("k", "later")), "fine") << "it is not locked";
}

TEST_P(ProviderConformance, UpdateReadsItsOwnChangesAndNobodyElseDoes) {
  Session s = session();
  ASSERT_TRUE(s.set("k", "before").has_value());
  ASSERT_EQ(outcome(s.update([&](Session& v) {
              EXPECT_EQ(text(v, "k"), "before");
              EXPECT_EQ(outcome(v.set("k", "after")), "fine");
              EXPECT_EQ(outcome(v.set("new", 1)), "fine");
              EXPECT_EQ(text(v, "k"), "after");
              EXPECT_EQ(v.info()->keys, 2U);
              EXPECT_EQ(v.session_id(), sid());
              EXPECT_EQ(text(s, "k"), "before");
              std::jthread{[&] { EXPECT_EQ(text(s, "k"), "before"); }};
              EXPECT_FALSE(s.contains("new").value());
              EXPECT_TRUE(store().exists(sid()));
            })),
            "fine");
  EXPECT_EQ(text(s, "k"), "after");
}

TEST_P(ProviderConformance, UpdateLocksTheSessionForOtherHandlesOfItsThread) {
  Session s = session();
  Session other = store().find(sid()).value().value();
  ASSERT_EQ(outcome(s.update([&](Session& v) {
              EXPECT_EQ(outcome(s.set("k", 1)), "locked");
              EXPECT_EQ(outcome(other.set("k", 1)), "locked");
              EXPECT_EQ(outcome(other.erase("k")), "locked");
              EXPECT_EQ(outcome(other.update([](Session&) {})), "locked");
              EXPECT_EQ(outcome(store().destroy(sid())), "locked");
              EXPECT_EQ(outcome(store().change_id(sid(), sid("new"))), "locked");
              EXPECT_EQ(outcome(store().init(sid())), "already_exists");
              EXPECT_EQ(outcome(v.set("k", "view")), "fine");
            })),
            "fine");
  EXPECT_EQ(text(s, "k"), "view");
  EXPECT_TRUE(store().exists(sid()));
  EXPECT_FALSE(store().exists(sid("new")));
  EXPECT_EQ(outcome(store().destroy(sid())), "fine");
}

TEST_P(ProviderConformance, UpdateMayUseOtherSessions) {
  Session a = session("a");
  Session b = session("b");
  ASSERT_EQ(outcome(a.update([&](Session& v) {
              EXPECT_EQ(outcome(b.set("k", "b")), "fine");
              EXPECT_EQ(outcome(b.update([](Session& w) { return w.set("l", "b"); })), "fine");
              EXPECT_EQ(outcome(store().init(sid("c"))), "fine");
              EXPECT_EQ(outcome(store().change_id(sid("c"), sid("d"))), "fine");
              EXPECT_EQ(outcome(store().destroy(sid("d"))), "fine");
              EXPECT_EQ(outcome(v.set("k", "a")), "fine");
            })),
            "fine");
  EXPECT_EQ(text(a, "k"), "a");
  EXPECT_EQ(text(b, "k"), "b");
}

TEST_P(ProviderConformance, UpdateMayBeNested) {
  Session s = session();
  ASSERT_EQ(outcome(s.update([](Session& outer) {
              EXPECT_EQ(outcome(outer.set("outer", 1)), "fine");
              EXPECT_EQ(outcome(outer.update([](Session& inner) { return inner.set("kept", 1); })),
                        "fine");
              EXPECT_EQ(outcome(outer.update([](Session& inner) -> Result<void> {
                          EXPECT_EQ(outcome(inner.clear()), "fine");
                          return std::unexpected(Error{Errc::conflict});
                        })),
                        "conflict");
              EXPECT_EQ(outcome(outer.take<int>("kept")), "fine");
              EXPECT_EQ(outcome(outer.set("kept", 2)), "fine");
            })),
            "fine");
  EXPECT_EQ(s.get<int>("outer").value(), 1);
  EXPECT_EQ(s.get<int>("kept").value(), 2);
  EXPECT_EQ(s.version().value(), 1U);
}

TEST_P(ProviderConformance, TheViewOfAnUpdateEndsWithIt) {
  Session s = session();
  std::optional<Session> kept;
  ASSERT_TRUE(s.update([&](Session& v) { kept = v; }).has_value());
  expect_all_calls(*kept, "session_gone");
  EXPECT_THROW(static_cast<void>(s.update([&](Session& v) {
                 kept = v;
                 throw std::runtime_error{""};
               })),
               std::runtime_error);
  expect_all_calls(*kept, "session_gone");
  EXPECT_EQ(s.info()->keys, 0U);
}

// --- S8: threads

TEST_P(ProviderConformance, LosesNoUpdateOfEightThreads) {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  session();
  run_in_threads(kThreads, [&](int) {
    Session mine = session();
    for (int i = 0; i < kEach; ++i) {
      EXPECT_EQ(outcome(mine.update([](Session& v) {
                  return v.set("count", v.get<int>("count").value().value_or(0) + 1);
                })),
                "fine");
    }
  });
  EXPECT_EQ(session().get<int>("count").value(), kThreads * kEach);
  EXPECT_EQ(session().version().value(), std::uint64_t{kThreads * kEach});
}

TEST_P(ProviderConformance, ShowsNoHalfOfAnUpdate) {
  Session s = session();
  const auto set_both = [&](int value) {
    return outcome(s.update([&](Session& v) {
      EXPECT_EQ(outcome(v.set("left", std::string(static_cast<std::size_t>(value % 50), 'x'))),
                "fine");
      EXPECT_EQ(outcome(v.set("right", value % 50)), "fine");
    }));
  };
  ASSERT_EQ(set_both(0), "fine");
  std::atomic<int> writers{2};
  run_in_threads(4, [&](int thread) {
    if (thread < 2) {
      for (int i = 0; i < 500; ++i) EXPECT_EQ(set_both(i), "fine");
      --writers;
      return;
    }
    while (writers > 0) {
      std::size_t left = 0;
      std::size_t right = 0;
      EXPECT_EQ(outcome(s.for_each([&](const Value& key, const Value& value) {
                  if (key.as<std::string>().value() == "left")
                    left = value.as<std::string>()->size();
                  else
                    right = value.as<std::size_t>().value();
                })),
                "fine");
      EXPECT_EQ(left, right);
    }
  });
}

TEST_P(ProviderConformance, BearsEveryCallFromManyThreads) {
  run_in_threads(4, [&](int thread) {
    for (int i = 0; i < 200; ++i) {
      const std::string a = sid(std::to_string((thread + i) % 5));
      const std::string b = sid(std::to_string((thread * i) % 7));
      switch (i % 8) {
        case 0: static_cast<void>(store().init(a)); break;
        case 1: EXPECT_EQ(outcome(store().destroy(a)), "fine"); break;
        case 2: static_cast<void>(store().change_id(a, b)); break;
        case 3: static_cast<void>(store().exists(a)); break;
        case 4:
          EXPECT_EQ(outcome(store().find(a)), "fine");
          EXPECT_EQ(outcome(store().find_many(std::vector<std::string_view>{a, b})), "fine");
          break;
        case 5: EXPECT_EQ(outcome(store().gc(1h)), "fine"); break;
        default: {
          auto loaded = store().load(a);
          ASSERT_EQ(outcome(loaded), "fine");
          for (const auto& [call, got] : outcomes_of_all_calls(*loaded)) {
            EXPECT_TRUE(got == "fine" || got == "session_gone" || got == "conflict")
                << call << ": " << got;
          }
        }
      }
    }
  });
}

// --- S6: gc

TEST_P(ProviderConformance, GcLeavesSessionsInUseAlone) {
  session("a");
  EXPECT_EQ(outcome(store().gc(1h)), "fine");
  EXPECT_EQ(outcome(store().gc(std::chrono::seconds::max())), "fine");
  EXPECT_TRUE(store().exists(sid("a")));
  EXPECT_EQ(outcome(store().gc(-1s)), "invalid_argument");
}

// --- S11: limits

TEST_P(ProviderConformance, TakesTheLargestKeyAndNoLarger) {
  Session s = session();
  const std::string largest(kKeyBytesMax, 'k');
  EXPECT_EQ(outcome(s.set(largest, 1)), "fine");
  EXPECT_EQ(s.get<int>(largest).value(), 1);
  EXPECT_EQ(outcome(s.set(largest + "k", 1)), "too_large");
  EXPECT_EQ(outcome(s.set(std::vector<std::byte>(kKeyBytesMax), 2)), "fine");
  EXPECT_EQ(outcome(s.set(std::vector<std::byte>(kKeyBytesMax + 1), 2)), "too_large");
  EXPECT_EQ(s.info()->keys, 2U);
}

TEST_P(ProviderConformance, TakesTheLargestValueAndNoLarger) {
  Session s = session();
  const std::string largest(kValueBytesMax, 'v');
  EXPECT_EQ(outcome(s.set("k", largest)), "fine");
  EXPECT_EQ(text(s, "k"), largest);
  const std::uint64_t version = s.version().value();
  EXPECT_EQ(outcome(s.set("k", largest + "v")), "too_large");
  EXPECT_EQ(outcome(s.update([&](Session& v) { return v.set("k", largest + "v"); })), "too_large");
  EXPECT_EQ(s.version().value(), version);
  EXPECT_EQ(text(s, "k")->size(), kValueBytesMax);
}

TEST_P(ProviderConformance, TakesTheLargestSessionAndNoLarger) {
  Session s = session();
  const std::string large(kValueBytesMax, 'v');
  for (int i = 0; i < 3; ++i) ASSERT_EQ(outcome(s.set(i, large)), "fine");
  // One more value whose encoding, with its key's, takes what is left.
  const std::size_t left = kSessionBytesMax - s.info()->bytes;
  const std::string rest(left - 1 - 5, 'v');
  EXPECT_EQ(outcome(s.set(3, rest + "v")), "too_large");
  EXPECT_EQ(s.info()->keys, 3U);
  EXPECT_EQ(outcome(s.set(3, rest)), "fine");
  EXPECT_EQ(s.info()->bytes, kSessionBytesMax);
  EXPECT_EQ(outcome(s.set(4, 1)), "too_large");
  EXPECT_EQ(outcome(s.update([](Session& v) { return v.set(4, 1); })), "too_large");
  EXPECT_EQ(outcome(s.set(3, 1)), "fine") << "what makes it smaller fits";
  EXPECT_EQ(outcome(s.set(4, 1)), "fine");
  EXPECT_EQ(outcome(s.clear()), "fine");
  EXPECT_EQ(outcome(s.set(0, large)), "fine");
}

// --- What only the embedded store must offer

TEST_P(ProviderConformance, CountsAndVisitsItsSessionsIfItOffersThat) {
  if (!GetParam().embedded) {
    EXPECT_EQ(outcome(store().size()), "unsupported");
    return;
  }
  std::set<int> expected;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(session(std::to_string(i)).set("number", i).has_value());
    if (i % 3 == 0)
      ASSERT_TRUE(store().destroy(sid(std::to_string(i))).has_value());
    else
      expected.insert(i);
  }
  EXPECT_EQ(store().size().value(), expected.size());
  EXPECT_EQ(store().stats()->sessions, expected.size());
  std::set<int> visited;
  ASSERT_EQ(outcome(store().for_each([&](Session& s) {
              EXPECT_TRUE(visited.insert(s.get<int>("number").value().value()).second);
              EXPECT_EQ(s.session_id(), "") << "the store keeps digests of ids only";
              return true;
            })),
            "fine");
  EXPECT_EQ(visited, expected);
  int calls = 0;
  ASSERT_EQ(outcome(store().for_each([&](Session&) { return ++calls < 5; })), "fine");
  EXPECT_EQ(calls, 5);
}

TEST_P(ProviderConformance, HandsOutNoIdsWhenItVisitsSessions) {
  if (!GetParam().embedded) return;
  const Session handle = session("old");
  ASSERT_TRUE(store().change_id(sid("old"), sid("new")).has_value());
  ASSERT_TRUE(store()
                  .for_each([](Session& s) {
                    EXPECT_EQ(s.session_id(), "");
                    return true;
                  })
                  .has_value());
}

TEST_P(ProviderConformance, SessionsMayBeChangedWhileTheyAreVisited) {
  if (!GetParam().embedded) return;
  for (int i = 0; i < 10; ++i) session(std::to_string(i));
  int visited = 0;
  ASSERT_EQ(outcome(store().for_each([&](Session& s) {
              EXPECT_EQ(outcome(s.set("visited", true)), "fine");
              session("more" + std::to_string(visited));
              EXPECT_EQ(outcome(store().destroy(sid("more" + std::to_string(visited)))), "fine");
              return ++visited < 100;
            })),
            "fine");
  EXPECT_GE(visited, 10);
}

TEST_P(ProviderConformance, TellsOfWhatHappensToSessions) {
  if (!GetParam().embedded) return;
  std::vector<Event::Kind> kinds;
  std::set<std::array<std::byte, 32>> digests;
  ASSERT_TRUE(store()
                  .on_event([&](const Event& event) {
                    kinds.push_back(event.kind);
                    digests.insert(event.sid_digest);
                  })
                  .has_value());
  session("a");
  session("a");
  ASSERT_TRUE(store().change_id(sid("a"), sid("b")).has_value());
  ASSERT_TRUE(store().destroy(sid("b")).has_value());
  ASSERT_TRUE(store().destroy(sid("b")).has_value());
  using enum Event::Kind;
  EXPECT_THAT(kinds, ElementsAre(created, id_changed, destroyed));
  EXPECT_EQ(digests.size(), 2U);
  ASSERT_TRUE(store().on_event({}).has_value());
  session("c");
  EXPECT_EQ(kinds.size(), 3U);
}

TEST_P(ProviderConformance, FlushesWhenAsked) {
  if (!GetParam().embedded) return;
  ASSERT_TRUE(session().set("k", 1).has_value());
  EXPECT_EQ(outcome(store().flush()), "fine");
  EXPECT_EQ(store().stats()->durable_lsn, store().stats()->last_lsn);
}

// --- The end

TEST_P(ProviderConformance, HandlesThatOutliveItAreUnavailable) {
  std::vector<Session> handles;
  for (int i = 0; i < 300; ++i) handles.push_back(session(std::to_string(i)));
  ASSERT_TRUE(handles[1].set("k", 1).has_value());
  ASSERT_TRUE(store().destroy(sid("0")).has_value());
  close();
  expect_all_calls(handles[0], "session_gone");
  expect_all_calls(handles[1], "unavailable");
  EXPECT_EQ(handles[1].session_id(), sid("1"));
}

}  // namespace
}  // namespace hybrid::testing
