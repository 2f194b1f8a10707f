#include "server/transaction.hpp"

#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/no_session.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {
namespace {

// Longer than any script runs.
constexpr auto kMayExpireWithin = std::chrono::minutes{1};

constexpr Attribute kAttributes[] = {Attribute::deadline, Attribute::served, Attribute::web};

}  // namespace

class Snapshot final : public SessionBackend {
 public:
  using Entries = std::map<std::string, std::string, std::less<>>;

  Snapshot(Entries entries, const SessionInfo& info) : entries_(std::move(entries)), info_(info) {}

  // What there is after `changes`, as changes of nothing, which refer into this object.
  std::vector<Change> changed_by(std::span<const Change> changes) {
    for (const Change& change : changes) {
      switch (change.kind) {
        case Change::Kind::set:
          entries_.insert_or_assign(std::string{change.key}, std::string{change.value});
          break;
        case Change::Kind::erase:
          if (const auto found = entries_.find(change.key); found != entries_.end())
            entries_.erase(found);
          break;
        case Change::Kind::clear:
          std::erase_if(entries_,
                        [](const auto& entry) { return !detail::is_attribute(entry.first); });
      }
    }
    std::vector<Change> all;
    for (const auto& [key, value] : entries_)
      all.push_back({.kind = Change::Kind::set, .key = key, .value = value});
    return all;
  }

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
  const std::vector<Change> changes = touched.view->finish();
  if (touched.is_to_bury && !touched.exists) buried_.bury(touched.sid);
  if (!touched.exists) return touched.existed ? provider_.destroy(touched.sid) : Result<void>{};
  if (changes.empty() && !touched.was_removed) return {};
  std::vector<Change> all;
  std::array<std::string, std::size(kAttributes)> attributes;
  if (touched.existed && !touched.was_removed) {
    auto applied = touched.session->apply(changes, std::nullopt);
    if (applied || applied.error().code() != Errc::session_gone) return applied;
    // It has expired meanwhile. Nobody but a C++ program has ended what was not to expire.
    if (touched.snapshot == nullptr) return {};
    all = touched.snapshot->changed_by(changes);
  } else {
    if (touched.existed) {
      all.push_back({.kind = Change::Kind::clear});
      for (std::size_t i = 0; i < attributes.size(); ++i) {
        Buffer key;
        Encoder out{key};
        encode(out, kAttributes[i]);
        attributes[i] = key.view();
        all.push_back({.kind = Change::Kind::erase, .key = attributes[i]});
      }
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
    if (auto done = commit(touched); !done && result) result = std::move(done);
  }
  must(std::move(result));
}

}  // namespace hybrid::server
