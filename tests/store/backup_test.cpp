// A backup is the store at one moment, whole or not there, and in nobody's way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <thread>

#include "scf/log_copy.hpp"
#include "testing/store_fixture.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kStore = "sessions";
constexpr const char* kCopy = "copy";

// An embedded store on a file system in memory.
class Source {
 public:
  explicit Source(FaultFileSystem& files, const std::string& directory = kStore) {
    store::EmbeddedStore::Options options;
    options.files = &files;
    options.directory = directory;
    options.clock = &clock_;
    options.background = false;
    options.first_segment_bytes = 16384;
    store_ = store::EmbeddedStore::open(options).value();
  }
  store::EmbeddedStore* operator->() const { return store_.get(); }
  void reset() { store_.reset(); }

 private:
  ManualClock clock_;
  std::unique_ptr<store::EmbeddedStore> store_;
};

void fill(store::EmbeddedStore& store, int from, int to) {
  for (int i = from; i < to; ++i) {
    auto session = store.load("s" + std::to_string(i % 40)).value();
    session.set("n", i).value();
    session.set("text", std::string(static_cast<std::size_t>(i % 300), 'x')).value();
    if (i % 10 == 0) store.destroy("s" + std::to_string((i + 5) % 40)).value();
    if (i % 16 == 0) store.run_duties();
  }
}

std::map<std::string, int> sessions_of(store::EmbeddedStore& store) {
  std::map<std::string, int> sessions;
  for (int i = 0; i < 40; ++i) {
    const std::string sid = "s" + std::to_string(i);
    if (auto session = store.find(sid).value())
      sessions[sid] = session->get<int>("n")->value_or(-1);
  }
  return sessions;
}

bool is_there(const FaultFileSystem& files, const std::string& directory) {
  return files.has_directory(directory);
}

// What begins with the copy's name.
std::vector<std::string> copies_in(const FaultFileSystem& files) {
  std::vector<std::string> found;
  for (std::string& path : files.paths()) {
    if (path.starts_with(kCopy)) found.push_back(std::move(path));
  }
  return found;
}

TEST(Backup, IsTheStoreCleanlyClosed) {
  FaultFileSystem files;
  Source source{files};
  fill(*source.operator->(), 0, 1000);
  const auto expected = sessions_of(*source.operator->());
  ASSERT_TRUE(source->backup(kCopy).has_value());
  const auto log = scf::read_log(files, kCopy, {}).value();
  EXPECT_EQ(log.verdict, scf::Verdict::sound);
  EXPECT_TRUE(log.closed);
  EXPECT_EQ(log.next_lsn.value - 1, source->stats()->last_lsn);
  EXPECT_EQ(log.durable.value, source->stats()->last_lsn);
  fill(*source.operator->(), 1000, 1100);  // goes on

  Source copy{files, kCopy};
  EXPECT_TRUE(copy->stats()->recovery.clean_close);
  EXPECT_EQ(sessions_of(*copy.operator->()), expected);
  fill(*copy.operator->(), 0, 500);  // a store like any other
}

TEST(Backup, OfAStoreThatWasKilledClosedOrIsEmpty) {
  for (const bool killed : {true, false}) {
    FaultFileSystem files;
    Source source{files};
    fill(*source.operator->(), 0, 100);
    const auto expected = sessions_of(*source.operator->());
    if (killed) {
      files.kill([&] { source.reset(); });
    } else {
      source.reset();
    }
    const auto copied = scf::copy_log(files, kStore, kCopy, scf::Lsn{0}, {});
    ASSERT_TRUE(copied.has_value()) << copied.error().message();
    Source copy{files, kCopy};
    EXPECT_EQ(sessions_of(*copy.operator->()), expected);
  }
  FaultFileSystem files;
  Source source{files};
  ASSERT_TRUE(source->backup(kCopy).has_value());
  EXPECT_EQ(Source(files, kCopy)->size().value(), 0U);
}

