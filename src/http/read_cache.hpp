// What a request has read of its session: the same each time, and asked for once.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hybrid/session.hpp"

namespace hybrid::http {

// Only read through; used by one UpdateView, under its lock. The session must outlive it.
class ReadCache final : public SessionBackend {
 public:
  explicit ReadCache(SessionBackend& session) : session_(session) {}

  std::string session_id() const override { return session_.session_id(); }
  Result<bool> get(std::string_view key, Buffer& value) override {
    const auto known = values_.find(key);
    if (known != values_.end()) {
      if (known->second) value.assign(*known->second);
      return known->second.has_value();
    }
    const auto found = session_.get(key, value);
    if (!found) return found;
    std::optional<std::string_view> kept;
    if (*found) kept = copy(value.view());
    values_.emplace(copy(key), kept);
    return found;
  }
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override {
    return session_.apply(changes, if_version);
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override {
    return session_.update(fn);
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return session_.entries();
  }
  Result<SessionInfo> info() override { return session_.info(); }
  Result<void> touch() override { return session_.touch(); }
  Result<void> destroy() override { return session_.destroy(); }

 private:
  std::string_view copy(std::string_view text) {
    char* const chars = static_cast<char*>(memory_.allocate(text.size(), 1));
    text.copy(chars, text.size());
    return {chars, text.size()};
  }

  SessionBackend& session_;
  // What most requests read needs no other memory.
  std::array<std::byte, 384> first_;
  std::pmr::monotonic_buffer_resource memory_{first_.data(), first_.size()};
  std::pmr::map<std::string_view, std::optional<std::string_view>> values_{&memory_};
};

}  // namespace hybrid::http
