// Keys that were deleted a short while ago: a request that was under way then may still write what it had read (rule S4, for
// clients that know no handles).
//
// They are kept in the store, so that a restart remembers them: the digests of their ids, with the time, are the keys of sessions in
// a database of its own (kGraveyard), one for each hour, which expires when all in it are to be forgotten. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "hybrid/provider.hpp"

namespace hybrid::server {

class BuriedKeys {
 public:
  static constexpr std::chrono::hours kTimeMax{24};

  enum class Then : std::uint8_t {
    refuse,  // the write, with an error
    ignore,  // it, as if it had been done
  };
  struct Options {
    std::vector<std::string> prefixes{};  // of the names that are watched; none: nothing is
    std::chrono::seconds time{3600};      // at most kTimeMax
    Then then = Then::refuse;
  };

  BuriedKeys(Options options, Provider& provider)
      : options_(std::move(options)), provider_(provider) {}

  const Options& options() const { return options_; }
  bool watches(std::string_view name) const;
  // `sid`: of a key that watches() its name. Where that cannot be written no key can be made either: it returns then.
  void bury(std::string_view sid);
  bool contains(std::string_view sid) const;
  // How many of the store's sessions are its own.
  std::size_t sessions() const;

 private:
  const Options options_;
  Provider& provider_;
};

}  // namespace hybrid::server
