// The part of the commit log that has to do with its files: opening, the change from one segment to the next, and removing what
// is not needed any more.

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>

#include "base/assert.hpp"
#include "base/digest.hpp"
#include "store/commit_log.hpp"

namespace hybrid::store {
namespace {

using scf::FrameKind;
using scf::Lsn;
using scf::Offset;

Result<std::uint64_t> random_epoch() {
  std::uint64_t epoch = 0;
  try {
    while (epoch == 0) fill_random(std::as_writable_bytes(std::span{&epoch, 1}));
  } catch (const std::runtime_error&) {
    return std::unexpected(Error{Errc::io, "the system has no randomness to mark a segment with"});
  }
  return epoch;
}

// `step`: bytes a write. They are made durable each time after so many as `sync_every`, at most, if that is not 0.
Result<void> fill_with_zeros(io::File& file, std::uint64_t bytes, std::size_t step,
                             std::uint64_t sync_every) {
  static constexpr std::array<std::byte, std::size_t{256} << 10> kZeros{};
  HYBRID_ASSERT(step <= kZeros.size());
  std::uint64_t unsynced = 0;
  for (std::uint64_t at = 0; at < bytes;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(step, bytes - at));
    if (auto written = file.write_at(at, std::span{kZeros}.first(size)); !written) return written;
    at += size;
    unsynced += size;
    if (sync_every == 0 || (unsynced < sync_every && at < bytes)) continue;
    if (auto synced = file.sync(); !synced) return synced;
    unsynced = 0;
  }
  return {};
}

}  // namespace

// --- Opening

Result<std::unique_ptr<CommitLog>> CommitLog::open(Config config, const scf::LogSummary& summary,
                                                   Millis now) {
  std::unique_ptr<CommitLog> log{new CommitLog{std::move(config)}};
  {
    const MutexLock lock{log->mutex_};
    log->durability_ = log->config_.durability;
    log->sync_interval_ = log->config_.sync_interval;
    log->next_lsn_ = summary.next_lsn;
    log->set_durable(summary.durable);
    // We write no mark above what is durable; a forged one is not believed beyond it.
    log->low_water_ = std::min(summary.low_water, summary.durable + 1);
    log->last_time_ = summary.latest_time;
    log->last_is_sealed_ = summary.sealed;
    if (!summary.segments.empty()) {
      log->next_number_ = {summary.segments.back().number.value + 1};
    }
    const auto begun = std::ranges::find_if(summary.segments, [](const auto& segment) {
      return segment.role != scf::SegmentRole::unused;
    });
    if (begun != summary.segments.end()) {
      log->store_ = begun->header.store;
    } else {
      fill_random(log->store_);
    }
    log->take_predecessor(summary);
  }
  if (!summary.not_durable.empty()) {
    if (auto repeated = log->repeat_tail(summary, now); !repeated) {
      return std::unexpected(repeated.error());
    }
  }
  {
    const MutexLock lock{log->mutex_};
    log->sort_segments(summary);
  }
  if (log->config_.background) log->thread_ = Thread{[raw = log.get()] { raw->run_thread(); }};
  return log;
}

// What follows the last durable record may be in the page cache only, markers and all, unless a close came to its end.
void CommitLog::take_predecessor(const scf::LogSummary& summary) {
  const auto first = std::ranges::find_if(summary.segments, [](const auto& segment) {
    return segment.role == scf::SegmentRole::chain;
  });
  std::size_t index = 0;
  Offset end{scf::kSegmentHeaderBytes};
  if (summary.closed) {
    index = *summary.last;
    end = summary.segments[index].end;
  } else if (summary.last_durable) {
    index = summary.last_durable->segment;
    end = summary.last_durable->end;
  } else if (first != summary.segments.end() && first->header.first_lsn > Lsn{1}) {
    // The durable records were cleaned away. The first segment's header says so, and must go on saying so.
    index = static_cast<std::size_t>(first - summary.segments.begin());
  } else {
    return;
  }
  const scf::SegmentSummary& segment = summary.segments[index];
  predecessor_ = Predecessor{.number = segment.number,
                             .epoch = segment.header.epoch,
                             .path = segment.path,
                             .end = end,
                             .closed = summary.closed};
}

