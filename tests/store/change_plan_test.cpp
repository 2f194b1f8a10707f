// What a list of changes logs and does, against a plain map and a reader of the record.
#include "store/change_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "hybrid/params.hpp"
#include "scf/record.hpp"

namespace hybrid::testing {
namespace {

using store::ChangePlan;
using store::PackedBlock;
using ::testing::ElementsAre;
using Content = std::map<std::string, std::string>;

const Digest kSid = digest_of("sid");

Change set(std::string_view key, std::string_view value) {
  return {.kind = Change::Kind::set, .key = key, .value = value};
}
Change erase(std::string_view key) { return {.kind = Change::Kind::erase, .key = key}; }
Change clear() { return {.kind = Change::Kind::clear}; }

Content content_of(const PackedBlock& block) {
  Content content;
  block.for_each(
      [&](std::string_view key, std::string_view value) { content.emplace(key, value); });
  return content;
}

// Plans and applies; the changes that were logged, as "create a=1".
std::vector<std::string> run(PackedBlock& block, const std::vector<Change>& changes) {
  std::string record;
  ChangePlan plan{changes, ChangePlan::Keys::any};
  plan.make(kSid, block, record).value();
  std::vector<std::string> logged;
  if (!plan.record().empty()) {
    const auto records = scf::split_payload(as_bytes(plan.record())).value();
    EXPECT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].op, scf::Op::modify);
    EXPECT_EQ(records[0].sid, kSid);
    const auto views = scf::parse_changes(records[0].data).value();
    for (const scf::ChangeView& view : views) {
      std::string text{to_string(view.kind)};
      if (!view.key.empty()) text += " " + std::string{view.key};
      if (!view.value.empty()) text += "=" + std::string{view.value};
      logged.push_back(text);
    }
  }
  plan.make_room(block);
  plan.apply(block);
  return logged;
}

std::string outcome(const PackedBlock& block, const std::vector<Change>& changes) {
  std::string record;
  ChangePlan plan{changes, ChangePlan::Keys::any};
  const auto made = plan.make(kSid, block, record);
  if (!made) return std::string{to_string(made.error().code())};
  return plan.record().empty() ? "nothing" : "fine";
}

TEST(ChangePlan, LogsCreatesAndUpdatesByName) {
  PackedBlock block;
  EXPECT_THAT(run(block, {set("a", "1")}), ElementsAre("create a=1"));
  EXPECT_THAT(run(block, {set("a", "2")}), ElementsAre("update a=2"));
  EXPECT_THAT(run(block, {erase("a")}), ElementsAre("delete a"));
  EXPECT_THAT(run(block, {set("a", "3")}), ElementsAre("create a=3"));
  EXPECT_THAT(run(block, {clear()}), ElementsAre("clear"));
  EXPECT_EQ(content_of(block), Content{});
}

TEST(ChangePlan, SeesItsOwnEarlierChanges) {
  PackedBlock block;
  run(block, {set("a", "1")});
  EXPECT_THAT(run(block, {erase("a"), set("a", "2"), set("a", "3"), set("b", "4"), erase("b"),
                          erase("b"), clear(), set("a", "5"), erase("c")}),
              ElementsAre("delete a", "create a=2", "update a=3", "create b=4", "delete b", "clear",
                          "create a=5"));
  EXPECT_EQ(content_of(block), (Content{{"a", "5"}}));
}

TEST(ChangePlan, LogsNothingIfNothingChanges) {
  PackedBlock block;
  EXPECT_EQ(outcome(block, {}), "nothing");
  EXPECT_EQ(outcome(block, {erase("a")}), "nothing");
  EXPECT_EQ(outcome(block, {clear()}), "nothing");
  EXPECT_EQ(outcome(block, {erase("a"), clear(), erase("b")}), "nothing");
  run(block, {set("a", "1")});
  EXPECT_EQ(outcome(block, {erase("b")}), "nothing");
  EXPECT_EQ(outcome(block, {set("a", "1")}), "fine") << "setting is a change, whatever the value";
}

using Step = std::tuple<int, int, std::string>;
using StepLists = std::vector<std::vector<Step>>;

StepLists any_lists() {
  return *rc::gen::container<StepLists>(rc::gen::container<std::vector<Step>>(rc::gen::tuple(
      rc::gen::inRange(0, 12), rc::gen::inRange(0, 12), rc::gen::arbitrary<std::string>())));
}

