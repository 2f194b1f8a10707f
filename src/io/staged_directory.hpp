// A directory of files that is to be there whole or not at all: it is filled under another name, beside its own, and takes
// its own when all is on the disk.
//
// Used by one thread.
//   D1  Until publish() has succeeded nothing is at its name but what was there before: nothing, or an empty directory.
//   D2  Unless it was published, all of it is removed at the end. A process that is killed leaves it under its other
//       name, which tells that it is unfinished.
// Does not sync the files: who writes them does.
#pragma once

#include <string>

#include "io/file_system.hpp"

namespace hybrid::io {

class StagedDirectory {
 public:
  // `invalid_argument` if something else than an empty directory is at that name.
  static Result<StagedDirectory> make(FileSystem& files, const std::string& directory);
  StagedDirectory(StagedDirectory&& other) noexcept;
  StagedDirectory& operator=(StagedDirectory&&) = delete;
  ~StagedDirectory();

  // Where its files go meanwhile.
  const std::string& path() const { return path_; }
  Result<void> publish();

 private:
  StagedDirectory(FileSystem& files, std::string directory, std::string path)
      : files_(&files), directory_(std::move(directory)), path_(std::move(path)) {}

  FileSystem* files_;  // null: published, or moved from
  std::string directory_;
  std::string path_;
};

}  // namespace hybrid::io
