// Makes a new store of what is provably sound in a damaged one.
//
// Called by `hybrid salvage`, by one thread. Never writes to the source.
//   G1  A session is written if its create record or newest image and all records from there to the log's end are intact: a record that
//       is lost may have been the end of any session that was there before it.
//   G2  So what is written is as it was at the log's end, and what had been destroyed stays so.
//   G3  Who of the others is known to the log, and not to have ended, is told.
// Memory: as opening the store takes.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "io/file_system.hpp"
#include "scf/salvage_reader.hpp"

namespace hybrid::store {

struct Salvaged {
  std::uint64_t sessions = 0;  // written
  struct Lost {
    Digest sid;
    std::size_t gap;  // the first, of `gaps`, behind which nothing is proven of it
  };
  std::vector<Lost> lost;             // by digest
  std::vector<scf::Gap> gaps;         // records that are lost, and could matter
  std::vector<std::string> left_out;  // files, and why
  bool complete() const { return lost.empty() && gaps.empty(); }
};

// `destination` must not be there, or be an empty directory, and is there whole or not at all. A source that opens is written as a whole.
Result<Salvaged> salvage(io::FileSystem& files, const std::string& source,
                         const std::string& destination, Millis now);

}  // namespace hybrid::store