TEST(Backup, OfABackupIsTheSame) {
  FaultFileSystem files;
  Source source{files};
  fill(*source.operator->(), 0, 300);
  source->backup(kCopy).value();
  scf::copy_log(files, kCopy, "copy2", scf::Lsn{0}, {}).value();
  for (const std::string& path : copies_in(files)) {
    if (!path.starts_with("copy/")) continue;
    EXPECT_EQ(files.content(path), files.content("copy2" + path.substr(4))) << path;
  }
}

TEST(Backup, ATornTailIsCut) {
  FaultFileSystem files;
  Source source{files};
  fill(*source.operator->(), 0, 20);
  files.kill([&] { source.reset(); });
  const auto log = scf::read_log(files, kStore, {}).value();
  const auto& last = log.segments[log.last.value()];
  files.content(last.path)[last.end.value + 3] = std::byte{7};
  ASSERT_EQ(scf::read_log(files, kStore, {})->verdict, scf::Verdict::torn);
  ASSERT_TRUE(scf::copy_log(files, kStore, kCopy, scf::Lsn{0}, {}).has_value());
  const auto copy = scf::read_log(files, kCopy, {}).value();
  EXPECT_EQ(copy.verdict, scf::Verdict::sound);
  EXPECT_EQ(copy.next_lsn, log.next_lsn);
}

TEST(Backup, ADamagedStoreIsRefused) {
  FaultFileSystem files;
  Source source{files};
  fill(*source.operator->(), 0, 30);
  source.reset();
  for (const std::string& path : files.paths()) {
    if (!path.ends_with(".scf")) continue;
    for (std::size_t at = 0; at < files.content(path).size(); at += 37) {
      files.content(path)[at] ^= std::byte{0x10};
      const auto copied = scf::copy_log(files, kStore, kCopy, scf::Lsn{0}, {});
      ASSERT_FALSE(copied.has_value()) << path << " offset " << at;
      EXPECT_EQ(copied.error().code(), Errc::corrupt);
      EXPECT_FALSE(is_there(files, kCopy));
      EXPECT_THAT(copies_in(files), IsEmpty());
      files.content(path)[at] ^= std::byte{0x10};
    }
  }
}

TEST(Backup, OnlyIntoANewOrAnEmptyDirectory) {
  FaultFileSystem files;
  Source source{files};
  fill(*source.operator->(), 0, 10);
  source->backup(kCopy).value();
  const auto again = source->backup(kCopy);
  EXPECT_EQ(again.error().code(), Errc::invalid_argument);
  EXPECT_THAT(again.error().message(), HasSubstr("not empty"));
  EXPECT_EQ(source->backup("sessions/inside").error().code(), Errc::invalid_argument);
  EXPECT_EQ(source->backup("..").error().code(), Errc::invalid_argument);
  EXPECT_EQ(source->backup("").error().code(), Errc::invalid_argument);
  files.make_directory("empty").value();
  EXPECT_TRUE(source->backup("empty").has_value());
}

TEST(Backup, AStoreInMemoryHasNone) {
  DrivenStore store{{}, false};
  EXPECT_EQ(store->backup(kCopy).error().code(), Errc::unsupported);
}

// Every operation fails once, and the disk is full from there on: nothing is left, and the store goes on.
TEST(Backup, AFailureLeavesNothingBehind) {
  int operations = 0;
  for (int fail_at = 0;; ++fail_at) {
    FaultFileSystem files;
    Source source{files};
    fill(*source.operator->(), 0, 200);
    const int first = files.operations();
    if (first + fail_at >= operations && operations != 0) break;
    if (operations != 0) files.fail_operation(first + fail_at, Errc::no_space, fail_at % 2 == 0);
    const auto copied = source->backup(kCopy);
    if (operations == 0) {
      ASSERT_TRUE(copied.has_value());
      operations = files.operations();
      continue;
    }
    SCOPED_TRACE("operation " + std::to_string(fail_at));
    EXPECT_TRUE(copied || copied.error().code() == Errc::no_space);
    // Only the very last operation comes after it is there: the sync that keeps it.
    if (first + fail_at + 1 < operations && !copied) {
      EXPECT_FALSE(is_there(files, kCopy));
      EXPECT_TRUE(copies_in(files).empty());
    }
    files.stop_failing();
    fill(*source.operator->(), 200, 210);
  }
}

