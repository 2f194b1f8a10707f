// Copies the log of a store, which may be in use, into a new store that is cleanly closed: a backup.
//
// Called by the store from any thread, without a lock, and by tools. Nobody who writes is ever waited for or kept waiting.
//   B1  The copy is the log up to one LSN, at least the last one that was acknowledged before the call.
//   B2  It is there whole, on the disk, verified, or not at all.
#pragma once

#include <functional>
#include <string>

#include "io/file_system.hpp"
#include "scf/format.hpp"

namespace hybrid::scf {

struct LogCopy {
  Lsn last_lsn;
  std::uint64_t records = 0;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
};

// `destination` must not be there, or be an empty directory. A torn tail is cut. `corrupt` if the log is damaged or does not reach
// `at_least`. `on_progress`, which may be empty, gets bytes done and in all.
Result<LogCopy> copy_log(io::FileSystem& files, const std::string& directory,
                         const std::string& destination, Lsn at_least,
                         const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

}  // namespace hybrid::scf
