#include "server/client_list.hpp"

#include <chrono>

namespace hybrid::server {

std::string describe(ClientInfo& client) {
  using namespace std::chrono;
  const auto now = steady_clock::now();
  const auto age = duration_cast<seconds>(now - client.connected_at).count();
  const auto idle = duration_cast<seconds>(now - client.last_at.load()).count();
  std::string flags;
  if (client.channels + client.patterns > 0) flags += 'P';
  if (client.queued >= 0) flags += 'x';
  if (flags.empty()) flags += 'N';
  const MutexLock lock{client.mutex};
  std::string line;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!line.empty()) line += ' ';
    line += name;
    line += '=';
    line += value;
  };
  add("id", std::to_string(client.id));
  add("addr", client.peer);
  add("laddr", client.local);
  add("fd", std::to_string(client.descriptor));
  add("name", client.name);
  add("age", std::to_string(age));
  add("idle", std::to_string(idle));
  add("flags", flags);
  add("db", std::to_string(client.database));
  add("sub", std::to_string(client.channels));
  add("psub", std::to_string(client.patterns));
  add("ssub", "0");
  add("multi", std::to_string(client.queued));
  add("qbuf", "0");
  add("qbuf-free", "0");
  add("argv-mem", "0");
  add("multi-mem", "0");
  add("obl", "0");
  add("oll", "0");
  add("omem", "0");
  add("tot-mem", "0");
  add("events", "r");
  add("cmd", client.last_command.load());
  add("user", client.user);
  add("redir", "-1");
  add("resp", std::to_string(client.protocol));
  add("lib-name", client.library);
  add("lib-ver", client.library_version);
  return line;
}

}  // namespace hybrid::server
