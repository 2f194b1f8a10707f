#include "server/lifetime.hpp"

#include <chrono>
#include <string>

#include "server/reply_error.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

[[noreturn]] void refuse_time(const Call& call) {
  refuse("ERR invalid expire time in '" + std::string{call.command.name} + "' command");
}

TimePoint deadline_of(const Call& call, std::string_view text, std::int64_t unit, bool absolute) {
  std::int64_t time = integer_of(text);
  if (time <= 0 || time > kDeadlineMax / unit) refuse_time(call);
  time *= unit;
  if (!absolute) time += now_ms();
  if (time > kDeadlineMax) refuse_time(call);
  return TimePoint{std::chrono::milliseconds{time}};
}

}  // namespace

// Exact, other than the store's: clients compare it with their own.
std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

bool LifetimeOption::take(const Call& call, std::size_t& i) {
  const std::string_view option = call[i];
  const bool seconds = is(option, "ex") || is(option, "exat");
  const bool milliseconds = is(option, "px") || is(option, "pxat");
  if (!(seconds || milliseconds) || i + 1 == call.size()) return false;
  const std::int64_t unit = seconds ? 1000 : 1;
  const bool is_absolute = option.size() == 4;
  const bool is_another = unit != unit_ || is_absolute != is_absolute_;
  if (is_given_ && is_another) return false;
  is_given_ = true;
  unit_ = unit;
  is_absolute_ = is_absolute;
  number_ = call[++i];
  return true;
}

std::optional<TimePoint> LifetimeOption::deadline(const Call& call) const {
  if (!is_given_) return std::nullopt;
  return deadline_of(call, number_, unit_, is_absolute_);
}

TimePoint deadline_in(const Call& call, std::string_view number, std::int64_t unit) {
  return deadline_of(call, number, unit, false);
}

void set_deadline(Call& call, const Key& key, const Object& object, TimePoint deadline,
                  std::string_view event) {
  if (deadline.time_since_epoch().count() <= now_ms()) {
    remove_key(call, key, "del");
    return;
  }
  Changes changes;
  changes.set_deadline(deadline);
  call.keys.write(key, object.type(), object, changes);
  call.notify('g', event, key);
}

}  // namespace hybrid::server
