// Waiting for what another processor is about to do, without giving up one's own.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hybrid {

// Tells the processor that this is a loop that waits.
inline void pause_processor() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Whether ready() became true within about 10 us: longer than any lock is held that is not held over a wait, and no longer than it
// takes to sleep and be woken.
template <class Ready>
bool spin_until(Ready&& ready) {
  constexpr int kLooks = 64;
  constexpr int kPausesMax = 8;
  int pauses = 1;
  for (int look = 0; look < kLooks; ++look) {
    if (ready()) return true;
    for (int i = 0; i < pauses; ++i) pause_processor();
    if (pauses < kPausesMax) pauses *= 2;
  }
  return false;
}

}  // namespace hybrid
