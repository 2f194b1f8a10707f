// What a list of changes does to a session: the record to log, the room it needs, and whether it may be done at all.
#pragma once

#include <array>
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
  // `changes` must outlive the plan.
  ChangePlan(std::span<const Change> changes, Keys keys)
      : changes_(changes), are_distinct_(keys == Keys::distinct || changes.size() == 1) {}

  // Checks rule S11 and writes the modify record into `record`, which must be empty and outlive the plan. Then the others may be called,
  // in this order, while nobody else changes the block.
  Result<void> make(const Digest& sid, const PackedBlock& block, std::string& record);
  // Empty if nothing would change.
  std::string_view record() const { return record_; }
  // Whether reserve() has anything to do.
  bool needs_memory(const PackedBlock& block) const { return block.must_rebuild(bytes_, keys_); }
  // Makes apply() safe from failing. May throw std::bad_alloc.
  void reserve(PackedBlock& block);
  void apply(PackedBlock& block) const;
  // The session's own deadline thereafter, Entry::kNever if it has none; nothing if that does not change.
  std::optional<Millis> deadline() const { return deadline_; }

 private:
  // Of how many changes it is remembered where their keys are.
  static constexpr std::size_t kHints = 8;

  void set(PackedBlock& block, std::size_t change) const;
  // What the first `count` changes leave in the block.
  std::optional<std::string_view> value_after(std::size_t count, const PackedBlock& block,
                                              std::string_view key) const;

  const std::span<const Change> changes_;
  const bool are_distinct_;
  std::string_view record_;
  std::size_t bytes_ = 0;
  std::size_t keys_ = 0;
  std::size_t hinted_ = 0;  // so many changes have hints that hold
  std::array<PackedBlock::Hint, kHints> hints_;
  std::optional<Millis> deadline_;
  // For each clear, the attributes that it leaves, with their values.
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;
  std::vector<Attributes> kept_;
};

}  // namespace hybrid::store
