#include "server/channels.hpp"

#include <utility>

#include "server/glob.hpp"

namespace hybrid::server {
namespace {

template <class Map>
void erase_one(Map& map, const std::string& name, const Channels::SubscriberRef& subscriber) {
  const auto found = map.find(name);
  if (found == map.end()) return;
  found->second.erase(subscriber);
  if (found->second.empty()) map.erase(found);
}

}  // namespace

void Channels::subscribe(const std::string& channel, const SubscriberRef& subscriber) {
  const MutexLock lock{mutex_};
  by_channel_[channel].insert(subscriber);
}

void Channels::unsubscribe(const std::string& channel, const SubscriberRef& subscriber) {
  const MutexLock lock{mutex_};
  erase_one(by_channel_, channel, subscriber);
}

void Channels::subscribe_pattern(const std::string& pattern, const SubscriberRef& subscriber) {
  const MutexLock lock{mutex_};
  by_pattern_[pattern].insert(subscriber);
}

void Channels::unsubscribe_pattern(const std::string& pattern, const SubscriberRef& subscriber) {
  const MutexLock lock{mutex_};
  erase_one(by_pattern_, pattern, subscriber);
}

// Under the lock, so that all subscribers see messages in one order; deliver() only queues.
std::size_t Channels::publish(std::string_view channel, std::string_view text) {
  const MutexLock lock{mutex_};
  std::size_t count = 0;
  MessageRef message;
  const auto deliver = [&](std::string_view pattern, const std::set<SubscriberRef>& subscribers) {
    if (message == nullptr)
      message = std::make_shared<const Message>(std::string{channel}, std::string{text});
    for (const SubscriberRef& subscriber : subscribers) subscriber->deliver(pattern, message);
    count += subscribers.size();
  };
  if (const auto found = by_channel_.find(channel); found != by_channel_.end())
    deliver({}, found->second);
  for (const auto& [pattern, subscribers] : by_pattern_) {
    if (glob_matches(pattern, channel)) deliver(pattern, subscribers);
  }
  return count;
}

std::vector<std::string> Channels::channels(std::optional<std::string_view> pattern) {
  const MutexLock lock{mutex_};
  std::vector<std::string> names;
  for (const auto& [channel, subscribers] : by_channel_) {
    if (!pattern || glob_matches(*pattern, channel)) names.push_back(channel);
  }
  return names;
}

std::size_t Channels::subscribers(std::string_view channel) {
  const MutexLock lock{mutex_};
  const auto found = by_channel_.find(channel);
  return found != by_channel_.end() ? found->second.size() : 0;
}

std::size_t Channels::patterns() {
  const MutexLock lock{mutex_};
  return by_pattern_.size();
}

}  // namespace hybrid::server
