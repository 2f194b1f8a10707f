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
  ChangePlan(std::span<const Change> changes, Keys keys) : changes_(changes), keys_named_(keys) {}

  // Checks rule S11 and writes the modify record into `record`, which must be empty and outlive the plan. Then the others may be called,
  // in this order, while nobody else changes the block.
  Result<void> make(const Digest& sid, const PackedBlock& block, std::string& record);
  // Empty if nothing would change.
  std::string_view record() const { return record_; }
  // Makes apply() safe from failing, or returns false: then room is to be made in the block itself. May throw std::bad_alloc.
  bool reserve(const PackedBlock& block);
  // The same, whatever it takes.
  void make_room(PackedBlock& block);
  void apply(PackedBlock& block);
  // The session's own deadline thereafter, Entry::kNever if it has none; nothing if that does not change.
  std::optional<Millis> deadline() const { return deadline_; }

 private:
  // Of how many changes it is remembered where their keys are.
  static constexpr std::size_t kHints = 16;

  std::span<const PackedBlock::Hint> hints() const { return std::span{hints_}.first(hinted_); }
  // Whether it is known where all keys are.
  bool knows_all() const { return hinted_ == changes_.size(); }
  bool are_distinct() const;
  void set(PackedBlock& block, std::size_t change) const;
  void replace(PackedBlock& block);
  // What the first `count` changes leave in the block.
  std::optional<std::string_view> value_after(std::size_t count, const PackedBlock& block,
                                              std::string_view key) const;

  const std::span<const Change> changes_;
  const Keys keys_named_;
  std::string_view record_;
  std::size_t bytes_ = 0;
  std::size_t keys_ = 0;
  PackedBlock successor_;   // to take the block's place; empty: it stays
  std::size_t hinted_ = 0;  // so many changes have hints that hold
  std::array<PackedBlock::Hint, kHints> hints_;
  std::optional<Millis> deadline_;
  // For each clear, the attributes that it leaves, with their values.
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;
  std::vector<Attributes> kept_;
};

}  // namespace hybrid::store
