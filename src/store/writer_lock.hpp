// The writer lock of an entry, taken with care: a thread that is inside update() is told instead of waiting for itself, and one that
// holds another session's lock does not wait for ever, since somebody may do the same the other way round.
#pragma once

#include <optional>

#include <hybrid/error.hpp>

#include "store/table.hpp"

namespace hybrid::store {

class WriterLock {
 public:
  static Result<WriterLock> take(Entry& entry);
  // Nothing if anybody holds it.
  static std::optional<WriterLock> try_take(Entry& entry);
  // For an entry whose lock this thread has already.
  static WriterLock adopt(Entry& entry) { return WriterLock{entry}; }
  WriterLock(WriterLock&& other) noexcept;
  WriterLock& operator=(WriterLock&&) = delete;
  ~WriterLock();

 private:
  explicit WriterLock(Entry& entry);
  Entry* entry_;
};

}  // namespace hybrid::store
