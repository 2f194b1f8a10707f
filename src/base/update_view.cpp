#include "base/update_view.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "base/limits.hpp"

namespace hybrid {
namespace {

std::unexpected<Error> finished() {
  return std::unexpected(
      Error{Errc::session_gone, "this view belongs to an update() that has ended"});
}

}  // namespace

// One is made for each update: beyond this malloc() takes several times as long.
static_assert(sizeof(UpdateView) <= 1000);

std::vector<Change> UpdateView::finish() {
  const SmallMutexLock lock{mutex_};
  session_ = nullptr;
  std::vector<Change> changes;
  changes.reserve(pending_.size() + 1);
  if (cleared_) changes.push_back({.kind = Change::Kind::clear});
  for (const Pending& pending : pending_) {
    if (!pending.erased) {
      changes.push_back({.kind = Change::Kind::set, .key = pending.key, .value = pending.value});
    } else if (!cleared_ || detail::is_attribute(pending.key)) {
      changes.push_back({.kind = Change::Kind::erase, .key = pending.key});
    }
  }
  return changes;
}

UpdateView::Pending* UpdateView::find(std::string_view key) {
  // Places may lack some if there was no memory for them.
  if (places_.size() != pending_.size()) {
    for (Pending& pending : pending_) {
      if (is_same_key(pending.key, key)) return &pending;
    }
    return nullptr;
  }
  const auto found = places_.find(key);
  return found != places_.end() ? &pending_[found->second] : nullptr;
}

// If it throws, nothing was changed.
void UpdateView::put(const Change& change) {
  constexpr std::size_t kLookedThrough = 16;
  constexpr std::size_t kRoomMin = 4;
  const bool erased = change.kind == Change::Kind::erase;
  const std::size_t bytes = change.value.size();
  if (Pending* const pending = find(change.key)) {
    if (!erased) {
      char* to = const_cast<char*>(pending->value.data());
      if (bytes > pending->room) {
        // Twice as much each time: what it had before is lost to the view.
        const std::size_t room = std::max(bytes, 2 * pending->room);
        to = allocate(room);
        pending->room = room;
      }
      std::memcpy(to, change.value.data(), bytes);
      pending->value = {to, bytes};
    }
    pending->erased = erased;
    return;
  }
  char* const key_at = allocate(change.key.size() + bytes);
  char* const value_at = key_at + change.key.size();
  std::memcpy(key_at, change.key.data(), change.key.size());
  if (bytes != 0) std::memcpy(value_at, change.value.data(), bytes);
  const std::string_view key{key_at, change.key.size()};
  const std::size_t size = pending_.size();
  if (size == pending_.capacity()) pending_.reserve(std::max(kRoomMin, 2 * size));
  if (size >= kLookedThrough) {
    for (std::size_t i = places_.size(); i < size; ++i) places_.emplace(pending_[i].key, i);
    places_.emplace(key, size);
  }
  pending_.push_back({.key = key, .value = {value_at, bytes}, .room = bytes, .erased = erased});
}

void UpdateView::clear() {
  std::vector<std::pair<std::string, std::optional<std::string>>> attributes;  // are kept
  for (const Pending& pending : pending_) {
    if (!detail::is_attribute(pending.key)) continue;
    auto& value = attributes.emplace_back(pending.key, std::nullopt).second;
    if (!pending.erased) value.emplace(pending.value);
  }
  std::pmr::vector<Pending>{&memory_}.swap(pending_);
  std::pmr::unordered_map<std::string_view, std::size_t>{&memory_}.swap(places_);
  memory_.release();
  cleared_ = true;
  for (const auto& [key, value] : attributes) {
    put({.kind = value ? Change::Kind::set : Change::Kind::erase,
         .key = key,
         .value = value ? std::string_view{*value} : std::string_view{}});
  }
}

void UpdateView::abandon() {
  const SmallMutexLock lock{mutex_};
  session_ = nullptr;
}

std::string UpdateView::session_id() const {
  const SmallMutexLock lock{mutex_};
  return session_ != nullptr ? session_->session_id() : std::string{};
}

Result<bool> UpdateView::get(std::string_view key, Buffer& value) {
  const SmallMutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  if (const Pending* const pending = find(key)) {
    if (!pending->erased) value.assign(pending->value);
    return !pending->erased;
  }
  if (cleared_ && !detail::is_attribute(key)) return false;
  return session_->get(key, value);
}

Result<void> UpdateView::apply(std::span<const Change> changes,
                               std::optional<std::uint64_t> if_version) {
  const SmallMutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  for (const Change& change : changes) {
    if (auto checked = check_change(change); !checked) return checked;
  }
  if (if_version) {
    const auto now = version();
    if (!now) return std::unexpected(now.error());
    if (*now != *if_version)
      return std::unexpected(Error{Errc::conflict, "the session is at another version"});
  }
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::clear)
      clear();
    else
      put(change);
  }
  return {};
}

Result<void> UpdateView::update(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  // An update within an update: its own view over this one, so that its error drops its changes only.
  {
    const SmallMutexLock lock{mutex_};
    if (session_ == nullptr) return finished();
  }
  const auto inner = std::make_shared<UpdateView>(static_cast<SessionBackend&>(*this));
  struct Abandon {
    UpdateView& view;
    ~Abandon() { view.abandon(); }
  } const abandon{*inner};
  if (auto done = fn(inner); !done) return done;
  return apply(inner->finish(), std::nullopt);
}

Result<std::vector<std::pair<std::string, std::string>>> UpdateView::merged() {
  std::vector<std::pair<std::string, std::string>> entries;
  auto before = session_->entries();
  if (!before) return before;
  for (auto& entry : *before) {
    const bool cleared = cleared_ && !detail::is_attribute(entry.first);
    if (!cleared && find(entry.first) == nullptr) entries.push_back(std::move(entry));
  }
  for (const Pending& pending : pending_) {
    if (!pending.erased) entries.emplace_back(pending.key, pending.value);
  }
  return entries;
}

Result<std::vector<std::pair<std::string, std::string>>> UpdateView::entries() {
  const SmallMutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  return merged();
}

Result<std::uint64_t> UpdateView::version() {
  const auto info = session_->info();
  if (!info) return std::unexpected(info.error());
  return info->version + (changed() ? 1 : 0);
}

Result<SessionInfo> UpdateView::info() {
  const SmallMutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  auto info = session_->info();
  if (!info) return info;
  const auto now = merged();
  if (!now) return std::unexpected(now.error());
  if (changed()) ++info->version;
  info->keys = static_cast<std::size_t>(std::ranges::count_if(
      *now, [](const auto& entry) { return !detail::is_attribute(entry.first); }));
  info->bytes = 0;
  for (const auto& [key, value] : *now) info->bytes += key.size() + value.size();
  return info;
}

Result<void> UpdateView::destroy() {
  return std::unexpected(
      Error{Errc::locked, "a session cannot be destroyed inside its own update()"});
}

Result<void> UpdateView::touch() {
  const SmallMutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  return session_->touch();
}

}  // namespace hybrid
