// How keys are kept, and what they take: OBJECT and MEMORY.
#include <algorithm>
#include <string>

#include "server/commands.hpp"
#include "server/lifetime.hpp"
#include "server/numbers.hpp"

namespace hybrid::server {
namespace {

// By the sizes at which Redis changes them, since tools ask for it; here all are packed blocks.
std::string_view encoding_of(const Object& object, const EncodingLimits& limits) {
  constexpr std::size_t kEmbedded = 44;
  if (object.type() == Type::string) {
    std::string value;
    object.get_unnamed(value);
    if (parse_integer(value)) return "int";
    return value.size() <= kEmbedded ? "embstr" : "raw";
  }
  if (object.type() == Type::list) return "quicklist";
  const auto fields = object.fields();
  if (object.type() == Type::set) {
    const bool integers = std::ranges::all_of(
        fields, [](const auto& field) { return parse_integer(field.first).has_value(); });
    return integers && fields.size() <= limits.set_integers ? "intset" : "hashtable";
  }
  const std::uint64_t longest = limits.hash_value;
  const bool small =
      fields.size() <= limits.hash_entries && std::ranges::all_of(fields, [&](const auto& field) {
        return field.first.size() <= longest && field.second.size() <= longest;
      });
  return small ? "listpack" : "hashtable";
}

}  // namespace

void object_encoding(Call& call) {
  const auto found = call.keys.find(call.key(2));
  if (!found) return call.reply.null();
  call.reply.bulk(encoding_of(*found, call.service.encoding_limits()));
}

void object_freq(Call& call) {
  if (!call.keys.exists(call.key(2))) return call.reply.null();
  refuse(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

void object_idletime(Call& call) {
  const auto found = call.keys.find(call.key(2));
  if (!found) return call.reply.null();
  const auto last = found->info().last_access.time_since_epoch().count();
  call.reply.integer(std::max<std::int64_t>(now_ms() - last, 0) / 1000);
}

void object_refcount(Call& call) {
  if (!call.keys.exists(call.key(2))) return call.reply.null();
  call.reply.integer(1);
}

void memory_usage(Call& call) {
  for (std::size_t i = 3; i < call.size(); i += 2) {
    if (!is(call[i], "samples") || i + 1 == call.size()) refuse_syntax();
    if (integer_of(call[i + 1]) < 0) refuse_syntax();
  }
  const auto found = call.keys.find(call.key(2));
  if (!found) return call.reply.null();
  // Its entry, its part of the index, and the block with four bytes a key and a header.
  constexpr std::size_t kEntry = 64 + 32 + 20 + 16;
  const SessionInfo info = found->info();
  call.reply.integer(static_cast<std::int64_t>(kEntry + info.bytes + 8 * info.keys));
}

void memory_purge(Call& call) { call.ok(); }

void memory_doctor(Call& call) { call.reply.verbatim("txt", "Nothing to say."); }

}  // namespace hybrid::server