// Of the files that are there, those that go on and those that can go.
void CommitLog::sort_segments(const scf::LogSummary& summary) {
  for (const scf::SegmentSummary& segment : summary.segments) {
    const bool kept = segment.role == scf::SegmentRole::chain && predecessor_ &&
                      segment.number <= predecessor_->number;
    if (!kept) {
      (segment.role == scf::SegmentRole::unused ? obsolete_ : superseded_).push_back(segment.path);
    } else {
      const bool last = segment.number == predecessor_->number;
      closed_segments_.push_back({.path = segment.path,
                                  .first_lsn = segment.header.first_lsn,
                                  .bytes = last ? predecessor_->end.value : segment.end.value});
    }
  }
  // A superseded segment may continue an unused file, whose header a crash took: without it the segment would look like
  // the rest of a log whose start is missing. So it goes after the segment.
  const auto newer =
      std::ranges::partition(obsolete_, [&](const std::string& path) HYBRID_REQUIRES(mutex_) {
        return superseded_.empty() || path > superseded_.back();
      });
  std::ranges::move(newer, std::back_inserter(superseded_));
  obsolete_.erase(newer.begin(), newer.end());
}

// --- Segments

Result<std::shared_ptr<CommitLog::Segment>> CommitLog::prepare(scf::SegmentNumber number,
                                                               std::uint64_t bytes, Zeros zeros) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  segment->path = config_.directory + "/" + scf::segment_name(number);
  segment->bytes = bytes;
  const auto epoch = random_epoch();
  if (!epoch) return std::unexpected(epoch.error());
  segment->epoch = *epoch;
  const auto fill = [&]() -> Result<void> {
    auto file = config_.files.open(segment->path, io::OpenMode::create_new);
    if (!file) return std::unexpected(file.error());
    segment->file = std::move(*file);
    const std::uint64_t sync_every = zeros.synced ? zeros.sync_every : 0;
    if (auto filled = fill_with_zeros(*segment->file, bytes, zeros.step, sync_every); !filled)
      return filled;
    segment->synced_zeros = zeros.synced;
    if (auto synced = config_.files.sync_directory(config_.directory); !synced) return synced;
    auto mapping = segment->file->map(bytes);
    if (!mapping) return std::unexpected(mapping.error());
    segment->mapping = std::move(*mapping);
    return {};
  };
  if (auto filled = fill(); !filled) {
    static_cast<void>(config_.files.remove(segment->path));  // an unused file does no harm either
    return std::unexpected(filled.error());
  }
  return segment;
}

CommitLog::Zeros CommitLog::zeros_for_next() const {
  // The kernel keeps a file in memory in pieces as large as the writes that made them, and a store through a mapping makes
  // all of its piece dirty. Large pieces take fewer page faults; small ones are less to write for the one record of a sync.
  constexpr std::size_t kLarge = std::size_t{256} << 10;
  constexpr std::size_t kPage = 4096;
  const bool says_enough = current_ && current_->writer->end().value >= current_->bytes / 2;
  const std::uint64_t bytes = says_enough ? bytes_a_sync() : bytes_a_sync_before_;
  const bool syncs_often = durability_ == Durability::always || bytes < kLarge;
  return {.synced = syncs_zeros(), .step = syncs_often ? kPage : kLarge};
}

// In the current segment, so far.
std::uint64_t CommitLog::bytes_a_sync() const {
  const std::uint64_t syncs = counters_.syncs - syncs_before_;
  return syncs == 0 ? std::numeric_limits<std::uint64_t>::max()
                    : current_->writer->end().value / syncs;
}

// Small at first, then in proportion to what is live: few files, and none so large that it keeps much garbage.
std::uint64_t CommitLog::next_segment_bytes() const {
  constexpr std::uint64_t kDoublingsMax = 2;
  constexpr std::uint64_t kSegmentsPerLog = 8;
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t small = config_.first_segment_bytes << std::min(rolls_, kDoublingsMax);
  const std::uint64_t part = scf::align_up(live_bytes_ / kSegmentsPerLog, kPage);
  return std::min(config_.segment_bytes, std::max(small, part));
}

