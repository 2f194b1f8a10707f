#include "base/update_view.hpp"

#include "base/limits.hpp"

namespace hybrid {
namespace {

std::unexpected<Error> finished() {
  return std::unexpected(
      Error{Errc::session_gone, "this view belongs to an update() that has ended"});
}

}  // namespace

std::vector<Change> UpdateView::finish() {
  const MutexLock lock{mutex_};
  session_ = nullptr;
  std::vector<Change> changes;
  changes.reserve(pending_.size() + 1);
  if (cleared_) changes.push_back({.kind = Change::Kind::clear});
  for (const auto& [key, value] : pending_) {
    if (value) {
      changes.push_back({.kind = Change::Kind::set, .key = key, .value = *value});
    } else if (!cleared_) {
      changes.push_back({.kind = Change::Kind::erase, .key = key});
    }
  }
  return changes;
}

void UpdateView::abandon() {
  const MutexLock lock{mutex_};
  session_ = nullptr;
}

std::string UpdateView::session_id() const {
  const MutexLock lock{mutex_};
  return session_ != nullptr ? session_->session_id() : std::string{};
}

Result<bool> UpdateView::get(std::string_view key, Buffer& value) {
  const MutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  if (const auto found = pending_.find(key); found != pending_.end()) {
    if (found->second) value.assign(*found->second);
    return found->second.has_value();
  }
  if (cleared_) return false;
  return session_->get(key, value);
}

Result<void> UpdateView::apply(std::span<const Change> changes,
                               std::optional<std::uint64_t> if_version) {
  const MutexLock lock{mutex_};
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
    switch (change.kind) {
      case Change::Kind::set: pending_[std::string{change.key}] = std::string{change.value}; break;
      case Change::Kind::erase: pending_[std::string{change.key}] = std::nullopt; break;
      case Change::Kind::clear:
        pending_.clear();
        cleared_ = true;
        break;
    }
  }
  return {};
}

Result<void> UpdateView::update(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  // An update within an update: its own view over this one, so that its error drops its changes only.
  {
    const MutexLock lock{mutex_};
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
  if (!cleared_) {
    auto before = session_->entries();
    if (!before) return before;
    for (auto& entry : *before) {
      if (!pending_.contains(entry.first)) entries.push_back(std::move(entry));
    }
  }
  for (const auto& [key, value] : pending_) {
    if (value) entries.emplace_back(key, *value);
  }
  return entries;
}

Result<std::vector<std::pair<std::string, std::string>>> UpdateView::entries() {
  const MutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  return merged();
}

Result<std::uint64_t> UpdateView::version() {
  const auto info = session_->info();
  if (!info) return std::unexpected(info.error());
  return info->version + (cleared_ || !pending_.empty() ? 1 : 0);
}

Result<SessionInfo> UpdateView::info() {
  const MutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  auto info = session_->info();
  if (!info) return info;
  const auto now = merged();
  if (!now) return std::unexpected(now.error());
  if (cleared_ || !pending_.empty()) ++info->version;
  info->keys = now->size();
  info->bytes = 0;
  for (const auto& [key, value] : *now) info->bytes += key.size() + value.size();
  return info;
}

Result<void> UpdateView::destroy() {
  return std::unexpected(
      Error{Errc::locked, "a session cannot be destroyed inside its own update()"});
}

Result<void> UpdateView::touch() {
  const MutexLock lock{mutex_};
  if (session_ == nullptr) return finished();
  return session_->touch();
}

}  // namespace hybrid
