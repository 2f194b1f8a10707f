#include "testing/simulator/history.hpp"

#include <algorithm>

namespace hybrid::testing::simulator {
namespace {

std::string differs(const char* what, std::uint64_t lsn, const State& seen, const State& expected) {
  return std::string{what} + " at LSN " + std::to_string(lsn) + ": it shows " + to_string(seen) +
         ", expected " + to_string(expected);
}

// Whether `seen` is `before` less `count` sessions that are not in `after` either.
bool some_removed(const State& seen, const State& before, const State& after, std::uint64_t count) {
  std::uint64_t removed = 0;
  for (std::size_t i = 0; i < kSids; ++i) {
    if (seen.sessions[i] == before.sessions[i]) continue;
    if (seen.sessions[i].lives || after.sessions[i].lives) return false;
    ++removed;
  }
  return removed == count;
}

}  // namespace

void History::cut_after(std::uint64_t lsn) {
  while (marks_.size() > 1 && marks_.back().first > lsn) marks_.pop_back();
}

std::optional<std::string> History::judge_state(std::uint64_t lsn, const State& seen) const {
  const auto next = std::ranges::upper_bound(marks_, lsn, {}, &Mark::first);
  const Mark& mark = *std::prev(next);
  if (lsn >= mark.last) {
    if (seen == mark.state) return std::nullopt;
    return differs("the state is another than the log's", lsn, seen, mark.state);
  }
  const State& before = std::prev(next, 2)->state;
  if (some_removed(seen, before, mark.state, lsn - mark.first + 1)) return std::nullopt;
  return differs("the state is none of a sweep's", lsn, seen, before);
}

std::optional<std::string> History::judge(const Seen& seen, const Promise& promise) const {
  if (!seen.trusted) {
    const bool was =
        std::ranges::any_of(marks_, [&](const Mark& mark) { return mark.state == seen.state; });
    if (was || seen.state == promise.since || !judge_state(seen.last_lsn, seen.state))
      return std::nullopt;
    return "the disk lied, and the store shows what never was: " + to_string(seen.state);
  }
  const std::uint64_t promised = seen.killed ? promise.killed : promise.power;
  if (seen.last_lsn < promised) {
    return "changes are lost: the log ends at LSN " + std::to_string(seen.last_lsn) + ", " +
           std::to_string(promised) + " was promised";
  }
  if (seen.last_lsn > promise.at_most) {
    return "the log ends at LSN " + std::to_string(seen.last_lsn) + ", nothing after " +
           std::to_string(promise.at_most) + " was written";
  }
  if (promise.since && seen.last_lsn >= promise.since_lsn) {
    if (seen.state == *promise.since) return std::nullopt;
    return differs("opening again changed the sessions", seen.last_lsn, seen.state, *promise.since);
  }
  return judge_state(seen.last_lsn, seen.state);
}

}  // namespace hybrid::testing::simulator
