#include "store/writer_lock.hpp"

#include <chrono>
#include <utility>

namespace hybrid::store {
namespace {

constexpr auto kPatience = std::chrono::seconds{5};  // for another session's lock while holding one

// How many writer locks this thread holds.
thread_local int writer_locks_held = 0;

}  // namespace

WriterLock::WriterLock(Entry& entry) : entry_(&entry) { ++writer_locks_held; }

WriterLock::WriterLock(WriterLock&& other) noexcept
    : entry_(std::exchange(other.entry_, nullptr)) {}

WriterLock::~WriterLock() HYBRID_NO_ANALYSIS {
  if (entry_ == nullptr) return;
  --writer_locks_held;
  entry_->writer.unlock();
}

Result<WriterLock> WriterLock::take(Entry& entry) HYBRID_NO_ANALYSIS {
  if (entry.writer.held_by_this_thread()) {
    return std::unexpected(Error{
        Errc::locked, "this thread is inside update() of the session: use what update() passes"});
  }
  if (writer_locks_held == 0) {
    entry.writer.lock();
  } else if (!entry.writer.try_lock_for(kPatience)) {
    return std::unexpected(Error{Errc::timeout, "another update() holds the session for too long"});
  }
  return WriterLock{entry};
}

std::optional<WriterLock> WriterLock::try_take(Entry& entry) HYBRID_NO_ANALYSIS {
  if (!entry.writer.try_lock()) return std::nullopt;
  return WriterLock{entry};
}

}  // namespace hybrid::store
