// CLIENT: connections, this one and the others.
#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "server/client_list.hpp"
#include "server/commands.hpp"
#include "server/numbers.hpp"

namespace hybrid::server {
namespace {

// Names are shown in a list of one line each.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace

void set_client_name(Call& call, std::string_view name) {
  if (!is_plain(name))
    refuse("ERR Client names cannot contain spaces, newlines or special characters.");
  ClientInfo& info = call.client.info();
  const MutexLock lock{info.mutex};
  info.name = name;
}

void client_getname(Call& call) {
  ClientInfo& info = call.client.info();
  const MutexLock lock{info.mutex};
  if (info.name.empty())
    call.reply.null();
  else
    call.reply.bulk(info.name);
}

void client_setname(Call& call) {
  set_client_name(call, call[2]);
  call.ok();
}

void client_id(Call& call) { call.reply.integer(static_cast<std::int64_t>(call.client.info().id)); }

void client_info(Call& call) { call.reply.verbatim("txt", describe(call.client.info()) + "\n"); }

void client_no_evict(Call& call) {
  if (!is(call[2], "on") && !is(call[2], "off")) refuse_syntax();
  call.ok();
}

void client_unpause(Call& call) { call.ok(); }

void client_getredir(Call& call) { call.reply.integer(-1); }

void client_trackinginfo(Call& call) {
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(1);
  call.reply.bulk("off");
  call.reply.bulk("redirect");
  call.reply.integer(-1);
  call.reply.bulk("prefixes");
  call.reply.array(0);
}

void client_unblock(Call& call) {
  if (call.size() > 4) refuse_subcommand(call);
  if (call.size() == 4 && !is(call[3], "timeout") && !is(call[3], "error"))
    refuse("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  integer_of(call[2]);
  call.reply.integer(0);
}

void client_setinfo(Call& call) {
  if (!is_plain(call[3])) {
    refuse("ERR " + std::string{call[2]} +
           " cannot contain spaces, newlines or special characters.");
  }
  ClientInfo& info = call.client.info();
  const MutexLock lock{info.mutex};
  if (is(call[2], "lib-name"))
    info.library = call[3];
  else if (is(call[2], "lib-ver"))
    info.library_version = call[3];
  else
    refuse("ERR Unrecognized option '" + std::string{call[2]} + "'");
  call.ok();
}

void client_reply(Call& call) {
  using enum Client::Replies;
  if (is(call[2], "on")) {
    call.client.set_replies(on);
    call.ok();
  } else if (is(call[2], "off")) {
    call.client.set_replies(off);
  } else if (is(call[2], "skip")) {
    call.client.set_replies(skip_next);
  } else {
    refuse_syntax();
  }
}

namespace {

// Of clients, in CLIENT LIST and CLIENT KILL.
void check_type(std::string_view type) {
  for (const std::string_view known : {"normal", "pubsub", "master", "replica", "slave"}) {
    if (is(type, known)) return;
  }
  refuse("ERR Unknown client type '" + std::string{type} + "'");
}

// Nobody is a replica.
bool is_of_type(const ClientInfo& client, std::string_view type) {
  const bool listens = client.channels + client.patterns > 0;
  return is(type, listens ? "pubsub" : "normal");
}

}  // namespace

void client_list(Call& call) {
  std::string text;
  if (call.size() == 2) {
    for (const auto& client : call.service.clients()) text += describe(*client) + "\n";
  } else if (is(call[2], "type") && call.size() == 4) {
    check_type(call[3]);
    for (const auto& client : call.service.clients()) {
      if (is_of_type(*client, call[3])) text += describe(*client) + "\n";
    }
  } else if (is(call[2], "id") && call.size() > 3) {
    std::set<std::uint64_t> wanted;
    for (std::size_t i = 3; i < call.size(); ++i) {
      const auto id = parse_integer(call[i]);
      if (!id) refuse("ERR Invalid client ID");
      wanted.insert(static_cast<std::uint64_t>(*id));
    }
    for (const auto& client : call.service.clients()) {
      if (wanted.contains(client->id)) text += describe(*client) + "\n";
    }
  } else {
    refuse_syntax();
  }
  call.reply.verbatim("txt", text);
}

void client_kill(Call& call) {
  const bool by_address = call.size() == 3;
  bool skip_me = true;
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local;
  std::optional<std::string_view> user;
  std::optional<std::string_view> type;
  if (by_address) {
    address = call[2];
    skip_me = false;
  } else {
    if (call.size() % 2 != 0) refuse_syntax();
    for (std::size_t i = 2; i < call.size(); i += 2) {
      const std::string_view value = call[i + 1];
      if (is(call[i], "id")) {
        const auto number = parse_integer(value);
        if (!number || *number <= 0) refuse("ERR client-id should be greater than 0");
        id = static_cast<std::uint64_t>(*number);
      } else if (is(call[i], "addr")) {
        address = value;
      } else if (is(call[i], "laddr")) {
        local = value;
      } else if (is(call[i], "user")) {
        if (call.service.users().find(value) == nullptr)
          refuse("ERR No such user '" + std::string{value} + "'");
        user = value;
      } else if (is(call[i], "type")) {
        check_type(value);
        type = value;
      } else if (is(call[i], "skipme") && (is(value, "yes") || is(value, "no"))) {
        skip_me = is(value, "yes");
      } else {
        refuse_syntax();
      }
    }
  }
  std::int64_t killed = 0;
  for (const auto& other : call.service.clients()) {
    const bool is_me = other->id == call.client.info().id;
    if ((is_me && skip_me) || (id && *id != other->id) || (address && *address != other->peer) ||
        (local && *local != other->local) || (type && !is_of_type(*other, *type)))
      continue;
    if (user) {
      const MutexLock lock{other->mutex};
      if (other->user != *user) continue;
    }
    ++killed;
    if (is_me) {
      call.client.quit();
    } else if (const auto connection = other->connection.lock()) {
      connection->post([](net::Connection& c) { c.close(); });
    }
  }
  if (!by_address) return call.reply.integer(killed);
  if (killed == 0) refuse("ERR No such client");
  call.ok();
}

}  // namespace hybrid::server
