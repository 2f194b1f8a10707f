// Applies the records of a log to a table, in order. By recovery and salvage, before anybody else has the table: locks are
// taken only where it wants them. Or those of a share of the ids, beside others that apply those of other shares.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "scf/format.hpp"
#include "scf/record.hpp"
#include "store/table.hpp"

namespace hybrid::store {

// Fetches what look-ups to come will need into the cache, by groups, so that misses of the TLB overlap, too: of the third group
// ahead the slots, of the second the entries with their blocks, of the next the rest; each is where the one before says.
class LookAhead {
 public:
  explicit LookAhead(Table& table) : table_(table) {}

  // For i = 0, 1, ... `count` - 1, before the look-up of *digest_at(i), if that is not null: the entry that was there, a guess, or null.
  template <class DigestAt>
  Entry* next(std::size_t count, std::size_t i, DigestAt&& digest_at) {
    if (i % kGroup == 0) {
      const auto group = [&](std::size_t ahead, auto&& fn) {
        const std::size_t begin = i == 0 ? 0 : i + ahead * kGroup;
        const std::size_t end = std::min(count, i + (ahead + 1) * kGroup);
        for (std::size_t j = begin; j < end; ++j) fn(j, guesses_[j % guesses_.size()]);
      };
      const auto is_like_before = [&](std::size_t j) {
        const Digest* const before = j > 0 ? digest_at(j - 1) : nullptr;
        return before != nullptr && *digest_at(j) == *before;
      };
      group(3, [&](std::size_t j, Entry*&) {
        const Digest* const digest = digest_at(j);
        if (digest != nullptr && !is_like_before(j)) table_.prefetch_slot_alone(*digest);
      });
      group(2, [&](std::size_t j, Entry*& guess) {
        const Digest* const digest = digest_at(j);
        guess = nullptr;
        if (digest == nullptr) return;
        guess = is_like_before(j) ? guesses_[(j - 1) % guesses_.size()]
                                  : table_.prefetch_entry_alone(*digest);
      });
      group(1, [](std::size_t, Entry* guess) {
        if (guess != nullptr) guess->prefetch_rest();
      });
    }
    return guesses_[i % guesses_.size()];
  }
  // It is not to be guessed any more: somebody else may get it.
  void forget(const Entry& entry) { std::ranges::replace(guesses_, &entry, nullptr); }

 private:
  static constexpr std::size_t kGroup = 16;

  Table& table_;
  std::array<Entry*, 4 * kGroup> guesses_{};
};

// Of the ids, by their digests.
struct Share {
  std::size_t index = 0;
  std::size_t of = 1;
  bool has(const Digest& digest) const { return of == 1 || Table::share_of(digest, of) == index; }
};

class Replay {
 public:
  // `lost_start`: the log's start was cleaned away, so that a session that is not there may have its image further on.
  Replay(Table& table, bool lost_start, Share share = {})
      : table_(table), lost_start_(lost_start), share_(share) {}

  // For i = 0, 1, ... `count` - 1, before the ith of some is applied: a guess at the entry of *digest_at(i), which is null or of the share.
  template <class DigestAt>
  Entry* look_ahead(std::size_t count, std::size_t i, DigestAt&& digest_at) {
    return ahead_.next(count, i, digest_at);
  }
  // What is wrong with it, or null. `guess`: may be its entry, or null. Of touches, those of the share.
  const char* apply(const scf::Record& record, Entry* guess, scf::Lsn lsn, Millis time);

  // A change of an id to one of another share: takes the session out, `given`, which is null if it does not live, ...
  const char* give(const scf::Record& record, Entry* guess, Millis time, Entry*& given);
  // ... and puts it into the other, as `new_sid`. If that is wrong it stays out, and the index's reference is the caller's.
  const char* take(const Digest& new_sid, Entry& given);

 private:
  Entry* find(const Digest& sid, Entry* guess);
  const char* absent() const;
  Entry* add(const Digest& sid, scf::Lsn lsn, Millis time);
  void remove(Entry& entry);
  const char* create(const scf::Record& record, Entry* guess, scf::Lsn lsn, Millis time);
  const char* destroy(const scf::Record& record, Entry* guess);
  const char* change_id(const scf::Record& record, Entry* guess);
  const char* modify(const scf::Record& record, Entry* guess, Millis time);
  const char* touch(const scf::Record& record);

  Table& table_;
  const bool lost_start_;
  const Share share_;
  LookAhead ahead_{table_};
  // Of the record that is being applied.
  std::vector<scf::ChangeView> changes_;
  scf::Image image_;
};

}  // namespace hybrid::store
