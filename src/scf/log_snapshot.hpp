// The log of a store as it was at one moment, also while somebody appends to it, begins segments, cleans or closes it: a file system
// that shows the store's directory and nothing else, for read_log() and whoever reads what that found.
//
// Takes no lock, writes nothing, and waits for nobody. Memory: the last frame, and one open file for each segment.
//   N1  All records that were acknowledged before take() was called are in it, and what is in it is a prefix of the log.
//   N2  It reads the same each time. (Not while another process opens the store after a crash: read it again then.)
// How: the files are kept open, so that they stay when they are removed; what only grows is cut off where it ended then; and what is
// cut off later, which is zeros, is read as zeros.
// Format: docs/formats/scf.md
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/file_system.hpp"
#include "scf/segment_reader.hpp"

namespace hybrid::scf {

class LogSnapshot final : public io::FileSystem {
 public:
  // Errors are those of reading; whether the log is whole is for read_log() to say. A tail that is torn, or on its way, is left out.
  static Result<std::unique_ptr<LogSnapshot>> take(io::FileSystem& files,
                                                   const std::string& directory);

  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;

  // `read_only`, all of them.
  Result<void> make_directory(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_directory(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& directory) override;

 private:
  class View;
  struct Held {
    std::shared_ptr<io::File> file;
    std::uint64_t size = 0;
    std::uint64_t end = 0;  // what follows is zeros
    // The frame that could still grow, as it was.
    std::uint64_t frame_at = 0;
    std::vector<std::byte> frame{};
  };

  LogSnapshot() = default;
  Result<bool> hold_all(io::FileSystem& files, const std::string& directory);
  Result<void> hide_unused();
  Result<void> fix_end();
  Result<bool> holds_all(io::FileSystem& files, const std::string& directory) const;
  static Result<std::size_t> read(const Held& held, std::uint64_t offset,
                                  std::span<std::byte> bytes);

  std::vector<std::string> names_;
  std::map<std::string, Held> held_;  // by path; segments sort by number
};

}  // namespace hybrid::scf
