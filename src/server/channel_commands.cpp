// Messages: PUBLISH and who listens.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands.hpp"
#include "server/scanning.hpp"

namespace hybrid::server {
namespace {

void reply_subscription(Call& call, std::string_view kind, const std::string* channel) {
  call.reply.push(3);
  call.reply.bulk(kind);
  if (channel != nullptr)
    call.reply.bulk(*channel);
  else
    call.reply.null();
  call.reply.integer(static_cast<std::int64_t>(call.client.subscriptions()));
}

void subscribe_all(Call& call, bool patterns) {
  const Arguments names = call.arguments.subspan(1);
  call.client.check_subscribed(names);
  if (patterns) std::ranges::for_each(names, check_pattern);
  for (std::size_t i = 1; i < call.size(); ++i) {
    const std::string channel{call[i]};
    call.client.subscribe(channel, patterns);
    reply_subscription(call, patterns ? "psubscribe" : "subscribe", &channel);
  }
}

void unsubscribe_all(Call& call, bool patterns) {
  const std::string_view kind = patterns ? "punsubscribe" : "unsubscribe";
  std::vector<std::string> channels{call.arguments.begin() + 1, call.arguments.end()};
  if (channels.empty()) {
    const auto& own = patterns ? call.client.patterns() : call.client.channels();
    channels.assign(own.begin(), own.end());
  }
  if (channels.empty()) reply_subscription(call, kind, nullptr);
  for (const std::string& channel : channels) {
    call.client.unsubscribe(channel, patterns);
    reply_subscription(call, kind, &channel);
  }
}

}  // namespace

void subscribe(Call& call) { subscribe_all(call, false); }
void psubscribe(Call& call) { subscribe_all(call, true); }
void unsubscribe(Call& call) { unsubscribe_all(call, false); }
void punsubscribe(Call& call) { unsubscribe_all(call, true); }

void publish(Call& call) {
  call.reply.integer(static_cast<std::int64_t>(call.service.channels().publish(call[1], call[2])));
}

void pubsub_channels(Call& call) {
  if (call.size() > 3) refuse_subcommand(call);
  std::optional<std::string_view> pattern;
  if (call.size() == 3) check_pattern(pattern.emplace(call[2]));
  const auto names = call.service.channels().channels(pattern);
  call.reply.array(names.size());
  for (const std::string& name : names) call.reply.bulk(name);
}

void pubsub_numpat(Call& call) {
  call.reply.integer(static_cast<std::int64_t>(call.service.channels().patterns()));
}

void pubsub_numsub(Call& call) {
  const Arguments names = call.arguments.subspan(2);
  call.reply.array(2 * names.size());
  for (const std::string_view name : names) {
    call.reply.bulk(name);
    call.reply.integer(static_cast<std::int64_t>(call.service.channels().subscribers(name)));
  }
}

}  // namespace hybrid::server
