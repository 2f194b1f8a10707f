// The log stays short, and cleaning changes nothing that anybody can see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <random>
#include <thread>

#include "testing/forwarding_file_system.hpp"
#include "testing/store_fixture.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSmallSegment = 16384;

// A driven store with small segments, which cleans whenever it may.
class SmallLog {
 public:
  explicit SmallLog(Params params = {}, std::uint64_t clean_bytes_min = 1)
      : params_(std::move(params)), clean_bytes_min_(clean_bytes_min) {
    open();
  }

  store::EmbeddedStore* operator->() const { return store_.get(); }
  ManualClock& clock() { return clock_; }
  FaultFileSystem& files() { return *files_; }

  void kill_and_reopen() { crash_and_reopen(FaultFileSystem::Survives::everything); }
  void crash_and_reopen(FaultFileSystem::Survives survives) {
    auto files = files_->restart(survives, 1);
    files_->kill([&] { store_.reset(); });
    files_ = std::move(files);
    open();
  }
  void reopen() {
    ASSERT_TRUE(store_->close().has_value());
    store_.reset();
    open();
  }
  std::uint64_t file_bytes() {
    std::uint64_t bytes = 0;
    for (const std::string& path : files_->paths()) bytes += files_->content(path).size();
    return bytes;
  }
  // What is live, by an image for each.
  std::uint64_t live_bytes() {
    std::uint64_t bytes = 0;
    store_
        ->for_each([&](Session& session) {
          bytes += session.info().value().bytes + 90;
          return true;
        })
        .value();
    return bytes;
  }
  std::size_t segments() { return store_->stats().value().segments; }

 private:
  void open() {
    store::EmbeddedStore::Options options;
    options.params = params_;
    options.files = files_.get();
    options.directory = "sessions";
    options.clock = &clock_;
    options.background = false;
    options.first_segment_bytes = kSmallSegment;
    options.clean_bytes_min = clean_bytes_min_;
    options.clean_slice_bytes = 1000;
    auto opened = store::EmbeddedStore::open(options);
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store_ = std::move(*opened);
  }

  Params params_;
  std::uint64_t clean_bytes_min_;
  ManualClock clock_;
  std::unique_ptr<FaultFileSystem> files_ = std::make_unique<FaultFileSystem>();
  std::unique_ptr<store::EmbeddedStore> store_;
};

