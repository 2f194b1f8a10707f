// What is under the view of a session that is not there yet: it has nothing, and cannot be changed.
#pragma once

#include "hybrid/session.hpp"

namespace hybrid {

class NoSession final : public SessionBackend {
 public:
  std::string session_id() const override { return {}; }
  Result<bool> get(std::string_view, Buffer&) override { return false; }
  Result<void> apply(std::span<const Change>, std::optional<std::uint64_t>) override {
    return there_is_none();
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>&) override {
    return there_is_none();
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return std::vector<std::pair<std::string, std::string>>{};
  }
  Result<SessionInfo> info() override { return SessionInfo{}; }
  Result<void> touch() override { return {}; }
  Result<void> destroy() override { return {}; }

 private:
  static std::unexpected<Error> there_is_none() {
    return std::unexpected(Error{Errc::session_gone, "there is no session"});
  }
};

}  // namespace hybrid
