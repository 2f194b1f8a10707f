// Assertions for bugs of ours: always on, since a store that goes on after one may lose sessions.
// What disk, network or user sent is never asserted: it is an Error.
#pragma once

namespace hybrid {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace hybrid

#define HYBRID_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::hybrid::assertion_failed(#condition, __FILE__, __LINE__))