// Power is cut before every operation: what is at the copy's name is the copy, or nothing.
TEST(Backup, APowerCutLeavesItWholeOrNotThere) {
  for (int cut = 0;; ++cut) {
    FaultFileSystem files{static_cast<std::uint64_t>(cut) + 1};
    Source source{files};
    fill(*source.operator->(), 0, 200);
    const auto expected = sessions_of(*source.operator->());
    files.cut_power_before(files.operations() + cut);
    const bool copied = source->backup(kCopy).has_value();
    for (const auto survives :
         {FaultFileSystem::Survives::only_synced, FaultFileSystem::Survives::anything}) {
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const auto after = files.restart(survives, seed);
        EXPECT_TRUE(is_there(*after, kCopy) || !copied);
        if (!is_there(*after, kCopy)) continue;
        Source copy{*after, kCopy};
        EXPECT_EQ(sessions_of(*copy.operator->()), expected) << "cut before " << cut;
        EXPECT_TRUE(copy->stats()->recovery.clean_close);
      }
    }
    if (!files.power_is_off()) break;
  }
}

// Threads write, the cleaner runs, and each backup is a prefix that has all that was acknowledged before it began.
TEST(Backup, WhileThreadsWriteAndTheLogIsCleaned) {
  const TempDirectory temporary;
  Params params;
  params.segment_bytes = std::uint64_t{1} << 20;
  params.sync_interval = 5ms;
  store::EmbeddedStore::Options options{.params = params};
  options.files = &io::posix_file_system();
  options.directory = temporary.path() + "/sessions";
  options.first_segment_bytes = std::uint64_t{64} << 10;
  options.clean_bytes_min = 1;
  auto store = store::EmbeddedStore::open(options).value();

  // Each writer counts up in one session, and adds and destroys others.
  constexpr int kWriters = 3;
  std::array<std::atomic<int>, kWriters> acknowledged{};
  std::vector<std::jthread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w](const std::stop_token& stop) {
      auto session = store->load("w" + std::to_string(w)).value();
      for (int i = 1; !stop.stop_requested(); ++i) {
        // A segment lasts longer than it takes to look at them all, even if this machine is busy.
        if (i % 32 == 0) std::this_thread::sleep_for(1ms);
        session.set("n", i).value();
        acknowledged[static_cast<std::size_t>(w)].store(i, std::memory_order_release);
        const std::string other = "o" + std::to_string(w) + "-" + std::to_string(i % 200);
        if (i % 3 == 0) store->load(other).value().set("text", std::string(500, 'x')).value();
        if (i % 7 == 0) store->destroy(other).value();
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + 3s;
  int backups = 0;
  while (std::chrono::steady_clock::now() < until) {
    std::array<int, kWriters> before{};
    for (std::size_t w = 0; w < kWriters; ++w) before[w] = acknowledged[w].load();
    const std::string copy = temporary.path() + "/copy" + std::to_string(backups);
    const auto copied = store->backup(copy);
    ASSERT_TRUE(copied.has_value()) << copied.error().message();
    ++backups;
    auto restored = open(copy).value();
    EXPECT_TRUE(restored->stats()->recovery.clean_close);
    for (std::size_t w = 0; w < kWriters; ++w) {
      if (before[w] == 0) continue;
      const auto session = restored->find("w" + std::to_string(w)).value();
      ASSERT_TRUE(session.has_value());
      const int n = session->get<int>("n")->value_or(0);
      EXPECT_GE(n, before[w]);
      EXPECT_EQ(session->version().value(),
                static_cast<std::uint64_t>(n));  // a prefix: no set is left out
    }
    restored.reset();
    std::filesystem::remove_all(copy);
  }
  writers.clear();
  EXPECT_GT(backups, 0);
  for (const auto& entry : std::filesystem::directory_iterator{temporary.path()})
    EXPECT_EQ(entry.path().filename(), "sessions");
}

}  // namespace
}  // namespace hybrid::testing
