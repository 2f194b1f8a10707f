#include "store/commit_log.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/digest.hpp"

namespace hybrid::store {
namespace {

using scf::FrameKind;
using scf::Lsn;
using scf::Offset;

constexpr Millis kRetryAfter = 100;  // how long a full disk is not asked again

// What only destroys may use when the disk is full.
std::size_t room_kept(std::uint64_t segment_bytes) {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(segment_bytes / 16, std::uint64_t{64} << 10));
}

std::unexpected<Error> closed() {
  return std::unexpected(Error{Errc::unavailable, "the store is closed"});
}

std::uint64_t random_epoch() {
  std::uint64_t epoch = 0;
  while (epoch == 0) fill_random(std::as_writable_bytes(std::span{&epoch, 1}));
  return epoch;
}

Result<void> fill_with_zeros(io::File& file, std::uint64_t bytes) {
  static constexpr std::array<std::byte, std::size_t{256} << 10> kZeros{};
  for (std::uint64_t at = 0; at < bytes; at += kZeros.size()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), bytes - at));
    if (auto written = file.write_at(at, std::span{kZeros}.first(part)); !written) return written;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<CommitLog>> CommitLog::open(Config config, const scf::LogSummary& summary,
                                                   Millis now) {
  std::unique_ptr<CommitLog> log{new CommitLog{std::move(config)}};
  {
    const MutexLock lock{log->mutex_};
    log->durability_ = log->config_.durability;
    log->sync_interval_ = log->config_.sync_interval;
    log->next_lsn_ = summary.next_lsn;
    log->durable_ = summary.durable;
    log->low_water_ = summary.low_water;
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
    log->list_obsolete(summary);
  }
  if (log->config_.background) log->thread_ = std::thread{[raw = log.get()] { raw->run_thread(); }};
  return log;
}

// What follows the last durable record may be in the page cache only, markers and all, unless a close came to its end.
void CommitLog::take_predecessor(const scf::LogSummary& summary) {
  if (!summary.last_durable) return;
  const std::size_t index = summary.closed ? *summary.last : summary.last_durable->segment;
  const scf::SegmentSummary& segment = summary.segments[index];
  predecessor_ = Predecessor{.number = segment.number,
                             .epoch = segment.header.epoch,
                             .path = segment.path,
                             .end = summary.closed ? segment.end : summary.last_durable->end,
                             .closed = summary.closed};
}

void CommitLog::list_obsolete(const scf::LogSummary& summary) {
  for (const scf::SegmentSummary& segment : summary.segments) {
    const bool kept = segment.role == scf::SegmentRole::chain && predecessor_ &&
                      segment.number <= predecessor_->number;
    if (!kept) {
      (segment.role == scf::SegmentRole::unused ? obsolete_ : superseded_).push_back(segment.path);
    } else {
      ++counters_.segments;
      const bool last = segment.number == predecessor_->number;
      counters_.bytes += last ? predecessor_->end.value : segment.end.value;
    }
  }
  if (current_) ++counters_.segments;
}