void CommitLog::prepare_spare() {
  // Who waits for the disk meanwhile waits for so much, and not for all of the segment.
  constexpr std::uint64_t kSyncEvery = std::uint64_t{1} << 20;
  scf::SegmentNumber number;
  std::uint64_t bytes = 0;
  Zeros zeros;
  std::vector<std::string> obsolete;
  {
    const MutexLock lock{mutex_};
    if (spare_ || preparing_ || closed_ || failed_) return;
    preparing_ = true;
    number = next_number_;
    next_number_ = {number.value + 1};
    bytes = next_segment_bytes();
    obsolete = std::exchange(obsolete_, {});
    // After a crash the predecessor may have been cut already, which only the segment that did so explains: it stays until
    // the next one does. And a log in which nothing counts any more stays until there is another.
    if (current_ || (predecessor_ && predecessor_->closed)) {
      obsolete.insert(obsolete.end(), superseded_.begin(), superseded_.end());
      superseded_.clear();
      std::ranges::sort(obsolete);  // names sort by number
    }
    zeros = zeros_for_next();
    zeros.sync_every = kSyncEvery;
  }
  const Preparing preparing{*this};
  auto prepared = prepare(number, bytes, zeros);
  if (prepared) remove_obsolete(std::move(obsolete));
  {
    const MutexLock lock{mutex_};
    if (prepared) {
      spare_ = std::move(*prepared);
      no_room_.reset();
    } else {
      no_room_ = prepared.error();
      obsolete_.insert(obsolete_.end(), obsolete.begin(), obsolete.end());
    }
  }
}

// L5: a spare stands in for unused files that a seal may count on, and the chain's last segment, which may have
// replaced superseded ones, is made durable first. Newest first, so that no half of a cut chain looks like a whole one.
void CommitLog::remove_obsolete(std::vector<std::string> paths) {
  if (paths.empty()) return;
  std::string last_path;
  {
    const MutexLock lock{mutex_};
    if (predecessor_ && !current_) last_path = predecessor_->path;
  }
  if (!last_path.empty()) {
    auto last = config_.files.open(last_path, io::OpenMode::read_write);
    if (!last || !(*last)->sync()) return;
  }
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    // What cannot be removed now is found again at the next opening.
    if (!config_.files.remove(*path) || !config_.files.sync_directory(config_.directory)) return;
  }
}

scf::SegmentHeader CommitLog::header_for(const Segment& segment, Millis now) const {
  scf::SegmentHeader header{.store = store_,
                            .number = segment.number,
                            .epoch = segment.epoch,
                            .first_lsn = next_lsn_,
                            .created = now,
                            .allocated = segment.synced_zeros ? segment.bytes : 0,
                            .predecessor = {},
                            .predecessor_epoch = 0,
                            .predecessor_end = {},
                            .predecessor_last_lsn = next_lsn_ - 1,
                            .low_water = low_water_,
                            .durable = durable_};
  if (predecessor_) {
    header.predecessor = predecessor_->number;
    header.predecessor_epoch = predecessor_->epoch;
    header.predecessor_end = predecessor_->end;
  }
  return header;
}

// Seals the segment that the log ended in when it was opened, behind its end.
Result<std::unique_ptr<io::File>> CommitLog::seal_file(Predecessor& predecessor, Lsn next,
                                                       scf::FrameContext context) {
  auto file = config_.files.open(predecessor.path, io::OpenMode::read_write);
  if (!file) return file;
  const Offset at{scf::align_up(predecessor.end.value, scf::kSyncAlignment)};
  const scf::FrameHeaderBytes seal = encode(scf::FrameHeader{.epoch = predecessor.epoch,
                                                             .first_lsn = next,
                                                             .durable = context.durable,
                                                             .low_water = context.low_water,
                                                             .time = context.time,
                                                             .kind = FrameKind::seal});
  if (auto cut = (*file)->truncate(predecessor.end.value); !cut)
    return std::unexpected(cut.error());
  if (auto written = (*file)->write_at(at.value, seal); !written)
    return std::unexpected(written.error());
  predecessor.end = at + scf::kFrameHeaderBytes;
  return file;
}

