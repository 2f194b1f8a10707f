#include "testing/simulator/disk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "scf/format.hpp"
#include "testing/simulator/scheduler.hpp"

namespace hybrid::testing::simulator {
namespace {

using io::kSectorBytes;

std::unexpected<Error> failed(Errc code, const char* what) {
  return std::unexpected(Error{code, what});
}

bool changes_something(Call call) {
  return call != Call::map && call != Call::open && call != Call::read && call != Call::list;
}

// The part of `bytes` that is in the sector, if any.
std::size_t sector_size(std::size_t bytes, std::size_t sector) {
  const std::size_t at = sector * kSectorBytes;
  return at >= bytes ? 0 : std::min(kSectorBytes, bytes - at);
}

}  // namespace

std::string_view to_string(Call call) {
  switch (call) {
    case Call::write: return "write";
    case Call::sync: return "sync";
    case Call::truncate: return "truncate";
    case Call::create: return "create";
    case Call::remove: return "remove";
    case Call::sync_directory: return "sync the directory";
    case Call::map: return "map";
    case Call::open: return "open";
    case Call::read: return "read";
    case Call::list: return "list";
    case Call::make_directory: return "make the directory";
  }
  return "unknown";
}

std::string_view to_string(Survives survives) {
  switch (survives) {
    case Survives::everything: return "killed";
    case Survives::only_synced: return "power cut that keeps the least";
    case Survives::anything: return "power cut";
  }
  return "unknown";
}

// --- Files

void Disk::Node::unsettle() {
  if (!settled) return;
  now = clean = on_disk = *settled;
  settled = nullptr;
}

void Disk::Node::resize(std::size_t size) {
  unsettle();
  HYBRID_ASSERT(mappings == 0 || size <= now.capacity());
  now.resize(size);
}

bool Disk::Node::dirty(std::size_t sector) const {
  const std::size_t size = sector_size(now.size(), sector);
  if (sector_size(clean.size(), sector) < size) return true;
  const std::size_t at = sector * kSectorBytes;
  return std::memcmp(now.data() + at, clean.data() + at, size) != 0;
}

void Disk::Node::write_back(std::size_t sector, bool lost) {
  const std::size_t at = sector * kSectorBytes;
  const std::size_t size = sector_size(now.size(), sector);
  if (clean.size() < at + size) clean.resize(at + size);
  std::memcpy(clean.data() + at, now.data() + at, size);
  if (lost) return;
  if (on_disk.size() < at + size) on_disk.resize(at + size);
  std::memcpy(on_disk.data() + at, now.data() + at, size);
}

void Disk::Node::fit_disk() {
  clean.resize(now.size());
  on_disk.resize(now.size());
}

// --- Crashes

Disk::NodeRef Disk::after_power_cut(const Node& node, Survives survives, Random& random) {
  auto copy = std::make_shared<Node>();
  if (node.settled) {
    copy->settled = node.settled;
    return copy;
  }
  Bytes bytes = node.on_disk;
  if (survives == Survives::anything) {
    if (random.one_in(2)) bytes.resize(node.now.size());
    // Now and then nearly all or nearly nothing of a file.
    const std::uint64_t in = 1 + random.below(4);
    const bool mostly_new = random.one_in(2);
    for (std::size_t sector = 0; sector * kSectorBytes < bytes.size(); ++sector) {
      const std::size_t size =
          std::min(sector_size(bytes.size(), sector), sector_size(node.now.size(), sector));
      if (size == 0 || random.one_in(in) == mostly_new) continue;
      std::memcpy(bytes.data() + sector * kSectorBytes, node.now.data() + sector * kSectorBytes,
                  size);
    }
  }
  copy->settled = std::make_shared<const Bytes>(std::move(bytes));
  return copy;
}

std::unique_ptr<Disk> Disk::crash(Survives survives, std::uint64_t seed) const {
  auto next = std::make_unique<Disk>(seed);
  next->has_directory_ = has_directory_;
  next->lied_ = lied_;
  next->doubtful_ = doubtful_ || (lied_ && survives != Survives::everything);
  next->entries_.reserve(entries_.size() + 2);
  Random random{seed};
  for (const Entry& entry : entries_) {
    if (survives == Survives::everything) {
      auto copy = std::make_shared<Node>();
      const Node& node = *entry.node;
      if (node.settled || (node.now == node.clean && node.now == node.on_disk)) {
        copy->settled = node.settled ? node.settled : std::make_shared<const Bytes>(node.now);
      } else {
        copy->now = node.now;
        copy->clean = node.clean;
        copy->on_disk = node.on_disk;
      }
      next->entries_.push_back({.path = entry.path,
                                .node = std::move(copy),
                                .there = entry.there,
                                .there_on_disk = entry.there_on_disk});
      continue;
    }
    bool kept = entry.there_on_disk;
    if (survives == Survives::anything && entry.there != kept) kept = random.one_in(2);
    if (!kept) continue;
    next->entries_.push_back({.path = entry.path,
                              .node = after_power_cut(*entry.node, survives, random),
                              .there = true,
                              .there_on_disk = true});
    // A name that was removed and made again stands for one of the two.
    if (next->entries_.size() > 1 &&
        std::ranges::any_of(next->entries_.begin(), next->entries_.end() - 1,
                            [&](const Entry& e) { return e.path == entry.path; })) {
      std::erase_if(next->entries_, [&, last = next->entries_.back().node](const Entry& e) {
        return e.path == entry.path && e.node != last;
      });
    }
  }
  return next;
}

void Disk::abandon() {
  abandoned_ = true;
  before_change_ = {};
}

// --- Faults

void Disk::inject(const Fault& fault) {
  fault_ = fault;
  fault_->nth += calls(fault.call);
}

void Disk::inject(const Lie& lie) {
  lie_ = lie;
  lie_->nth += calls(Call::sync);
}

void Disk::mend() {
  fault_.reset();
  lie_.reset();
}

Result<void> Disk::begin(Call call) {
  scheduling_point();
  if (abandoned_) return failed(Errc::io, "nobody is there any more");
  if (changes_something(call)) {
    if (before_change_) before_change_(call);
    write_back_by_chance();
  }
  const std::uint64_t number = calls_[static_cast<std::size_t>(call)]++;
  if (fault_ && fault_->call == call &&
      (number == fault_->nth || (fault_->persists && number > fault_->nth))) {
    ++faults_;
    return failed(fault_->code, "injected");
  }
  return {};
}

// The kernel writes dirty pages when it likes.
void Disk::write_back_by_chance() {
  if (entries_.empty() || !random_.one_in(3)) return;
  Node& node = *entries_[random_.below(entries_.size())].node;
  if (node.settled) return;
  for (std::size_t sector = 0; sector < node.sectors(); ++sector) {
    if (node.dirty(sector) && random_.one_in(3)) node.write_back(sector);
  }
}

void Disk::sync(Node& node) {
  if (node.settled) return;
  node.fit_disk();
  std::vector<std::size_t> dirty;
  for (std::size_t sector = 0; sector < node.sectors(); ++sector) {
    if (node.dirty(sector)) dirty.push_back(sector);
  }
  std::optional<std::size_t> lied_about;
  if (lie_ && calls(Call::sync) - 1 >= lie_->nth && !dirty.empty()) {
    lied_about = dirty[random_.below(dirty.size())];
    if (lie_->misdirected) misdirect(node, *lied_about);
    lie_.reset();
    lied_ = true;
    ++faults_;
  }
  for (const std::size_t sector : dirty) node.write_back(sector, sector == lied_about);
}

void Disk::misdirect(const Node& from, std::size_t sector) {
  Node& to = *entries_[random_.below(entries_.size())].node;
  to.unsettle();
  const std::size_t sectors = to.on_disk.size() / kSectorBytes;
  if (sectors == 0 || sector_size(from.now.size(), sector) < kSectorBytes) return;
  std::memcpy(to.on_disk.data() + random_.below(sectors) * kSectorBytes,
              from.now.data() + sector * kSectorBytes, kSectorBytes);
}

std::size_t Disk::short_write(std::uint64_t offset, std::size_t size) {
  const std::uint64_t cut = (offset + random_.below(size + 1)) / kSectorBytes * kSectorBytes;
  return cut <= offset ? 0 : static_cast<std::size_t>(cut - offset);
}

std::uint64_t Disk::greatest_claim() const {
  std::uint64_t greatest = 0;
  for (const Entry& entry : entries_) {
    if (!entry.there) continue;
    const ByteView bytes{entry.node->content()};
    std::optional<std::uint64_t> epoch;
    if (const auto header = scf::decode_segment_header(
            bytes.first(std::min(bytes.size(), scf::kSegmentHeaderBytes)))) {
      epoch = header->epoch;
      greatest = std::max(greatest, header->durable.value);
    }
    for (std::size_t at = scf::kSegmentHeaderBytes; at + scf::kFrameHeaderBytes <= bytes.size();
         at += scf::kFrameAlignment) {
      const auto frame = scf::decode_frame_header(bytes.subspan(at, scf::kFrameHeaderBytes));
      // Without a header the first frame tells the epoch, and without that one the file holds nothing.
      if (frame && at == scf::kSegmentHeaderBytes && !epoch) epoch = frame->epoch;
      if (!epoch) break;
      if (frame && frame->epoch == *epoch) greatest = std::max(greatest, frame->durable.value);
    }
  }
  return greatest;
}

std::string Disk::describe() const {
  std::string text;
  const auto number = [](const char* name, std::uint64_t value) {
    return std::string{name} + std::to_string(value);
  };
  for (const Entry& entry : entries_) {
    const ByteView bytes{entry.node->content()};
    text += "      " + entry.path + number(": bytes ", bytes.size()) +
            (entry.there ? "" : ", removed") + (entry.there_on_disk ? "" : ", not on the disk");
    if (const auto header = scf::decode_segment_header(
            bytes.first(std::min(bytes.size(), scf::kSegmentHeaderBytes)))) {
      text += number(", first LSN ", header->first_lsn.value) +
              number(", allocated ", header->allocated) +
              number(", continues ", header->predecessor.value) +
              number(" to ", header->predecessor_end.value) +
              number(", low water ", header->low_water.value) +
              number(", durable ", header->durable.value);
    }
    text += '\n';
    for (std::size_t at = scf::kSegmentHeaderBytes; at + scf::kFrameHeaderBytes <= bytes.size();
         at += scf::kFrameAlignment) {
      const auto frame = scf::decode_frame_header(bytes.subspan(at, scf::kFrameHeaderBytes));
      if (!frame) continue;
      text += number("        ", at) + number(": kind ", static_cast<std::uint64_t>(frame->kind)) +
              number(", first LSN ", frame->first_lsn.value) +
              number(", bytes ", frame->payload_bytes) +
              number(", durable ", frame->durable.value) +
              number(", low water ", frame->low_water.value) + '\n';
    }
  }
  return text;
}

// --- FileSystem

class Disk::MemoryMapping final : public io::Mapping {
 public:
  MemoryMapping(NodeRef node, std::size_t size) : node_(std::move(node)), size_(size) {
    ++node_->mappings;
  }
  ~MemoryMapping() override { --node_->mappings; }
  std::span<std::byte> bytes() override { return {node_->now.data(), size_}; }

