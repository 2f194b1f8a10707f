// The outside world of files: the only code that makes file system calls. Calls only: no clock, threads or logging.
//
// The store sees this interface, so that tests can give it a file system that loses power, fills up or fails.
// What a power cut keeps: the bytes of a file up to its last sync(), and of a directory's entries those up to
// its last sync_directory(); of what changed since, anything may be kept or lost, in units of 512-byte sectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hybrid/error.hpp>

namespace hybrid::io {

inline constexpr std::size_t kSectorBytes = 512;

// A file's bytes in memory, shared with the file: what is written here is in the file at once and survives
// the process being killed. Unmapped by the destructor.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::span<std::byte> bytes() = 0;
  // Makes a sync of what was written to bytes() from `begin` to `end` cheaper: it is left to the file, and comes back as it is used.
  // Others may write there meanwhile.
  virtual void let_go(std::uint64_t /*begin*/, std::uint64_t /*end*/) {}
  // Whether what was written may not be in the file, since the disk failed. Then no sync says so any more.
  virtual bool failed() const { return false; }
};

// One open file. Closed by the destructor. Not for use by two threads at once, except sync() beside writes to a mapping.
class File {
 public:
  virtual ~File() = default;
  // All of `bytes` or an error; grows the file.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // As many bytes as there are, up to the size of `bytes`.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // fdatasync: content and size, also of what was written through a mapping.
  virtual Result<void> sync() = 0;
  // The first `size` bytes, which the file must have, allocated, already.
  virtual Result<std::unique_ptr<Mapping>> map(std::uint64_t size) = 0;
};

// A directory that this process has for itself until it lets go.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode : std::uint8_t { read, read_write, create_new };

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Mode 0700, durably; succeeds if it is there.
  virtual Result<void> make_directory(const std::string& directory) = 0;
  // Names, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // create_new: mode 0600, fails if it is there.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // Succeeds if it is not there.
  virtual Result<void> remove(const std::string& path) = 0;
  // Must be empty. Succeeds if it is not there.
  virtual Result<void> remove_directory(const std::string& directory) = 0;
  // Of a directory; `to` is not there or an empty directory, which it replaces. Durable with sync_directory() of what holds `to`.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> sync_directory(const std::string& directory) = 0;
  // `locked` if anybody has it, also within this process. Makes the file DIRECTORY/lock.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) = 0;
};

// The system's.
FileSystem& posix_file_system();

}  // namespace hybrid::io