// What of the current segment is left free by records that may use no more.
std::size_t CommitLog::room_kept_from(Room room) const {
  if (room == Room::destroy) return 0;
  // Without a spare the rest of the segment is all there is to clean with, and then to have room again.
  if (room == Room::change && no_room_) return static_cast<std::size_t>(current_->bytes / 2);
  constexpr std::uint64_t kForDestroys = std::uint64_t{64} << 10;
  return static_cast<std::size_t>(std::min(current_->bytes / 16, kForDestroys));
}

// So that a record of `record_bytes` fits into the current segment. Others may append, roll or fail meanwhile.
Result<void> CommitLog::make_room(std::size_t record_bytes, Room room, Millis now) {
  while (!current_ || !current_->writer->fits(record_bytes, room_kept_from(room))) {
    if (preparing_) {
      changed_.wait(mutex_);
      if (auto open = check_open(); !open) return open;
      continue;
    }
    auto rolled = roll(record_bytes, now);
    if (rolled) return {};  // a new segment holds the record, whatever room it keeps
    if (failed_) return failure();
    if (current_ && current_->writer->fits(record_bytes, room_kept_from(room))) return {};
    return rolled;
  }
  return {};
}

// Not while somebody prepares a segment (L6).
Result<void> CommitLog::roll(std::size_t record_bytes, Millis now) {
  HYBRID_ASSERT(!preparing_);
  const std::uint64_t bytes_min = scf::segment_bytes_for(record_bytes);
  if (!spare_ || spare_->bytes < bytes_min) {
    if (!spare_ && no_room_) return std::unexpected(*no_room_);
    auto prepared =
        prepare(next_number_, std::max(next_segment_bytes(), bytes_min), zeros_for_next());
    if (!prepared) {
      if (!spare_) no_room_ = prepared.error();
      return std::unexpected(prepared.error());
    }
    next_number_ = {next_number_.value + 1};
    if (spare_) {
      spare_->mapping.reset();
      obsolete_.push_back(spare_->path);
    }
    spare_ = std::move(*prepared);
  }

  // A seal promises a successor that is there, whole: where nothing is synced, nothing is sealed.
  const bool seal = spare_->synced_zeros;
  bool after_crash = false;
  if (current_) {
    retire_current(seal);
    if (auto written = check_written(*retired_.back()); !written) return written;
  } else if (predecessor_ && !predecessor_->closed) {
    after_crash = true;
  } else if (predecessor_ && seal) {
    auto file = seal_file(*predecessor_, next_lsn_, context(last_time_));
    if (!file) return std::unexpected(file.error());
    auto retired = std::make_shared<Segment>();
    retired->number = predecessor_->number;
    retired->path = predecessor_->path;
    retired->file = std::move(*file);
    retired_.push_back(std::move(retired));
  }
  begin(std::move(spare_));
  if (after_crash) {
    if (auto begun = begin_after_crash(now); !begun) return begun;
  } else {
    current_->writer->write_header(header_for(*current_, now));
  }
  ++rolls_;
  ++wake_ups_;
  thread_is_wanted_.notify_all();  // it prepares the next one
  changed_.notify_all();
  return {};
}

void CommitLog::retire_current(bool seal) {
  // What may run out of memory comes first: a seal that is written and not acted upon would be followed by records.
  Predecessor predecessor{
      .number = current_->number, .epoch = current_->epoch, .path = current_->path, .end = {}};
  retired_.reserve(retired_.size() + 1);
  closed_segments_.push_back(
      {.path = current_->path, .first_lsn = current_->first_lsn, .bytes = 0});
  if (seal) current_->writer->mark(FrameKind::seal, context(last_time_));
  predecessor.end = current_->writer->end();
  closed_segments_.back().bytes = predecessor.end.value;
  bytes_a_sync_before_ = bytes_a_sync();
  predecessor_ = std::move(predecessor);
  retired_.push_back(std::move(current_));
}

