#include "server/transaction.hpp"

#include <chrono>
#include <utility>

#include "base/attributes.hpp"
#include "base/no_session.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {
namespace {

// Longer than any script runs.
constexpr auto kMayExpireWithin = std::chrono::minutes{1};

}  // namespace

class Snapshot final : public SessionBackend {
 public:
  using Entries = std::map<std::string, std::string, std::less<>>;

  Snapshot(Entries entries, const SessionInfo& info) : entries_(std::move(entries)), info_(info) {}

  std::string session_id() const override { return {}; }
  Result<bool> get(std::string_view key, Buffer& value) override {
    const auto found = entries_.find(key);
    if (found != entries_.end()) value.assign(found->second);
    return found != entries_.end();
  }
  Result<void> apply(std::span<const Change>, std::optional<std::uint64_t>) override {
    return unsupported();
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>&) override {
    return unsupported();
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return std::vector<std::pair<std::string, std::string>>{entries_.begin(), entries_.end()};
  }
  Result<SessionInfo> info() override { return info_; }
  Result<void> touch() override { return {}; }
  Result<void> destroy() override { return unsupported(); }

 private:
  static std::unexpected<Error> unsupported() {
    return std::unexpected(Error{Errc::unsupported, "what was is not changed"});
  }

  Entries entries_;
  SessionInfo info_;
};

Transaction::~Transaction() {
  for (const Touched& touched : touched_) touched.view->abandon();
}

Transaction::Touched& Transaction::touch(const std::string& sid) {
  if (const auto place = places_.find(sid); place != places_.end()) return touched_[place->second];
  Touched touched{.sid = sid};
  if (const auto found = must(provider_.find(sid))) {
    const auto info = found->info();
    const auto soon = std::chrono::system_clock::now() + kMayExpireWithin;
    if (info && info->expires_at && *info->expires_at < soon) {
      if (auto entries = found->backend()->entries()) {
        touched.snapshot =
            std::make_shared<Snapshot>(Snapshot::Entries{entries->begin(), entries->end()}, *info);
        touched.session = found->backend();
      }
    } else if (info) {
      touched.session = found->backend();
    }
  }
  touched.existed = touched.session != nullptr;
  touched.exists = touched.existed;
  if (touched.snapshot != nullptr)
    touched.view = std::make_shared<UpdateView>(*touched.snapshot);
  else if (touched.existed)
    touched.view = std::make_shared<UpdateView>(*touched.session);
  else
    see_nothing(touched);
  touched_.push_back(std::move(touched));
  places_.emplace(sid, touched_.size() - 1);
  return touched_.back();
}

void Transaction::see_nothing(Touched& touched) {
  static NoSession nothing;
  if (touched.view != nullptr) touched.view->abandon();
  touched.view = std::make_shared<UpdateView>(nothing);
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
  see_nothing(touched);  // if it comes back in this transaction, nothing of it is left
  return true;
}

void Transaction::forget_gone() {
  for (Touched& touched : touched_) {
    const bool lives = !touched.existed || touched.was_removed || touched.snapshot != nullptr ||
                       provider_.exists(touched.sid);
    if (lives) continue;
    touched.existed = false;
    touched.exists = false;
    see_nothing(touched);
  }
}

Result<void> Transaction::commit(Touched& touched) {
  if (touched.is_to_bury && !touched.exists) buried_.bury(touched.sid);
  if (!touched.exists) {
    touched.view->abandon();
    return touched.existed ? provider_.destroy(touched.sid) : Result<void>{};
  }
  std::vector<std::pair<std::string, std::string>> whole;  // if it may have expired
  if (touched.snapshot != nullptr && !touched.was_removed) whole = must(touched.view->entries());
  const std::vector<Change> changes = touched.view->finish();
  if (changes.empty() && !touched.was_removed) return {};

  std::vector<Change> all;
  if (touched.existed && !touched.was_removed) {
    auto applied = touched.session->apply(changes, std::nullopt);
    if (applied || applied.error().code() != Errc::session_gone) return applied;
    // It has expired meanwhile. Nobody but a C++ program has ended what was not to expire.
    if (touched.snapshot == nullptr) return {};
    for (const auto& [key, value] : whole)
      all.push_back({.kind = Change::Kind::set, .key = key, .value = value});
  } else {
    if (touched.existed) {
      all.push_back({.kind = Change::Kind::clear});
      for (const Attribute attribute : kAttributes)
        all.push_back({.kind = Change::Kind::erase, .key = attribute_key(attribute)});
    }
    all.insert(all.end(), changes.begin(), changes.end());
  }
  auto made = provider_.put(touched.sid, all);
  return made ? Result<void>{} : std::unexpected(std::move(made.error()));
}

void Transaction::commit() {
  std::vector<Touched> all = std::move(touched_);
  touched_.clear();
  places_.clear();
  Result<void> result{};
  for (Touched& touched : all) {
    if (result)
      result = commit(touched);
    else
      touched.view->abandon();
  }
  must(std::move(result));
}

}  // namespace hybrid::server
