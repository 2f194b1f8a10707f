#include "io/staged_directory.hpp"

#include <array>
#include <utility>

#include "base/digest.hpp"

namespace hybrid::io {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> plain_name(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  const std::string last = directory.substr(directory.rfind('/') + 1);
  if (last.empty() || last == "." || last == ".." || last.find('\0') != std::string::npos) {
    return std::unexpected(
        Error{Errc::invalid_argument, "'" + directory + "' cannot be made; name a new directory"});
  }
  return directory;
}

}  // namespace

Result<StagedDirectory> StagedDirectory::make(FileSystem& files, const std::string& directory) {
  auto name = plain_name(directory);
  if (!name) return std::unexpected(name.error());
  const auto there = files.list(*name);
  if (!there && there.error().code() != Errc::not_found) return std::unexpected(there.error());
  if (there && !there->empty()) {
    return std::unexpected(
        Error{Errc::invalid_argument,
              "'" + *name + "' is there, and not empty; name a new or an empty directory"});
  }
  std::array<std::byte, 8> random{};
  fill_random(random);
  std::string path = *name + ".unfinished-" + to_hex(random);
  if (auto made = files.make_directory(path); !made) return std::unexpected(made.error());
  return StagedDirectory{files, std::move(*name), std::move(path)};
}

StagedDirectory::StagedDirectory(StagedDirectory&& other) noexcept
    : files_(std::exchange(other.files_, nullptr)),
      directory_(std::move(other.directory_)),
      path_(std::move(other.path_)) {}

StagedDirectory::~StagedDirectory() {
  if (files_ == nullptr) return;
  // What cannot be removed stays under a name that says what it is.
  const auto names = files_->list(path_);
  if (!names) return;
  for (const std::string& name : *names) static_cast<void>(files_->remove(path_ + "/" + name));
  static_cast<void>(files_->remove_directory(path_));
}

Result<void> StagedDirectory::publish() {
  if (auto synced = files_->sync_directory(path_); !synced) return synced;
  if (auto renamed = files_->rename(path_, directory_); !renamed) return renamed;
  FileSystem& files = *std::exchange(files_, nullptr);
  return files.sync_directory(parent_of(directory_));
}

}  // namespace hybrid::io