void expect_what_a_map_does(const StepLists& lists, ChangePlan::Keys keys) {
  PackedBlock block;
  Content content;
  Content replayed;
  for (const auto& list : lists) {
    std::vector<std::string> owned;  // keys and values of the changes
    owned.reserve(list.size() * 2);
    std::vector<Change> changes;
    for (const auto& [kind, key, value] : list) {
      owned.push_back("k" + std::to_string(key));
      owned.push_back("v" + value);
      const std::string& k = owned[owned.size() - 2];
      changes.push_back(kind == 0 ? clear() : kind < 4 ? erase(k) : set(k, owned.back()));
      if (kind == 0)
        content.clear();
      else if (kind < 4)
        content.erase(k);
      else
        content[k] = owned.back();
    }
    std::string record;
    ChangePlan plan{changes, keys};
    plan.make(kSid, block, record).value();
    plan.make_room(block);
    plan.apply(block);
    RC_ASSERT(content_of(block) == content);

    if (plan.record().empty()) {
      RC_ASSERT(replayed == content);
      continue;
    }
    const auto records = scf::split_payload(as_bytes(plan.record())).value();
    const auto views = scf::parse_changes(records.at(0).data).value();
    for (const scf::ChangeView& view : views) {
      const bool present = replayed.contains(std::string{view.key});
      switch (view.kind) {
        case scf::ChangeKind::create: RC_ASSERT(!present); break;
        case scf::ChangeKind::update:
        case scf::ChangeKind::erase: RC_ASSERT(present); break;
        case scf::ChangeKind::clear: RC_ASSERT(!replayed.empty()); break;
      }
      if (view.kind == scf::ChangeKind::clear)
        replayed.clear();
      else if (view.kind == scf::ChangeKind::erase)
        replayed.erase(std::string{view.key});
      else
        replayed[std::string{view.key}] = view.value;
    }
    RC_ASSERT(replayed == content);
  }
}

RC_GTEST_PROP(ChangePlan, DoesAndLogsWhatAMapWouldDo, ()) {
  expect_what_a_map_does(any_lists(), ChangePlan::Keys::any);
}

RC_GTEST_PROP(ChangePlan, DoesAndLogsWhatAMapWouldDoWithDistinctKeys, ()) {
  StepLists lists = any_lists();
  for (auto& list : lists) {
    std::set<int> seen;
    std::vector<Step> kept;
    for (const Step& step : list) {
      const bool clears = std::get<0>(step) == 0;
      if (clears ? kept.empty() : seen.insert(std::get<1>(step)).second) kept.push_back(step);
    }
    list = kept;
  }
  expect_what_a_map_does(lists, ChangePlan::Keys::distinct);
}

// A MessagePack string of `size` bytes in all.
std::string string_of(std::size_t size) {
  Buffer buffer;
  Encoder{buffer}.string(std::string(size - 5, 'v'));
  return std::string{buffer.view()};
}

TEST(ChangePlan, TakesTheLargestSessionAndNoLarger) {
  PackedBlock block;
  const std::string quarter = string_of(kSessionBytesMax / 4 - 1);  // with a key of one byte
  run(block, {set("a", quarter), set("b", quarter), set("c", quarter)});
  const std::string more = string_of(kSessionBytesMax / 4);
  EXPECT_EQ(outcome(block, {set("d", more)}), "too_large");
  EXPECT_EQ(outcome(block, {set("d", quarter)}), "fine");
  EXPECT_EQ(outcome(block, {erase("a"), set("d", more)}), "fine");
  EXPECT_EQ(outcome(block, {set("d", more), erase("a")}), "too_large") << "at no step";
  EXPECT_EQ(outcome(block, {clear(), set("a", more), set("b", more)}), "fine");
  run(block, {set("d", quarter)});
  EXPECT_EQ(block.content_bytes(), kSessionBytesMax);
  EXPECT_EQ(outcome(block, {set("e", "1")}), "too_large");
  EXPECT_EQ(outcome(block, {set("d", string_of(quarter.size() + 1))}), "too_large");
  EXPECT_EQ(outcome(block, {set("d", quarter)}), "fine");
  EXPECT_EQ(outcome(block, {set("d", "1")}), "fine");
}

TEST(ChangePlan, KeepsTheRecordSmallHoweverOftenAKeyIsSet) {
  const PackedBlock block;
  const std::string quarter = string_of(kSessionBytesMax / 4 - 1);
  const std::vector<Change> changes(20, set("a", quarter));
  EXPECT_EQ(outcome(block, changes), "too_large");
}

// What is replaced must not stay behind: clients that save a session save all of it.
TEST(ChangePlan, LeavesLittleBesideWhatASessionHolds) {
  for (const std::size_t keys : {1, 8, 20, 300}) {
    PackedBlock block;
    for (std::size_t round = 0; round < 20; ++round) {
      std::vector<std::string> owned;
      owned.reserve(2 * keys);
      std::vector<Change> changes;
      for (std::size_t i = 0; i < keys; ++i) {
        owned.push_back("key" + std::to_string(i));
        owned.push_back(std::string(60 + (i * 37 + round * 53) % 121, 'v'));
        changes.push_back(set(owned[2 * i], owned[2 * i + 1]));
      }
      run(block, changes);
      const std::size_t content = block.content_bytes();
      EXPECT_LE(block.memory_bytes(), content + content / 2 + 200) << keys << ", " << round;
      if (keys <= 8) {
        EXPECT_LE(block.memory_bytes(), content + 8 * keys + 32) << keys << ", " << round;
      }
    }
  }
}

TEST(ChangePlan, ChecksEachKeyAndValue) {
  const PackedBlock block;
  const std::string key = string_of(kKeyBytesMax + 5 + 1);
  const std::string value = string_of(kValueBytesMax + 5 + 1);
  EXPECT_EQ(outcome(block, {set("a", "1"), set(key, "1")}), "too_large");
  EXPECT_EQ(outcome(block, {set("a", "1"), set("b", value)}), "too_large");
  EXPECT_EQ(outcome(block, {set(string_of(kKeyBytesMax + 5), "1")}), "fine");
}

}  // namespace
}  // namespace hybrid::testing
