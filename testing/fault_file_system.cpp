#include "testing/fault_file_system.hpp"

#include <algorithm>

namespace hybrid::testing {
namespace {

// Mapped memory must not move while the file grows: no test's file is larger.
constexpr std::size_t kFileBytesMax = std::size_t{2} << 20;

std::unexpected<Error> failed(Errc code, const char* what) {
  return std::unexpected(Error{code, what});
}

std::string holder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Result<void> FaultFileSystem::begin(Kind kind, const std::string& what) {
  const int number = operations_++;
  if (cut_before_ && number >= *cut_before_) power_off_ = true;
  if (power_off_) return failed(Errc::io, "the power is off");
  journal_.push_back(what);
  write_back_by_chance();
  if (fail_at_) {
    const bool fits = fail_code_ == Errc::no_space ? kind == Kind::write : kind == Kind::sync;
    if (number == *fail_at_ || (fail_after_ && number > *fail_at_ && fits))
      return failed(fail_code_, "injected");
  }
  return {};
}

// The kernel writes dirty pages when it likes.
void FaultFileSystem::write_back_by_chance() {
  if (random_() % 4 != 0) return;
  for (auto& [path, node] : entries_) {
    node->clean.resize(node->now.size());
    node->on_disk.resize(std::max(node->on_disk.size(), node->now.size()));
    for (std::size_t at = 0; at < node->now.size(); at += io::kSectorBytes) {
      const std::size_t size = std::min(io::kSectorBytes, node->now.size() - at);
      const auto dirty = !std::equal(&node->now[at], &node->now[at] + size, &node->clean[at]);
      if (!dirty || random_() % 4 != 0) continue;
      std::copy_n(&node->now[at], size, &node->on_disk[at]);
      std::copy_n(&node->now[at], size, &node->clean[at]);
    }
  }
}

void FaultFileSystem::write_back(Node& node) {
  node.clean.resize(node.now.size());
  node.on_disk.resize(node.now.size());
  for (std::size_t at = 0; at < node.now.size(); at += io::kSectorBytes) {
    const std::size_t size = std::min(io::kSectorBytes, node.now.size() - at);
    if (std::equal(&node.now[at], &node.now[at] + size, &node.clean[at])) continue;
    std::copy_n(&node.now[at], size, &node.on_disk[at]);
  }
  node.clean = node.now;
}

std::unique_ptr<FaultFileSystem> FaultFileSystem::restart(Survives survives,
                                                          std::uint64_t seed) const {
  auto next = std::make_unique<FaultFileSystem>(seed);
  next->directories_ = directories_;
  std::mt19937_64 random{seed};
  const auto chance = [&] { return (random() & 1U) != 0; };

  // Renames reach the disk in order.
  Entries entries = entries_;
  Entries entries_on_disk = entries_on_disk_;
  std::size_t renamed = survives == Survives::only_synced ? 0 : renames_.size();
  if (survives == Survives::anything) {
    for (renamed = 0; renamed < renames_.size() && chance();) ++renamed;
  }
  if (survives != Survives::everything) {
    for (std::size_t i = 0; i < renamed; ++i)
      move_entries(entries_on_disk, renames_[i].from, renames_[i].to);
    for (std::size_t i = renames_.size(); i > renamed; --i) {
      move_entries(entries, renames_[i - 1].to, renames_[i - 1].from);
      next->directories_.erase(renames_[i - 1].to);
      next->directories_.insert(renames_[i - 1].from);
    }
  }

  Entries kept;
  if (survives == Survives::everything) {
    kept = entries;
    next->renames_ = renames_;
  } else {
    kept = entries_on_disk;
    if (survives == Survives::anything) {
      for (const auto& [path, node] : entries) {
        if (!entries_on_disk.contains(path) && chance()) kept[path] = node;
      }
      for (const auto& [path, node] : entries_on_disk) {
        if (!entries.contains(path) && chance()) kept.erase(path);
      }
    }
  }
  for (const auto& [path, node] : kept) {
    auto copy = std::make_shared<Node>();
    copy->now.reserve(kFileBytesMax);
    if (survives == Survives::everything) {
      copy->now.assign(node->now.begin(), node->now.end());
    } else {
      copy->now.assign(node->on_disk.begin(), node->on_disk.end());
      if (survives == Survives::anything) {
        if (chance()) copy->now.resize(node->now.size());
        for (std::size_t at = 0; at < std::min(copy->now.size(), node->now.size());
             at += io::kSectorBytes) {
          const std::size_t size =
              std::min({io::kSectorBytes, node->now.size() - at, copy->now.size() - at});
          if (chance()) std::copy_n(&node->now[at], size, &copy->now[at]);
        }
      }
    }
    // After a kill the page cache is as it was, also in what it does not have on the disk.
    copy->on_disk = survives == Survives::everything ? node->on_disk : copy->now;
    copy->clean = survives == Survives::everything ? node->clean : copy->now;
    next->entries_[path] = copy;
    if (survives != Survives::everything || entries_on_disk_.contains(path))
      next->entries_on_disk_[path] = copy;
  }
  return next;
}

void FaultFileSystem::kill(const std::function<void()>& end_process) {
  const auto as_it_is = restart(Survives::everything, random_());
  end_process();
  entries_ = as_it_is->entries_;
  entries_on_disk_ = as_it_is->entries_on_disk_;
}

std::size_t FaultFileSystem::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [path, node] : entries_) bytes += node->now.size();
  return bytes;
}

