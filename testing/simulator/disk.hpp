// A file system in memory that loses power, fails, fills up and lies on cue: testing/fault_file_system.hpp's model, made to be copied
// thousands of times a second.
//
// For one thread at a time. What it models, as the worst that Linux and a disk may do:
//   K1  Bytes reach the disk in 512-byte sectors, in any order, at any time before a sync and surely only by one.
//   K2  A directory entry that was not synced, new or removed, may be there or not after a power cut, and so a size.
//   K3  After a failed sync the kernel takes what it could not write for written: a later sync succeeds without it.
//   K4  A process that is killed loses nothing of what it wrote, also through a mapping.
//   K5  A write that fails has written some of its first sectors.
//   K6  A disk that lies keeps a sector's old content at a sync, or puts the new one elsewhere; the page cache does not show it.
// Files whose content did not change since they were copied share it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.hpp"
#include "testing/simulator/random.hpp"

namespace hybrid::testing::simulator {

enum class Call : std::uint8_t {
  write,
  sync,
  truncate,
  create,
  remove,
  sync_directory,
  map,
  open,
  read,
  list,
  make_directory,
};
inline constexpr std::size_t kCalls = 11;
std::string_view to_string(Call call);

// The nth call of a kind from now on, from 0, fails, and so do all later ones of that kind if it persists.
struct Fault {
  Call call = Call::write;
  std::uint64_t nth = 0;
  Errc code = Errc::io;
  bool persists = false;
};

// One sector of what the nth sync from now on should write.
struct Lie {
  std::uint64_t nth = 0;
  bool misdirected = false;  // it lands elsewhere, too
};

enum class Survives : std::uint8_t {
  everything,   // the process was killed
  only_synced,  // power was cut, and nothing had been written back by itself
  anything,     // power was cut: each sector, size and entry by chance
};
std::string_view to_string(Survives survives);

class Disk final : public io::FileSystem {
 public:
  explicit Disk(std::uint64_t seed) : random_(seed) {}
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // The disk as the next start finds it.
  std::unique_ptr<Disk> crash(Survives survives, std::uint64_t seed) const;

  // Called before each call that changes something, and for the files of a crash still as they were.
  void watch(std::function<void(Call)> before_change) { before_change_ = std::move(before_change); }
  // Nobody will look at it any more: nothing is done, and nobody told.
  void abandon();

  void inject(const Fault& fault);
  void inject(const Lie& lie);
  void mend();
  // How many calls failed, or were lied to, so far.
  std::uint64_t faults() const { return faults_; }
  // What is on the disk may not be what was synced; a process does not see it yet.
  bool lied() const { return lied_; }
  // It was like that when the power was cut: what it holds may be anything that was.
  bool doubtful() const { return doubtful_; }
  std::uint64_t calls(Call call) const { return calls_[static_cast<std::size_t>(call)]; }

  // The greatest durable LSN that any segment or frame header on it claims: what a reader must not fall behind of.
  std::uint64_t greatest_claim() const;
  // Its files, each with its sizes and the frames that can be made out, for people.
  std::string describe() const;

  Result<void> make_directory(const std::string& directory) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
  Result<void> remove(const std::string& path) override;
  // Not simulated: a running store has one directory, and moves no file.
  Result<void> remove_directory(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& directory) override;

 private:
  using Bytes = std::vector<std::byte>;
  struct Node {
    std::shared_ptr<const Bytes> settled;  // all three are the same, and these
    // Or else:
    Bytes now;    // page cache
    Bytes clean;  // what the kernel believes to be on the disk
    Bytes on_disk;
    int mappings = 0;  // `now` must not move

    const Bytes& content() const { return settled ? *settled : now; }
    void unsettle();
    void resize(std::size_t size);
    std::size_t sectors() const { return (now.size() + io::kSectorBytes - 1) / io::kSectorBytes; }
    bool dirty(std::size_t sector) const;
    // What the page cache has to the disk; the kernel believes it even if `lost`.
    void write_back(std::size_t sector, bool lost = false);
    void fit_disk();
  };
  using NodeRef = std::shared_ptr<Node>;
  struct Entry {
    std::string path;
    NodeRef node;
    bool there = true;           // for processes
    bool there_on_disk = false;  // after a power cut
  };
  class MemoryFile;
  class MemoryMapping;
  class MemoryLock;

  Result<void> begin(Call call);
  void write_back_by_chance();
  void sync(Node& node);
  // How much of a write is done that fails.
  std::size_t short_write(std::uint64_t offset, std::size_t size);
  void misdirect(const Node& from, std::size_t sector);
  Entry* find(const std::string& path);
  static NodeRef after_power_cut(const Node& node, Survives survives, Random& random);

  std::vector<Entry> entries_;
  bool locked_ = false;
  bool has_directory_ = false;
  bool abandoned_ = false;
  Random random_;
  std::function<void(Call)> before_change_;
  std::array<std::uint64_t, kCalls> calls_{};
  std::optional<Fault> fault_;
  std::optional<Lie> lie_;
  std::uint64_t faults_ = 0;
  bool lied_ = false;
  bool doubtful_ = false;
};

}  // namespace hybrid::testing::simulator
