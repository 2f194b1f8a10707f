// The locks that every session has.
#include "base/small_mutex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/spin.hpp"
#include "base/spin_lock.hpp"
#include "base/thread_annotations.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

template <class Lock>
void expect_exclusion() {
  constexpr int kThreads = 4;
  constexpr int kRounds = 50'000;
  Lock lock;
  long counter = 0;  // unguarded but by the lock
  std::latch start{kThreads};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&]() HYBRID_NO_ANALYSIS {
      start.arrive_and_wait();
      for (int i = 0; i < kRounds; ++i) {
        lock.lock();
        const long seen = counter;
        if (i % 1000 == 0) std::this_thread::yield();  // let the others queue up
        counter = seen + 1;
        lock.unlock();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(counter, long{kThreads} * kRounds);
}

TEST(SmallMutex, LetsOneThreadInAtATime) { expect_exclusion<SmallMutex>(); }

TEST(SpinLock, LetsOneThreadInAtATime) { expect_exclusion<SpinLock>(); }

TEST(Mutex, LetsOneThreadInAtATime) { expect_exclusion<Mutex>(); }

TEST(SpinUntil, ReturnsWhenReadyOrGivesUp) {
  int looks = 0;
  EXPECT_TRUE(spin_until([&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);
  EXPECT_FALSE(spin_until([] { return false; }));
}

TEST(SmallMutex, WakesAThreadThatSleepsOnIt) {
  SmallMutex mutex;
  for (int round = 0; round < 200; ++round) {
    mutex.lock();
    std::latch started{1};
    std::jthread waiter{[&] {
      started.count_down();
      const SmallMutexLock lock{mutex};
    }};
    started.wait();
    if (round % 2 == 0) std::this_thread::sleep_for(100us);  // it spins first
    mutex.unlock();
  }
}

// Its number has gone back, and the next thread gets it.
TEST(SmallMutex, OfAThreadThatIsAlmostOverIsNobodyElses) {
  static std::uint32_t mine = 0;
  static std::uint32_t of_another = 0;
  struct LastToGo {
    bool is_made = true;
    ~LastToGo() {
      SmallMutex mutex;
      const SmallMutexLock lock{mutex};
      std::jthread{[] { of_another = this_thread_number(); }}.join();
      mine = this_thread_number();
    }
  };
  std::jthread{[] {
    thread_local LastToGo made_first;
    EXPECT_TRUE(made_first.is_made);
    EXPECT_NE(this_thread_number(), 0U);
  }}.join();
  EXPECT_NE(of_another, 0U);
  EXPECT_NE(mine, of_another);
}

TEST(SmallMutex, TriesWithoutWaiting) {
  SmallMutex mutex;
  ASSERT_TRUE(mutex.try_lock());
  EXPECT_FALSE(std::async(std::launch::async, [&] { return mutex.try_lock(); }).get());
  EXPECT_FALSE(mutex.try_lock()) << "not even its owner takes it twice";
  mutex.unlock();
  ASSERT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(SmallMutex, GivesUpOnceItsPatienceIsOver) {
  SmallMutex mutex;
  mutex.lock();
  EXPECT_FALSE(std::async(std::launch::async, [&] { return mutex.try_lock_for(1ms); }).get());
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock_for(0ms));
  mutex.unlock();
}

TEST(SmallMutex, IsTakenByAPatientThreadOnceItIsFree) {
  SmallMutex mutex;
  mutex.lock();
  auto taken = std::async(std::launch::async, [&] {
    const bool got = mutex.try_lock_for(1h);
    if (got) mutex.unlock();
    return got;
  });
  mutex.unlock();
  EXPECT_TRUE(taken.get());
}

TEST(SmallMutex, KnowsItsOwner) {
  SmallMutex mutex;
  EXPECT_FALSE(mutex.held_by_this_thread());
  mutex.lock();
  EXPECT_TRUE(mutex.held_by_this_thread());
  EXPECT_FALSE(std::async(std::launch::async, [&] { return mutex.held_by_this_thread(); }).get());
  mutex.unlock();
  EXPECT_FALSE(mutex.held_by_this_thread());
}

// Threads that come and go while others hold it, so that numbers are used again all the time.
TEST(SmallMutex, IsNotHeldByANewThread) {
  constexpr int kRounds = 3000;
  SmallMutex mutex;
  std::atomic<int> wrong{0};
  for (int round = 0; round < kRounds; ++round) {
    std::latch start{3};
    const auto come_and_go = [&] {
      start.arrive_and_wait();
      if (mutex.held_by_this_thread()) ++wrong;
      const SmallMutexLock lock{mutex};
    };
    const std::jthread threads[] = {std::jthread{come_and_go}, std::jthread{come_and_go},
                                    std::jthread{come_and_go}};
  }
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadNumbers, DifferBetweenThreadsThatLiveAtTheSameTime) {
  constexpr std::size_t kThreads = 32;
  std::mutex mutex;
  std::set<std::uint32_t> numbers;
  std::latch all_have_one{kThreads};
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const std::uint32_t mine = this_thread_number();
      EXPECT_EQ(this_thread_number(), mine);
      {
        const std::lock_guard lock{mutex};
        numbers.insert(mine);
      }
      all_have_one.arrive_and_wait();
    });
  }
  threads.clear();
  EXPECT_EQ(numbers.size(), kThreads);
  EXPECT_FALSE(numbers.contains(0));
}

TEST(ThreadNumbers, AreUsedAgain) {
  std::uint32_t most = 0;
  for (int i = 0; i < 200; ++i) {
    most =
        std::max(most, std::async(std::launch::async, [] { return this_thread_number(); }).get());
  }
  EXPECT_LT(most, 100U);
}

using SmallMutexDeathTest = ::testing::Test;

TEST_F(SmallMutexDeathTest, StopsTheProgramThatTakesItTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  SmallMutex mutex;
  mutex.lock();
  EXPECT_DEATH(mutex.lock(), "hybrid: bug");
  mutex.unlock();
  EXPECT_DEATH(mutex.unlock(), "hybrid: bug");
}

}  // namespace
}  // namespace hybrid::testing