// From here on `segment` is the one that is appended to; its header is the caller's.
void CommitLog::begin(std::shared_ptr<Segment> segment) {
  current_ = std::move(segment);
  current_->first_lsn = next_lsn_;
  syncs_before_ = counters_.syncs;
  current_->writer.emplace(current_->mapping->bytes(), current_->epoch, next_lsn_);
}

// The predecessor may not be cut before its successor is there for good: a file that is shorter than it was allocated, and
// neither closed nor sealed, was cut by somebody else.
Result<void> CommitLog::begin_after_crash(Millis now) {
  current_->writer->write_header(header_for(*current_, now));
  if (auto synced = current_->file->sync(); !synced) {
    fail(kSyncFailed, synced.error());
    return synced;
  }
  if (auto written = check_written(*current_); !written) return written;
  // Without a seal only the loss of this segment's successors is harder to see.
  if (!predecessor_) return {};
  if (auto sealed = seal_file(*predecessor_, next_lsn_, context(now))) {
    static_cast<void>((*sealed)->sync());
  }
  return {};
}

// The room that the process before had prepared. A header's worth is left, since a seal promises that a file is there.
Result<void> CommitLog::empty_unused(const scf::LogSummary& summary) {
  for (const scf::SegmentSummary& segment : summary.segments) {
    if (segment.role != scf::SegmentRole::unused) continue;
    auto file = config_.files.open(segment.path, io::OpenMode::read_write);
    if (!file) return std::unexpected(file.error());
    const std::uint64_t kept =
        std::min<std::uint64_t>(segment.file_bytes, scf::kSegmentHeaderBytes);
    if (auto cut = (*file)->truncate(kept); !cut) return cut;
  }
  return {};
}

// docs/formats/scf.md, section 5: what may be in the page cache only is written once more.
Result<void> CommitLog::repeat_tail(const scf::LogSummary& summary, Millis now) {
  const scf::FramePlace& first = summary.not_durable.front();
  std::uint64_t bytes = config_.first_segment_bytes;
  for (std::size_t i = first.segment; i < summary.segments.size(); ++i) {
    if (summary.segments[i].role == scf::SegmentRole::chain) bytes += summary.segments[i].end.value;
  }
  bytes -= first.at.value;

  const MutexLock lock{mutex_};
  const Lsn next = next_lsn_;
  next_lsn_ = first.first_lsn;  // as header_for() wants it
  const std::uint64_t segment_bytes = scf::align_up(bytes, scf::kSyncAlignment);
  const Zeros zeros{.synced = true, .step = zeros_for_next().step};
  auto prepared = prepare(next_number_, segment_bytes, zeros);
  if (!prepared && prepared.error().code() == Errc::no_space) {
    if (auto made = empty_unused(summary); !made) return made;
    prepared = prepare(next_number_, segment_bytes, zeros);
  }
  if (!prepared) return std::unexpected(prepared.error());
  next_number_ = {next_number_.value + 1};
  begin(std::move(*prepared));

  std::optional<scf::SegmentReader> reader;
  std::optional<std::size_t> open_segment;
  for (const scf::FramePlace& place : summary.not_durable) {
    if (open_segment != place.segment) {
      auto opened = scf::SegmentReader::open(config_.files, summary.segments[place.segment].path);
      if (!opened) return std::unexpected(opened.error());
      reader.emplace(std::move(*opened));
      open_segment = place.segment;
    }
    reader->seek(place.at);
    auto step = reader->next(place.first_lsn, std::nullopt);
    if (!step) return std::unexpected(step.error());
    const auto* const frame = std::get_if<scf::Frame>(&*step);
    if (frame == nullptr || frame->last_lsn() != place.last_lsn) {
      return std::unexpected(Error{
          Errc::io, "'" + summary.segments[place.segment].path + "' reads differently each time"});
    }
    current_->writer->append_payload(frame->payload,
                                     static_cast<std::uint32_t>(frame->records.size()),
                                     context(frame->header.time));
  }
  HYBRID_ASSERT(current_->writer->next_lsn() == next);

  current_->writer->seal_for_sync();
  if (auto synced = current_->file->sync(); !synced) return synced;
  if (auto written = check_written(*current_); !written) return written;
  if (auto begun = begin_after_crash(now); !begun) return begun;
  // Only now: a claim in the header would count though the header itself is not on the disk yet.
  set_durable(next - 1);
  next_lsn_ = next;
  sync_point_due_ = true;
  ++rolls_;
  return {};
}

