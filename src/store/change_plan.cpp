#include "store/change_plan.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <ranges>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "hybrid/params.hpp"
#include "scf/record.hpp"
#include "store/attributes.hpp"
#include "store/table.hpp"

namespace hybrid::store {
namespace {

// The block as it will be while the changes are applied one after the other: which keys, and how large their values are.
class Preview {
 public:
  Preview(const PackedBlock& block, bool are_distinct)
      : block_(block), bytes_(block.content_bytes()) {
    if (!are_distinct) changed_.emplace();
  }

  std::optional<std::size_t> value_bytes(std::string_view key, PackedBlock::Hint& hint) const {
    if (changed_) {
      if (const auto seen = changed_->find(key); seen != changed_->end()) return seen->second;
    }
    if (cleared_) return std::nullopt;
    const auto value = block_.find(key, hint);
    if (!value) return std::nullopt;
    return value->size();
  }

  void set(std::string_view key, std::optional<std::size_t> before,
           std::optional<std::size_t> after) {
    if (before) bytes_ -= key.size() + *before;
    if (after) bytes_ += key.size() + *after;
    if (changed_) (*changed_)[key] = after;
  }
  void clear() {
    if (changed_) changed_->clear();
    cleared_ = true;
    bytes_ = 0;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  const PackedBlock& block_;
  std::size_t bytes_;
  bool cleared_ = false;
  // None: no key is named twice.
  std::optional<std::unordered_map<std::string_view, std::optional<std::size_t>>> changed_;
};

// Not needed: without memory for it the block stays as it is.
void give_back_waste(PackedBlock& block) noexcept {
  if (!block.is_wasteful()) return;
  try {
    block.reserve(0, 0);
  } catch (const std::bad_alloc&) {
  }
}

std::unexpected<Error> too_large() {
  return std::unexpected(Error{Errc::too_large, "the session would be larger than 64 MiB"});
}

}  // namespace

Result<void> ChangePlan::make(const Digest& sid, const PackedBlock& block, std::string& record) {
  const bool are_distinct = this->are_distinct();
  Preview preview{block, are_distinct};
  scf::begin_record(record, scf::Op::modify, sid);
  const std::size_t without_changes = record.size();
  PackedBlock::Hint not_kept;
  bool keeps_hints = are_distinct;

  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (auto checked = check_change(change); !checked) return checked;
    keeps_hints = keeps_hints && i < kHints && change.kind != Change::Kind::clear;
    PackedBlock::Hint& hint = keeps_hints ? hints_[hinted_++] : not_kept;
    switch (change.kind) {
      case Change::Kind::set: {
        if (change.key == attribute_key(Attribute::deadline)) {
          deadline_ = parse_deadline(change.value);
          if (!deadline_)
            return std::unexpected(Error{Errc::invalid_argument,
                                         "Attribute::deadline takes a time, up to the year 9999"});
        }
        const auto before = preview.value_bytes(change.key, hint);
        preview.set(change.key, before, change.value.size());
        if (before != change.value.size())  // else it is replaced in place
          bytes_ += PackedBlock::entry_bytes(change.key.size(), change.value.size());
        if (!before) ++keys_;
        scf::append_change(record,
                           {.kind = before ? scf::ChangeKind::update : scf::ChangeKind::create,
                            .key = change.key,
                            .value = change.value});
        break;
      }
      case Change::Kind::erase: {
        const auto before = preview.value_bytes(change.key, hint);
        if (!before) break;
        if (change.key == attribute_key(Attribute::deadline)) deadline_ = Entry::kNever;
        preview.set(change.key, before, std::nullopt);
        scf::append_change(record, {.kind = scf::ChangeKind::erase, .key = change.key});
        break;
      }
      case Change::Kind::clear: {
        Attributes& kept = kept_.emplace_back();
        std::size_t kept_bytes = 0;
        for (const Attribute attribute : kAttributes) {
          const std::string_view key = attribute_key(attribute);
          const auto value = value_after(i, block, key);
          if (!value) continue;
          kept.emplace_back(key, *value);
          kept_bytes += key.size() + value->size();
          bytes_ += PackedBlock::entry_bytes(key.size(), value->size());
          ++keys_;
        }
        if (preview.bytes() == kept_bytes) break;
        preview.clear();
        scf::append_change(record, {.kind = scf::ChangeKind::clear});
        for (const auto& [key, value] : kept) {
          preview.set(key, std::nullopt, value.size());
          scf::append_change(record, {.kind = scf::ChangeKind::create, .key = key, .value = value});
        }
        break;
      }
    }
    // Checked at each step: the record must stay small, too, if one key is set again and again.
    if (preview.bytes() > kSessionBytesMax || record.size() > 2 * kSessionBytesMax)
      return too_large();
  }
  if (record.size() > without_changes) {
    scf::end_record(record);
    record_ = record;
  }
  return {};
}

std::optional<std::string_view> ChangePlan::value_after(std::size_t count, const PackedBlock& block,
                                                        std::string_view key) const {
  for (const Change& change : changes_.first(count) | std::views::reverse) {
    if (change.key != key) continue;
    return change.kind == Change::Kind::set ? std::optional{change.value} : std::nullopt;
  }
  return block.find(key);
}

bool ChangePlan::are_distinct() const {
  if (changes_.size() <= 1) return true;
  // What a clear keeps is named by it, too.
  if (keys_named_ == Keys::distinct) return changes_.front().kind != Change::Kind::clear;
  if (changes_.size() > kHints) return false;  // not worth the look
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const std::string_view key = changes_[i].key;
    if (key.empty()) return false;
    const auto is_same = [&](const Change& earlier) { return is_same_key(earlier.key, key); };
    if (std::ranges::any_of(changes_.first(i), is_same)) return false;
  }
  return true;
}

