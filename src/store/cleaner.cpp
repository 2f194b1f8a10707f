#include "store/cleaner.hpp"

#include <algorithm>
#include <utility>

#include "scf/record.hpp"
#include "store/writer_lock.hpp"

namespace hybrid::store {
namespace {

// In quarters of the size of a log that holds each session once. Cleaning begins at kBegin, and early enough that the log does not
// exceed kPeak before the oldest segment can go; it does not pause any more at kHurry. So the log stays below three times the
// live bytes, and each byte that users write costs about one more.
constexpr std::uint64_t kNever = 6;
constexpr std::uint64_t kBegin = 8;
constexpr std::uint64_t kHurry = 10;
constexpr std::uint64_t kPeak = 11;
constexpr auto kPauseMax = std::chrono::microseconds{2000};

}  // namespace

std::optional<Cleaner::Pass> Cleaner::next_pass() {
  live_bytes_ = config_.table.image_bytes();
  config_.log.set_live_bytes(live_bytes_);
  const auto end = config_.log.end_of_oldest(1);
  if (!end) return std::nullopt;
  // A crash may have come between the mark and the removal.
  if (const scf::Lsn low_water = config_.log.low_water(); *end <= low_water)
    return Pass{.target = low_water};
  const CommitLog::Counters counters = config_.log.counters();
  if (!is_due(counters.bytes, *end)) return std::nullopt;
  // On a full disk each segment that goes makes room for the images that free the next.
  if (counters.no_room) return Pass{.target = *end};
  const std::uint64_t wanted = kBegin * live_bytes_ / 4;
  return Pass{.target =
                  *config_.log.end_of_oldest(counters.bytes - std::min(counters.bytes, wanted))};
}

bool Cleaner::is_due(std::uint64_t log_bytes, scf::Lsn oldest_end) {
  const std::uint64_t quarters = 4 * log_bytes;
  if (log_bytes <= config_.bytes_min || quarters <= kNever * live_bytes_) return false;
  if (quarters > kBegin * live_bytes_) return true;
  if (log_bytes == not_due_at_) return false;
  // Many sessions that were created empty, one after the other, have their anchors close together.
  std::uint64_t sessions = 0;
  std::uint64_t anchored = 0;
  config_.table.for_each_chunk([&](Chunk& chunk) {
    for (const Entry::Rest& rest : chunk.rests) {
      const std::uint64_t anchor = rest.anchor.load(std::memory_order_relaxed);
      sessions += anchor != Entry::kNoAnchor ? 1 : 0;
      anchored += anchor < oldest_end.value ? 1 : 0;
    }
  });
  const double to_write = static_cast<double>(live_bytes_) * static_cast<double>(anchored) /
                          static_cast<double>(std::max<std::uint64_t>(sessions, 1));
  const bool due = quarters + 4 * static_cast<std::uint64_t>(to_write) > kPeak * live_bytes_;
  if (!due) not_due_at_ = log_bytes;
  return due;
}

std::chrono::microseconds Cleaner::pause() const {
  const std::uint64_t quarters = 4 * config_.log.counters().bytes;
  const std::uint64_t hurry = kHurry * live_bytes_;
  if (quarters >= hurry) return std::chrono::microseconds{0};
  const double part =
      static_cast<double>(hurry - quarters) / static_cast<double>((kHurry - kBegin) * live_bytes_);
  return std::chrono::duration_cast<std::chrono::microseconds>(kPauseMax * std::min(part, 1.0));
}

Result<std::optional<std::chrono::microseconds>> Cleaner::step() {
  if (!pass_) pass_ = next_pass();
  if (!pass_) return std::nullopt;
  // Out of the way while it is worked on: one that ends with an error, or an exception, has left sessions out. The next one
  // finds them, and those that were written have their anchors behind it.
  Pass pass = std::move(*pass_);
  pass_.reset();
  const auto at_end = advance(pass, config_.slice_bytes, IfBusy::put_off);
  if (!at_end) return std::unexpected(at_end.error());
  if (*at_end) {
    if (auto visited = visit_busy(pass); !visited) return std::unexpected(visited.error());
    if (pass.busy.empty()) {
      if (auto finished = finish(pass); !finished) return std::unexpected(finished.error());
      return pause();
    }
  }
  const bool waits = *at_end;
  pass_ = std::move(pass);
  if (waits) return std::nullopt;
  return pause();
}

Result<void> Cleaner::compact(
    const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  constexpr std::uint64_t kReportEvery = std::uint64_t{1} << 20;
  pass_.reset();
  const auto target = config_.log.begin_segment(config_.clock.now());
  if (!target) return std::unexpected(target.error());
  Pass pass{.target = *target};
  std::uint64_t reported = 0;
  for (bool at_end = false; !at_end;) {
    auto advanced = advance(pass, config_.slice_bytes, IfBusy::wait);
    if (!advanced) return std::unexpected(advanced.error());
    at_end = *advanced;
    if (!on_progress || (!at_end && pass.bytes < reported + kReportEvery)) continue;
    reported = pass.bytes;
    const std::uint64_t total = at_end ? pass.bytes : config_.table.image_bytes();
    on_progress(pass.bytes, std::max(pass.bytes, total));
  }
  return finish(pass);
}

Result<bool> Cleaner::advance(Pass& pass, std::uint64_t bytes, IfBusy if_busy) {
  if (auto yielded = config_.log.yield_to_changes(); !yielded)
    return std::unexpected(yielded.error());
  const std::uint64_t until = pass.bytes + bytes;
  for (; Chunk* const chunk = config_.table.chunk(pass.chunk); ++pass.chunk, pass.entry = 0) {
    for (; pass.entry < Chunk::kEntries; ++pass.entry) {
      if (pass.bytes >= until) return false;
      Entry& place = chunk->entries[pass.entry];
      if (place.anchor().load(std::memory_order_relaxed) >= pass.target.value) continue;
      EntryRef entry = Table::try_refer(place);
      if (!entry) continue;
      if (auto visited = visit(pass, std::move(entry), if_busy); !visited)
        return std::unexpected(visited.error());
    }
  }
  return true;
}

Result<void> Cleaner::visit(Pass& pass, EntryRef entry, IfBusy if_busy) {
  if (if_busy == IfBusy::wait) {
    const auto writer = WriterLock::take(*entry);
    if (!writer) return std::unexpected(writer.error());
    return visit_locked(pass, *entry);
  }
  const auto writer = WriterLock::try_take(*entry);
  if (writer) return visit_locked(pass, *entry);
  pass.busy.push_back(std::move(entry));
  return {};
}

Result<void> Cleaner::visit_locked(Pass& pass, Entry& entry) {
  // It may have been destroyed meanwhile, or its place been taken by another session.
  if (entry.state != State::live ||
      entry.anchor().load(std::memory_order_relaxed) >= pass.target.value)
    return {};
  const auto written = write_image(entry);
  if (!written) return std::unexpected(written.error());
  pass.bytes += *written;
  return {};
}

Result<void> Cleaner::visit_busy(Pass& pass) {
  for (EntryRef& entry : std::exchange(pass.busy, {})) {
    if (auto visited = visit(pass, std::move(entry), IfBusy::put_off); !visited) return visited;
  }
  return {};
}

// Who was creating a session when the pass began holds its writer lock, or has an LSN at or above the target: all below were
// taken by then. So none was missed (C1).
Result<void> Cleaner::finish(const Pass& pass) {
  return config_.log.discard_before(pass.target, config_.clock.now());
}

Result<std::size_t> Cleaner::write_image(Entry& entry) {
  scf::ImageRecord record;
  entry.block.for_each(
      [&](std::string_view key, std::string_view value) { record.announce(key, value); });
  const Millis accessed = entry.access.load(std::memory_order_relaxed);
  const bool excused = accessed <= config_.excused_until;
  const scf::Image numbers{
      .created = entry.created().load(std::memory_order_relaxed),
      .last_access = excused ? entry.logged_access().load(std::memory_order_relaxed) : accessed,
      .version = entry.rest().version,
      .entries = {}};
  const auto place = config_.log.append(
      record.bytes(),
      [&](std::span<std::byte> to) {
        record.begin(to, entry.digest, numbers);
        entry.block.for_each(
            [&](std::string_view key, std::string_view value) { record.put(key, value); });
        record.end();
      },
      config_.clock.now(), {.room = CommitLog::Room::image, .in_background = true});
  if (!place) return std::unexpected(place.error());
  entry.anchor().store(place->lsn.value, std::memory_order_relaxed);
  entry.logged_access().store(numbers.last_access, std::memory_order_relaxed);
  // A touch that came meanwhile may be in the log, but before the image, which does not know of it.
  if (entry.access.load(std::memory_order_relaxed) > accessed)
    config_.table.note_touch(entry.chunk());
  return record.bytes();
}

}  // namespace hybrid::store
