// File systems of a test's own: tmpfs, and ext4 and XFS on loop devices. Needs root; what is missing is a reason to skip.
//
// They are mounted in a mount namespace of the test's process, images and all: whatever ends it, the kernel unmounts them and
// lets go of the loop devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/temp_directory.hpp"

namespace hybrid::testing {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// Runs a program. What it said, if it failed.
std::optional<std::string> run_program(const std::vector<std::string>& words);

// Gives this process mounts of its own. Why not, if it cannot be done.
std::optional<std::string> unshare_mounts();

enum class FileSystemKind : std::uint8_t { ext4, xfs };
std::string_view name_of(FileSystemKind kind);

// A directory with a tmpfs of `bytes` on it.
class SmallTmpfs {
 public:
  explicit SmallTmpfs(std::uint64_t bytes);
  SmallTmpfs(const SmallTmpfs&) = delete;
  SmallTmpfs& operator=(const SmallTmpfs&) = delete;
  ~SmallTmpfs();
  const std::string& path() const { return directory_.path(); }

 private:
  TempDirectory directory_;
};

// A file system on a loop device whose image is a file on a tmpfs.
class LoopFileSystem {
 public:
  struct Options {
    FileSystemKind kind = FileSystemKind::ext4;
    std::uint64_t bytes = 0;       // 0: as small as it can be
    std::uint64_t host_bytes = 0;  // of the tmpfs; 0: enough
    bool sparse = true;            // false: all of the image is allocated
  };
  // Why it cannot be had here is in error().
  explicit LoopFileSystem(Options options);
  LoopFileSystem(const LoopFileSystem&) = delete;
  LoopFileSystem& operator=(const LoopFileSystem&) = delete;
  ~LoopFileSystem();

  const std::string& error() const { return error_; }
  std::string path() const { return host_.path() + "/mounted"; }
  std::string image() const { return host_.path() + "/image"; }
  const std::string& host() const { return host_.path(); }

  // From now on nothing reaches the disk, as if the power had gone; of the journal, only what is there already, or, if
  // `log_flushed`, all of it. Unmounted and mounted again, it shows what was on the disk.
  [[nodiscard]] bool shut_down(bool log_flushed) const;
  [[nodiscard]] bool unmount();
  [[nodiscard]] bool mount();
  [[nodiscard]] bool remount_after_shut_down() { return unmount() && mount(); }
  // Mounted with other options, as in mount -o remount,OPTIONS.
  [[nodiscard]] bool remount(const std::string& options) const;

 private:
  bool write_by_pages() const;

  SmallTmpfs host_;
  FileSystemKind kind_;
  bool mounted_ = false;
  std::string error_;
};

// Takes all room of a file system until it is destroyed.
class Ballast {
 public:
  explicit Ballast(const std::string& directory);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast() { remove(); }
  void fill();  // what has become free since
  void remove();

 private:
  std::string path_;
  int fd_;
};

}  // namespace hybrid::testing