TEST(Cleaner, KeepsTheLogBelowThreeTimesWhatLivesOverALongChurn) {
  SmallLog log;
  std::minstd_rand random{7};
  constexpr int kSessions = 300;
  std::vector<int> expected(kSessions, -1);
  std::uint64_t most = 0;
  for (int i = 0; i < 60'000; ++i) {
    const int which = static_cast<int>(random() % kSessions);
    const std::string sid = "session " + std::to_string(which);
    auto& value = expected[static_cast<std::size_t>(which)];
    if (random() % 20 == 0) {
      log->destroy(sid).value();
      value = -1;
    } else {
      value = i;
      auto session = log->load(sid).value();
      session.set("n", i).value();
      session.set("text", std::string(random() % 400, 'x')).value();
    }
    if (i % 64 == 0) {
      log.clock().advance(1ms);
      log->run_duties();
      if (i < 5000) continue;
      // One segment that is being written to and the spare are on top.
      const auto stats = log->stats().value();
      const std::uint64_t bound = 3 * log.live_bytes() + 2 * 4 * kSmallSegment;
      ASSERT_LE(log.file_bytes(), bound) << "after " << i << ", live " << log.live_bytes();
      most = std::max(most, stats.log_bytes);
    }
  }
  EXPECT_GT(log->stats().value().records_appended, 100'000U);
  for (const bool killed : {true, false}) {
    killed ? log.kill_and_reopen() : log.reopen();
    std::size_t live = 0;
    for (int i = 0; i < kSessions; ++i) {
      auto session = log->find("session " + std::to_string(i)).value();
      const int value = expected[static_cast<std::size_t>(i)];
      ASSERT_EQ(session.has_value(), value >= 0) << i;
      if (!session) continue;
      ++live;
      EXPECT_EQ(session->get<int>("n").value(), value);
    }
    EXPECT_EQ(log->size().value(), live);
  }
}

TEST(Cleaner, LeavesASmallLogAlone) {
  SmallLog log{{}, 1 << 20};
  auto session = log->load("a").value();
  for (int i = 0; i < 3000; ++i) session.set("n", i).value();
  log->run_duties();
  EXPECT_GT(log.segments(), 2U);
}

TEST(Cleaner, KeepsAllOfASession) {
  SmallLog log{{.idle_timeout = 1000s, .absolute_timeout = 10'000s}};
  auto session = log->load("a").value();
  session.set("text", std::string("\0x", 2)).value();
  session.set(7, std::vector<int>{1, 2, 3}).value();
  session.set("large", std::string(100'000, 'l')).value();
  log->load("empty").value();
  log.clock().advance(5s);
  log->load("a").value();  // a touch that is not in the log yet
  const SessionInfo before = session.info().value();
  log->compact().value();
  EXPECT_EQ(session.info().value().version, before.version);
  log.kill_and_reopen();
  auto after = log->find("a").value().value();
  EXPECT_EQ(after.get<std::string>("text").value(), std::string("\0x", 2));
  EXPECT_EQ(after.get<std::vector<int>>(7).value(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(after.get<std::string>("large").value(), std::string(100'000, 'l'));
  const SessionInfo info = after.info().value();
  EXPECT_EQ(info.version, before.version);
  EXPECT_EQ(info.created_at, before.created_at);
  EXPECT_EQ(info.keys, 3U);
  ASSERT_TRUE(log->exists("empty"));
  EXPECT_EQ(log->find("empty").value()->info().value().keys, 0U);
}

TEST(Cleaner, BringsNothingBackToLife) {
  SmallLog log;
  for (int i = 0; i < 50; ++i) log->load("s" + std::to_string(i)).value().set("n", i).value();
  for (int i = 0; i < 50; i += 2) log->destroy("s" + std::to_string(i)).value();
  log->change_id("s1", "renamed").value();
  for (int round = 0; round < 3; ++round) {
    log->compact().value();
    log.kill_and_reopen();
    EXPECT_EQ(log->size().value(), 25U);
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(log->exists("s" + std::to_string(i)), i % 2 == 1 && i != 1) << i;
    EXPECT_EQ(log->find("renamed").value()->get<int>("n").value(), 1);
  }
}

TEST(Compact, LeavesOneImageForEachSession) {
  SmallLog log{{}, 1 << 20};
  for (int round = 0; round < 30; ++round)
    for (int i = 0; i < 50; ++i) log->load("s" + std::to_string(i)).value().set("n", round).value();
  const auto before = log->stats().value().log_bytes;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  log->compact([&](std::uint64_t d, std::uint64_t t) { done = d, total = t; }).value();
  EXPECT_EQ(done, total);
  EXPECT_GT(done, 0U);
  const auto after = log->stats().value();
  EXPECT_LT(after.log_bytes * 4, before);
  EXPECT_EQ(after.segments, 1U);
  log.reopen();
  EXPECT_EQ(log->stats().value().recovery.records, 50U);
  EXPECT_EQ(log->find("s49").value()->get<int>("n").value(), 29);
}

TEST(Compact, OfAnEmptyStoreAndOfOneJustOpenedIsFine) {
  SmallLog log;
  log->compact().value();
  log->load("a").value().set("n", 1).value();
  log.reopen();
  log->compact().value();
  log.reopen();
  EXPECT_EQ(log->find("a").value()->get<int>("n").value(), 1);
}

TEST(Compact, OfAStoreWithoutSessionsKeepsTheLogsPlaceOverCrashes) {
  DrivenStore store;
  store.load("a session");
  EXPECT_TRUE(store->destroy("a session"));
  EXPECT_TRUE(store->compact());
  const auto lsn = store->stats()->last_lsn;
  store.kill_and_reopen();
  store->run_duties();
  store.kill_and_reopen();
  EXPECT_EQ(store->stats()->last_lsn, lsn);
}

TEST(Compact, FromWithinAnUpdateIsRefusedNotADeadlock) {
  SmallLog log;
  auto session = log->load("a").value();
  const auto done = session.update([&](Session&) { return log->compact(); });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::locked);
  EXPECT_TRUE(log->compact().has_value());
}

// An excuse after a crash is not logged by an image either: it would add up from crash to crash.
TEST(Cleaner, DoesNotLogAccessTimesThatWereMadeUp) {
  SmallLog log{{.idle_timeout = 100s}};
  log->load("a").value().set("n", 1).value();
  const TimePoint accessed = to_time_point(log.clock().now());
  for (int crash = 0; crash < 5; ++crash) {
    log.clock().advance(15s);
    log.kill_and_reopen();
    log->compact().value();
    bool seen = false;
    log->for_each([&](Session& session) {
         seen = true;
         EXPECT_LE(session.info().value().last_access, accessed + 10s);
         return true;
       })
        .value();
    EXPECT_TRUE(seen);
  }
}

TEST(Cleaner, GoesOnAfterAFullDisk) {
  SmallLog log;
  auto keeps = log->load("keeps").value();
  auto session = log->load("a").value();
  int written = 0;
  for (int i = 0; i < 1000; ++i) session.set("n", i).value();
  log.files().fail_operation(log.files().operations() - 1, Errc::no_space,
                             true);  // of writes, from now on
  Result<void> set{};
  for (; set && written < 100'000; ++written) {
    set = session.set("n", written);
    if (written % 16 == 0) log->run_duties();
  }
  // With so little alive cleaning finds room again and again, so only the spare's lack ends it.
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), Errc::no_space);
  EXPECT_TRUE(log->destroy("keeps").has_value());
  log.files().stop_failing();
  log->run_duties();
  EXPECT_TRUE(session.set("n", 1).has_value());
  log.kill_and_reopen();
  EXPECT_FALSE(log->exists("keeps"));
  EXPECT_EQ(log->find("a").value()->get<int>("n").value(), 1);
}

// What could not be written again is not forgotten: the segment that has it stays.
TEST(Cleaner, ForgetsNobodyWhoWasBusyWhenTheDiskWasFull) {
  SmallLog log;
  auto busy = log->load("busy").value();
  busy.set("large", std::string(12'000, 'l')).value();
  auto session = log->load("a").value();
  for (int i = 0; i < 2000; ++i) session.set("n", i).value();
  busy.update([&](Session&) -> Result<void> {
        log->run_duties();  // puts it off
        return {};
      })
      .value();
  log.files().fail_operation(log.files().operations() - 1, Errc::no_space, true);
  for (int i = 0; i < 20; ++i) log->run_duties();
  log.files().stop_failing();
  for (int i = 0; i < 3; ++i) log->run_duties();
  ASSERT_TRUE(busy.set("small", 1).has_value());
  log.kill_and_reopen();
  ASSERT_TRUE(log->exists("busy"));
  EXPECT_EQ(log->find("busy").value()->get<std::string>("large").value(), std::string(12'000, 'l'));
}

TEST(Compact, BesideAnotherIsRefused) {
  SmallLog log;
  log->load("a").value().set("n", 1).value();
  int inner = 0;
  log->compact([&](std::uint64_t, std::uint64_t) {
       ++inner;
       EXPECT_EQ(log->compact().error().code(), Errc::locked);
     })
      .value();
  EXPECT_GT(inner, 0);
  EXPECT_TRUE(log->compact().has_value());
}

// A log in which nothing counts any more is still a log: its times and LSNs go on.
TEST(Compact, OfAStoreWithoutSessionsKeepsTheLog) {
  SmallLog log;
  log->load("a").value();
  log->destroy("a").value();
  log->compact().value();
  const auto last = log->stats().value().last_lsn;
  for (int i = 0; i < 3; ++i) {
    log.reopen();
    log->run_duties();
    EXPECT_EQ(log->stats().value().last_lsn, last);
  }
  log.kill_and_reopen();
  log->run_duties();
  EXPECT_EQ(log->stats().value().last_lsn, last);
  EXPECT_EQ(log->size().value(), 0U);
  log->load("b").value();
  log.kill_and_reopen();
  EXPECT_TRUE(log->exists("b"));
}

// Real files, real threads: readers and writers never see anything odd while the log is cleaned under them.
TEST(Cleaner, WorksBesideReadersAndWriters) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  constexpr int kThreads = 3;
  constexpr int kSessions = 40;
  std::vector<std::vector<int>> last(kThreads, std::vector<int>(kSessions, -1));
  {
    Params params;
    params.segment_bytes = std::uint64_t{1} << 20;
    params.sync_interval = 5ms;
    auto store = open(directory, params).value();
    std::atomic<bool> stop{false};
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::minstd_rand random{static_cast<unsigned>(t) + 1};
        auto& mine = last[static_cast<std::size_t>(t)];
        for (int i = 0; !stop; ++i) {
          const auto which = random() % kSessions;
          const std::string sid = std::to_string(t) + "/" + std::to_string(which);
          if (random() % 16 == 0) {
            store->destroy(sid).value();
            mine[which] = -1;
            continue;
          }
          auto session = store->load(sid).value();
          ASSERT_EQ(session.get<int>("n").value().value_or(-1), mine[which]);
          session
              .update([&](Session& view) {
                view.set("n", i).value();
                view.set("text", std::string(random() % 2000, 'x')).value();
              })
              .value();
          mine[which] = i;
        }
      });
    }
    std::jthread compacts{[&] {
      for (int i = 0; i < 5 && !stop; ++i) {
        std::this_thread::sleep_for(100ms);
        EXPECT_TRUE(store->compact().has_value());
      }
    }};
    std::this_thread::sleep_for(1500ms);
    stop = true;
    threads.clear();
    compacts.join();
    // With nobody writing the cleaner catches up.
    const std::uint64_t bound = 3 * kThreads * kSessions * 3000 + (2U << 20);
    for (int i = 0; i < 1000 && store->stats().value().log_bytes > bound; ++i)
      std::this_thread::sleep_for(10ms);
    EXPECT_LE(store->stats().value().log_bytes, bound);
  }
  auto store = open(directory).value();
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kSessions; ++i) {
      auto session = store->find(std::to_string(t) + "/" + std::to_string(i)).value();
      const int expected = last[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)];
      ASSERT_EQ(session ? session->get<int>("n").value().value_or(-1) : -1, expected);
    }
  }
}

// Where it takes long to make a file, once it is said to.
class SlowToMakeFiles final : public ForwardingFileSystem {
 public:
  SlowToMakeFiles() : ForwardingFileSystem(io::posix_file_system()) {}
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    if (mode == io::OpenMode::create_new && is_slow) go_on.wait();
    return ForwardingFileSystem::open(path, mode);
  }
  std::atomic<bool> is_slow{false};
  std::latch go_on{1};
};

TEST(Cleaner, LeavesHalfOfASegmentToOthersUntilTheNextIsReady) {
  constexpr int kSessions = 3000;
  const TempDirectory temporary;
  SlowToMakeFiles files;
  store::EmbeddedStore::Options options{.files = &files,
                                        .directory = temporary.path() + "/sessions"};
  options.params.segment_bytes = std::uint64_t{1} << 20;
  auto store = store::EmbeddedStore::open(std::move(options)).value();
  for (int i = 0; i < kSessions; ++i)
    store->load(std::to_string(i)).value().set("text", std::string(1000, 'x')).value();
  std::jthread compacts{[&] {
    const auto begun = [&](std::uint64_t, std::uint64_t) { files.is_slow = true; };
    EXPECT_TRUE(store->compact(begun).has_value());
  }};
  while (!files.is_slow) std::this_thread::yield();
  std::atomic<int> changed{0};
  std::jthread changes{[&] {
    for (; changed < 100; ++changed) {
      std::this_thread::sleep_for(2ms);
      store->load("0").value().set("n", changed.load()).value();
    }
  }};
  for (int waited = 0; waited < 500 && changed < 100; ++waited) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(changed, 100) << "a change waited for a file that an image had used up the room for";
  files.go_on.count_down();
}

std::map<std::string, std::map<int, int>> contents(Provider& store) {
  std::map<std::string, std::map<int, int>> all;
  for (int i = 0; i < 8; ++i) {
    const std::string sid = "session " + std::to_string(i);
    auto session = store.find(sid).value();
    if (!session) continue;
    session
        ->for_each([&](const Value& key, const Value& value) {
          all[sid][key.as<int>().value()] = value.as<int>().value();
        })
        .value();
  }
  return all;
}

// Only the header of the segment that a recovery began says how far the log was synced, once what it holds is lost.
TEST(Cleaner, LeavesALogThatBearsTheLossOfAllThatFollowedARecovery) {
  SmallLog log{{.durability = Durability::os}};
  int crashes = 0;
  for (int i = 0; i < 3000; ++i) {
    log->load("session " + std::to_string(i % 7)).value().set(i % 40, i).value();
    if (i % 16 != 0) continue;
    log->run_duties();
    const auto stats = log->stats().value();
    if (stats.durable_lsn != stats.last_lsn) continue;  // not cleaned just now
    SCOPED_TRACE("after " + std::to_string(i));
    ++crashes;
    log.kill_and_reopen();
    log->load("session 7").value().set(1, i).value();
    log.crash_and_reopen(FaultFileSystem::Survives::only_synced);
    const auto served = contents(*log.operator->());
    log.crash_and_reopen(FaultFileSystem::Survives::only_synced);
    ASSERT_EQ(contents(*log.operator->()), served);
  }
  EXPECT_GT(crashes, 5);
}

}  // namespace
}  // namespace hybrid::testing
