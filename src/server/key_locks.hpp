// Locks of keys: what a command reads stays true until it has written. Keys share a fixed number of locks, by their hash.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <functional>

#include "base/small_mutex.hpp"
#include "server/keyspace.hpp"

namespace hybrid::server {

class KeyLocks {
 public:
  static constexpr std::size_t kLocks = 512;
  using Set = std::bitset<kLocks>;

  static std::size_t lock_of(const Key& key) {
    return (std::hash<std::string_view>{}(key.name) + key.database) % kLocks;
  }

  // Those of one key, of several, or all of them, for as long as it lives. Taken in order, so that nobody waits for each other.
  class Guard {
   public:
    Guard(KeyLocks& locks, const Key& key) HYBRID_NO_ANALYSIS : locks_(locks), only_(lock_of(key)) {
      locks_.locks_[only_].lock();
    }
    Guard(KeyLocks& locks, const Set& wanted) HYBRID_NO_ANALYSIS : locks_(locks), set_(wanted) {
      for_each([](SmallMutex& lock) HYBRID_NO_ANALYSIS { lock.lock(); });
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() HYBRID_NO_ANALYSIS {
      if (only_ != kLocks)
        locks_.locks_[only_].unlock();
      else
        for_each([](SmallMutex& lock) HYBRID_NO_ANALYSIS { lock.unlock(); });
    }

   private:
    template <class F>
    void for_each(F&& fn) {
      for (std::size_t i = 0; i < kLocks; ++i) {
        if (set_[i]) fn(locks_.locks_[i]);
      }
    }

    KeyLocks& locks_;
    std::size_t only_ = kLocks;
    Set set_;
  };

 private:
  std::array<SmallMutex, kLocks> locks_;
};

}  // namespace hybrid::server
