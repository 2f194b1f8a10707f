// CONFIG: what can be asked, and what can be changed while the server runs.
#include <algorithm>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "server/commands.hpp"
#include "server/glob.hpp"
#include "server/numbers.hpp"

namespace hybrid::server {
namespace {

struct Setting {
  std::string_view name;
  std::string (*get)(Call& call);
  void (*set)(Call& call, std::string_view value);  // null: at start only
};

template <std::atomic<std::uint64_t> EncodingLimits::* limit>
constexpr Setting encoding_limit(std::string_view name) {
  return {name, [](Call& call) { return std::to_string(call.service.encoding_limits().*limit); },
          [](Call& call, std::string_view value) {
            const std::int64_t number = integer_of(value);
            if (number < 0) refuse("ERR CONFIG SET failed - argument must be positive");
            call.service.encoding_limits().*limit = static_cast<std::uint64_t>(number);
          }};
}

std::string script_time_max(Call& call) {
  return std::to_string(call.service.options().script_time_max.count());
}

constexpr Setting kSettings[] = {
    {"appendfsync",
     [](Call& call) -> std::string {
       switch (call.service.options().durability) {
         case Durability::always: return "always";
         case Durability::interval: return "everysec";
         case Durability::os:
         case Durability::none: return "no";
       }
       return "no";
     },
     nullptr},
    {"appendonly", [](Call&) -> std::string { return "yes"; }, nullptr},
    {"busy-reply-threshold", script_time_max, nullptr},
    {"databases", [](Call&) { return std::to_string(kDatabases); }, nullptr},
    {"dir", [](Call& call) { return call.service.options().directory; }, nullptr},
    encoding_limit<&EncodingLimits::hash_entries>("hash-max-listpack-entries"),
    encoding_limit<&EncodingLimits::hash_value>("hash-max-listpack-value"),
    encoding_limit<&EncodingLimits::hash_entries>("hash-max-ziplist-entries"),
    encoding_limit<&EncodingLimits::hash_value>("hash-max-ziplist-value"),
    {"lua-time-limit", script_time_max, nullptr},
    {"maxclients",
     [](Call& call) { return std::to_string(call.service.options().connections_max); }, nullptr},
    {"maxmemory", [](Call& call) { return std::to_string(call.service.memory().bytes_max()); },
     [](Call& call, std::string_view value) {
       const auto bytes = parse_memory(value);
       if (!bytes) {
         refuse(
             "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be "
             "a "
             "memory value");
       }
       call.service.memory().set_bytes_max(*bytes);
     }},
    {"maxmemory-policy", [](Call&) -> std::string { return "noeviction"; }, nullptr},
    {"notify-keyspace-events", [](Call& call) { return call.service.notified(); },
     [](Call& call, std::string_view value) {
       if (call.service.set_notified(value)) return;
       refuse(
           "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - "
           "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
     }},
    {"proto-max-bulk-len", [](Call&) { return std::to_string(kValueBytesMax); }, nullptr},
    {"save", [](Call&) -> std::string { return ""; }, nullptr},
    encoding_limit<&EncodingLimits::set_integers>("set-max-intset-entries"),
    {"slowlog-log-slower-than",
     [](Call& call) { return std::to_string(call.service.slow_log().slower_than()); },
     [](Call& call, std::string_view value) {
       const std::int64_t us = integer_of(value);
       if (us < -1) refuse("ERR CONFIG SET failed - argument must be -1 or more");
       call.service.slow_log().set_slower_than(us);
     }},
    {"slowlog-max-len",
     [](Call& call) { return std::to_string(call.service.slow_log().entries_max()); },
     [](Call& call, std::string_view value) {
       const std::int64_t entries = integer_of(value);
       if (entries < 0) refuse("ERR CONFIG SET failed - argument must be positive");
       call.service.slow_log().set_entries_max(static_cast<std::size_t>(entries));
     }},
    {"timeout",
     [](Call& call) { return std::to_string(call.service.options().idle_timeout.count()); },
     nullptr},
};

const Setting* find_setting(std::string_view name) {
  const auto found =
      std::ranges::find_if(kSettings, [&](const Setting& s) { return is(name, s.name); });
  return found != std::end(kSettings) ? found : nullptr;
}

}  // namespace

void config_get(Call& call) {
  std::vector<const Setting*> found;
  for (const Setting& setting : kSettings) {
    for (std::size_t i = 2; i < call.size(); ++i) {
      if (!glob_matches(call[i], setting.name) && !is(call[i], setting.name)) continue;
      found.push_back(&setting);
      break;
    }
  }
  call.reply.map(found.size());
  for (const Setting* const setting : found) {
    call.reply.bulk(setting->name);
    call.reply.bulk(setting->get(call));
  }
}

void config_set(Call& call) {
  if (call.size() % 2 != 0) refuse_syntax();
  for (std::size_t i = 2; i < call.size(); i += 2) {
    const Setting* const setting = find_setting(call[i]);
    if (setting == nullptr) {
      refuse("ERR Unknown option or number of arguments for CONFIG SET - '" + std::string{call[i]} +
             "'");
    }
    if (setting->set == nullptr && setting->get(call) != call[i + 1]) {
      refuse("ERR CONFIG SET failed (possibly related to argument '" + std::string{call[i]} +
             "') - can't set immutable config");
    }
  }
  // All or none.
  std::vector<std::pair<const Setting*, std::string>> before;
  try {
    for (std::size_t i = 2; i < call.size(); i += 2) {
      const Setting* const setting = find_setting(call[i]);
      if (setting->set == nullptr) continue;
      before.emplace_back(setting, setting->get(call));
      setting->set(call, call[i + 1]);
    }
  } catch (const ReplyError&) {
    for (const auto& [setting, value] : before | std::views::reverse) setting->set(call, value);
    throw;
  }
  call.ok();
}

void config_resetstat(Call& call) {
  ServiceCounters& counters = call.service.counters();
  for (auto* const counter : {&counters.commands, &counters.hits, &counters.misses,
                              &counters.expired, &counters.errors, &counters.refused})
    counter->store(0);
  call.ok();
}

void config_rewrite(Call&) { refuse("ERR The server is running without a config file"); }

}  // namespace hybrid::server
