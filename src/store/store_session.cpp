#include "store/store_session.hpp"

#include "base/update_view.hpp"
#include "store/attributes.hpp"
#include "store/store.hpp"

namespace hybrid::store {

Result<void> StoreSession::enter(Access access) {
  if (entry_->state != State::live) return EmbeddedStore::why_absent(*entry_);
  const Millis now = store_.now();
  if (!store_.alive(*entry_, now)) return EmbeddedStore::why_absent(*entry_);
  if (access == Access::uses) store_.table_->touch(*entry_, now);
  return {};
}

std::string StoreSession::session_id() const {
  if (access_ == Access::watches) return {};
  const SpinLockGuard data{entry_->data};
  const std::string* const renamed_to = entry_->renamed_to();
  return renamed_to != nullptr ? *renamed_to : std::string{sid_.view()};
}

bool StoreSession::has_id(std::string_view sid) const {
  const SpinLockGuard data{entry_->data};
  const std::string* const renamed_to = entry_->renamed_to();
  return (renamed_to != nullptr ? std::string_view{*renamed_to} : sid_.view()) == sid;
}

Result<bool> StoreSession::get(std::string_view key, Buffer& value) {
  const SpinLockGuard data{entry_->data};
  if (auto entered = enter(access_); !entered) return std::unexpected(entered.error());
  const auto found = entry_->block.find(key);
  if (found) value.assign(*found);
  return found.has_value();
}

Result<std::vector<std::pair<std::string, std::string>>> StoreSession::entries() {
  const SpinLockGuard data{entry_->data};
  if (auto entered = enter(access_); !entered) return std::unexpected(entered.error());
  std::vector<std::pair<std::string, std::string>> entries;
  entries.reserve(entry_->block.count());
  entry_->block.for_each(
      [&](std::string_view key, std::string_view value) { entries.emplace_back(key, value); });
  return entries;
}

Result<SessionInfo> StoreSession::info() {
  const SpinLockGuard data{entry_->data};
  if (auto entered = enter(Access::watches); !entered) return std::unexpected(entered.error());
  SessionInfo info{.version = entry_->rest().version,
                   .created_at = to_time_point(entry_->created().load(std::memory_order_relaxed)),
                   .last_access = to_time_point(entry_->access.load(std::memory_order_relaxed)),
                   .expires_at = std::nullopt,
                   .keys = entry_->block.count() - count_attributes(entry_->block),
                   .bytes = entry_->block.content_bytes()};
  if (const auto deadline = store_.deadline(*entry_)) info.expires_at = to_time_point(*deadline);
  return info;
}

Result<void> StoreSession::touch() {
  const SpinLockGuard data{entry_->data};
  return enter(Access::uses);
}

Result<void> StoreSession::destroy() {
  std::optional<EmbeddedStore::Removed> removed;
  EmbeddedStore::Listener listener;
  {
    const auto writer = WriterLock::take(*entry_);
    if (!writer) return std::unexpected(writer.error());
    if (entry_->state == State::closed) return EmbeddedStore::why_absent(*entry_);
    if (entry_->state != State::live) return {};
    auto destroyed = store_.destroy(*entry_);
    if (!destroyed) return std::unexpected(destroyed.error());
    removed = *destroyed;
    listener = store_.listener();  // the store may be closed as soon as the lock is let go
  }
  if (!removed) return {};
  if (listener) (*listener)(Event{removed->kind, removed->digest.bytes, removed->served});
  return removed->place.waits ? store_.acknowledge(removed->place) : Result<void>{};
}

Result<void> StoreSession::apply(std::span<const Change> changes,
                                 std::optional<std::uint64_t> if_version) {
  return apply(std::nullopt, changes, if_version);
}

Result<void> StoreSession::apply_if_id(std::string_view sid, std::span<const Change> changes,
                                       std::optional<std::uint64_t> if_version) {
  return apply(sid, changes, if_version);
}

Result<void> StoreSession::apply(std::optional<std::string_view> sid,
                                 std::span<const Change> changes,
                                 std::optional<std::uint64_t> if_version) {
  entry_->prefetch_rest();
  CommitLog::Place place;
  {
    const auto writer = WriterLock::take(*entry_);
    if (!writer) return std::unexpected(writer.error());
    if (entry_->state != State::live) return EmbeddedStore::why_absent(*entry_);
    if (sid && !has_id(*sid))
      return std::unexpected(Error{Errc::session_gone, "the session has got another id"});
    if (auto done = store_.commit(*entry_, changes, ChangePlan::Keys::any, if_version, place);
        !done)
      return done;
  }
  return place.waits ? store_.acknowledge(place) : Result<void>{};
}

Result<void> StoreSession::update(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  CommitLog::Place place;
  {
    const auto writer = WriterLock::take(*entry_);
    if (!writer) return std::unexpected(writer.error());
    if (entry_->state != State::live) return EmbeddedStore::why_absent(*entry_);
    const auto view = std::make_shared<UpdateView>(*this);
    struct Abandon {
      UpdateView& view;
      ~Abandon() { view.abandon(); }
    } const abandon{*view};
    if (auto done = fn(view); !done) return done;
    if (auto done =
            store_.commit(*entry_, view->finish(), ChangePlan::Keys::distinct, std::nullopt, place);
        !done)
      return done;
  }
  return place.waits ? store_.acknowledge(place) : Result<void>{};
}

}  // namespace hybrid::store
