#include "scf/log_copy.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "io/staged_directory.hpp"
#include "scf/log_reader.hpp"
#include "scf/log_snapshot.hpp"

namespace hybrid::scf {
namespace {

// Written and synced in pieces, so that the log's own syncs on the same disk do not wait for a large one.
constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20;

// The log at one moment.
struct Source {
  std::unique_ptr<LogSnapshot> files;
  LogSummary log;
  // Of the last frame that is no mark of the log's end.
  Offset end{kSegmentHeaderBytes};
  std::optional<std::pair<Offset, std::uint32_t>>
      uncounted{};  // if it was still growing: its records
};

Result<Source> read_source(io::FileSystem& files, const std::string& directory) {
  auto snapshot = LogSnapshot::take(files, directory);
  if (!snapshot) return std::unexpected(snapshot.error());
  Source source{.files = std::move(*snapshot), .log = {}};
  SegmentNumber segment;
  LogVisitor visitor;
  visitor.on_frame = [&](const SegmentSummary& of, const Frame& frame) -> Result<void> {
    if (segment != of.number) {
      segment = of.number;
      source.end = Offset{kSegmentHeaderBytes};
      source.uncounted.reset();
    }
    const FrameKind kind = frame.header.kind;
    if (kind == FrameKind::closed || kind == FrameKind::seal) return {};
    source.end = frame.at + kFrameHeaderBytes + frame.payload.size();
    source.uncounted.reset();
    if (frame.header.record_count == kFrameOpen)
      source.uncounted = {frame.at, static_cast<std::uint32_t>(frame.records.size())};
    return {};
  };
  auto log = read_log(*source.files, directory, visitor);
  if (!log) return std::unexpected(log.error());
  source.log = std::move(*log);
  // The last segment may have no frames at all.
  if (source.log.last && source.log.segments[*source.log.last].number != segment) {
    source.end = Offset{kSegmentHeaderBytes};
    source.uncounted.reset();
  }
  return source;
}

class Copying {
 public:
  Copying(io::FileSystem& files, const std::string& destination, Source& source,
          const std::function<void(std::uint64_t, std::uint64_t)>& on_progress)
      : files_(files), destination_(destination), source_(source), on_progress_(on_progress) {}

  Result<LogCopy> run() {
    const LogSummary& log = source_.log;
    std::vector<const SegmentSummary*> chain;
    for (const SegmentSummary& segment : log.segments) {
      if (segment.role == SegmentRole::chain) chain.push_back(&segment);
    }
    for (const SegmentSummary* segment : chain) total_ += end_of(*segment);
    for (const SegmentSummary* segment : chain) {
      if (auto copied = copy(*segment); !copied) return std::unexpected(copied.error());
    }
    return LogCopy{.last_lsn = log.next_lsn - 1,
                   .records = log.records,
                   .segments = chain.size(),
                   .bytes = done_};
  }

 private:
  bool is_last(const SegmentSummary& segment) const {
    return segment.number == source_.log.segments[*source_.log.last].number;
  }
  std::uint64_t end_of(const SegmentSummary& segment) const {
    return is_last(segment) ? source_.end.value : segment.end.value;
  }

  Result<void> copy(const SegmentSummary& segment) {
    auto from = source_.files->open(segment.path, io::OpenMode::read);
    if (!from) return std::unexpected(from.error());
    auto to =
        files_.open(destination_ + "/" + segment_name(segment.number), io::OpenMode::create_new);
    if (!to) return std::unexpected(to.error());
    const std::uint64_t end = end_of(segment);
    for (std::uint64_t at = 0; at < end;) {
      const auto size = static_cast<std::size_t>(std::min(kPieceBytes, end - at));
      if (auto copied = copy_piece(**from, **to, at, size); !copied) return copied;
      at += size;
      done_ += size;
      if (on_progress_) on_progress_(done_, total_);
    }
    return is_last(segment) ? close(segment, **to) : Result<void>{};
  }

  Result<void> copy_piece(io::File& from, io::File& to, std::uint64_t at, std::size_t size) {
    buffer_.resize(size);
    const auto got = from.read_at(at, buffer_);
    if (!got) return std::unexpected(got.error());
    if (*got < size)
      return std::unexpected(Error{Errc::io, "a segment became shorter while it was read"});
    if (auto written = to.write_at(at, buffer_); !written) return written;
    return to.sync();
  }

  // As a store does that is closed.
  Result<void> close(const SegmentSummary& segment, io::File& to) {
    if (source_.uncounted) {
      const auto& [frame, records] = *source_.uncounted;
      std::array<std::byte, sizeof records> count{};
      store_le(count.data(), records);
      if (auto written = to.write_at(frame.value + kRecordCountOffset, count); !written)
        return written;
    }
    const LogSummary& log = source_.log;
    const FrameHeaderBytes closed = encode(FrameHeader{.epoch = segment.header.epoch,
                                                       .first_lsn = log.next_lsn,
                                                       .durable = log.next_lsn - 1,
                                                       .low_water = log.low_water,
                                                       .time = log.latest_time,
                                                       .kind = FrameKind::closed});
    const std::uint64_t at = align_up(source_.end.value, kSyncAlignment);
    if (auto written = to.write_at(at, closed); !written) return written;
    done_ += at + closed.size() - source_.end.value;
    return to.sync();
  }

  io::FileSystem& files_;
  const std::string& destination_;
  Source& source_;
  const std::function<void(std::uint64_t, std::uint64_t)>& on_progress_;
  std::vector<std::byte> buffer_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

// What was written is what is read, and opens.
Result<void> verify(io::FileSystem& files, const std::string& directory, const LogSummary& log) {
  const auto copy = read_log(files, directory, {});
  if (!copy) return std::unexpected(copy.error());
  const bool whole = copy->verdict == Verdict::sound && copy->next_lsn == log.next_lsn &&
                     copy->records == log.records && (copy->closed || copy->segments.empty());
  if (whole) return {};
  return std::unexpected(Error{
      Errc::io,
      "the copy '" + directory + "' reads differently from what was written; check the disk"});
}

}  // namespace

Result<LogCopy> copy_log(io::FileSystem& files, const std::string& directory,
                         const std::string& destination, Lsn at_least,
                         const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  constexpr int kTriesMax = 5;
  if (auto is_store = check_is_store(files, directory); !is_store)
    return std::unexpected(is_store.error());
  if (destination.starts_with(directory + "/")) {
    return std::unexpected(Error{Errc::invalid_argument,
                                 "'" + destination + "' is inside the store; name another place"});
  }
  auto staged = io::StagedDirectory::make(files, destination);
  if (!staged) return std::unexpected(staged.error());
  Result<Source> source = std::unexpected(Error{Errc::unavailable});
  for (int tries = 0;; ++tries) {
    source = read_source(files, directory);
    if (!source) return std::unexpected(source.error());
    const LogSummary& log = source->log;
    const bool damaged = log.verdict == Verdict::damaged;
    if (!damaged && log.next_lsn > at_least) break;
    if (tries < kTriesMax) continue;  // somebody was just opening it after a crash, or it is so
    return std::unexpected(
        Error{Errc::corrupt,
              damaged ? "the store is damaged: " + log.describe()
                      : "the log of '" + directory + "' lacks records that were written to it"});
  }
  auto copied = Copying{files, staged->path(), *source, on_progress}.run();
  if (!copied) return copied;
  if (auto same = verify(files, staged->path(), source->log); !same)
    return std::unexpected(same.error());
  if (auto published = staged->publish(); !published) return std::unexpected(published.error());
  return copied;
}

}  // namespace hybrid::scf