CommitLog::~CommitLog() {
  {
    const MutexLock lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// --- Segments

Result<std::shared_ptr<CommitLog::Segment>> CommitLog::prepare(scf::SegmentNumber number,
                                                               std::uint64_t bytes,
                                                               bool sync_zeros) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  segment->path = config_.directory + "/" + scf::segment_name(number);
  segment->bytes = bytes;
  segment->epoch = random_epoch();
  const auto fill = [&]() -> Result<void> {
    auto file = config_.files.open(segment->path, io::OpenMode::create_new);
    if (!file) return std::unexpected(file.error());
    segment->file = std::move(*file);
    if (auto filled = fill_with_zeros(*segment->file, bytes); !filled) return filled;
    if (sync_zeros) {
      if (auto synced = segment->file->sync(); !synced) return synced;
      segment->synced_zeros = true;
    }
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

std::uint64_t CommitLog::next_segment_bytes() const {
  const std::uint64_t doublings = std::min<std::uint64_t>(rolls_, 20);
  return std::min(config_.segment_bytes, config_.first_segment_bytes << doublings);
}

void CommitLog::prepare_spare() {
  scf::SegmentNumber number;
  std::uint64_t bytes = 0;
  bool sync_zeros = false;
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
    // the next one does.
    if (current_ || !predecessor_ || predecessor_->closed) {
      obsolete.insert(obsolete.end(), superseded_.begin(), superseded_.end());
      superseded_.clear();
      std::ranges::sort(obsolete);  // names sort by number
    }
    sync_zeros = syncs_zeros();
  }
  auto prepared = prepare(number, bytes, sync_zeros);
  if (prepared) remove_obsolete(std::move(obsolete));
  {
    const MutexLock lock{mutex_};
    preparing_ = false;
    // Without a spare, the next append that needs one tries for itself and reports why it cannot.
    if (prepared) spare_ = std::move(*prepared);
  }
  changed_.notify_all();
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

Result<void> CommitLog::roll(std::size_t record_bytes, Millis now) {
  if (no_room_ && !spare_ && now < retry_at_) return std::unexpected(*no_room_);
  const std::uint64_t bytes = std::max(next_segment_bytes(), scf::segment_bytes_for(record_bytes));
  if (spare_ && spare_->bytes < bytes && spare_->bytes < scf::segment_bytes_for(record_bytes)) {
    spare_->mapping.reset();
    obsolete_.push_back(spare_->path);
    spare_.reset();
  }
  if (!spare_) {
    auto prepared = prepare(next_number_, bytes, syncs_zeros());
    if (!prepared) {
      no_room_ = prepared.error();
      retry_at_ = now + kRetryAfter;
      return std::unexpected(prepared.error());
    }
    next_number_ = {next_number_.value + 1};
    spare_ = std::move(*prepared);
  }
  no_room_.reset();

  // A seal promises a successor that is there, whole: where nothing is synced, nothing is sealed.
  const bool seal = spare_->synced_zeros;
  bool after_crash = false;
  if (current_) {
    if (seal) current_->writer->mark(FrameKind::seal, context(now));
    predecessor_ = Predecessor{.number = current_->number,
                               .epoch = current_->epoch,
                               .path = current_->path,
                               .end = current_->writer->end()};
    counters_.bytes += predecessor_->end.value;
    retired_.push_back(std::move(current_));
  } else if (predecessor_ && !predecessor_->closed) {
    after_crash = true;
  } else if (predecessor_ && seal) {
    auto file = seal_file(*predecessor_, next_lsn_, context(now));
    if (!file) return std::unexpected(file.error());
    auto retired = std::make_shared<Segment>();
    retired->number = predecessor_->number;
    retired->path = predecessor_->path;
    retired->file = std::move(*file);
    retired_.push_back(std::move(retired));
  }
  current_ = std::move(spare_);
  current_->writer.emplace(current_->mapping->bytes(), current_->epoch, next_lsn_);
  if (after_crash) {
    if (auto begun = begin_after_crash(now); !begun) return begun;
  } else {
    current_->writer->write_header(header_for(*current_, now));
  }
  ++rolls_;
  ++wake_ups_;
  ++counters_.segments;
  changed_.notify_all();  // the background thread prepares the next one
  return {};
}

// The predecessor may not be cut before its successor is there for good: a file that is shorter than it was allocated, and
// neither closed nor sealed, was cut by somebody else.
Result<void> CommitLog::begin_after_crash(Millis now) {
  current_->writer->write_header(header_for(*current_, now));
  if (auto synced = current_->file->sync(); !synced) {
    fail(synced.error());
    return synced;
  }
  // Without a seal only the loss of this segment's successors is harder to see.
  if (!predecessor_) return {};
  if (auto sealed = seal_file(*predecessor_, next_lsn_, context(now))) {
    static_cast<void>((*sealed)->sync());
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
  auto prepared = prepare(next_number_, scf::align_up(bytes, scf::kSyncAlignment), true);
  if (!prepared) return std::unexpected(prepared.error());
  next_number_ = {next_number_.value + 1};
  current_ = std::move(*prepared);
  current_->writer.emplace(current_->mapping->bytes(), current_->epoch, next_lsn_);

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
  if (auto begun = begin_after_crash(now); !begun) return begun;
  // Only now: a claim in the header would count though the header itself is not on the disk yet.
  durable_ = next - 1;
  next_lsn_ = next;
  sync_point_due_ = true;
  ++rolls_;
  return {};
}

// --- Appending

Result<CommitLog::Place> CommitLog::append(std::string_view record, Millis now,
                                           AppendOptions options) {
  const MutexLock lock{mutex_};
  if (failed_) return failure();
  if (closed_) return closed();

  while (!current_ || !current_->writer->fits(record.size(), room_kept(current_->bytes))) {
    if (preparing_) {
      changed_.wait(mutex_);  // others may append, roll or fail meanwhile
      if (failed_) return failure();
      if (closed_) return closed();
      continue;
    }
    if (auto rolled = roll(record.size(), now); !rolled) {
      if (failed_) return failure();
      const bool squeezes_in =
          options.last_resort && current_ && current_->writer->fits(record.size());
      if (!squeezes_in) return std::unexpected(rolled.error());
    }
    break;  // a new segment holds the record, whatever room it keeps
  }
  now = std::max(now, last_time_);
  current_->writer->append(record, context(now));
  last_time_ = now;
  const Place place{.lsn = next_lsn_,
                    .time = now,
                    .waits = durability_ == Durability::always ||
                             (options.at_once && durability_ == Durability::interval)};
  next_lsn_ = next_lsn_ + 1;
  ++counters_.records_appended;
  if (place.waits) ++in_flight_;
  return place;
}

Result<void> CommitLog::acknowledge(const Place& place) {
  if (!place.waits) return {};
  auto durable = wait_durable(place.lsn);
  const MutexLock lock{mutex_};
  --in_flight_;
  // Under the lock: close() may return, and this log be gone, as soon as it is let go.
  if (in_flight_ == 0 && closed_) changed_.notify_all();
  return durable;
}

// --- Syncing

Result<void> CommitLog::wait_durable(Lsn lsn) {
  mutex_.lock();
  // Who finds no sync running runs one for all that wait; those that come meanwhile share the next.
  while (durable_ < lsn && !failed_) {
    if (syncing_) {
      changed_.wait(mutex_);
      continue;
    }
    syncing_ = true;
    mutex_.unlock();
    try {
      sync_once();
    } catch (...) {  // out of memory; others must not wait for us for ever
      mutex_.lock();
      syncing_ = false;
      changed_.notify_all();
      mutex_.unlock();
      throw;
    }
    mutex_.lock();
    syncing_ = false;
    changed_.notify_all();
  }
  Result<void> result{};
  if (durable_ < lsn) result = failure();
  mutex_.unlock();
  return result;
}

// By the one thread that has set syncing_.
void CommitLog::sync_once() {
  std::vector<std::shared_ptr<Segment>> to_sync;
  std::vector<std::shared_ptr<Segment>> retired;
  Lsn target;
  {
    const MutexLock lock{mutex_};
    if (failed_) return;
    retired = retired_;
    to_sync = retired_;
    if (current_) {
      current_->writer->seal_for_sync();
      to_sync.push_back(current_);
    }
    target = next_lsn_ - 1;
  }
  // Oldest first: what is durable is then always a prefix.
  for (const auto& segment : to_sync) {
    auto synced = segment->file->sync();
    const MutexLock lock{mutex_};
    ++counters_.syncs;
    if (!synced) return fail(synced.error());
  }
  {
    const MutexLock lock{mutex_};
    if (durable_ < target) sync_point_due_ = true;
    durable_ = std::max(durable_, target);
    retired_.erase(retired_.begin(),
                   retired_.begin() + static_cast<std::ptrdiff_t>(retired.size()));
  }
  release(retired, true);
}

// Gives back the memory of segments that nobody writes to any more and, once they are synced, their unused ends: a file that is
// shorter than it was allocated must have its seal on the disk.
void CommitLog::release(const std::vector<std::shared_ptr<Segment>>& retired, bool synced) {
  for (const auto& segment : retired) {
    segment->mapping.reset();
    // If it fails, the file keeps its zeros: no harm.
    if (synced && segment->writer)
      static_cast<void>(segment->file->truncate(segment->writer->end().value));
  }
}

void CommitLog::fail(const Error& error) {
  if (!failed_) failed_ = error;
  changed_.notify_all();
}

std::unexpected<Error> CommitLog::failure() const {
  return std::unexpected(Error{Errc::io,
                               "a sync of the log failed, so the store takes no more changes; "
                               "check the disk, then reopen it",
                               failed_->system_error()});
}

void CommitLog::run_duties() {
  bool sync = false;
  std::vector<std::shared_ptr<Segment>> retired;
  {
    const MutexLock lock{mutex_};
    if (failed_ || closed_) return;
    const Lsn last = next_lsn_ - 1;
    const bool idle = last == seen_by_duties_;
    seen_by_duties_ = last;
    if (syncing_) {
      // Somebody syncs already: next time.
    } else if (syncs_by_itself()) {
      sync = durability_ == Durability::interval && durable_ < last;
      if (idle && durable_ == last && sync_point_due_ && current_ && current_->writer->fits(0)) {
        // So that damage to what was synced last can be told from a torn tail.
        current_->writer->mark(FrameKind::sync_point, context(last_time_));
        sync_point_due_ = false;
        sync = true;
      }
    } else {
      retired = retired_;  // they stay listed, for flush() and close() to sync
    }
    if (sync || !retired.empty()) syncing_ = true;
  }
  if (sync || !retired.empty()) {
    if (sync) sync_once();
    release(retired, false);
    {
      const MutexLock lock{mutex_};
      syncing_ = false;
    }
    changed_.notify_all();
  }
  prepare_spare();
}

void CommitLog::run_thread() {
  prepare_spare();
  for (;;) {
    mutex_.lock();
    const std::uint64_t seen = wake_ups_;
    const auto tick =
        durability_ == Durability::interval ? sync_interval_ : std::chrono::milliseconds{1000};
    changed_.wait_for(mutex_, tick,
                      [&]() HYBRID_REQUIRES(mutex_) { return stop_ || wake_ups_ != seen; });
    const bool stop = stop_;
    mutex_.unlock();
    if (stop) return;
    run_duties();
  }
}

void CommitLog::set_durability(Durability durability, std::chrono::milliseconds sync_interval) {
  {
    const MutexLock lock{mutex_};
    durability_ = durability;
    sync_interval_ = sync_interval;
    ++wake_ups_;
  }
  changed_.notify_all();
}

CommitLog::Counters CommitLog::counters() const {
  const MutexLock lock{mutex_};
  Counters counters = counters_;
  counters.last_lsn = next_lsn_ - 1;
  counters.durable = durable_;
  if (current_) counters.bytes += current_->writer->end().value;
  return counters;
}

Lsn CommitLog::last_lsn() const {
  const MutexLock lock{mutex_};
  return next_lsn_ - 1;
}

Result<void> CommitLog::close() {
  {
    const MutexLock lock{mutex_};
    closed_ = true;
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();

  mutex_.lock();
  changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) { return in_flight_ == 0 && !syncing_; });
  const std::shared_ptr<Segment> current = current_;
  const std::shared_ptr<Segment> spare = std::move(spare_);
  // A sealed segment counts on a successor's file.
  const bool keep_spare = !current && last_is_sealed_;
  const std::optional<Error> failed = failed_;
  const Lsn last = next_lsn_ - 1;
  const Millis now = last_time_;
  mutex_.unlock();

  if (failed) return std::unexpected(*failed);
  if (current) {
    if (auto durable = wait_durable(last); !durable) return durable;
    {
      const MutexLock lock{mutex_};
      current->writer->seal_for_sync();
      current->writer->mark(FrameKind::closed, context(now));
    }
    // The mark before the cut: a file that is cut and not marked was cut by somebody else.
    if (auto synced = current->file->sync(); !synced) return synced;
    current->mapping.reset();
    if (auto cut = current->file->truncate(current->writer->end().value); !cut) return cut;
    if (auto synced = current->file->sync(); !synced) return synced;
  }
  if (spare && !keep_spare) {
    spare->mapping.reset();
    if (auto removed = config_.files.remove(spare->path); !removed) return removed;
  }
  return {};
}

}  // namespace hybrid::store
