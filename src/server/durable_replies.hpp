// In durability `always`: tells connections when what they have written is on the disk, so that their replies may go out. One
// thread syncs for all that wait, and meanwhile the next gather; no loop ever waits for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/provider.hpp"

namespace hybrid::server {

class DurableReplies {
 public:
  // Called by the thread of this once all that was written before await() is durable, or when it never will be.
  using Then = std::function<void(bool durable)>;

  explicit DurableReplies(Provider& provider);
  DurableReplies(const DurableReplies&) = delete;
  DurableReplies& operator=(const DurableReplies&) = delete;
  ~DurableReplies();

  void await(Then then);

 private:
  void run();

  Provider& provider_;
  Mutex mutex_;
  Condition changed_;
  std::vector<Then> waiting_ HYBRID_GUARDED_BY(mutex_);
  bool stop_ HYBRID_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace hybrid::server
