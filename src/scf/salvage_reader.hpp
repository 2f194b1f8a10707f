// Reads what is intact of a damaged log, in order, and says where records are lost: for `hybrid salvage`. What read_log() takes for
// sound or torn is better read by that.
//
//   V1  on_frame sees frames in LSN order. Between two that are not told apart by on_gap, no record is lost.
//   V2  The log's end is one that nothing contradicts: no durable claim, no seal, and no size of a file says that more was there; else
//       the last call is on_gap.
//   V3  A frame counts only at a multiple of 64 where its segment's random epoch stands, with all its checksums right: bytes that a user
//       stored never pass for one.
//   V4  A segment is known by its epoch, whatever its file is called. One whose header is damaged counts if what is left of it, or the
//       segment that follows, names the store or its neighbour.
// Only reads. Memory: a frame at a time. Format: docs/formats/scf.md
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/file_system.hpp"
#include "scf/segment_reader.hpp"

namespace hybrid::scf {

// Records that are lost.
struct Gap {
  Lsn from;
  Lsn to;  // {0}: not known how many
  std::string why;
};

struct SalvageVisitor {
  std::function<Result<void>(const std::string& path, const Frame&)> on_frame;
  std::function<Result<void>(Gap)> on_gap;
};

struct SalvageSummary {
  Lsn next_lsn{1};
  // Records below it are superseded: it does not matter if they are lost.
  Lsn low_water{1};
  // Files that were left out, and why.
  std::vector<std::string> ignored;
};

// Errors are those of reading files, the visitor's, `unsupported` for a newer version, and `corrupt` if it cannot be told which
// store the directory is.
Result<SalvageSummary> read_intact(io::FileSystem& files, const std::string& directory,
                                   const SalvageVisitor& visitor);

}  // namespace hybrid::scf
