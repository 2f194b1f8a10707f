// A file system, and a file, that do what another one does, for tests that change a call of it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.hpp"

namespace hybrid::testing {

class ForwardingFile : public io::File {
 public:
  explicit ForwardingFile(std::unique_ptr<io::File> file) : file_(std::move(file)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return file_->write_at(offset, bytes);
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    return file_->read_at(offset, bytes);
  }
  Result<std::uint64_t> size() override { return file_->size(); }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<void> sync() override { return file_->sync(); }
  Result<std::unique_ptr<io::Mapping>> map(std::uint64_t size) override { return file_->map(size); }

 private:
  std::unique_ptr<io::File> file_;
};

class ForwardingFileSystem : public io::FileSystem {
 public:
  explicit ForwardingFileSystem(io::FileSystem& files) : files_(files) {}

  Result<void> make_directory(const std::string& directory) override {
    return files_.make_directory(directory);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return files_.list(directory);
  }
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    return files_.open(path, mode);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> remove_directory(const std::string& directory) override {
    return files_.remove_directory(directory);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Result<void> sync_directory(const std::string& directory) override {
    return files_.sync_directory(directory);
  }
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& directory) override {
    return files_.lock(directory);
  }

 private:
  io::FileSystem& files_;
};

}  // namespace hybrid::testing
