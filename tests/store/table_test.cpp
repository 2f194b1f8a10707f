// The index and its entries against a map, and under threads.
#include "store/table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <latch>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace hybrid::testing {
namespace {

using store::Entry;
using store::EntryRef;
using store::State;
using store::Table;

Digest digest(int number) { return digest_of(std::to_string(number)); }

void set_name(Table& table, Entry& entry, const std::string& name) {
  table.change_block(entry, [&](store::PackedBlock& block) {
    block.reserve(block.room_for("name", name), 1);
    block.set("name", name);
  });
}
std::string name_of(const Entry& entry) {
  return std::string{entry.block.find("name").value_or("")};
}

// What the store does, without log and time. Each returns whether it did it.

bool add(Table& table, const Digest& sid, const std::string& name) HYBRID_NO_ANALYSIS {
  auto [entry, added] = table.find_or_add(sid, 1000);
  if (!added) return false;
  entry->data.lock();
  set_name(table, *entry, name);
  entry->state = State::live;
  entry->data.unlock();
  entry->writer.unlock();
  return true;
}

// Locks the writer of the live entry of that id; nothing if there is none.
EntryRef lock_live(Table& table, const Digest& sid) HYBRID_NO_ANALYSIS {
  EntryRef entry = table.find(sid);
  if (!entry) return {};
  entry->writer.lock();
  if (entry->state == State::live && entry->digest == sid) return entry;
  entry->writer.unlock();
  return {};
}

bool remove(Table& table, const Digest& sid) HYBRID_NO_ANALYSIS {
  const EntryRef entry = lock_live(table, sid);
  if (!entry) return false;
  entry->data.lock();
  entry->die(State::dead);
  table.remove(*entry);
  entry->data.unlock();
  entry->writer.unlock();
  return true;
}

bool rename(Table& table, const Digest& from, const Digest& to) HYBRID_NO_ANALYSIS {
  if (from == to) return false;
  const EntryRef entry = lock_live(table, from);
  if (!entry) return false;
  auto [placeholder, added] = table.find_or_add(to, 1000);
  if (added) {
    placeholder->data.lock();
    placeholder->die(State::dead);
    placeholder->data.unlock();
    entry->data.lock();
    table.rename(*entry, *placeholder);
    entry->data.unlock();
    placeholder->writer.unlock();
  }
  entry->writer.unlock();
  return added;
}

TEST(Table, FindsWhatWasAddedUntilItIsRemoved) {
  const Table::Owner table = Table::make();
  EXPECT_FALSE(table->find(digest(1)));
  EXPECT_TRUE(add(*table, digest(1), "one"));
  EXPECT_FALSE(add(*table, digest(1), "two"));
  ASSERT_TRUE(table->find(digest(1)));
  EXPECT_EQ(name_of(*table->find(digest(1))), "one");
  EXPECT_TRUE(remove(*table, digest(1)));
  EXPECT_FALSE(table->find(digest(1)));
  EXPECT_FALSE(remove(*table, digest(1)));
}

TEST(Table, HandsOutNewEntriesPendingAndLocked) {
  const Table::Owner table = Table::make();
  auto [entry, added] = table->find_or_add(digest(1), 1234);
  ASSERT_TRUE(added);
  EXPECT_EQ(entry->state, State::pending);
  EXPECT_TRUE(entry->writer.held_by_this_thread());
  EXPECT_EQ(entry->digest, digest(1));
  EXPECT_EQ(entry->block.count(), 0U);
  const auto [again, added_again] = table->find_or_add(digest(1), 1234);
  EXPECT_FALSE(added_again);
  EXPECT_EQ(&*again, &*entry);
  entry->writer.unlock();
}

TEST(Table, KeepsAnEntryInPlaceWhileItIsReferredTo) {
  const Table::Owner table = Table::make();
  add(*table, digest(1), "one");
  const EntryRef held = table->find(digest(1));
  remove(*table, digest(1));
  for (int i = 2; i < 1000; ++i) {
    add(*table, digest(i), "other");
    EXPECT_NE(&*table->find(digest(i)), &*held);
  }
  EXPECT_EQ(held->state, State::dead);
  EXPECT_EQ(held->block.count(), 0U);
}

TEST(Table, UsesEntriesAgainThatNobodyRefersTo) {
  const Table::Owner table = Table::make();
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(add(*table, digest(i), "x"));
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(remove(*table, digest(i)));
  }
  int chunks = 0;
  table->for_each_chunk([&](store::Chunk&) { ++chunks; });
  EXPECT_EQ(chunks, 1);
}

TEST(Table, VisitsEveryLiveEntryByItsPlace) {
  const Table::Owner table = Table::make();
  for (int i = 0; i < 1000; ++i) add(*table, digest(i), std::to_string(i));
  for (int i = 0; i < 1000; i += 3) remove(*table, digest(i));
  std::map<std::string, int> seen;
  table->for_each_chunk([&](store::Chunk& chunk) {
    for (Entry& place : chunk.entries) {
      if (const EntryRef entry = Table::try_refer(place)) ++seen[name_of(*entry)];
    }
  });
  EXPECT_EQ(seen.size(), 666U);
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
}

