// How often each durability syncs, and what the store does when it cannot write.
#include <gtest/gtest.h>

#include <filesystem>

#include "testing/temp_directory.hpp"
#include "tests/fault/workload.hpp"

namespace hybrid::testing {
namespace {

std::unique_ptr<store::EmbeddedStore> open_on(FaultFileSystem& files, const Clock& clock,
                                              Durability durability) {
  return store::EmbeddedStore::open(options_for(files, clock, durability)).value();
}

int syncs_during(FaultFileSystem& files, const auto& action) {
  const int before = files.syncs();
  action();
  return files.syncs() - before;
}

TEST(Durability, AlwaysSyncsBeforeEachAcknowledgement) {
  FaultFileSystem files;
  ManualClock clock;
  auto store = open_on(files, clock, Durability::always);
  auto session = store->init("a session").value();
  for (int i = 0; i < 20; ++i) {
    EXPECT_GE(syncs_during(files, [&] { session.set("n", i).value(); }), 1);
    const auto stats = store->stats().value();
    EXPECT_EQ(stats.durable_lsn, stats.last_lsn);
  }
}

// What is written at once is kept in memory as one piece, all of which a sync writes if a byte of it has changed.
TEST(Durability, AlwaysFillsSegmentsPageByPage) {
  constexpr int kPages = 16;
  const auto operations_to_begin = [](Durability durability) {
    FaultFileSystem files;
    ManualClock clock;
    auto options = options_for(files, clock, durability);
    options.first_segment_bytes = std::size_t{kPages} * 4096;
    auto store = store::EmbeddedStore::open(options).value();
    const int before = files.operations();
    store->init("a session").value();
    return files.operations() - before;
  };
  EXPECT_EQ(operations_to_begin(Durability::always),
            operations_to_begin(Durability::interval) + kPages - 1 + 1)
      << "a write for each page instead of one, and the sync of the record";
}

// A server syncs by itself, for many clients at once, what its store keeps by `interval`.
TEST(Durability, ASegmentAfterOneThatWasSyncedOftenIsFilledPageByPage) {
  constexpr int kPages = 16;
  const auto operations_to_roll = [](bool syncs_often) {
    FaultFileSystem files;
    ManualClock clock;
    auto options = options_for(files, clock, Durability::interval);
    options.first_segment_bytes = std::size_t{kPages} * 4096;
    auto store = store::EmbeddedStore::open(options).value();
    auto session = store->init("a session").value();
    int operations = 0;
    while (store->stats().value().segments < 2) {
      const int before = files.operations();
      session.set("text", std::string(1000, 'x')).value();
      operations = files.operations() - before;
      if (syncs_often) store->flush().value();
    }
    return operations;
  };
  EXPECT_EQ(operations_to_roll(true), operations_to_roll(false) + 2 * kPages - 1)
      << "segments grow: the second has twice as many pages";
}

TEST(Durability, IntervalSyncsAtTheIntervalOnly) {
  FaultFileSystem files;
  ManualClock clock;
  auto store = open_on(files, clock, Durability::interval);
  auto session = store->init("a session").value();
  const auto set_ten = [&] {
    for (int i = 0; i < 10; ++i) session.set("n", i).value();
  };
  EXPECT_EQ(syncs_during(files, set_ten), 0);
  store->run_duties();  // prepares a segment, too
  EXPECT_EQ(store->stats().value().durable_lsn, 11U);
  EXPECT_EQ(syncs_during(files, set_ten), 0);
  EXPECT_EQ(syncs_during(files, [&] { store->run_duties(); }), 1)
      << "one sync for all changes of the interval";
  EXPECT_EQ(syncs_during(files, [&] { store->run_duties(); }), 1)
      << "the sync point, once the store is idle";
  EXPECT_EQ(syncs_during(files, [&] { store->run_duties(); }), 0) << "an idle store does nothing";
}

TEST(Durability, IntervalSyncsSecurityOperationsAtOnceIfAsked) {
  FaultFileSystem files;
  ManualClock clock;
  auto options = options_for(files, clock, Durability::interval);
  options.params.sync_security_ops = true;
  auto store = store::EmbeddedStore::open(options).value();
  store->init("a").value().set("n", 1).value();
  store->init("b").value();
  EXPECT_EQ(syncs_during(files, [&] { store->change_id("a", "c").value(); }), 1);
  EXPECT_EQ(syncs_during(files, [&] { store->destroy("b").value(); }), 1);
  EXPECT_EQ(syncs_during(files, [&] { store->load("c").value().set("n", 2).value(); }), 0);
}

TEST(Durability, OsAndNoneDoNotSyncWhileRunning) {
  for (const Durability durability : {Durability::os, Durability::none}) {
    FaultFileSystem files;
    ManualClock clock;
    auto options = options_for(files, clock, durability);
    options.clean_bytes_min =
        std::uint64_t{1} << 20;  // the cleaner syncs before it removes what a power cut may need
    auto store = store::EmbeddedStore::open(options).value();
    auto session = store->init("a session").value();
    const auto work = [&] {
      for (int i = 0; i < 500; ++i)
        session.set("n", std::string(100, 'x')).value();  // several segments
      for (int i = 0; i < 5; ++i) store->run_duties();
    };
    EXPECT_EQ(syncs_during(files, work), 0);
    EXPECT_GT(store->stats().value().segments, 2U);
    EXPECT_GE(syncs_during(files, [&] { store->flush().value(); }), 1);
    const auto stats = store->stats().value();
    EXPECT_EQ(stats.durable_lsn, stats.last_lsn);
  }
}

TEST(SyncFailure, StopsChangesForGoodAndLeavesReads) {
  FaultFileSystem files;
  ManualClock clock;
  auto store = open_on(files, clock, Durability::always);
  auto session = store->init("a session").value();
  session.set("n", 1).value();
  files.fail_operation(files.operations(), Errc::io);  // the next sync, once
  EXPECT_EQ(session.set("n", 2).error().code(), Errc::io);
  EXPECT_EQ(session.set("n", 3).error().code(), Errc::io)
      << "a failed sync must not be tried again";
  EXPECT_EQ(store->destroy("a session").error().code(), Errc::io);
  EXPECT_EQ(store->flush().error().code(), Errc::io);
  EXPECT_TRUE(session.get<int>("n").value());
  EXPECT_TRUE(store->exists("a session"));
  EXPECT_FALSE(store->close()) << "a close that is not clean says so";
}

TEST(DiskFull, AKilledStoreOpensAgainInTheRoomThatItHadPrepared) {
  FaultFileSystem files;
  ManualClock clock;
  auto store = open_on(files, clock, Durability::interval);
  store->init("a").value().set("n", 1).value();
  store->run_duties();
  files.kill([&] { store.reset(); });
  std::size_t used = 0;
  for (const std::string& path : files.paths()) used += files.content(path).size();
  files.limit_bytes(used);
  auto opened = store::EmbeddedStore::open(options_for(files, clock, Durability::interval));
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  EXPECT_EQ((*opened)->find("a").value()->get<int>("n").value(), 1);
  EXPECT_TRUE((*opened)->destroy("a").has_value());
}

TEST(WriteFailure, StopsChangesForGoodAndLeavesReads) {
  const TempDirectory directory;
  auto store = store::EmbeddedStore::open({.params = {.durability = Durability::os},
                                           .files = &io::posix_file_system(),
                                           .directory = directory.path() + "/store",
                                           .background = false})
                   .value();
  auto session = store->init("a session").value();
  session.set("n", 1).value();
  // The mapping's pages cannot be had any more, as of a disk that was taken away.
  std::filesystem::resize_file(directory.path() + "/store/0000000000000001.scf", 0);
  EXPECT_EQ(session.set("n", 2).error().code(), Errc::io);
  EXPECT_EQ(session.set("n", 3).error().code(), Errc::io);
  EXPECT_EQ(store->flush().error().code(), Errc::io);
  EXPECT_EQ(session.get<int>("n").value(), 1);
  EXPECT_FALSE(store->close()) << "a close that is not clean says so";
}

TEST(DiskFull, RefusesChangesKeepsReadsLetsDestroysWorkAndRecovers) {
  FaultFileSystem files;
  ManualClock clock;
  auto options = options_for(files, clock, Durability::interval);
  options.first_segment_bytes = std::uint64_t{64} << 10;
  auto store = store::EmbeddedStore::open(options).value();
  for (int i = 0; i < 5; ++i) store->init(sid(i)).value();
  auto session = store->load(sid(0)).value();
  session.set("kept", std::string("value")).value();
  files.fail_operation(files.operations(), Errc::no_space, true);

  Result<void> set{};
  int done = 0;
  for (; set && done < 10'000; ++done) set = session.set("n", done);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), Errc::no_space);
  EXPECT_EQ(session.get<int>("n").value().value(), done - 2) << "what was refused is not there";
  EXPECT_EQ(session.get<std::string>("kept").value(), "value");
  EXPECT_EQ(store->init("new").error().code(), Errc::no_space);
  EXPECT_FALSE(store->exists("new"));
  EXPECT_TRUE(store->destroy(sid(1))) << "room is kept for what makes the store smaller";
  EXPECT_FALSE(store->exists(sid(1)));

  files.stop_failing();
  store->run_duties();
  EXPECT_TRUE(session.set("n", 7)) << "service resumes when there is room";
  EXPECT_TRUE(store->init("new"));
  store.reset();
  store = store::EmbeddedStore::open(options).value();
  EXPECT_EQ(store->size().value(), 5U);
  EXPECT_FALSE(store->exists(sid(1)));
  EXPECT_EQ(store->load(sid(0)).value().get<int>("n").value(), 7);
}

}  // namespace
}  // namespace hybrid::testing
