// Reads a store's whole log in order and judges it: sound, torn by a crash, or damaged.
//
// Called by recovery, with the store's lock, and by tools, without it: it only reads, and a store that is in use
// reads as one that was killed just now.
//   R1  on_frame sees the frames of the log in LSN order and nothing that comes after a cut.
// Format: docs/formats/scf.md, section 4
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.hpp"
#include "scf/segment_reader.hpp"

namespace hybrid::scf {

enum class SegmentRole : std::uint8_t {
  chain,       // part of the log
  unused,      // prepared, not begun
  superseded,  // not on the chain: a recovery replaced it
};
std::string_view to_string(SegmentRole role);

struct SegmentSummary {
  SegmentNumber number;
  std::string path;
  std::uint64_t file_bytes = 0;
  SegmentRole role = SegmentRole::unused;
  SegmentHeader header{};  // unless unused
  Offset end{};            // of its last valid frame
  std::uint64_t records = 0;
};

enum class Verdict : std::uint8_t { sound, torn, damaged };

// A frame of the log.
struct FramePlace {
  std::size_t segment = 0;  // index into LogSummary::segments
  Offset at;
  Offset end;
  Lsn first_lsn;
  Lsn last_lsn;
};

struct LogSummary {
  std::vector<SegmentSummary> segments;  // by number
  std::optional<std::size_t> last;  // the chain's last segment that counts; none in an empty store
  bool has_lost_start = false;      // older segments were cleaned away
  bool closed = false;              // the store was closed, not killed, and nothing begun since
  bool sealed = false;  // the last segment ends with a seal: a successor had been prepared
  Lsn next_lsn{1};
  Lsn durable{0};  // known to be on the disk
  Lsn low_water{1};
  Millis latest_time = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes_kept = 0;
  // The accepted frames with records: the last that is durable, and all after it, in order.
  std::optional<FramePlace> last_durable;
  std::vector<FramePlace> not_durable;

  Verdict verdict = Verdict::sound;
  // Of a tear or damage:
  std::string why;
  std::size_t at_segment = 0;  // index into segments
  Offset at;
  Lsn missing_from, missing_to;  // damage: records that had been synced; {0}, {0} if not known
  std::uint64_t bytes_cut = 0;   // torn

  // "sessions/0000000000000001.scf, offset 512: ..." for a tear or damage.
  std::string describe() const;
};

struct LogVisitor {
  // May be empty. An error ends reading, and is returned.
  std::function<Result<void>(const SegmentSummary&, const Frame&)> on_frame;
  // May be empty. Bytes read so far and in total, about every megabyte.
  std::function<void(std::uint64_t, std::uint64_t)> on_progress;
};

// `invalid_argument` if `directory` holds something else than a store. An empty one is a store.
Result<void> check_is_store(io::FileSystem& files, const std::string& directory);

// Errors are those of reading files, `unsupported` for a newer version, `invalid_argument` if `directory` is
// something else than a store, and on_frame's; damage is no error but the verdict.
Result<LogSummary> read_log(io::FileSystem& files, const std::string& directory,
                            const LogVisitor& visitor);

}  // namespace hybrid::scf
