// MULTI and what belongs to it.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands.hpp"
#include "server/transaction.hpp"

namespace hybrid::server {

void multi(Call& call) {
  if (call.client.in_multi()) refuse("ERR MULTI calls can not be nested");
  call.client.begin_multi();
  call.ok();
}

void discard(Call& call) {
  if (!call.client.in_multi()) refuse("ERR DISCARD without MULTI");
  call.client.end_multi();
  call.client.unwatch();
  call.ok();
}

void watch(Call& call) {
  if (call.client.in_multi()) refuse("ERR WATCH inside MULTI is not allowed");
  call.client.check_watched(call.arguments.subspan(1));
  for (std::size_t i = 1; i < call.size(); ++i) call.client.watch(call.key(i), call.keys);
  call.ok();
}

void unwatch(Call& call) {
  call.client.unwatch();
  call.ok();
}

void exec(Call& call) {
  Client& client = call.client;
  if (!client.in_multi()) refuse("ERR EXEC without MULTI");
  const bool broken = client.multi_is_broken();
  const bool changed = client.watched_keys_changed(call.keys);
  const std::vector<Client::Queued> queue = client.take_queue();
  client.end_multi();
  client.unwatch();
  if (broken) refuse("EXECABORT Transaction discarded because of previous errors.");
  const auto grows = [](const Client::Queued& queued) {
    const std::vector<std::string_view> words{queued.arguments.begin(), queued.arguments.end()};
    return queued.command->may_grow(words);
  };
  if (std::ranges::any_of(queue, grows) && call.service.memory().is_exceeded()) {
    refuse(std::string{"EXECABORT Transaction discarded because of: "} + MemoryLimit::kExceeded);
  }
  if (changed) return call.reply.null_array();

  // Every key is locked. What the commands change is kept back, and goes to each session as one change.
  Transaction transaction{call.service.provider(), call.service.buried()};
  Keyspace keys{call.service.provider(), transaction};
  std::string replies;
  std::vector<std::string_view> arguments;
  for (const Client::Queued& queued : queue) {
    arguments.assign(queued.arguments.begin(), queued.arguments.end());
    // Those that look at all keys see the store only.
    const Command& command = *queued.command;
    if (command.keys.first == 0 && (command.has(kRead) || command.has(kWrite)))
      transaction.commit();
    client.run(command, arguments, keys, replies);
  }
  transaction.commit();
  call.reply.array(queue.size());
  call.reply.raw(replies);
}

}  // namespace hybrid::server
