// The oracle of a single client: which state the store had after each LSN.
#pragma once

#include <vector>

#include "testing/simulator/oracle.hpp"

namespace hybrid::testing::simulator {

class History final : public Oracle {
 public:
  // The record of that LSN made it so. LSNs in between left it as it was.
  void add(std::uint64_t lsn, const State& state) { marks_.push_back({lsn, lsn, state}); }
  // The records from `first` on removed sessions one by one, in any order.
  void add_removals(std::uint64_t first, std::uint64_t last, const State& state) {
    if (last >= first) marks_.push_back({first, last, state});
  }
  // What came after did not survive.
  void cut_after(std::uint64_t lsn);
  const State& newest() const { return marks_.back().state; }

  std::optional<std::string> judge(const Seen& seen, const Promise& promise) const override;

 private:
  struct Mark {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    State state{};
  };
  std::optional<std::string> judge_state(std::uint64_t lsn, const State& seen) const;

  std::vector<Mark> marks_{Mark{}};
};

}  // namespace hybrid::testing::simulator