// --- Discarding

std::optional<Lsn> CommitLog::end_of_oldest(std::uint64_t bytes) const {
  const MutexLock lock{mutex_};
  if (closed_segments_.empty()) return std::nullopt;
  std::uint64_t held = 0;
  std::size_t count = 0;
  do {
    held += closed_segments_[count++].bytes;
  } while (held < bytes && count < closed_segments_.size());
  return end_of_closed(count - 1);
}

Lsn CommitLog::end_of_closed(std::size_t index) const {
  if (index + 1 < closed_segments_.size()) return closed_segments_[index + 1].first_lsn;
  return current_ ? current_->first_lsn : next_lsn_;
}

Result<Lsn> CommitLog::begin_segment(Millis now) {
  const MutexLock lock{mutex_};
  changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) { return !preparing_; });
  if (auto open = check_open(); !open) return std::unexpected(open.error());
  if (current_ && current_->first_lsn < next_lsn_) {
    if (auto rolled = roll(0, now); !rolled) return std::unexpected(rolled.error());
  }
  return next_lsn_;
}

Result<void> CommitLog::discard_before(Lsn low_water, Millis now) {
  if (auto durable = wait_durable(last_lsn()); !durable) return durable;
  {
    const MutexLock lock{mutex_};
    if (auto open = check_open(); !open) return open;
    HYBRID_ASSERT(low_water <= durable_ + 1);
    low_water_ = std::max(low_water_, low_water);
    if (auto made = make_room(0, Room::destroy, now); !made) return made;
    current_->writer->mark(FrameKind::sync_point, context(last_time_));
  }
  if (auto synced = sync_now(); !synced) return synced;
  for (;;) {
    std::string path;
    {
      const MutexLock lock{mutex_};
      if (closed_segments_.empty()) break;
      const Lsn end =
          closed_segments_.size() > 1 ? closed_segments_[1].first_lsn : current_->first_lsn;
      if (end > low_water_) break;
      path = closed_segments_.front().path;
    }
    if (auto removed = config_.files.remove(path); !removed) return removed;
    // One after the other, so that what a power cut leaves is the end of the chain.
    if (auto synced = config_.files.sync_directory(config_.directory); !synced) return synced;
    const MutexLock lock{mutex_};
    closed_segments_.pop_front();
  }
  return {};
}

Result<void> CommitLog::yield_to_changes() {
  constexpr auto kWaitMax = std::chrono::seconds{1};  // should the background thread have trouble
  const MutexLock lock{mutex_};
  // The less a sync has to write, the sooner they go on.
  if (waiting_ > 0 || in_flight_.load(std::memory_order_relaxed) > 0 ||
      durability_ == Durability::always) {
    if (auto durable = await_durable(next_lsn_ - 1); !durable) return durable;
  }
  if (!config_.background) return {};
  changed_.wait_until(mutex_, SteadyClock::now() + kWaitMax, [&]() HYBRID_REQUIRES(mutex_) {
    const bool is_half_free = !current_ || current_->writer->end().value < current_->bytes / 2;
    return is_half_free || spare_ || no_room_ || failed_ || closed_ || stop_;
  });
  return check_open();
}

void CommitLog::set_live_bytes(std::uint64_t bytes) {
  const MutexLock lock{mutex_};
  live_bytes_ = bytes;
}

}  // namespace hybrid::store
