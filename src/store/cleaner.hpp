// Keeps the log short: writes the sessions that its oldest segment is still needed for once more, at its end, and has the
// segment removed.
//
// Each session has an anchor, the LSN of its create record or newest image, which reading the log has to start from for it.
// Used by one thread at a time, beside all other calls of the store; it waits for nobody but the disk.
//   C1  Before records below an LSN are discarded, every session that lives has its anchor at or above it.
//   C2  An image is written under the session's writer lock: it is the session at its LSN, whole, in one record.
//   C3  A destroy goes with or after all that is older, since segments go oldest first: nothing comes back to life.
// Does not decide when it runs, and removes no files: see store.cpp and CommitLog::discard_before().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "store/commit_log.hpp"
#include "store/table.hpp"

namespace hybrid::store {

class Cleaner {
 public:
  struct Config {
    Table& table;
    CommitLog& log;
    ClampedClock& clock;
    Millis excused_until =
        0;  // access times up to this one were made up after a crash: not to be logged
    std::uint64_t bytes_min = 0;  // a log of fewer is left alone
    std::size_t slice_bytes = 0;  // of images, in one step()
  };
  explicit Cleaner(Config config) : config_(config) {}

  // A slice of work, if the log is larger than it should be. How long to wait before the next one, less the longer the log is;
  // nothing if there is none for now, or only sessions that are being changed.
  Result<std::optional<std::chrono::microseconds>> step();

  // Writes all sessions once more and discards what was before. Waits for those that are being changed.
  Result<void> compact(const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

 private:
  // Once through the table, for the anchors below `target`.
  struct Pass {
    scf::Lsn target;
    std::size_t chunk = 0;
    std::size_t entry = 0;
    std::vector<EntryRef> busy{};  // somebody had their writer locks
    std::uint64_t bytes = 0;       // of images, so far
  };
  enum class IfBusy : std::uint8_t { put_off, wait };

  std::optional<Pass> next_pass();
  bool is_due(std::uint64_t log_bytes, scf::Lsn oldest_end);
  std::chrono::microseconds pause() const;
  // Goes on with the pass for about `bytes`; true at its end, but for those that are busy.
  Result<bool> advance(Pass& pass, std::uint64_t bytes, IfBusy if_busy);
  Result<void> visit(Pass& pass, EntryRef entry, IfBusy if_busy);
  Result<void> visit_locked(Pass& pass, Entry& entry);
  Result<void> visit_busy(Pass& pass);
  Result<void> finish(const Pass& pass);
  Result<std::size_t> write_image(Entry& entry);

  const Config config_;
  std::optional<Pass> pass_;
  std::uint64_t live_bytes_ = 0;  // of a log that holds each session once; when the pass began
  std::uint64_t not_due_at_ = 0;  // a log of this size was looked at already
};

}  // namespace hybrid::store
