// A disk fills up and gets room again, and what the store may write to is taken from it and given back.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "hybrid/hybrid.hpp"
#include "tests/real/real_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kSessions = 40;

std::string sid(int i) { return "session " + std::to_string(i); }

Params small_segments() { return {.sync_interval = 100ms, .segment_bytes = kMiB}; }

// Sets until it is refused; returns the last n that was acknowledged, and why the next was not.
std::pair<int, Errc> set_until_refused(Provider& store, int from) {
  const std::string value(1000, 'v');
  for (int n = from;; ++n) {
    auto session = store.load(sid(n % kSessions));
    if (!session) return {n - 1, session.error().code()};
    const auto set = session->update([&](Session& view) {
      view.set("n", n).value();
      view.set("value", value).value();
    });
    if (!set) return {n - 1, set.error().code()};
  }
}

void expect_all_up_to(Provider& store, int last, int destroyed) {
  for (int n = std::max(last - kSessions + 1, 0); n <= last; ++n) {
    if (n % kSessions < destroyed) continue;
    const auto session = store.find(sid(n % kSessions)).value();
    ASSERT_TRUE(session) << n;
    EXPECT_EQ(session->get<int>("n").value(), n);
  }
  for (int i = 0; i < destroyed; ++i) EXPECT_FALSE(store.exists(sid(i))) << "it came back";
}

// How long it takes until changes work again.
std::chrono::milliseconds time_until_service(Provider& store) {
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
  };
  while (passed() < 20s) {
    if (store.load("a new session")) break;
    std::this_thread::sleep_for(10ms);
  }
  return passed();
}

void check_full_disk(const std::string& disk) {
  const std::string path = disk + "/store";
  auto store = open(path, small_segments()).value();
  for (int i = 0; i < kSessions; ++i) ASSERT_TRUE(store->load(sid(i)));
  std::this_thread::sleep_for(50ms);  // for the spare
  Ballast ballast{disk};
  const auto [last, why] = set_until_refused(*store, 0);
  EXPECT_EQ(why, Errc::no_space);
  ASSERT_GT(last, kSessions);
  expect_all_up_to(*store, last, 0);
  // Smaller records may still find room for a while.
  Result<void> made{};
  for (int i = 0; made && i < 100'000; ++i) {
    const auto session = store->load("filler " + std::to_string(i));
    if (!session) made = std::unexpected(session.error());
  }
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Errc::no_space);
  EXPECT_FALSE(store->load("a new session"));
  EXPECT_FALSE(store->exists("a new session"));
  constexpr int kDestroyed = 10;
  for (int i = 0; i < kDestroyed; ++i) EXPECT_TRUE(store->destroy(sid(i)));
  EXPECT_TRUE(store->flush());

  ballast.remove();
  EXPECT_LT(time_until_service(*store), 3s);
  expect_all_up_to(*store, last, kDestroyed);
  store.reset();
  store = open(path, small_segments()).value();
  EXPECT_TRUE(store->exists("a new session"));
  expect_all_up_to(*store, last, kDestroyed);
}

TEST_F(RealFaults, FullTmpfsKeepsReadsAndDestroysAndServiceResumes) {
  const SmallTmpfs disk{16 * kMiB};
  check_full_disk(disk.path());
}

TEST_F(RealFaults, FullExt4KeepsReadsAndDestroysAndServiceResumes) {
  const LoopFileSystem disk{{.kind = FileSystemKind::ext4, .bytes = 32 * kMiB}};
  if (!disk.error().empty()) GTEST_SKIP() << disk.error();
  check_full_disk(disk.path());
}

TEST_F(RealFaults, FullDiskDoesNotOpenAStoreThatHasToWriteButKeepsIt) {
  const SmallTmpfs disk{16 * kMiB};
  const std::string path = disk.path() + "/store";
  {
    auto store = open(path, small_segments()).value();
    ASSERT_TRUE(store->load("a").value().set("n", 1));
  }
  Ballast ballast{disk.path()};
  {
    auto store = open(path, small_segments()).value();  // closed cleanly: nothing to write
    EXPECT_EQ(store->find("a").value()->get<int>("n").value(), 1);
    EXPECT_EQ(store->load("b").error().code(), Errc::no_space);
  }
  ballast.remove();
  EXPECT_TRUE(open(path, small_segments()).value()->exists("a"));
}

TEST_F(RealFaults, FileSystemThatBecomesReadOnlyEndsChangesButNotReads) {
  LoopFileSystem disk{{.kind = FileSystemKind::ext4}};
  if (!disk.error().empty()) GTEST_SKIP() << disk.error();
  const std::string path = disk.path() + "/store";
  {
    auto store = open(path, small_segments()).value();
    auto session = store->load("a").value();
    ASSERT_TRUE(session.set("n", 1));
    ASSERT_TRUE(store->flush());
    ASSERT_TRUE(disk.remount("abort"));  // what ext4 does to itself after an error
    const auto until = std::chrono::steady_clock::now() + 20s;
    Result<void> set{};
    while (set && std::chrono::steady_clock::now() < until) {
      set = session.set("value", std::string(1000, 'v'));
      std::this_thread::sleep_for(1ms);
    }
    ASSERT_FALSE(set);
    EXPECT_TRUE(set.error().code() == Errc::io || set.error().code() == Errc::read_only)
        << set.error().message();
    EXPECT_EQ(session.get<int>("n").value(), 1);
  }
  const auto refused = open(path, small_segments());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::read_only) << refused.error().message();
  ASSERT_TRUE(disk.remount_after_shut_down());
  EXPECT_EQ(open(path, small_segments()).value()->find("a").value()->get<int>("n").value(), 1);
}

// Another user than root, whom permissions bind, until it is destroyed.
class AsNobody {
 public:
  AsNobody() : bound_(::getuid() != 0 || ::seteuid(65534) == 0) {}
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (::getuid() == 0 && ::seteuid(0) != 0) std::abort();
  }
  bool bound() const { return bound_; }

 private:
  bool bound_;
};

TEST(Permission, LostIsAnErrorOfChangesAndServiceResumesOnceItIsBack) {
  const TempDirectory directory;
  if (::getuid() == 0 && ::chown(directory.path().c_str(), 65534, 65534) != 0)
    GTEST_SKIP() << "cannot give a directory to another user";
  const AsNobody nobody;
  if (!nobody.bound()) GTEST_SKIP() << "cannot become another user than root";
  const std::string path = directory.path() + "/store";
  auto store = open(path, small_segments()).value();
  std::this_thread::sleep_for(50ms);
  ASSERT_EQ(::chmod(path.c_str(), 0500), 0);
  const auto [last, why] = set_until_refused(*store, 0);
  EXPECT_EQ(why, Errc::permission_denied);
  expect_all_up_to(*store, last, 0);
  EXPECT_TRUE(store->destroy(sid(0)));
  ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  EXPECT_LT(time_until_service(*store), 3s);
  store.reset();
  ASSERT_EQ(::chmod((path + "/lock").c_str(), 0400), 0);
  EXPECT_EQ(open(path, small_segments()).error().code(), Errc::permission_denied);
  ASSERT_EQ(::chmod((path + "/lock").c_str(), 0600), 0);
  store = open(path, small_segments()).value();
  expect_all_up_to(*store, last, 1);
}

}  // namespace
}  // namespace hybrid::testing
