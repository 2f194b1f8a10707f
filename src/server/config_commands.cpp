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
  // Why it cannot be that; nothing if it is now. Null: at start only.
  std::string (*set)(Call& call, std::string_view value);
};

// Calls put(number).
template <class Put>
std::string set_number(std::string_view value, std::int64_t least, Put&& put) {
  const auto number = parse_integer(value);
  if (!number) return "argument couldn't be parsed into an integer";
  if (*number < least)
    return "argument must be between " + std::to_string(least) +
           " and 9223372036854775807 inclusive";
  put(*number);
  return {};
}

// Calls put(bytes).
template <class Put>
std::string set_bytes(std::string_view value, Put&& put) {
  const auto bytes = parse_memory(value);
  if (!bytes) return "argument must be a memory value";
  put(*bytes);
  return {};
}

template <std::atomic<std::uint64_t> EncodingLimits::* limit>
std::string encoding_limit(Call& call) {
  return std::to_string(call.service.encoding_limits().*limit);
}
template <std::atomic<std::uint64_t> EncodingLimits::* limit>
constexpr Setting most_elements(std::string_view name) {
  return {name, encoding_limit<limit>, [](Call& call, std::string_view value) {
            return set_number(value, 0, [&](std::int64_t number) {
              call.service.encoding_limits().*limit = static_cast<std::uint64_t>(number);
            });
          }};
}
template <std::atomic<std::uint64_t> EncodingLimits::* limit>
constexpr Setting most_bytes(std::string_view name) {
  return {name, encoding_limit<limit>, [](Call& call, std::string_view value) {
            return set_bytes(
                value, [&](std::uint64_t bytes) { call.service.encoding_limits().*limit = bytes; });
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
    most_elements<&EncodingLimits::hash_entries>("hash-max-listpack-entries"),
    most_bytes<&EncodingLimits::hash_value>("hash-max-listpack-value"),
    most_elements<&EncodingLimits::hash_entries>("hash-max-ziplist-entries"),
    most_bytes<&EncodingLimits::hash_value>("hash-max-ziplist-value"),
    {"lua-time-limit", script_time_max, nullptr},
    {"maxclients",
     [](Call& call) { return std::to_string(call.service.options().connections_max); }, nullptr},
    {"maxmemory", [](Call& call) { return std::to_string(call.service.memory().bytes_max()); },
     [](Call& call, std::string_view value) {
       return set_bytes(value,
                        [&](std::uint64_t bytes) { call.service.memory().set_bytes_max(bytes); });
     }},
    {"maxmemory-policy", [](Call&) -> std::string { return "noeviction"; }, nullptr},
    {"notify-keyspace-events", [](Call& call) { return call.service.notified(); },
     [](Call& call, std::string_view value) -> std::string {
       if (call.service.set_notified(value)) return {};
       return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
     }},
    {"proto-max-bulk-len", [](Call&) { return std::to_string(kValueBytesMax); }, nullptr},
    {"replica-read-only", [](Call&) -> std::string { return "yes"; }, nullptr},
    {"save", [](Call&) -> std::string { return ""; }, nullptr},
    most_elements<&EncodingLimits::set_integers>("set-max-intset-entries"),
    {"slave-read-only", [](Call&) -> std::string { return "yes"; }, nullptr},
    {"slowlog-log-slower-than",
     [](Call& call) { return std::to_string(call.service.slow_log().slower_than()); },
     [](Call& call, std::string_view value) {
       return set_number(value, -1,
                         [&](std::int64_t us) { call.service.slow_log().set_slower_than(us); });
     }},
    {"slowlog-max-len",
     [](Call& call) { return std::to_string(call.service.slow_log().entries_max()); },
     [](Call& call, std::string_view value) {
       return set_number(value, 0, [&](std::int64_t entries) {
         call.service.slow_log().set_entries_max(static_cast<std::size_t>(entries));
       });
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

[[noreturn]] void refuse_setting(std::string_view name, std::string_view why) {
  refuse("ERR CONFIG SET failed (possibly related to argument '" + std::string{name} + "') - " +
         std::string{why});
}

}  // namespace

void config_get(Call& call) {
  // As it was asked for, unless by a pattern.
  std::vector<std::pair<std::string_view, const Setting*>> found;
  for (const std::string_view asked : call.arguments.subspan(2)) {
    const bool is_pattern = asked.find_first_of("*?[") != std::string_view::npos;
    const std::string lower = lower_case(asked);
    for (const Setting& setting : kSettings) {
      const bool matches = is_pattern ? glob_matches(lower, setting.name) : lower == setting.name;
      if (!matches || std::ranges::count(found, &setting, [](auto& f) { return f.second; }) != 0)
        continue;
      found.emplace_back(is_pattern ? setting.name : asked, &setting);
    }
  }
  call.reply.map(found.size());
  for (const auto& [name, setting] : found) {
    call.reply.bulk(name);
    call.reply.bulk(setting->get(call));
  }
}

void config_set(Call& call) {
  if (call.size() % 2 != 0) refuse_syntax();
  std::vector<const Setting*> settings;
  for (std::size_t i = 2; i < call.size(); i += 2) {
    const Setting* const setting = find_setting(call[i]);
    if (setting == nullptr) {
      refuse("ERR Unknown option or number of arguments for CONFIG SET - '" + std::string{call[i]} +
             "'");
    }
    if (setting->set == nullptr && setting->get(call) != call[i + 1])
      refuse_setting(call[i], "can't set immutable config");
    if (std::ranges::count(settings, setting) != 0) refuse_setting(call[i], "duplicate parameter");
    settings.push_back(setting);
  }
  // All or none.
  std::vector<std::pair<const Setting*, std::string>> before;
  for (std::size_t i = 2; const Setting* const setting : settings) {
    const std::string_view value = call[i + 1];
    i += 2;
    if (setting->set == nullptr) continue;
    std::string old = setting->get(call);
    if (const std::string why = setting->set(call, value); !why.empty()) {
      for (const auto& [changed, was] : before | std::views::reverse) changed->set(call, was);
      refuse_setting(setting->name, why);
    }
    before.emplace_back(setting, std::move(old));
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
