// What the function of an update() sees and hands over, against a plain map.
#include "base/update_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

#include <hybrid/params.hpp>

namespace hybrid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Content = std::map<std::string, std::string>;

void apply_to(Content& content, std::span<const Change> changes) {
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::set: content[std::string{change.key}] = std::string{change.value}; break;
      case Change::Kind::erase: content.erase(std::string{change.key}); break;
      case Change::Kind::clear: content.clear(); break;
    }
  }
}

// The session beneath: U1 says that it is never changed through the view.
class PlainSession final : public SessionBackend {
 public:
  Content content{{"a", "1"}, {"b", "2"}};
  std::uint64_t version = 10;

  std::string session_id() const override { return "sid"; }
  Result<bool> get(std::string_view key, Buffer& value) override {
    const auto found = content.find(std::string{key});
    if (found != content.end()) value.assign(found->second);
    return found != content.end();
  }
  Result<void> apply(std::span<const Change>, std::optional<std::uint64_t>) override {
    ADD_FAILURE() << "U1: nothing reaches the session through the view";
    return {};
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>&) override {
    ADD_FAILURE() << "U1: nothing reaches the session through the view";
    return {};
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return std::vector<std::pair<std::string, std::string>>{content.begin(), content.end()};
  }
  Result<SessionInfo> info() override {
    return SessionInfo{.version = version, .keys = content.size()};
  }
  Result<void> touch() override { return {}; }
  Result<void> destroy() override {
    ADD_FAILURE() << "U1: nothing reaches the session through the view";
    return {};
  }
};

struct UpdateViewTest : ::testing::Test {
  PlainSession session;
  UpdateView view{session};

  std::optional<std::string> get(std::string_view key) {
    Buffer value;
    if (!view.get(key, value).value()) return std::nullopt;
    return std::string{value.view()};
  }
  void apply(Change change) { ASSERT_TRUE(view.apply({&change, 1}, std::nullopt).has_value()); }
  void set(std::string_view key, std::string_view value) {
    apply({.kind = Change::Kind::set, .key = key, .value = value});
  }
  void erase(std::string_view key) { apply({.kind = Change::Kind::erase, .key = key}); }
  void clear() { apply({.kind = Change::Kind::clear}); }
  Content handed_over() {
    Content content = session.content;
    apply_to(content, view.finish());
    return content;
  }
};

TEST_F(UpdateViewTest, ReadsTheSessionUnderItsOwnChanges) {
  set("a", "new");
  set("c", "3");
  erase("b");
  EXPECT_EQ(get("a"), "new");
  EXPECT_EQ(get("b"), std::nullopt);
  EXPECT_EQ(get("c"), "3");
  EXPECT_THAT(view.entries().value(), UnorderedElementsAre(Pair("a", "new"), Pair("c", "3")));
  EXPECT_THAT(handed_over(), ElementsAre(Pair("a", "new"), Pair("c", "3")));
}

TEST_F(UpdateViewTest, StartsAnewAfterClear) {
  set("c", "3");
  clear();
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(get("c"), std::nullopt);
  set("b", "again");
  EXPECT_THAT(view.entries().value(), ElementsAre(Pair("b", "again")));
  EXPECT_THAT(handed_over(), ElementsAre(Pair("b", "again")));
}

TEST_F(UpdateViewTest, HoldsManyChanges) {
  Content expected = session.content;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key" + std::to_string(i % 300);
    if (i % 7 == 0) {
      erase(key);
      expected.erase(key);
    } else {
      set(key, std::string(static_cast<std::size_t>(i), 'v'));
      expected[key] = std::string(static_cast<std::size_t>(i), 'v');
    }
  }
  const auto entries = view.entries().value();
  EXPECT_EQ((Content{entries.begin(), entries.end()}), expected);
  EXPECT_EQ(handed_over(), expected);
}

TEST_F(UpdateViewTest, CountsWhatItsSessionWouldBe) {
  EXPECT_EQ(view.info()->version, 10U);
  set("c", "345");
  set("d", "6");
  const SessionInfo info = view.info().value();
  EXPECT_EQ(info.version, 11U) << "an update is one change";
  EXPECT_EQ(info.keys, 4U);
  EXPECT_EQ(info.bytes, 10U);
}

