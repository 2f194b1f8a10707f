// Reads a store that somebody may have open, without disturbing it: no lock is taken and nothing is written.
//
// The log moves while it is read, so a reading may catch it half way. What looks wrong is believed only if a second
// reading, some milliseconds later, finds the same at the same place; if they differ, a snapshot is read. An end that
// looks torn is nothing wrong while a process is known to have the store open.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hybrid/error.hpp"
#include "io/file_system.hpp"
#include "scf/log_reader.hpp"

namespace hybrid::cli {

struct Reading {
  scf::LogSummary log;
  // The log is being written to, and what looks torn is on its way. The verdict is sound then.
  bool changing = false;
};

// Whether a process is known to have the store open; asked without touching its lock. A process in another container may not
// be seen, nor one whose file system shows other numbers here than to the kernel.
bool known_to_be_open(const std::string& directory);

// Sees each record once, in LSN order, however often the log is read. An error ends reading, and is returned.
using OnFrame = std::function<Result<void>(const scf::SegmentSummary&, const scf::Frame&)>;

// Errors: scf::read_log()'s and on_frame's; `unavailable` if the store changes too fast to be judged.
Result<Reading> read_store(const std::string& directory, const OnFrame& on_frame);

// The log of one moment, for who must read it more than once: each reading sees the same records. A torn end is left out.
class StoreSnapshot {
 public:
  // Errors: those of reading; `unavailable` if the store changes too fast.
  static Result<StoreSnapshot> take(const std::string& directory);
  // Errors: scf::read_log()'s and on_frame's.
  Result<Reading> read(const OnFrame& on_frame);

 private:
  StoreSnapshot(std::string directory, std::unique_ptr<io::FileSystem> files)
      : directory_(std::move(directory)), files_(std::move(files)) {}

  std::string directory_;
  std::unique_ptr<io::FileSystem> files_;
};

// Says on standard error what is wrong with what was read, and with which code to end. A torn tail is worth a line, but
// is nothing wrong.
int conclude(const Result<Reading>& reading);
// What to tell the user of a damaged store.
std::string describe_damage(const std::string& what);

}  // namespace hybrid::cli