 private:
  NodeRef node_;
  std::size_t size_;
};

class Disk::MemoryFile final : public io::File {
 public:
  MemoryFile(Disk& disk, NodeRef node) : disk_(disk), node_(std::move(node)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const auto begun = disk_.begin(Call::write);
    if (!begun) bytes = bytes.first(disk_.abandoned_ ? 0 : disk_.short_write(offset, bytes.size()));
    if (!bytes.empty()) {
      const std::size_t end = offset + bytes.size();
      node_->unsettle();
      if (node_->now.size() < end) node_->resize(end);
      std::ranges::copy(bytes, node_->now.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    return begun;
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    if (auto begun = disk_.begin(Call::read); !begun) return std::unexpected(begun.error());
    const Bytes& content = node_->content();
    if (offset >= content.size()) return 0;
    const std::size_t size = std::min(bytes.size(), content.size() - offset);
    std::memcpy(bytes.data(), content.data() + offset, size);
    return size;
  }
  Result<std::uint64_t> size() override { return node_->content().size(); }
  Result<void> truncate(std::uint64_t size) override {
    if (auto begun = disk_.begin(Call::truncate); !begun) return begun;
    if (size != node_->content().size()) node_->resize(size);
    return {};
  }
  Result<void> sync() override {
    if (auto begun = disk_.begin(Call::sync); !begun) {
      if (!disk_.abandoned_ && !node_->settled) node_->clean = node_->now;
      return begun;
    }
    disk_.sync(*node_);
    scheduling_point();
    return {};
  }
  Result<std::unique_ptr<io::Mapping>> map(std::uint64_t size) override {
    if (auto begun = disk_.begin(Call::map); !begun) return std::unexpected(begun.error());
    if (node_->content().size() < size) return failed(Errc::io, "mapped beyond its end");
    node_->unsettle();
    return std::make_unique<MemoryMapping>(node_, size);
  }

 private:
  Disk& disk_;
  NodeRef node_;
};

class Disk::MemoryLock final : public io::DirectoryLock {
 public:
  explicit MemoryLock(Disk& disk) : disk_(disk) {}
  ~MemoryLock() override { disk_.locked_ = false; }

 private:
  Disk& disk_;
};

Disk::Entry* Disk::find(const std::string& path) {
  const auto found =
      std::ranges::find_if(entries_, [&](const Entry& e) { return e.there && e.path == path; });
  return found == entries_.end() ? nullptr : &*found;
}

Result<void> Disk::make_directory(const std::string& /*directory*/) {
  if (has_directory_) return {};
  if (auto begun = begin(Call::make_directory); !begun) return begun;
  has_directory_ = true;
  return {};
}

Result<std::vector<std::string>> Disk::list(const std::string& directory) {
  if (auto begun = begin(Call::list); !begun) return std::unexpected(begun.error());
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (entry.there) names.push_back(entry.path.substr(directory.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<io::File>> Disk::open(const std::string& path, io::OpenMode mode) {
  const Call call = mode == io::OpenMode::create_new ? Call::create : Call::open;
  if (auto begun = begin(call); !begun) return std::unexpected(begun.error());
  Entry* entry = find(path);
  if (call == Call::create) {
    if (entry != nullptr) return failed(Errc::io, "it is there already");
    entries_.push_back({.path = path, .node = std::make_shared<Node>()});
    entry = &entries_.back();
  }
  if (entry == nullptr) return failed(Errc::not_found, "no such file");
  return std::make_unique<MemoryFile>(*this, entry->node);
}

Result<void> Disk::remove(const std::string& path) {
  if (auto begun = begin(Call::remove); !begun) return begun;
  Entry* const entry = find(path);
  if (entry == nullptr) return {};
  entry->there = false;
  std::erase_if(entries_, [](const Entry& e) { return !e.there && !e.there_on_disk; });
  return {};
}

Result<void> Disk::remove_directory(const std::string& /*directory*/) {
  return failed(Errc::unsupported, "directories are not removed in a simulation");
}

Result<void> Disk::rename(const std::string& /*from*/, const std::string& /*to*/) {
  return failed(Errc::unsupported, "nothing is renamed in a simulation");
}

Result<void> Disk::sync_directory(const std::string& /*directory*/) {
  if (auto begun = begin(Call::sync_directory); !begun) return begun;
  std::erase_if(entries_, [](const Entry& e) { return !e.there; });
  for (Entry& entry : entries_) entry.there_on_disk = true;
  return {};
}

Result<std::unique_ptr<io::DirectoryLock>> Disk::lock(const std::string& /*directory*/) {
  if (locked_) return failed(Errc::locked, "the store is open elsewhere");
  locked_ = true;
  return std::make_unique<MemoryLock>(*this);
}

}  // namespace hybrid::testing::simulator
