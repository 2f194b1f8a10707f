#include "scf/log_snapshot.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace hybrid::scf {
namespace {

std::unexpected<Error> read_only() {
  return std::unexpected(Error{Errc::read_only, "a snapshot is not written to"});
}

}  // namespace

class LogSnapshot::View final : public io::File {
 public:
  explicit View(Held held) : held_(std::move(held)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    return read(held_, offset, bytes);
  }
  Result<std::uint64_t> size() override { return held_.size; }
  Result<void> write_at(std::uint64_t, std::span<const std::byte>) override { return read_only(); }
  Result<void> truncate(std::uint64_t) override { return read_only(); }
  Result<void> sync() override { return read_only(); }
  Result<std::unique_ptr<io::Mapping>> map(std::uint64_t) override { return read_only(); }

 private:
  const Held held_;
};

Result<std::size_t> LogSnapshot::read(const Held& held, std::uint64_t offset,
                                      std::span<std::byte> bytes) {
  if (offset >= held.size) return 0;
  bytes = bytes.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), held.size - offset)));
  const std::size_t wanted = static_cast<std::size_t>(
      std::min<std::uint64_t>(bytes.size(), held.end - std::min(held.end, offset)));
  std::size_t got = 0;
  if (wanted > 0) {
    const auto there = held.file->read_at(offset, bytes.first(wanted));
    if (!there) return there;
    got = *there;
  }
  std::ranges::fill(bytes.subspan(got), std::byte{0});
  // The part of the frame that these bytes are of.
  const std::uint64_t from = std::max(offset, held.frame_at);
  const std::uint64_t to = std::min(offset + bytes.size(), held.frame_at + held.frame.size());
  if (from < to) {
    std::memcpy(bytes.data() + (from - offset), held.frame.data() + (from - held.frame_at),
                static_cast<std::size_t>(to - from));
  }
  return bytes.size();
}

Result<std::unique_ptr<LogSnapshot>> LogSnapshot::take(io::FileSystem& files,
                                                       const std::string& directory) {
  constexpr int kTriesMax = 1000;  // a try takes about as long as a small segment takes to fill
  for (int i = 0; i < kTriesMax; ++i) {
    std::unique_ptr<LogSnapshot> snapshot{new LogSnapshot};
    const auto held = snapshot->hold_all(files, directory);
    if (!held) return std::unexpected(held.error());
    if (!*held) continue;
    if (auto hidden = snapshot->hide_unused(); !hidden) return std::unexpected(hidden.error());
    if (auto fixed = snapshot->fix_end(); !fixed) return std::unexpected(fixed.error());
    const auto complete = snapshot->holds_all(files, directory);
    if (!complete) return std::unexpected(complete.error());
    if (*complete) return snapshot;
  }
  return std::unexpected(
      Error{Errc::unavailable, "'" + directory + "' changes too fast to be read; try again later"});
}

// False if a file went while the others were opened: then what took its place may not have been listed.
Result<bool> LogSnapshot::hold_all(io::FileSystem& files, const std::string& directory) {
  auto names = files.list(directory);
  if (!names) return std::unexpected(names.error());
  names_ = std::move(*names);
  for (const std::string& name : names_) {
    if (!parse_segment_name(name)) continue;
    const std::string path = directory + "/" + name;
    auto file = files.open(path, io::OpenMode::read);
    if (!file && file.error().code() == Errc::not_found) return false;
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    held_[path] = Held{.file = std::move(*file), .size = *size, .end = *size};
  }
  return true;
}

// A segment that was not begun yet may be at any time: nothing that is in it by then was acknowledged before. One whose header
// was erased has frames, and is left for read_log() to judge. Those that were begun have ended the ones before them, which may
// have grown since they were opened.
Result<void> LogSnapshot::hide_unused() {
  for (auto& [path, held] : held_) {
    std::array<std::byte, kSegmentHeaderBytes + kFrameHeaderBytes> start{};
    if (auto got = read(held, 0, start); !got) return std::unexpected(got.error());
    if (all_zero(start)) held.end = 0;
  }
  for (auto& [path, held] : held_) {
    if (held.end == 0) continue;
    const auto size = held.file->size();
    if (!size) return std::unexpected(size.error());
    held.size = std::max(held.size, *size);
    held.end = held.size;
  }
  return {};
}

