// Applies the records of a log to a table, in order. By recovery and salvage, before anybody else has the table: locks are
// taken only where it wants them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "scf/format.hpp"
#include "scf/record.hpp"
#include "store/table.hpp"

namespace hybrid::store {

// Fetches what look-ups to come will need into the cache, by groups, so that misses of the TLB overlap, too: of the third group
// ahead the slots, of the second the entries with their blocks, of the next the rest; each is where the one before says.
class LookAhead {
 public:
  explicit LookAhead(Table& table) : table_(table) {}

  // For i = 0, 1, ... `count` - 1, before the look-up of digest_at(i): the entry that was there, a guess, or null.
  template <class DigestAt>
  Entry* next(std::size_t count, std::size_t i, DigestAt&& digest_at) {
    if (i % kGroup == 0) {
      const auto group = [&](std::size_t ahead, auto&& fn) {
        const std::size_t begin = i == 0 ? 0 : i + ahead * kGroup;
        const std::size_t end = std::min(count, i + (ahead + 1) * kGroup);
        for (std::size_t j = begin; j < end; ++j) fn(j, guesses_[j % guesses_.size()]);
      };
      const auto like_before = [&](std::size_t j) {
        return j > 0 && digest_at(j) == digest_at(j - 1);
      };
      group(3, [&](std::size_t j, Entry*&) {
        if (!like_before(j)) table_.prefetch_slot_alone(digest_at(j));
      });
      group(2, [&](std::size_t j, Entry*& guess) {
        guess = like_before(j) ? guesses_[(j - 1) % guesses_.size()]
                               : table_.prefetch_entry_alone(digest_at(j));
      });
      group(1, [](std::size_t, Entry* guess) {
        if (guess != nullptr) guess->prefetch_rest();
      });
    }
    return guesses_[i % guesses_.size()];
  }

 private:
  static constexpr std::size_t kGroup = 16;

  Table& table_;
  std::array<Entry*, 4 * kGroup> guesses_{};
};

class Replay {
 public:
  // `lost_start`: the log's start was cleaned away, so that a session that is not there may have its image further on.
  Replay(Table& table, bool lost_start) : table_(table), lost_start_(lost_start) {}

  // What is wrong with it, or null.
  const char* apply(const scf::Record& record, scf::Lsn lsn, Millis time);
  // The same for the ith of some, i = 0, 1, ...
  const char* apply(std::span<const scf::Record> records, std::size_t i, scf::Lsn lsn, Millis time);

 private:
  // `guess`: may be the one, or null.
  const char* apply(const scf::Record& record, Entry* guess, scf::Lsn lsn, Millis time);
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
  bool lost_start_;
  LookAhead ahead_{table_};
};

}  // namespace hybrid::store
