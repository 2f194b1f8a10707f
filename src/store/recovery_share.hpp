// Applies one share of the log's records to the table, beside the threads that apply the others.
//   P1  A session is changed by one share at a time, in the order of the log: by the share of its id. A change of id hands it over.
//   P2  What is reported is what is wrong first in the log, unless something throws: a share goes on until it is past what another has
//       found.
//   P3  Who waits for a session to be given waits for what the giver need not wait for: the log's order has no cycles.
#pragma once

#include <atomic>
#include <exception>
#include <limits>
#include <optional>
#include <string>

#include "base/thread_annotations.hpp"
#include "store/recovery_batch.hpp"
#include "store/replay.hpp"

namespace hybrid::store {

// What is wrong first, as far as is known, or that recovery is given up.
class FirstFault {
 public:
  // Whether what stands at `lsn` need not be looked at any more.
  bool is_before(scf::Lsn lsn) const { return lsn_.load(std::memory_order_acquire) <= lsn.value; }
  bool is_there() const { return lsn_.load(std::memory_order_acquire) != kNone; }
  void note(scf::Lsn lsn, std::string where_and_what);
  // By a thread that cannot go on.
  void note(std::exception_ptr thrown);
  void give_up();

  // Once all have ended. Throws what was thrown.
  Result<void> take();

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  std::atomic<std::uint64_t> lsn_{kNone};
  Mutex mutex_;
  std::string what_ HYBRID_GUARDED_BY(mutex_);
  std::exception_ptr thrown_ HYBRID_GUARDED_BY(mutex_);
};

class RecoveryShare {
 public:
  RecoveryShare(const std::string& directory, Table& table, Share share, FirstFault& fault)
      : directory_(directory), table_(table), share_(share), fault_(fault) {}

  // False: nothing that comes later matters.
  bool apply(Batch& batch);

 private:
  // What is wrong with it, or null; nothing if it need not be known.
  std::optional<const char*> apply(Batch& batch, const Batch::Item& item, Entry* guess);

  const std::string& directory_;
  Table& table_;
  const Share share_;
  FirstFault& fault_;
  std::optional<Replay> replay_;  // from the first segment on
};

}  // namespace hybrid::store