// Only the segment that the log ends in grows.
Result<void> LogSnapshot::fix_end() {
  const auto begun = [this](auto& entry) {
    const auto reader = SegmentReader::open(*this, entry.first);
    return reader && reader->header();
  };
  const auto last = std::find_if(held_.rbegin(), held_.rend(), begun);
  if (last == held_.rend()) return {};
  auto& [path, held] = *last;

  std::optional<Offset> place;         // of the last valid frame
  std::optional<Offset> looked_after;  // an end that was doubted once
  std::vector<std::byte> growing;
  Lsn first{};  // of the last valid frame
  for (;;) {
    auto reader = SegmentReader::open(*this, path);
    if (!reader) return std::unexpected(reader.error());
    if (!reader->header()) return {};
    if (place) reader->seek(*place);
    Lsn expected = place ? first : reader->header()->first_lsn;
    bool bad = false;
    for (;;) {
      const auto step = reader->next(expected, std::nullopt);
      if (!step) return std::unexpected(step.error());
      const auto* const frame = std::get_if<Frame>(&*step);
      if (frame == nullptr) {
        bad = std::holds_alternative<BadFrame>(*step);
        break;
      }
      place = frame->at;
      first = frame->header.first_lsn;
      expected = frame->last_lsn() + 1;
      growing.clear();
      if (frame->header.record_count == kFrameOpen) {
        const FrameHeaderBytes header = encode(frame->header);
        growing.assign(header.begin(), header.end());
        growing.insert(growing.end(), frame->payload.begin(), frame->payload.end());
      }
    }
    const Offset end = reader->position();
    if (bad) {
      // If what follows was durable before we came by, either it has been written meanwhile, and is there at a second look, or
      // it is damaged, and read_log() must see it.
      const auto claim = reader->find_durable_claim(end, std::nullopt, expected);
      if (!claim) return std::unexpected(claim.error());
      if (*claim && looked_after == end) return {};
      if (*claim) {
        looked_after = end;
        continue;
      }
    }
    held.end = end.value;
    if (!growing.empty()) {
      held.frame_at = place->value;
      held.frame = std::move(growing);
    }
    return {};
  }
}

// A segment made since may be the successor of one that was sealed since.
Result<bool> LogSnapshot::holds_all(io::FileSystem& files, const std::string& directory) const {
  const auto names = files.list(directory);
  if (!names) return std::unexpected(names.error());
  return std::ranges::all_of(*names, [&](const std::string& name) {
    return !parse_segment_name(name) || held_.contains(directory + "/" + name);
  });
}

Result<std::vector<std::string>> LogSnapshot::list(const std::string&) { return names_; }

Result<std::unique_ptr<io::File>> LogSnapshot::open(const std::string& path, io::OpenMode mode) {
  if (mode != io::OpenMode::read) return read_only();
  const auto found = held_.find(path);
  if (found == held_.end())
    return std::unexpected(Error{Errc::not_found, "'" + path + "' is not in the snapshot"});
  return std::make_unique<View>(found->second);
}

Result<void> LogSnapshot::make_directory(const std::string&) { return read_only(); }
Result<void> LogSnapshot::remove(const std::string&) { return read_only(); }
Result<void> LogSnapshot::remove_directory(const std::string&) { return read_only(); }
Result<void> LogSnapshot::rename(const std::string&, const std::string&) { return read_only(); }
Result<void> LogSnapshot::sync_directory(const std::string&) { return read_only(); }
Result<std::unique_ptr<io::DirectoryLock>> LogSnapshot::lock(const std::string&) {
  return read_only();
}

}  // namespace hybrid::scf
