#include "store/recovery_share.hpp"

#include <thread>
#include <utility>

#include "base/spin.hpp"

namespace hybrid::store {

void FirstFault::note(scf::Lsn lsn, std::string where_and_what) {
  const MutexLock lock{mutex_};
  if (is_before(lsn)) return;
  what_ = std::move(where_and_what);
  lsn_.store(lsn.value, std::memory_order_release);
}

void FirstFault::note(std::exception_ptr thrown) {
  const MutexLock lock{mutex_};
  if (!thrown_) thrown_ = std::move(thrown);
  lsn_.store(0, std::memory_order_release);
}

void FirstFault::give_up() {
  const MutexLock lock{mutex_};  // else a fault that is being noted would undo it
  lsn_.store(0, std::memory_order_release);
}

Result<void> FirstFault::take() {
  const MutexLock lock{mutex_};
  if (thrown_) std::rethrow_exception(thrown_);
  if (!what_.empty()) return std::unexpected(Error{Errc::corrupt, what_});
  return {};
}

bool RecoveryShare::apply(Batch& batch) {
  if (batch.empty()) return true;
  if (fault_.is_before(batch.first_lsn())) return false;
  if (!replay_) replay_.emplace(table_, batch.lost_start, share_);
  const auto& items = batch.share(share_.index);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Batch::Item& item = items[i];
    if (fault_.is_before(item.lsn)) return false;
    Entry* const guess = replay_->look_ahead(items.size(), i, [&](std::size_t j) {
      const scf::Record& record = items[j].record;
      return record.op != scf::Op::touch ? &record.sid : nullptr;  // those are of many sessions
    });
    const auto wrong = apply(batch, item, guess);
    if (!wrong) return false;
    if (*wrong == nullptr) continue;
    const Batch::Frame& frame = batch.frame(item);
    fault_.note(item.lsn, directory_ + "/" + scf::segment_name(frame.segment) + ", offset " +
                              std::to_string(frame.at.value) + ": record " +
                              std::to_string(item.lsn.value) + ": " + *wrong);
    return false;
  }
  return true;
}

std::optional<const char*> RecoveryShare::apply(Batch& batch, const Batch::Item& item,
                                                Entry* guess) {
  const Millis time = batch.frame(item).time;
  if (item.role == Batch::Item::Role::whole)
    return replay_->apply(item.record, guess, item.lsn, time);
  Handover& handover = batch.handover(item);
  if (item.role == Batch::Item::Role::gives) {
    const char* const wrong = replay_->give(item.record, guess, time, handover.entry);
    if (wrong == nullptr) handover.given.store(true, std::memory_order_release);
    return wrong;
  }
  const auto is_given = [&] { return handover.given.load(std::memory_order_acquire); };
  while (!spin_until(is_given)) {
    if (fault_.is_before(item.lsn)) return std::nullopt;
    std::this_thread::yield();
  }
  if (handover.entry == nullptr) return nullptr;
  const char* const wrong = replay_->take(item.record.sid, *handover.entry);
  if (wrong == nullptr) handover.entry = nullptr;  // else the batch lets it go
  return wrong;
}

}  // namespace hybrid::store
