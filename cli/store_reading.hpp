// Reads a store that somebody may have open, without disturbing it: no lock is taken and nothing is written.
//
// The log moves while it is read, so a reading may catch it half way. What looks wrong is believed only if a second
// reading, some milliseconds later, finds the same at the same place.
#pragma once

#include <functional>
#include <string>

#include "hybrid/error.hpp"
#include "scf/log_reader.hpp"

namespace hybrid::cli {

struct Reading {
  scf::LogSummary log;
  // The end of the log was never the same twice: it is being written to, and what looks torn is on its way. The
  // verdict is sound then.
  bool changing = false;
};

// Sees each record once, in LSN order, however often the log is read. An error ends reading, and is returned.
using OnFrame = std::function<Result<void>(const scf::SegmentSummary&, const scf::Frame&)>;

// Errors: scf::read_log()'s and on_frame's; `unavailable` if the store changes too fast to be judged.
Result<Reading> read_store(const std::string& directory, const OnFrame& on_frame);

// Says on standard error what is wrong with what was read, and with which code to end. A torn tail is worth a line, but
// is nothing wrong.
int conclude(const Result<Reading>& reading);
// What to tell the user of a damaged store.
std::string describe_damage(const std::string& what);

}  // namespace hybrid::cli
