// What the function of SessionBackend::update() sees: the session as it is, under the changes made so far.
//
// Made by a backend's update() for one call; the backend keeps others from changing the session meanwhile.
//   U1  Nothing reaches the session through this view: finish() hands the changes over.
//   U2  After finish() or abandon() every call is `session_gone`; handles to it may outlive the update.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_annotations.hpp"
#include "hybrid/session.hpp"

namespace hybrid {

class UpdateView final : public SessionBackend {
 public:
  // `session` is only read, and only until finish() or abandon().
  explicit UpdateView(SessionBackend& session) : session_(&session) {}

  // What was changed, to be applied as one. Refers into this view.
  std::vector<Change> finish();
  void abandon();

  std::string session_id() const override;
  Result<bool> get(std::string_view key, Buffer& value) override;
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override;
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override;
  Result<std::vector<std::pair<std::string, std::string>>> entries() override;
  Result<SessionInfo> info() override;
  Result<void> touch() override;
  Result<void> destroy() override;

 private:
  using Pending =
      std::map<std::string, std::optional<std::string>, std::less<>>;  // nothing: erased

  Result<std::vector<std::pair<std::string, std::string>>> merged() HYBRID_REQUIRES(mutex_);
  Result<std::uint64_t> version() HYBRID_REQUIRES(mutex_);

  mutable Mutex mutex_;
  SessionBackend* session_ HYBRID_GUARDED_BY(mutex_);  // null once finished
  Pending pending_ HYBRID_GUARDED_BY(mutex_);
  bool cleared_ HYBRID_GUARDED_BY(mutex_) = false;
};

}  // namespace hybrid
