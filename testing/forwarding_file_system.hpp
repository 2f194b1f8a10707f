// A file system that does what another one does, for tests that change a call of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/file_system.hpp"

namespace hybrid::testing {

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
