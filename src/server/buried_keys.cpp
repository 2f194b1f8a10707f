#include "server/buried_keys.hpp"

#include <algorithm>

namespace hybrid::server {

bool BuriedKeys::watches(std::string_view name) const {
  return std::ranges::any_of(options_.prefixes,
                             [&](const std::string& prefix) { return name.starts_with(prefix); });
}

void BuriedKeys::forget_old() {
  const auto now = SteadyClock::now();
  while (!order_.empty() && (order_.front().first <= now || order_.size() > options_.keys_max)) {
    const auto [until, digest] = order_.front();
    order_.pop_front();
    const auto found = until_.find(digest);
    if (found->second == until)
      until_.erase(found);
    else
      order_.emplace_back(found->second, digest);  // it has been buried again since
  }
}

void BuriedKeys::bury(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const auto until = SteadyClock::now() + options_.time;
  const MutexLock lock{mutex_};
  if (until_.insert_or_assign(digest, until).second) order_.emplace_back(until, digest);
  forget_old();
}

bool BuriedKeys::contains(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const MutexLock lock{mutex_};
  forget_old();
  const auto found = until_.find(digest);
  return found != until_.end() && found->second > SteadyClock::now();
}

}  // namespace hybrid::server
