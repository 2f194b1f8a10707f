// Is this a build under a sanitizer? Those take memory and make system calls of their own.
#pragma once

namespace hybrid::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace hybrid::testing
