// Builds the table from the log. Called once, by the opening thread, with the directory's lock; writes nothing.
//
// The records of some frames are a *batch*: those to come are fetched into the cache while others are applied. With a large log another
// thread reads, checks and splits the next batches meanwhile, and some, the calling one among them, apply a share of the ids each.
//   V1  What is wrong first in the log is what is reported, unless something throws, and each session sees its records in the order of the log; see
//       recovery_share.hpp.
//   V2  What was read and not applied yet takes a few MiB, or what the largest frames take.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "hybrid/params.hpp"
#include "io/file_system.hpp"
#include "scf/log_reader.hpp"
#include "store/table.hpp"

namespace hybrid::store {

struct Recovered {
  scf::LogSummary log;
  RecoveryReport report;
};

enum class ReadAhead : std::uint8_t {
  if_worth_it,  // where there is a processor for it, and the log is not small
  never,
  always,
};

// For tests.
struct RecoverOptions {
  ReadAhead read_ahead = ReadAhead::if_worth_it;
  // Of the ids, that are applied at once, by a thread each, if it reads ahead; 0: as there are processors, up to 4.
  std::size_t shares = 0;
  std::chrono::milliseconds report_after{1000};
  std::chrono::milliseconds report_every{250};
};

// `corrupt` if the log is damaged, with segment, offset and LSNs; else read_log()'s errors. `on_progress` may be empty, and is called
// by this thread.
Result<Recovered> recover(io::FileSystem& files, const std::string& directory, Table& table,
                          const std::function<void(const RecoveryReport&)>& on_progress,
                          const RecoverOptions& options = {});

}  // namespace hybrid::store