std::vector<std::byte>& FaultFileSystem::content(const std::string& path) {
  return entries_.at(path)->now;
}

std::vector<std::string> FaultFileSystem::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, node] : entries_) paths.push_back(path);
  return paths;
}

class FaultFileSystem::MemoryMapping final : public io::Mapping {
 public:
  MemoryMapping(std::shared_ptr<Node> node, std::size_t size)
      : node_(std::move(node)), size_(size) {}
  std::span<std::byte> bytes() override { return {node_->now.data(), size_}; }

 private:
  std::shared_ptr<Node> node_;
  std::size_t size_;
};

class FaultFileSystem::MemoryFile final : public io::File {
 public:
  MemoryFile(FaultFileSystem& files, std::shared_ptr<Node> node, std::string path)
      : files_(files), node_(std::move(node)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (auto begun = files_.begin(Kind::write, "write " + path_); !begun) return begun;
    const std::size_t end = offset + bytes.size();
    if (end > kFileBytesMax) return failed(Errc::io, "larger than a test's file may be");
    if (files_.bytes_max_ && end > node_->now.size() &&
        files_.bytes() + end - node_->now.size() > *files_.bytes_max_)
      return failed(Errc::no_space, "the disk is full");
    if (node_->now.size() < end) node_->now.resize(end);
    std::copy(bytes.begin(), bytes.end(), node_->now.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    if (offset >= node_->now.size()) return 0;
    const std::size_t size = std::min(bytes.size(), node_->now.size() - offset);
    std::copy_n(node_->now.begin() + static_cast<std::ptrdiff_t>(offset), size, bytes.begin());
    return size;
  }
  Result<std::uint64_t> size() override { return node_->now.size(); }
  Result<void> truncate(std::uint64_t size) override {
    if (auto begun = files_.begin(Kind::other, "truncate " + path_ + " to " + std::to_string(size));
        !begun) {
      return begun;
    }
    node_->now.resize(size);
    return {};
  }
  Result<void> sync() override {
    ++files_.syncs_;
    if (auto begun = files_.begin(Kind::sync, "sync " + path_); !begun) {
      if (!files_.power_off_) node_->clean = node_->now;
      return begun;
    }
    write_back(*node_);
    return {};
  }
  Result<std::unique_ptr<io::Mapping>> map(std::uint64_t size) override {
    if (node_->now.size() < size) return failed(Errc::io, "mapped beyond its end");
    return std::make_unique<MemoryMapping>(node_, size);
  }

 private:
  FaultFileSystem& files_;
  std::shared_ptr<Node> node_;
  std::string path_;
};

class FaultFileSystem::MemoryLock final : public io::DirectoryLock {
 public:
  MemoryLock(FaultFileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  ~MemoryLock() override { files_.locked_.erase(directory_); }

 private:
  FaultFileSystem& files_;
  std::string directory_;
};

Result<void> FaultFileSystem::make_directory(const std::string& directory) {
  if (directories_.contains(directory)) return {};
  if (auto begun = begin(Kind::other, "make " + directory); !begun) return begun;
  directories_.insert(directory);
  return {};
}

Result<std::vector<std::string>> FaultFileSystem::list(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& [path, node] : entries_) {
    if (parent_of(path) == directory) names.push_back(path.substr(directory.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<io::File>> FaultFileSystem::open(const std::string& path,
                                                        io::OpenMode mode) {
  if (mode == io::OpenMode::create_new) {
    if (auto begun = begin(Kind::write, "create " + path); !begun)
      return std::unexpected(begun.error());
    if (entries_.contains(path)) return failed(Errc::io, "it is there already");
    auto node = std::make_shared<Node>();
    node->now.reserve(kFileBytesMax);
    entries_[path] = std::move(node);
  }
  const auto found = entries_.find(path);
  if (found == entries_.end()) return failed(Errc::not_found, "no such file");
  return std::make_unique<MemoryFile>(*this, found->second, path);
}

Result<void> FaultFileSystem::remove(const std::string& path) {
  if (auto begun = begin(Kind::other, "remove " + path); !begun) return begun;
  entries_.erase(path);
  return {};
}

Result<void> FaultFileSystem::remove_directory(const std::string& directory) {
  if (auto begun = begin(Kind::other, "remove the directory " + directory); !begun) return begun;
  directories_.erase(directory);
  return {};
}

Result<void> FaultFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto begun = begin(Kind::other, "rename " + from + " to " + to); !begun) return begun;
  if (!directories_.contains(from)) return failed(Errc::not_found, "no such directory");
  if (!list(to)->empty()) return failed(Errc::io, "the directory is not empty");
  move_entries(entries_, from, to);
  directories_.erase(from);
  directories_.insert(to);
  renames_.push_back({from, to});
  return {};
}

void FaultFileSystem::move_entries(Entries& entries, const std::string& from,
                                   const std::string& to) {
  Entries moved;
  for (const auto& [path, node] : entries) {
    const bool inside = parent_of(path) == from;
    moved[inside ? to + path.substr(from.size()) : path] = node;
  }
  entries = std::move(moved);
}

Result<void> FaultFileSystem::sync_directory(const std::string& directory) {
  if (auto begun = begin(Kind::sync, "sync the directory " + directory); !begun) return begun;
  // All renames of tests are within the same directory.
  const bool renamed = std::ranges::any_of(
      renames_, [&](const Rename& rename) { return holder_of(rename.to) == directory; });
  if (renamed) {
    for (const auto& [from, to] : renames_) move_entries(entries_on_disk_, from, to);
    renames_.clear();
  }
  std::erase_if(entries_on_disk_,
                [&](const auto& entry) { return parent_of(entry.first) == directory; });
  for (const auto& [path, node] : entries_) {
    if (parent_of(path) == directory) entries_on_disk_[path] = node;
  }
  return {};
}

Result<std::unique_ptr<io::DirectoryLock>> FaultFileSystem::lock(const std::string& directory) {
  if (!locked_.insert(directory).second) return failed(Errc::locked, "the store is open elsewhere");
  return std::make_unique<MemoryLock>(*this, directory);
}

}  // namespace hybrid::testing
