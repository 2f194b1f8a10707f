#include "base/event_count.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hybrid::testing {
namespace {

TEST(EventCount, DoesNotSleepThroughWhatWasAnnouncedSinceTheKey) {
  EventCount happened;
  const EventCount::Key key = happened.key();
  happened.announce_to_one();
  happened.wait(key);
  happened.announce_to_all();
  happened.wait(key);
}

TEST(EventCount, WakesAllWhoWaitForWhatIsTrueByThen) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 2000;
  EventCount happened;
  std::atomic<int> round{0};
  std::atomic<int> seen{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int mine = 1; mine <= kRounds; ++mine) {
        for (;;) {
          const EventCount::Key key = happened.key();
          if (round >= mine) break;
          happened.wait(key);
        }
        ++seen;
      }
    });
  }
  for (int now = 1; now <= kRounds; ++now) {
    round = now;
    happened.announce_to_all();
    while (seen < now * kThreads) std::this_thread::yield();
  }
}

}  // namespace
}  // namespace hybrid::testing
