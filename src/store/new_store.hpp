// Makes a store out of whole sessions: a directory that appears cleanly closed, on the disk, and with all of them, or not at all.
//
// Called by tools (import, salvage), by one thread. The log is written as a store that is open writes it, one image for each session.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/staged_directory.hpp"
#include "scf/record.hpp"
#include "store/commit_log.hpp"
#include "store/table.hpp"

namespace hybrid::store {

class NewStore {
 public:
  // `invalid_argument` if something else than an empty directory is there.
  static Result<NewStore> make(io::FileSystem& files, const std::string& directory, Millis now);

  // Each digest once.
  Result<void> add(const Digest& sid, const scf::Image& image);
  // The last call.
  Result<void> publish();

  std::uint64_t sessions() const { return sessions_; }

 private:
  NewStore(io::StagedDirectory staged, std::unique_ptr<CommitLog> log, Millis now)
      : staged_(std::move(staged)), log_(std::move(log)), now_(now) {}

  io::StagedDirectory staged_;
  std::unique_ptr<CommitLog> log_;  // goes first
  Millis now_;
  std::uint64_t sessions_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t unsynced_bytes_ = 0;
};

// Calls fn for each session that lives in a table that nobody else uses, until it fails.
Result<void> for_each_image(
    Table& table, const std::function<Result<void>(const Digest&, const scf::Image&)>& fn);

}  // namespace hybrid::store
