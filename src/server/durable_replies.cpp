#include "server/durable_replies.hpp"

#include <utility>

namespace hybrid::server {

DurableReplies::DurableReplies(Provider& provider)
    : provider_(provider), thread_([this] { run(); }) {}

DurableReplies::~DurableReplies() {
  {
    const MutexLock lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DurableReplies::await(Then then) {
  {
    const MutexLock lock{mutex_};
    waiting_.push_back(std::move(then));
    if (waiting_.size() > 1) return;  // it has been told
  }
  changed_.notify_one();
}

void DurableReplies::run() {
  for (;;) {
    std::vector<Then> waiting;
    {
      const MutexLock lock{mutex_};
      changed_.wait(mutex_,
                    [this]() HYBRID_REQUIRES(mutex_) { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      waiting.swap(waiting_);
    }
    const bool durable = provider_.flush().has_value();
    for (const Then& then : waiting) then(durable);
  }
}

}  // namespace hybrid::server