TEST(Table, OutlivesItsOwnerWhileEntriesAreReferredTo) {
  std::vector<EntryRef> held;
  {
    const Table::Owner table = Table::make();
    for (int i = 0; i < 600; ++i) {
      add(*table, digest(i), std::to_string(i));
      if (i % 2 == 0) held.push_back(table->find(digest(i)));
    }
    remove(*table, digest(0));
    table->close();
    EXPECT_FALSE(table->find(digest(1)));
  }
  EXPECT_EQ(held[0]->state, State::dead);
  for (std::size_t i = 1; i < held.size(); ++i) {
    EXPECT_EQ(held[i]->state, State::closed);
    EXPECT_EQ(held[i]->block.count(), 0U);
  }
  const EntryRef copy = held.back();
  held.clear();
  EXPECT_EQ(copy->state, State::closed);
}

struct Step {
  int kind = 0;
  int from = 0;
  int to = 0;
  friend std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << "kind " << step.kind << " from " << step.from << " to " << step.to;
  }
};

RC_GTEST_PROP(Table, DoesWhatAMapWould, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(
      rc::gen::build<Step>(rc::gen::set(&Step::kind, rc::gen::inRange(0, 6)),
                           rc::gen::set(&Step::from, rc::gen::inRange(0, 40)),
                           rc::gen::set(&Step::to, rc::gen::inRange(0, 40))));
  const Table::Owner table = Table::make();
  std::map<int, std::string> model;
  int made = 0;
  for (const Step& step : steps) {
    switch (step.kind) {
      case 0: {
        const bool removed = remove(*table, digest(step.from));
        RC_ASSERT(removed == (model.erase(step.from) == 1));
        break;
      }
      case 1:
      case 2: {
        const bool possible =
            step.from != step.to && model.contains(step.from) && !model.contains(step.to);
        RC_ASSERT(rename(*table, digest(step.from), digest(step.to)) == possible);
        if (possible) {
          model[step.to] = model[step.from];
          model.erase(step.from);
        }
        break;
      }
      default: {
        const std::string name = std::to_string(made++);
        RC_ASSERT(add(*table, digest(step.from), name) == model.emplace(step.from, name).second);
      }
    }
  }
  for (int i = 0; i < 40; ++i) {
    const EntryRef entry = table->find(digest(i));
    const auto expected = model.find(i);
    RC_ASSERT(static_cast<bool>(entry) == (expected != model.end()));
    if (!entry) continue;
    RC_ASSERT(name_of(*entry) == expected->second);
    RC_ASSERT(entry->digest == digest(i));
  }
}

TEST(Table, FindsAllOfManyWhileItGrowsAndShrinks) {
  const Table::Owner table = Table::make();
  constexpr int kMany = 20'000;
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(add(*table, digest(i), std::to_string(i)));
  for (int i = 0; i < kMany; i += 2) ASSERT_TRUE(remove(*table, digest(i)));
  for (int i = 1; i < kMany; i += 4) ASSERT_TRUE(rename(*table, digest(i), digest(kMany + i)));
  for (int i = 0; i < kMany; ++i) {
    const bool stayed = i % 4 == 3;
    const EntryRef entry = table->find(digest(stayed ? i : kMany + i));
    ASSERT_EQ(static_cast<bool>(entry), i % 2 == 1) << i;
    EXPECT_TRUE(!entry || name_of(*entry) == std::to_string(i)) << i;
  }
}

TEST(Table, KnowsWhereBlocksAreThatMoved) {
  const Table::Owner table = Table::make();
  constexpr int kMany = 5'000;
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(add(*table, digest(i), std::to_string(i)));
  for (int i = 0; i < kMany; i += 3) {
    const EntryRef entry = table->find(digest(i));
    set_name(*table, *entry, std::string(static_cast<std::size_t>(i), 'x'));
  }
  for (int i = 1; i < kMany; i += 3) ASSERT_TRUE(rename(*table, digest(i), digest(kMany + i)));
  for (int i = 2; i < kMany; i += 3) ASSERT_TRUE(remove(*table, digest(i)));
  table->for_each_chunk([&](store::Chunk& chunk) {
    for (Entry& place : chunk.entries) {
      const EntryRef entry = Table::try_refer(place);
      if (!entry) continue;
      EXPECT_NE(entry->block.place(), 0U);
      EXPECT_EQ(table->place_in_index(*entry), entry->block.place());
    }
  });
}

TEST(Table, GuessesWhichEntryIsFetched) {
  const Table::Owner table = Table::make();
  table->prefetch_slot_alone(digest(1));
  EXPECT_EQ(table->prefetch_entry_alone(digest(1)), nullptr);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(add(*table, digest(i), std::to_string(i)));
  for (int i = 0; i < 1000; ++i) {
    table->prefetch_slot_alone(digest(i));
    EXPECT_EQ(table->prefetch_entry_alone(digest(i)), &*table->find(digest(i)));
  }
  EXPECT_EQ(table->prefetch_entry_alone(digest(1000)), nullptr);
}