TEST_F(UpdateViewTest, ComparesVersionsWithItsOwn) {
  const Change change{.kind = Change::Kind::set, .key = "k", .value = "v"};
  EXPECT_EQ(view.apply({&change, 1}, 9).error().code(), Errc::conflict);
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_TRUE(view.apply({&change, 1}, 10).has_value());
  EXPECT_EQ(view.apply({&change, 1}, 10).error().code(), Errc::conflict);
  EXPECT_TRUE(view.apply({&change, 1}, 11).has_value());
}

TEST_F(UpdateViewTest, TakesAllOfAListOrNothing) {
  const std::string huge(kKeyBytesMax + 100, 'x');
  const Change changes[] = {{.kind = Change::Kind::set, .key = "a", .value = "new"},
                            {.kind = Change::Kind::set, .key = huge, .value = "v"}};
  EXPECT_EQ(view.apply(changes, std::nullopt).error().code(), Errc::too_large);
  EXPECT_EQ(get("a"), "1");
  EXPECT_THAT(view.finish(), IsEmpty());
}

TEST_F(UpdateViewTest, KeepsTheChangesOfAnInnerUpdateThatSucceeds) {
  ASSERT_TRUE(view.update([](std::shared_ptr<SessionBackend> inner) -> Result<void> {
                    const Change change{.kind = Change::Kind::set, .key = "a", .value = "inner"};
                    return inner->apply({&change, 1}, std::nullopt);
                  })
                  .has_value());
  EXPECT_EQ(get("a"), "inner");
}

TEST_F(UpdateViewTest, DropsOnlyTheChangesOfAnInnerUpdateThatFails) {
  set("c", "outer");
  const auto failed = view.update([](std::shared_ptr<SessionBackend> inner) -> Result<void> {
    const Change changes[] = {{.kind = Change::Kind::clear},
                              {.kind = Change::Kind::set, .key = "a", .value = "inner"}};
    if (auto done = inner->apply(changes, std::nullopt); !done) return done;
    return std::unexpected(Error{Errc::not_found});
  });
  EXPECT_EQ(failed.error().code(), Errc::not_found);
  EXPECT_THAT(handed_over(), ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "outer")));
}

void expect_gone(UpdateView& view) {
  Buffer value;
  const Change change{.kind = Change::Kind::clear};
  EXPECT_EQ(view.get("a", value).error().code(), Errc::session_gone);
  EXPECT_EQ(view.apply({&change, 1}, std::nullopt).error().code(), Errc::session_gone);
  EXPECT_EQ(view.update([](auto) -> Result<void> { return {}; }).error().code(),
            Errc::session_gone);
  EXPECT_EQ(view.entries().error().code(), Errc::session_gone);
  EXPECT_EQ(view.info().error().code(), Errc::session_gone);
  EXPECT_EQ(view.touch().error().code(), Errc::session_gone);
  EXPECT_EQ(view.session_id(), "");
}

TEST_F(UpdateViewTest, IsGoneOnceFinished) {
  set("a", "new");
  static_cast<void>(view.finish());
  expect_gone(view);
}

TEST_F(UpdateViewTest, IsGoneOnceAbandoned) {
  view.abandon();
  expect_gone(view);
}

RC_GTEST_PROP(UpdateViewProperty, ShowsAndHandsOverWhatAMapWouldHold,
              (const std::vector<std::tuple<std::uint8_t, std::uint8_t, std::string>>& steps)) {
  PlainSession session;
  UpdateView view{session};
  Content expected = session.content;
  for (const auto& [kind, key_number, value] : steps) {
    // More keys than are looked through one by one.
    const std::string key(1, static_cast<char>('a' + key_number % 25));
    const std::string encoded = "v" + value;  // nothing that claims a length of its own
    const Change change{.kind = kind % 64 == 0 ? Change::Kind::clear
                                : kind % 8 < 2 ? Change::Kind::erase
                                               : Change::Kind::set,
                        .key = key,
                        .value = encoded};
    RC_ASSERT(view.apply({&change, 1}, std::nullopt).has_value());
    apply_to(expected, {&change, 1});
    const auto entries = view.entries().value();
    RC_ASSERT((Content{entries.begin(), entries.end()}) == expected);
  }
  Content handed_over = session.content;
  apply_to(handed_over, view.finish());
  RC_ASSERT(handed_over == expected);
}

}  // namespace
}  // namespace hybrid::testing
