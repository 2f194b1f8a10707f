#include "server/slow_log.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"

namespace hybrid::server {

void SlowLog::add(Entry entry) {
  entry.ended_at = SystemClock{}.now() / 1000;
  const MutexLock lock{mutex_};
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > entries_max_) entries_.resize(entries_max_);
}

std::vector<std::string> SlowLog::describe(std::string_view command,
                                           std::span<const std::string_view> arguments) {
  constexpr std::size_t kShown = 31;  // with the command 32, as Redis does
  std::vector<std::string> words{std::string{command}};
  const std::size_t shown = arguments.size() > kShown ? kShown - 1 : arguments.size();
  for (const std::string_view argument : arguments.first(shown))
    words.push_back("(" + std::to_string(argument.size()) + " bytes)");
  if (shown < arguments.size())
    words.push_back("... (" + std::to_string(arguments.size() - shown) + " more arguments)");
  return words;
}

std::vector<SlowLog::Entry> SlowLog::youngest(std::size_t count) const {
  const MutexLock lock{mutex_};
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries_.size()));
  return {entries_.begin(), end};
}

std::size_t SlowLog::size() const {
  const MutexLock lock{mutex_};
  return entries_.size();
}

void SlowLog::clear() {
  const MutexLock lock{mutex_};
  entries_.clear();
}

std::size_t SlowLog::entries_max() const {
  const MutexLock lock{mutex_};
  return entries_max_;
}

void SlowLog::set_entries_max(std::size_t entries_max) {
  const MutexLock lock{mutex_};
  entries_max_ = std::min(entries_max, kEntriesMax);
}

}  // namespace hybrid::server
