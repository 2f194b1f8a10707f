// When keys expire: what clients say of it, and what it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/call.hpp"

namespace hybrid::server {

std::int64_t now_ms();

// The end of the year 9999, as the store has it, in ms.
inline constexpr std::int64_t kDeadlineMax = 253'402'300'799'999;

// EX, PX, EXAT or PXAT with its number.
class LifetimeOption {
 public:
  // Whether the argument at `i` is one of them, the first or the same as before; then `i` is moved to its number.
  bool take(const Call& call, std::size_t& i);
  bool is_given() const { return is_given_; }
  // Refuses a number that is none, or not positive.
  std::optional<TimePoint> deadline(const Call& call) const;

 private:
  bool is_given_ = false;
  std::int64_t unit_ = 0;
  bool is_absolute_ = false;
  std::string_view number_;
};

// Of a positive number of `unit` ms from now on.
TimePoint deadline_in(const Call& call, std::string_view number, std::int64_t unit);

// Deletes the key at once if that time has passed.
void set_deadline(Call& call, const Key& key, const Object& object, TimePoint deadline,
                  std::string_view event);

}  // namespace hybrid::server
