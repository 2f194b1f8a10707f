// What a request has read of its session: the same each time, and asked for once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "hybrid/session.hpp"

namespace hybrid::http {

// Only read through; used by one UpdateView, under its lock.
class ReadCache final : public SessionBackend {
 public:
  explicit ReadCache(std::shared_ptr<SessionBackend> session) : session_(std::move(session)) {}

  std::string session_id() const override { return session_->session_id(); }
  Result<bool> get(std::string_view key, Buffer& value) override {
    const auto [place, is_new] = values_.try_emplace(std::string{key});
    if (is_new) {
      const auto found = session_->get(key, value);
      if (!found) values_.erase(place);
      if (found && *found) place->second.emplace(value.view());
      return found;
    }
    if (place->second) value.assign(*place->second);
    return place->second.has_value();
  }
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override {
    return session_->apply(changes, if_version);
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override {
    return session_->update(fn);
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return session_->entries();
  }
  Result<SessionInfo> info() override { return session_->info(); }
  Result<void> touch() override { return session_->touch(); }
  Result<void> destroy() override { return session_->destroy(); }

 private:
  const std::shared_ptr<SessionBackend> session_;
  std::unordered_map<std::string, std::optional<std::string>> values_;
};

}  // namespace hybrid::http
