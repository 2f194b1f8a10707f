// Who a client is, and how it speaks.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "server/client_list.hpp"
#include "server/commands.hpp"
#include "server/numbers.hpp"

namespace hybrid::server {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

// Who has an IPv6 address has all that share its first half.
std::string network_of(const std::string& host) {
  in6_addr address{};
  const bool is_v6 = host.starts_with('[') && host.ends_with(']') &&
                     ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
  if (!is_v6 || IN6_IS_ADDR_V4MAPPED(&address)) return host;
  std::fill(std::begin(address.s6_addr) + 8, std::end(address.s6_addr), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return std::string{text.data()} + "/64";
}

// Whose wrong passwords are counted together: an address, or a user of this machine.
std::string origin_of(const net::Connection& connection) {
  const std::string& peer = connection.peer();
  // Without the port, which is another one each time.
  if (!peer.starts_with("unix:")) return network_of(peer.substr(0, peer.rfind(':')));
  ucred credentials{};
  socklen_t size = sizeof credentials;
  const int got =
      ::getsockopt(connection.descriptor(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  return got == 0 ? "user " + std::to_string(credentials.uid) : "unix";
}

void log_in(Call& call, std::string_view name, std::string_view password) {
  const User* const user =
      call.service.users().check(name, password, origin_of(call.client.connection()));
  if (user == nullptr) {
    ++call.service.counters().refused;
    refuse(std::string{kWrongPassword});
  }
  call.client.log_in(*user);
}

// Names are shown in a list of one line each.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

void set_name(Call& call, std::string_view name) {
  if (!is_plain(name))
    refuse("ERR Client names cannot contain spaces, newlines or special characters.");
  ClientInfo& info = call.client.info();
  const MutexLock lock{info.mutex};
  info.name = name;
}

}  // namespace

void ping(Call& call) {
  if (call.size() > 2) refuse_arity(call);
  const bool has_message = call.size() == 2;
  if (call.client.protocol() == 2 && call.client.subscriptions() > 0) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(has_message ? call[1] : std::string_view{});
  }
  if (has_message)
    call.reply.bulk(call[1]);
  else
    call.reply.simple("PONG");
}

void acl(Call& call) {
  if (!is(call[1], "whoami")) refuse_subcommand(call);
  if (call.size() != 2) refuse("ERR wrong number of arguments for 'acl|whoami' command");
  call.reply.bulk(call.client.user()->name);
}

void echo(Call& call) { call.reply.bulk(call[1]); }

void quit(Call& call) {
  call.client.quit();
  call.ok();
}

void reset(Call& call) {
  call.client.reset();
  call.reply.simple("RESET");
}

void select(Call& call) {
  const auto database = parse_integer(call[1]);
  if (!database) refuse("ERR invalid DB index");
  if (*database < 0 || *database >= kDatabases) refuse("ERR DB index is out of range");
  call.client.select(static_cast<unsigned>(*database));
  call.ok();
}

void auth(Call& call) {
  if (call.size() > 3) refuse_syntax();
  const bool has_name = call.size() == 3;
  if (!has_name && !call.service.users().ask_for_password()) {
    refuse(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  log_in(call, has_name ? call[1] : "default", call[call.size() - 1]);
  call.ok();
}

void hello(Call& call) {
  int protocol = call.client.protocol();
  std::size_t next = 1;
  if (call.size() > 1) {
    const auto version = parse_integer(call[1]);
    if (!version) refuse("ERR Protocol version is not an integer or out of range");
    if (*version < 2 || *version > 3) refuse("NOPROTO unsupported protocol version");
    protocol = static_cast<int>(*version);
    next = 2;
  }
  std::optional<std::string_view> name;
  std::optional<std::pair<std::string_view, std::string_view>> login;
  while (next < call.size()) {
    const std::size_t left = call.size() - next - 1;
    if (is(call[next], "auth") && left >= 2) {
      login = {call[next + 1], call[next + 2]};
      next += 3;
    } else if (is(call[next], "setname") && left >= 1) {
      name = call[next + 1];
      next += 2;
    } else {
      refuse("ERR Syntax error in HELLO option '" + std::string{call[next]} + "'");
    }
  }
  if (login) log_in(call, login->first, login->second);
  if (call.client.user() == nullptr) {
    refuse(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  if (name) set_name(call, *name);
  call.client.set_protocol(protocol);
  resp::ReplyWriter reply{call.client.connection().output(), protocol};
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(protocol);
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(call.client.info().id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

// --- CLIENT

namespace {

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
  if (call.client.user()->read_only)
    refuse("NOPERM this user has no permissions to run the 'client|kill' command");
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

constexpr std::string_view kClient = "client|";

struct Subcommand {
  const char* full_name;      // as CLIENT LIST shows it
  std::size_t arguments_min;  // with both names
  std::size_t arguments_max;
  void (*run)(Call& call);
};

constexpr std::size_t kMany = 1 << 20;

const Subcommand kClientSubcommands[] = {
    {"client|getname", 2, 2,
     [](Call& call) {
       ClientInfo& info = call.client.info();
       const MutexLock lock{info.mutex};
       if (info.name.empty())
         call.reply.null();
       else
         call.reply.bulk(info.name);
     }},
    {"client|id", 2, 2,
     [](Call& call) { call.reply.integer(static_cast<std::int64_t>(call.client.info().id)); }},
    {"client|info", 2, 2,
     [](Call& call) { call.reply.verbatim("txt", describe(call.client.info()) + "\n"); }},
    {"client|kill", 3, kMany, client_kill},
    {"client|list", 2, kMany, client_list},
    {"client|no-evict", 3, 3,
     [](Call& call) {
       if (!is(call[2], "on") && !is(call[2], "off")) refuse_syntax();
       call.ok();
     }},
    {"client|reply", 3, 3, client_reply},
    {"client|setinfo", 4, 4, client_setinfo},
    {"client|setname", 3, 3,
     [](Call& call) {
       set_name(call, call[2]);
       call.ok();
     }},
    {"client|unpause", 2, 2, [](Call& call) { call.ok(); }},
};

}  // namespace

void client(Call& call) {
  for (const Subcommand& subcommand : kClientSubcommands) {
    const std::string_view full_name = subcommand.full_name;
    if (!is(call[1], full_name.substr(kClient.size()))) continue;
    call.client.info().last_command.store(subcommand.full_name, std::memory_order_relaxed);
    if (call.size() < subcommand.arguments_min || call.size() > subcommand.arguments_max)
      refuse("ERR wrong number of arguments for '" + std::string{full_name} + "' command");
    return subcommand.run(call);
  }
  refuse_subcommand(call);
}

}  // namespace hybrid::server
