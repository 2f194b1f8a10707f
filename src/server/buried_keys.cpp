#include "server/buried_keys.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "server/keyspace.hpp"

namespace hybrid::server {
namespace {

constexpr Millis kHour = 3'600'000;
// An hour's keys are in several sessions, so that many clients can log out at once; few, since each is asked for to count keys.
constexpr unsigned kGraveyardsAnHour = 4;
constexpr std::size_t kKeysPerGraveyard = 250'000;

Millis hour_of(Millis time) { return time / kHour; }

std::string graveyard_of(Millis hour, unsigned part) {
  const std::string name = std::to_string(hour) + "/" + std::to_string(part);
  return sid_of({.database = kGraveyard, .name = name});
}

unsigned part_of(const Digest& digest) {
  return static_cast<unsigned>(digest.bytes[0]) % kGraveyardsAnHour;
}

std::span<const std::byte> key_of(const Digest& digest) { return digest.bytes; }

}  // namespace

bool BuriedKeys::watches(std::string_view name) const {
  return std::ranges::any_of(options_.prefixes,
                             [&](const std::string& prefix) { return name.starts_with(prefix); });
}

Millis BuriedKeys::oldest(Millis now) const {
  return now - Millis{options_.time / std::chrono::milliseconds{1}};
}

Result<void> BuriedKeys::write(const Digest& digest, Millis now) {
  const std::string graveyard = graveyard_of(hour_of(now), part_of(digest));
  auto session = provider_.find(graveyard);
  if (session && !*session) {
    Changes empty;
    empty.set_served({.database = kGraveyard, .name = {}}, Type::set);
    empty.set_deadline(to_time_point((hour_of(now) + 1) * kHour) + options_.time);
    session = provider_.put(graveyard, empty.view());
  }
  if (!session) return std::unexpected(std::move(session.error()));
  const auto info = (*session)->info();
  if (!info) return std::unexpected(info.error());
  if (info->keys >= kKeysPerGraveyard)
    return std::unexpected(Error{Errc::too_large, "too many keys were deleted in this hour"});
  return (*session)->set(key_of(digest), now);
}

void BuriedKeys::bury(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const Millis now = clock_.now();
  const auto written = write(digest, now);
  if (written) return;
  bool is_first = false;
  {
    const MutexLock lock{mutex_};
    if (unwritten_.size() >= kUnwrittenMax)
      std::erase_if(unwritten_, [&](const auto& buried) { return buried.second <= oldest(now); });
    if (unwritten_.size() >= kUnwrittenMax) unwritten_.erase(unwritten_.begin());
    is_first = unwritten_.empty();
    unwritten_.insert_or_assign(digest, now);
  }
  if (is_first && log_)
    log_("protected keys that are deleted now are known until a restart only: " +
         written.error().message());
}

bool BuriedKeys::contains(std::string_view sid) {
  const Digest digest = digest_of(sid);
  const Millis now = clock_.now();
  {
    const MutexLock lock{mutex_};
    const auto found = unwritten_.find(digest);
    if (found != unwritten_.end() && found->second > oldest(now)) return true;
  }
  // From the hour to come, should the clock have been set back since.
  for (Millis hour = hour_of(now) + 1; hour >= hour_of(oldest(now)); --hour) {
    const auto session = provider_.find(graveyard_of(hour, part_of(digest)));
    if (!session || !*session) continue;
    const auto buried_at = (*session)->get<Millis>(key_of(digest));
    if (buried_at && *buried_at && **buried_at > oldest(now)) return true;
  }
  return false;
}

std::size_t BuriedKeys::sessions() {
  const Millis now = clock_.now();
  // They live for up to an hour longer than what is in them.
  const Millis first = hour_of(now - Millis{kTimeMax / std::chrono::milliseconds{1}}) - 1;
  std::size_t count = 0;
  for (Millis hour = first; hour <= hour_of(now) + 1; ++hour) {
    for (unsigned part = 0; part < kGraveyardsAnHour; ++part)
      count += provider_.exists(graveyard_of(hour, part)) ? 1 : 0;
  }
  return count;
}

}  // namespace hybrid::server