bool ChangePlan::reserve(const PackedBlock& block) {
  if (!block.must_rebuild(bytes_, keys_)) return true;
  if (!knows_all()) return false;
  std::size_t bytes = 0;
  std::size_t keys = 0;
  for (const Change& change : changes_) {
    if (change.kind != Change::Kind::set) continue;
    bytes += PackedBlock::entry_bytes(change.key.size(), change.value.size());
    ++keys;
  }
  successor_ = block.successor(hints(), bytes, keys);
  return true;
}

void ChangePlan::make_room(PackedBlock& block) {
  if (reserve(block)) return;
  block.reserve(bytes_, keys_);
  // Entries have moved; that a key is absent still holds.
  const auto is_absent = [](const PackedBlock::Hint& hint) { return hint.offset == 0; };
  hinted_ =
      static_cast<std::size_t>(std::ranges::find_if_not(hints(), is_absent) - hints().begin());
}

void ChangePlan::set(PackedBlock& block, std::size_t change) const {
  const auto& [kind, key, value] = changes_[change];
  if (change < hinted_)
    block.set(key, value, hints_[change]);
  else
    block.set(key, value);
}

// What is replaced does not stay behind, as it does in a block that has room.
void ChangePlan::replace(PackedBlock& block) {
  block.copy_to(successor_, hints());
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const auto& [kind, key, value] = changes_[i];
    if (kind == Change::Kind::set) successor_.add(key, value, hints_[i]);
  }
  block = std::move(successor_);
}

void ChangePlan::apply(PackedBlock& block) {
  if (successor_.memory() != nullptr) return replace(block);
  auto kept = kept_.begin();
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    switch (changes_[i].kind) {
      case Change::Kind::set: set(block, i); break;
      case Change::Kind::erase: block.erase(changes_[i].key); break;
      case Change::Kind::clear:
        block.clear();
        for (const auto& [key, value] : *kept++) block.set(key, value);
        break;
    }
  }
  give_back_waste(block);
}

}  // namespace hybrid::store
