// Applies the records of a log to a table, in order. By recovery and salvage, before anybody else has the table: locks are
// taken only where it wants them.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "scf/format.hpp"
#include "scf/record.hpp"
#include "store/table.hpp"

namespace hybrid::store {

class Replay {
 public:
  // `lost_start`: the log's start was cleaned away, so that a session that is not there may have its image further on.
  Replay(Table& table, bool lost_start) : table_(table), lost_start_(lost_start) {}

  // What is wrong with it, or null.
  const char* apply(const scf::Record& record, scf::Lsn lsn, Millis time);
  // The same for the ith of some, of which the earlier ones have been applied: fetches what those after it will need into the cache.
  const char* apply(std::span<const scf::Record> records, std::size_t i, scf::Lsn lsn, Millis time);

 private:
  // Records are prefetched by groups, so that misses of the TLB overlap, too: of the third group ahead the slots, of the second the
  // entries with their blocks, of the first the rest; each is where the one before says.
  static constexpr std::size_t kGroup = 16;

  void prefetch_after(std::span<const scf::Record> records, std::size_t i);
  Entry* find(const Digest& sid);
  const char* absent() const;
  Entry* add(const Digest& sid, scf::Lsn lsn, Millis time);
  void remove(Entry& entry);
  const char* create(const scf::Record& record, scf::Lsn lsn, Millis time);
  const char* destroy(const scf::Record& record);
  const char* change_id(const scf::Record& record);
  const char* modify(const scf::Record& record, Millis time);
  const char* touch(const scf::Record& record);

  Table& table_;
  bool lost_start_;
  // The entries of the records to come, as far as they were there: guesses. That of the ith record at i modulo their number.
  std::array<Entry*, 4 * kGroup> ahead_{};
  Entry* guess_ = nullptr;
};

}  // namespace hybrid::store
