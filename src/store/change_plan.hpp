// What a list of changes does to a session: the record to log, the room it needs, and whether it may be done at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "hybrid/session.hpp"
#include "store/packed_block.hpp"

namespace hybrid::store {

class ChangePlan {
 public:
  enum class Keys : std::uint8_t {
    any,       // the list may name one twice
    distinct,  // it does not
  };
  // Checks rule S11 and writes the modify record into `record`, which must be empty and outlive the plan, as must `changes`.
  static Result<ChangePlan> make(const Digest& sid, const PackedBlock& block,
                                 std::span<const Change> changes, Keys keys, std::string& record);

  // Empty if nothing would change.
  std::string_view record() const { return record_; }
  // Makes apply() safe from failing. May throw std::bad_alloc.
  void reserve(PackedBlock& block) const { block.reserve(bytes_, keys_); }
  void apply(PackedBlock& block) const;
  // The session's own deadline thereafter, Entry::kNever if it has none; nothing if that does not change.
  std::optional<Millis> deadline() const { return deadline_; }

 private:
  explicit ChangePlan(std::span<const Change> changes) : changes_(changes) {}
  // What the first `count` changes leave in the block.
  std::optional<std::string_view> value_after(std::size_t count, const PackedBlock& block,
                                              std::string_view key) const;

  std::span<const Change> changes_;
  std::string_view record_;
  std::size_t bytes_ = 0;
  std::size_t keys_ = 0;
  std::optional<Millis> deadline_;
  // For each clear, the attributes that it leaves, with their values.
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;
  std::vector<Attributes> kept_;
};

}  // namespace hybrid::store
