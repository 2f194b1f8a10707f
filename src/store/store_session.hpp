// What a Session handle of the embedded store stands for.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "hybrid/session.hpp"
#include "store/table.hpp"

namespace hybrid::store {

class EmbeddedStore;

// A session id, without memory of its own unless it is unusually long: every load() makes a handle.
class IdText {
 public:
  explicit IdText(std::string_view id) : size_(id.size()) {
    if (size_ > small_.size()) large_ = std::make_unique_for_overwrite<char[]>(size_);
    if (size_ != 0) std::memcpy(data(), id.data(), size_);  // by g++ 12 std::copy goes byte by byte
  }
  std::string_view view() const { return {large_ ? large_.get() : small_.data(), size_}; }

 private:
  char* data() { return large_ ? large_.get() : small_.data(); }

  std::size_t size_;
  std::array<char, 48> small_;
  std::unique_ptr<char[]> large_;
};

class StoreSession final : public SessionBackend {
 public:
  enum class Access : std::uint8_t {
    uses,     // reading moves the last access time
    watches,  // it does not: an admin's look must not keep a session alive
  };

  StoreSession(EmbeddedStore& store, EntryRef entry, std::string_view sid,
               Access access = Access::uses)
      : store_(store), entry_(std::move(entry)), sid_(sid), access_(access) {}

  std::string session_id() const override;
  bool has_id(std::string_view sid) const override;
  Result<bool> get(std::string_view key, Buffer& value) override;
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override;
  Result<void> apply_if_id(std::string_view sid, std::span<const Change> changes,
                           std::optional<std::uint64_t> if_version) override;
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override;
  Result<std::vector<std::pair<std::string, std::string>>> entries() override;
  Result<SessionInfo> info() override;
  Result<void> touch() override;
  Result<void> destroy() override;

 private:
  // Whatever the id is, if `sid` is none.
  Result<void> apply(std::optional<std::string_view> sid, std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version);
  // Under data: an error if the session is not alive, else notes the access.
  Result<void> enter(Access access);

  EmbeddedStore& store_;  // only while the entry is live (E3)
  const EntryRef entry_;
  const IdText sid_;
  const Access access_;
};

}  // namespace hybrid::store
