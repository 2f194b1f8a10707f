// Keys that were deleted a short while ago: a request that was under way then may still write what it had read (rule S4, for
// clients that know no handles).
//
// They are kept in the store, so that a restart remembers them: the digests of their ids, with the time, are the keys of sessions in
// a database of its own (kGraveyard), some for each hour, which expire when all in them are to be forgotten. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/provider.hpp"

namespace hybrid::server {

class BuriedKeys {
 public:
  static constexpr std::chrono::hours kTimeMax{24};
  static constexpr std::size_t kUnwrittenMax = 100'000;

  enum class Then : std::uint8_t {
    refuse,  // the write, with an error
    ignore,  // it, as if it had been done
  };
  struct Options {
    std::vector<std::string> prefixes{};  // of the names that are watched; none: nothing is
    std::chrono::seconds time{3600};      // at most kTimeMax
    Then then = Then::refuse;
  };

  // `log`: for the operator; may be empty.
  BuriedKeys(Options options, Provider& provider, std::function<void(std::string)> log = {})
      : options_(std::move(options)), provider_(provider), log_(std::move(log)) {}

  const Options& options() const { return options_; }
  bool watches(std::string_view name) const;
  // `sid`: of a key that watches() its name. What the store cannot keep, because the disk is full, or a million keys were deleted in an
  // hour, is kept until a restart; of that no more than kUnwrittenMax.
  void bury(std::string_view sid);
  bool contains(std::string_view sid);
  // How many of the store's sessions are its own.
  std::size_t sessions();

 private:
  Result<void> write(const Digest& digest, Millis now);
  Millis oldest(Millis now) const;  // that is not forgotten

  const Options options_;
  Provider& provider_;
  const std::function<void(std::string)> log_;
  SystemClock system_clock_;
  ClampedClock clock_{system_clock_};
  Mutex mutex_;
  std::unordered_map<Digest, Millis> unwritten_ HYBRID_GUARDED_BY(mutex_);
};

}  // namespace hybrid::server
