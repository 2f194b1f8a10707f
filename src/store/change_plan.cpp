#include "store/change_plan.hpp"

#include <optional>
#include <unordered_map>

#include "base/limits.hpp"
#include "hybrid/params.hpp"
#include "scf/record.hpp"

namespace hybrid::store {
namespace {

// The block as it will be while the changes are applied one after the other: which keys, and how large their values are.
class Preview {
 public:
  Preview(const PackedBlock& block, ChangePlan::Keys keys)
      : block_(block), bytes_(block.content_bytes()), keys_(keys) {}

  std::optional<std::size_t> value_bytes(std::string_view key) const {
    if (const auto seen = changed_.find(key); seen != changed_.end()) return seen->second;
    if (cleared_) return std::nullopt;
    const auto value = block_.find(key);
    if (!value) return std::nullopt;
    return value->size();
  }

  void set(std::string_view key, std::optional<std::size_t> before,
           std::optional<std::size_t> after) {
    if (before) bytes_ -= key.size() + *before;
    if (after) bytes_ += key.size() + *after;
    if (keys_ == ChangePlan::Keys::any) changed_[key] = after;
  }
  void clear() {
    changed_.clear();
    cleared_ = true;
    bytes_ = 0;
  }
  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

 private:
  const PackedBlock& block_;
  std::size_t bytes_;
  const ChangePlan::Keys keys_;
  bool cleared_ = false;
  std::unordered_map<std::string_view, std::optional<std::size_t>> changed_;
};

std::unexpected<Error> too_large() {
  return std::unexpected(Error{Errc::too_large, "the session would be larger than 64 MiB"});
}

}  // namespace

Result<ChangePlan> ChangePlan::make(const Digest& sid, const PackedBlock& block,
                                    std::span<const Change> changes, Keys keys,
                                    std::string& record) {
  ChangePlan plan{changes};
  if (changes.size() == 1) keys = Keys::distinct;
  Preview preview{block, keys};
  scf::begin_record(record, scf::Op::modify, sid);
  const std::size_t without_changes = record.size();

  for (const Change& change : changes) {
    if (auto checked = check_change(change); !checked) return std::unexpected(checked.error());
    switch (change.kind) {
      case Change::Kind::set: {
        const auto before = preview.value_bytes(change.key);
        preview.set(change.key, before, change.value.size());
        if (before != change.value.size())  // else it is replaced in place
          plan.bytes_ += PackedBlock::entry_bytes(change.key.size(), change.value.size());
        if (!before) ++plan.keys_;
        scf::append_change(record,
                           {.kind = before ? scf::ChangeKind::update : scf::ChangeKind::create,
                            .key = change.key,
                            .value = change.value});
        break;
      }
      case Change::Kind::erase: {
        const auto before = preview.value_bytes(change.key);
        if (!before) break;
        preview.set(change.key, before, std::nullopt);
        scf::append_change(record, {.kind = scf::ChangeKind::erase, .key = change.key});
        break;
      }
      case Change::Kind::clear:
        if (preview.empty()) break;
        preview.clear();
        scf::append_change(record, {.kind = scf::ChangeKind::clear});
        break;
    }
    // Checked at each step: the record must stay small, too, if one key is set again and again.
    if (preview.bytes() > kSessionBytesMax || record.size() > 2 * kSessionBytesMax)
      return too_large();
  }
  if (record.size() > without_changes) {
    scf::end_record(record);
    plan.record_ = record;
  }
  return plan;
}

void ChangePlan::apply(PackedBlock& block) const {
  for (const Change& change : changes_) {
    switch (change.kind) {
      case Change::Kind::set: block.set(change.key, change.value); break;
      case Change::Kind::erase: block.erase(change.key); break;
      case Change::Kind::clear: block.clear(); break;
    }
  }
}

}  // namespace hybrid::store
