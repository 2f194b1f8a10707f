// DEBUG: for tests, of Redis and of client libraries.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "server/commands.hpp"

namespace hybrid::server {
namespace {

// One reply of each kind, as Redis gives them: with what client libraries test their parsers.
void debug_protocol(Call& call) {
  resp::ReplyWriter& reply = call.reply;
  const std::string_view kind = call[2];
  const auto count_to_three = [&reply] {
    for (int i = 0; i < 3; ++i) reply.integer(i);
  };
  if (is(kind, "string")) return reply.bulk("Hello World");
  if (is(kind, "integer")) return reply.integer(12345);
  if (is(kind, "double")) return reply.real(3.141);
  if (is(kind, "bignum")) return reply.big_number("1234567999999999999999999999999999999");
  if (is(kind, "null")) return reply.null();
  if (is(kind, "true")) return reply.boolean(true);
  if (is(kind, "false")) return reply.boolean(false);
  if (is(kind, "verbatim")) return reply.verbatim("txt", "This is a verbatim\nstring");
  if (is(kind, "array")) {
    reply.array(3);
    return count_to_three();
  }
  if (is(kind, "set")) {
    reply.set(3);
    return count_to_three();
  }
  if (is(kind, "map")) {
    reply.map(3);
    for (int i = 0; i < 3; ++i) {
      reply.integer(i);
      reply.boolean(i == 1);
    }
    return;
  }
  // Neither is a reply itself, so that one follows.
  if (is(kind, "attrib")) {
    if (reply.protocol() >= 3) {
      reply.attributes(1);
      reply.bulk("key-popularity");
      reply.array(2);
      reply.bulk("key:123");
      reply.integer(90);
    }
    return reply.bulk("Some real reply following the attribute");
  }
  if (is(kind, "push")) {
    if (reply.protocol() < 3) refuse("ERR RESP2 is not supported by this command");
    reply.push(2);
    reply.bulk("server-cpu-usage");
    reply.integer(42);
    return reply.bulk("Some real reply following the push reply");
  }
  refuse(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

}  // namespace

void debug(Call& call) {
  if (!call.service.options().allow_debug) {
    refuse(
        "ERR DEBUG command not allowed. If the --allow-debug option is given, it is for tests "
        "only");
  }
  if (is(call[1], "sleep") && call.size() == 3) {
    // As Redis reads it, since hiredis's tests send a line break with it: what is no number is 0.
    constexpr double kSecondsMax = 60;
    const double seconds = std::strtod(std::string{call[2]}.c_str(), nullptr);
    if (!(seconds >= 0 && seconds <= kSecondsMax)) refuse("ERR value is out of range");
    std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
    return call.ok();
  }
  if (is(call[1], "protocol") && call.size() == 3) return debug_protocol(call);
  // Tests of Redis say how it should expire, pack and count: nothing of it applies.
  if (is(call[1], "set-active-expire") || is(call[1], "jmap") || is(call[1], "reload") ||
      is(call[1], "change-repl-id") || is(call[1], "set-disable-deny-scripts"))
    return call.ok();
  refuse_subcommand(call);
}

}  // namespace hybrid::server
