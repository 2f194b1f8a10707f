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

void acl_whoami(Call& call) { call.reply.bulk(call.client.user()->name); }

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
  call.client.select(database_of(call[1]));
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
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
  }
  if (name) set_client_name(call, *name);
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

}  // namespace hybrid::server
