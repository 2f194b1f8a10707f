// Who has subscribed to what, and messages on their way to them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_annotations.hpp"

namespace hybrid::server {

// One for all who get it.
struct Message {
  std::string channel;
  std::string text;
};
using MessageRef = std::shared_ptr<const Message>;

// A subscriber as a publisher sees it. Called by any thread.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // `pattern`: what matched the channel, empty if it was subscribed to by name.
  virtual void deliver(std::string_view pattern, const MessageRef& message) = 0;
};

class Channels {
 public:
  using SubscriberRef = std::shared_ptr<Subscriber>;

  void subscribe(const std::string& channel, const SubscriberRef& subscriber);
  void unsubscribe(const std::string& channel, const SubscriberRef& subscriber);
  void subscribe_pattern(const std::string& pattern, const SubscriberRef& subscriber);
  void unsubscribe_pattern(const std::string& pattern, const SubscriberRef& subscriber);

  // How many it was delivered to.
  std::size_t publish(std::string_view channel, std::string_view text);

  // Those that somebody has subscribed to, and that match; without a pattern all.
  std::vector<std::string> channels(std::optional<std::string_view> pattern);
  std::size_t subscribers(std::string_view channel);
  std::size_t patterns();

 private:
  using Subscriptions = std::map<std::string, std::set<SubscriberRef>, std::less<>>;

  Mutex mutex_;
  Subscriptions by_channel_ HYBRID_GUARDED_BY(mutex_);
  Subscriptions by_pattern_ HYBRID_GUARDED_BY(mutex_);
};

}  // namespace hybrid::server
