// What the function of SessionBackend::update() sees: the session as it is, under the changes made so far.
//
// Made by a backend's update() for one call; the backend keeps others from changing the session meanwhile.
//   U1  Nothing reaches the session through this view: finish() hands the changes over.
//   U2  After finish() or abandon() every call is `session_gone`; handles to it may outlive the update.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/small_mutex.hpp"
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
  struct Pending {
    std::string_view key;
    std::string_view value;
    std::size_t room;  // where the value is, of which it may take less
    bool erased;
  };

  Pending* find(std::string_view key) HYBRID_REQUIRES(mutex_);
  char* allocate(std::size_t bytes) HYBRID_REQUIRES(mutex_) {
    return static_cast<char*>(memory_.allocate(bytes, 1));
  }
  void put(const Change& change) HYBRID_REQUIRES(mutex_);
  void clear() HYBRID_REQUIRES(mutex_);
  bool changed() const HYBRID_REQUIRES(mutex_) { return cleared_ || !pending_.empty(); }
  Result<std::vector<std::pair<std::string, std::string>>> merged() HYBRID_REQUIRES(mutex_);
  Result<std::uint64_t> version() HYBRID_REQUIRES(mutex_);

  mutable SmallMutex mutex_;
  SessionBackend* session_ HYBRID_GUARDED_BY(mutex_);  // null once finished
  // What most updates need comes from here, without an allocation.
  std::array<std::byte, 720> first_;
  std::pmr::monotonic_buffer_resource memory_ HYBRID_GUARDED_BY(mutex_){first_.data(),
                                                                        first_.size()};
  std::pmr::vector<Pending> pending_ HYBRID_GUARDED_BY(mutex_){&memory_};  // one for each key
  // Where each key is in pending_, once they are too many to look through.
  std::pmr::unordered_map<std::string_view, std::size_t> places_ HYBRID_GUARDED_BY(mutex_){
      &memory_};
  bool cleared_ HYBRID_GUARDED_BY(mutex_) = false;
};

}  // namespace hybrid
