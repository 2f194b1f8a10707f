// Applies the records of a log to a table, in order. By recovery and salvage, before anybody else has the table: locks are
// taken only where it wants them.
#pragma once

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

 private:
  const char* absent() const;
  EntryRef add(const Digest& sid, scf::Lsn lsn, Millis time);
  void remove(const EntryRef& entry);
  const char* create(const scf::Record& record, scf::Lsn lsn, Millis time);
  const char* destroy(const scf::Record& record);
  const char* change_id(const scf::Record& record);
  const char* modify(const scf::Record& record, Millis time);
  const char* touch(const scf::Record& record);

  Table& table_;
  bool lost_start_;
};

}  // namespace hybrid::store