TEST(Table, ClosesWhatLivesAndLeavesHandlesTheirMemory) {
  const Table::Owner table = Table::make();
  std::vector<EntryRef> kept;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(add(*table, digest(i), std::to_string(i)));
    if (i % 10 == 0) kept.push_back(table->find(digest(i)));
  }
  ASSERT_TRUE(remove(*table, digest(0)));
  table->close();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(table->find(digest(i)));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i]->state, i == 0 ? State::dead : State::closed);
    EXPECT_EQ(kept[i]->block.count(), 0U);
  }
}

TEST(Table, RemembersWhichChunksWereTouched) {
  const Table::Owner table = Table::make();
  constexpr int kMany = 3 * static_cast<int>(store::Chunk::kEntries);
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(add(*table, digest(i), std::to_string(i)));
  const EntryRef entry = table->find(digest(kMany / 2));
  const Table::TouchedChunks none = table->take_touched();
  table->for_each_chunk([&](store::Chunk& chunk) { EXPECT_FALSE(none.contains(chunk)); });

  table->touch(*entry, 2000);
  table->touch(*entry, 1500);
  EXPECT_EQ(entry->access.load(), 2000);
  const Table::TouchedChunks now = table->take_touched();
  table->for_each_chunk(
      [&](store::Chunk& chunk) { EXPECT_EQ(now.contains(chunk), &chunk == &entry->chunk()); });
  EXPECT_FALSE(table->take_touched().contains(entry->chunk()));
}

TEST(Table, LosesNothingUnderThreads) {
  const Table::Owner table = Table::make();
  constexpr int kThreads = 4;
  constexpr int kIds = 60;
  std::vector<Digest> ids;
  for (int i = 0; i < kIds; ++i) ids.push_back(digest(i));
  std::atomic<int> live{0};
  std::latch start{kThreads};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t]() HYBRID_NO_ANALYSIS {
      std::mt19937 random{t};
      start.arrive_and_wait();
      std::vector<EntryRef> held;
      for (int i = 0; i < 20'000; ++i) {
        const Digest& a = ids[random() % kIds];
        const Digest& b = ids[random() % kIds];
        switch (random() % 5) {
          case 0:
            if (add(*table, a, "name")) ++live;
            break;
          case 1:
            if (remove(*table, a)) --live;
            break;
          case 2: rename(*table, a, b); break;
          case 3:
            if (const EntryRef entry = table->find(a)) {
              entry->data.lock();
              EXPECT_EQ(name_of(*entry), entry->state == State::live ? "name" : "");
              entry->data.unlock();
              if (held.size() < 20) held.push_back(entry);
            }
            break;
          default:
            if (!held.empty()) held.pop_back();
        }
      }
    });
  }
  threads.clear();
  int found = 0;
  for (const Digest& id : ids) {
    if (const EntryRef entry = table->find(id)) {
      ++found;
      EXPECT_EQ(entry->digest, id);
      EXPECT_EQ(entry->state, State::live);
      EXPECT_EQ(entry->references.load(), 2U) << "the index's and ours";
    }
  }
  EXPECT_EQ(found, live);
}

TEST(Table, KnowsWhatItTakes) {
  constexpr int kSessions = 1000;
  const Table::Owner table = Table::make();
  const auto fill = [&](int from, std::size_t size) {
    for (int i = from; i < kSessions; ++i)
      ASSERT_TRUE(add(*table, digest(i), std::string(size, 'x')));
  };
  const auto check = [&](std::size_t sessions) {
    std::uint64_t bytes = sizeof(Table) + sessions * Table::entry_bytes();
    table->for_each_chunk([&](store::Chunk& chunk) {
      for (const Entry& entry : chunk.entries) bytes += entry.block.memory_bytes();
    });
    EXPECT_EQ(table->memory_bytes.load(), bytes);
    EXPECT_GE(bytes, sessions * (sizeof(Entry) + sizeof(Entry::Rest) + 16 + 100));
  };
  check(0);
  fill(0, 100);
  check(kSessions);
  for (int i = 0; i < kSessions; i += 2) {
    const EntryRef entry = table->find(digest(i));
    set_name(*table, *entry, std::string(5000, 'y'));
  }
  check(kSessions);
  for (int i = 0; i < kSessions / 2; ++i) ASSERT_TRUE(rename(*table, digest(i), digest(-1 - i)));
  check(kSessions);
  for (int i = 0; i < kSessions / 2; ++i) ASSERT_TRUE(remove(*table, digest(-1 - i)));
  check(kSessions / 2);
  for (int i = kSessions / 2; i < kSessions; ++i) ASSERT_TRUE(remove(*table, digest(i)));
  check(0);
}

}  // namespace
}  // namespace hybrid::testing
