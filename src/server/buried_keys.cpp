#include "server/buried_keys.hpp"

#include <algorithm>
#include <span>

#include "base/digest.hpp"
#include "server/keyspace.hpp"

namespace hybrid::server {
namespace {

using std::chrono::milliseconds;

constexpr Millis kHour = 3'600'000;

Millis hour_of(Millis time) { return time / kHour; }

std::string graveyard_of(Millis hour) {
  return sid_of({.database = kGraveyard, .name = std::to_string(hour)});
}

// The ids of the sessions that may have what was buried since, the youngest first.
std::vector<std::string> graveyards_since(Millis time) {
  std::vector<std::string> graveyards;
  for (Millis hour = hour_of(SystemClock{}.now()); hour >= hour_of(time); --hour)
    graveyards.push_back(graveyard_of(hour));
  return graveyards;
}

}  // namespace

bool BuriedKeys::watches(std::string_view name) const {
  return std::ranges::any_of(options_.prefixes,
                             [&](const std::string& prefix) { return name.starts_with(prefix); });
}

void BuriedKeys::bury(std::string_view sid) {
  const Millis now = SystemClock{}.now();
  const Millis hour = hour_of(now);
  const std::string graveyard = graveyard_of(hour);
  auto session = provider_.find(graveyard);
  if (session && !*session) {
    Changes empty;
    empty.set_served({.database = kGraveyard, .name = {}}, Type::set);
    empty.set_deadline(to_time_point((hour + 1) * kHour) + options_.time);
    session = provider_.put(graveyard, empty.view());
  }
  if (!session || !*session) return;
  const Digest digest = digest_of(sid);
  static_cast<void>((*session)->set(std::span<const std::byte>{digest.bytes}, now));
}

bool BuriedKeys::contains(std::string_view sid) const {
  const Digest digest = digest_of(sid);
  const Millis forgotten = SystemClock{}.now() - milliseconds{options_.time}.count();
  return std::ranges::any_of(graveyards_since(forgotten), [&](const std::string& graveyard) {
    const auto session = provider_.find(graveyard);
    if (!session || !*session) return false;
    const auto buried_at = (*session)->get<Millis>(std::span<const std::byte>{digest.bytes});
    return buried_at && *buried_at && **buried_at > forgotten;
  });
}

std::size_t BuriedKeys::sessions() const {
  // They live for up to an hour longer than what is in them.
  const Millis oldest = SystemClock{}.now() - milliseconds{kTimeMax}.count() - kHour;
  return static_cast<std::size_t>(std::ranges::count_if(
      graveyards_since(oldest),
      [&](const std::string& graveyard) { return provider_.exists(graveyard); }));
}

}  // namespace hybrid::server
