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
    // It may have been buried again since.
    const auto found = until_.find(order_.front().second);
    if (found != until_.end() && found->second == order_.front().first) until_.erase(found);
    order_.pop_front();
  }
}

void BuriedKeys::bury(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const auto until = SteadyClock::now() + options_.time;
  const MutexLock lock{mutex_};
  order_.emplace_back(until, digest);
  until_.insert_or_assign(digest, until);
  forget_old();
}

bool BuriedKeys::contains(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const MutexLock lock{mutex_};
  forget_old();
  return until_.contains(digest);
}

}  // namespace hybrid::server
