// What a store may show after a crash.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "testing/simulator/state.hpp"

namespace hybrid::testing::simulator {

inline constexpr std::uint64_t kAnyLsn = std::numeric_limits<std::uint64_t>::max();

// How far the clients had come when a disk crashed; its meaning is the oracle's.
struct Progress {
  virtual ~Progress() = default;
};

struct Promise {
  std::uint64_t killed = 0;         // the LSN that a killed process must have kept
  std::uint64_t power = 0;          // and the one that a power cut must have
  bool power_was_cut = false;       // once, so that no kill since keeps more than that
  std::uint64_t at_most = kAnyLsn;  // nothing newer was written
  std::optional<State> since{};     // what a store showed after `since_lsn`: it stays
  std::uint64_t since_lsn = 0;
  std::shared_ptr<const Progress> progress{};
};

// What a reopened store showed.
struct Seen {
  std::uint64_t last_lsn = 0;
  State state{};
  bool killed = false;  // else power was cut
  bool trusted = true;  // the disk did what it was told
};

class Oracle {
 public:
  virtual ~Oracle() = default;
  // What is wrong, or nothing.
  virtual std::optional<std::string> judge(const Seen& seen, const Promise& promise) const = 0;
};

}  // namespace hybrid::testing::simulator
