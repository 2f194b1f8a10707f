// Keys that were deleted a short while ago: a request that was under way then may still write what it had read (rule S4, for
// clients that know no handles). In memory only: a restart forgets them.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "base/thread.hpp"
#include "base/thread_annotations.hpp"

namespace hybrid::server {

class BuriedKeys {
 public:
  enum class Then : std::uint8_t {
    refuse,  // the write, with an error
    ignore,  // it, as if it had been done
  };
  struct Options {
    std::vector<std::string> prefixes{};  // of the names that are watched; none: nothing is
    std::chrono::seconds time{3600};
    Then then = Then::refuse;
    std::size_t keys_max = 1'000'000;  // of more than so many the oldest are forgotten
  };

  explicit BuriedKeys(Options options) : options_(std::move(options)) {}

  const Options& options() const { return options_; }
  bool watches(std::string_view name) const;
  // `sid`: of a key that watches() its name.
  void bury(std::string_view sid);
  bool contains(std::string_view sid);

 private:
  void forget_old() HYBRID_REQUIRES(mutex_);

  const Options options_;
  Mutex mutex_;
  std::unordered_map<Digest, SteadyClock::time_point> until_ HYBRID_GUARDED_BY(mutex_);
  // Each of until_ once, with the time that it had then.
  std::deque<std::pair<SteadyClock::time_point, Digest>> order_ HYBRID_GUARDED_BY(mutex_);
};

}  // namespace hybrid::server
