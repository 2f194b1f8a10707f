#include "server/transaction.hpp"

#include "base/no_session.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {
Transaction::~Transaction() {
  for (const Touched& touched : touched_) touched.view->abandon();
}

Transaction::Touched& Transaction::touch(const std::string& sid) {
  if (const auto place = places_.find(sid); place != places_.end()) return touched_[place->second];
  auto found = must(provider_.find(sid));
  Touched touched{.sid = sid,
                  .existed = found.has_value(),
                  .exists = found.has_value(),
                  .before = found ? found->backend() : std::make_shared<NoSession>(),
                  .view = nullptr};
  touched.view = std::make_shared<UpdateView>(*touched.before);
  touched_.push_back(std::move(touched));
  places_.emplace(sid, touched_.size() - 1);
  return touched_.back();
}

std::optional<Session> Transaction::find(const std::string& sid) {
  Touched& touched = touch(sid);
  if (!touched.exists) return std::nullopt;
  return Session{touched.view};
}

void Transaction::put(const std::string& sid, std::span<const Change> changes) {
  Touched& touched = touch(sid);
  must(touched.view->apply(changes, std::nullopt));
  touched.exists = true;
}

bool Transaction::remove(const std::string& sid) {
  Touched& touched = touch(sid);
  if (!touched.exists) return false;
  touched.exists = false;
  touched.was_removed = true;
  // If it comes back in this transaction, nothing of it is left.
  std::vector<Change> changes{{.kind = Change::Kind::clear}};
  const auto entries = must(touched.view->entries());
  for (const auto& [key, value] : entries) {
    if (detail::is_attribute(key)) changes.push_back({.kind = Change::Kind::erase, .key = key});
  }
  must(touched.view->apply(changes, std::nullopt));
  return true;
}

void Transaction::forget_gone() {
  for (Touched& touched : touched_) {
    if (!touched.existed || touched.was_removed || provider_.exists(touched.sid)) continue;
    touched.view->abandon();
    touched.existed = false;
    touched.exists = false;
    touched.before = std::make_shared<NoSession>();
    touched.view = std::make_shared<UpdateView>(*touched.before);
  }
}

Result<void> Transaction::commit(Touched& touched) {
  const std::vector<Change> changes = touched.view->finish();
  if (touched.is_to_bury && !touched.exists) buried_.bury(touched.sid);
  if (!touched.exists) return touched.existed ? provider_.destroy(touched.sid) : Result<void>{};
  if (changes.empty()) return {};
  if (touched.existed && !touched.was_removed) {
    // One that has expired meanwhile is not made again of what was changed in it.
    auto applied = touched.before->apply(changes, std::nullopt);
    if (!applied && applied.error().code() == Errc::session_gone) return {};
    return applied;
  }
  auto made = provider_.put(touched.sid, changes);
  return made ? Result<void>{} : std::unexpected(std::move(made.error()));
}

void Transaction::commit() {
  std::vector<Touched> all = std::move(touched_);
  touched_.clear();
  places_.clear();
  Result<void> result{};
  for (Touched& touched : all) {
    if (auto done = commit(touched); !done && result) result = std::move(done);
  }
  must(std::move(result));
}

}  // namespace hybrid::server
