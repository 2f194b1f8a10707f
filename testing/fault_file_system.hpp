// A file system in memory that loses power, fills up and fails on cue. For one thread.
//
// What it models, as the worst that Linux and a disk may do:
//   - bytes reach the disk in 512-byte sectors, in any order, at any time before a sync and surely only by one;
//   - a directory entry that was not synced, new or removed, may be there or not after a power cut, and so a size;
//   - a rename of a directory that was not synced has happened or not, as a whole;
//   - after a failed sync the kernel takes what it could not write for written: a later sync succeeds without it;
//   - a process that is killed loses nothing of what it wrote, also through a mapping.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "io/file_system.hpp"

namespace hybrid::testing {

class FaultFileSystem final : public io::FileSystem {
 public:
  enum class Survives : std::uint8_t {
    everything,   // the process was killed
    only_synced,  // power was cut, and nothing had been written back by itself
    anything,     // power was cut: each sector and entry by chance
  };

  explicit FaultFileSystem(std::uint64_t seed = 1) : random_(seed) {}

  // Calls that change something are counted, from 0.
  int operations() const { return operations_; }
  // Power goes before the operation of that number; it and all later ones fail.
  void cut_power_before(int operation) { cut_before_ = operation; }
  bool power_is_off() const { return power_off_; }
  // That operation fails with `code` and does nothing. `and_after`: so do all later ones that `code` fits:
  // writes for no_space, syncs for io.
  void fail_operation(int operation, Errc code, bool and_after = false) {
    fail_at_ = operation;
    fail_code_ = code;
    fail_after_ = and_after;
  }
  void stop_failing() { fail_at_.reset(); }
  // How much all files together may take: a write beyond it is `no_space`.
  void limit_bytes(std::size_t bytes) { bytes_max_ = bytes; }
  // What each operation was, for messages.
  const std::vector<std::string>& journal() const { return journal_; }
  int syncs() const { return syncs_; }

  // The disk as the next start finds it.
  std::unique_ptr<FaultFileSystem> restart(Survives survives, std::uint64_t seed) const;

  // Kills whoever has files open here: what `end_process` still does, a destructor's tidy close say, is not seen any more.
  void kill(const std::function<void()>& end_process);

  // A file's bytes as a reader sees them; must exist.
  std::vector<std::byte>& content(const std::string& path);
  std::vector<std::string> paths() const;
  bool has_directory(const std::string& directory) const {
    return directories_.contains(directory);
  }

  Result<void> make_directory(const std::string& directory) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_directory(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& directory) override;

 private:
  struct Node {
    std::vector<std::byte> now;    // page cache
    std::vector<std::byte> clean;  // what the kernel believes to be on the disk
    std::vector<std::byte> on_disk;
  };
  class MemoryFile;
  class MemoryMapping;
  class MemoryLock;
  using Entries = std::map<std::string, std::shared_ptr<Node>>;

  enum class Kind : std::uint8_t { write, sync, other };
  // Counts, and says how it ends if not well.
  Result<void> begin(Kind kind, const std::string& what);
  bool chance() { return (random_() & 1U) != 0; }
  void write_back_by_chance();
  static void write_back(Node& node);
  std::size_t bytes() const;
  // Of a directory: moves all that is in it.
  struct Rename {
    std::string from, to;
  };
  static void move_entries(Entries& entries, const std::string& from, const std::string& to);

  std::set<std::string> directories_;
  std::set<std::string> locked_;
  Entries entries_;
  Entries entries_on_disk_;
  std::vector<Rename> renames_;  // that are not on the disk: there, entries are under the old name
  mutable std::mt19937_64 random_;
  int operations_ = 0;
  int syncs_ = 0;
  std::optional<int> cut_before_;
  bool power_off_ = false;
  std::optional<int> fail_at_;
  Errc fail_code_ = Errc::io;
  bool fail_after_ = false;
  std::optional<std::size_t> bytes_max_;
  std::vector<std::string> journal_;
};

}  // namespace hybrid::testing
