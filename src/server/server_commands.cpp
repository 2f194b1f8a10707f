// The server itself: figures, settings, and what looks after the store.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "hybrid/version.hpp"
#include "server/client_list.hpp"
#include "server/commands.hpp"
#include "server/lifetime.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

std::uint64_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::uint64_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t resident_bytes_at_most() {
  std::ifstream file{"/proc/self/status"};
  std::string name;
  std::uint64_t kib = 0;
  while (file >> name && name != "VmHWM:") {
  }
  file >> kib;
  return kib << 10;
}

std::string human(std::uint64_t bytes) {
  constexpr const char* kUnits = "BKMGT";
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text;
  const int size =
      std::snprintf(text.data(), text.size(), "%.*f%c", unit == 0 ? 0 : 2, value, kUnits[unit]);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string fixed(double value, int digits = 2) {
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

// "# Name" and its lines of name:value.
class Section {
 public:
  explicit Section(std::string_view name) { text_ = "# " + std::string{name} + "\r\n"; }
  Section& add(std::string_view name, std::string_view value) {
    text_ += name;
    text_ += ':';
    text_ += value;
    text_ += "\r\n";
    return *this;
  }
  Section& add(std::string_view name, std::uint64_t value) {
    return add(name, std::to_string(value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string info_server(Call& call) {
  using namespace std::chrono;
  const auto up = duration_cast<seconds>(steady_clock::now() - call.service.started_at()).count();
  const auto seconds_up = static_cast<std::uint64_t>(up);
  const std::string& local = call.client.info().local;
  const std::size_t colon = local.rfind(':');
  const bool is_tcp = !local.starts_with("unix:") && colon != std::string::npos;
  return Section{"Server"}
      .add("redis_version", kRedisVersion)
      .add("hybrid_version", kVersion)
      .add("redis_git_sha1", "00000000")
      .add("redis_git_dirty", "0")
      .add("redis_mode", "standalone")
      .add("os", "Linux")
      .add("arch_bits", "64")
      .add("multiplexing_api", "epoll")
      .add("process_id", static_cast<std::uint64_t>(::getpid()))
      .add("run_id", call.service.run_id())
      .add("tcp_port", is_tcp ? std::string_view{local}.substr(colon + 1) : "0")
      .add("server_time_usec", static_cast<std::uint64_t>(now_ms()) * 1000)
      .add("uptime_in_seconds", seconds_up)
      .add("uptime_in_days", seconds_up / 86400)
      .add("hz", "10")
      .add("executable", "hybrid")
      .add("config_file", "")
      .text();
}

std::string info_clients(Call& call) {
  const auto clients = call.service.clients();
  const auto listening = std::ranges::count_if(
      clients, [](const auto& client) { return client->channels + client->patterns > 0; });
  return Section{"Clients"}
      .add("connected_clients", clients.size())
      .add("cluster_connections", "0")
      .add("maxclients", call.service.options().connections_max)
      .add("client_recent_max_input_buffer", "0")
      .add("client_recent_max_output_buffer", "0")
      .add("blocked_clients", "0")
      .add("tracking_clients", "0")
      .add("pubsub_clients", static_cast<std::uint64_t>(listening))
      .add("clients_in_timeout_table", "0")
      .text();
}

std::string info_memory(Call& call) {
  const std::uint64_t resident = resident_bytes();
  const MemoryLimit& memory = call.service.memory();
  const std::uint64_t used = memory.bytes();
  const std::uint64_t peak = resident_bytes_at_most();
  const double ratio = used == 0 ? 1 : static_cast<double>(resident) / static_cast<double>(used);
  return Section{"Memory"}
      .add("used_memory", used)
      .add("used_memory_human", human(used))
      .add("used_memory_rss", resident)
      .add("used_memory_rss_human", human(resident))
      .add("used_memory_peak", peak)
      .add("used_memory_peak_human", human(peak))
      .add("used_memory_lua", "0")
      .add("number_of_cached_scripts", call.service.scripts().count())
      .add("maxmemory", memory.bytes_max())
      .add("maxmemory_human", human(memory.bytes_max()))
      .add("maxmemory_policy", "noeviction")
      .add("mem_fragmentation_ratio", fixed(ratio))
      .add("mem_allocator", "libc")
      .text();
}

std::string info_persistence(Call& call) {
  const auto stats = call.service.provider().stats();
  const char* const write_status = call.service.write_health().is_good() ? "ok" : "err";
  Section section{"Persistence"};
  section.add("loading", "0")
      .add("async_loading", "0")
      .add("rdb_changes_since_last_save",
           stats ? stats->last_lsn - std::min(stats->durable_lsn, stats->last_lsn) : 0)
      .add("rdb_bgsave_in_progress", "0")
      .add("rdb_last_save_time", static_cast<std::uint64_t>(call.service.last_save()))
      .add("rdb_last_bgsave_status", write_status)
      .add("aof_enabled", "1")
      .add("aof_rewrite_in_progress", call.service.is_compacting() ? "1" : "0")
      .add("aof_last_bgrewrite_status", call.service.last_compaction_worked() ? "ok" : "err")
      .add("aof_last_write_status", write_status);
  if (stats) {
    section.add("aof_current_size", stats->log_bytes)
        .add("hybrid_log_segments", stats->segments)
        .add("hybrid_last_lsn", stats->last_lsn)
        .add("hybrid_durable_lsn", stats->durable_lsn)
        .add("hybrid_syncs", stats->syncs);
  }
  return section.text();
}

std::string info_stats(Call& call) {
  const ServiceCounters& counters = call.service.counters();
  return Section{"Stats"}
      .add("total_connections_received", counters.connections)
      .add("total_commands_processed", counters.commands)
      .add("instantaneous_ops_per_sec", "0")
      .add("total_net_input_bytes", counters.input_bytes)
      .add("total_net_output_bytes", counters.output_bytes)
      .add("rejected_connections", counters.rejected)
      .add("expired_keys", counters.expired)
      .add("evicted_keys", "0")
      .add("keyspace_hits", counters.hits)
      .add("keyspace_misses", counters.misses)
      .add("pubsub_channels", call.service.channels().channels({}).size())
      .add("pubsub_patterns", call.service.channels().patterns())
      .add("latest_fork_usec", "0")
      .add("total_forks", "0")
      .add("total_error_replies", counters.errors)
      .add("acl_access_denied_auth", counters.refused)
      .text();
}

std::string info_replication(Call& call) {
  return Section{"Replication"}
      .add("role", "master")
      .add("connected_slaves", "0")
      .add("master_failover_state", "no-failover")
      .add("master_replid", call.service.run_id())
      .add("master_repl_offset", "0")
      .text();
}

std::string info_cpu(Call&) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return fixed(static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6, 6);
  };
  return Section{"CPU"}
      .add("used_cpu_sys", seconds(usage.ru_stime))
      .add("used_cpu_user", seconds(usage.ru_utime))
      .text();
}

std::string info_cluster(Call&) { return Section{"Cluster"}.add("cluster_enabled", "0").text(); }

std::string info_keyspace(Call& call) {
  Section section{"Keyspace"};
  const auto stats = call.service.provider().stats();
  const Service::Counts counts = call.service.counts();
  const std::uint64_t graveyards = call.service.buried().sessions();
  for (unsigned database = 0; database < kDatabases; ++database) {
    const std::uint64_t count = counts[database];
    if (count == 0) continue;
    // They are not told apart by database.
    const std::uint64_t deadlines = stats ? stats->deadlines : 0;
    const std::uint64_t expiring = std::min(deadlines - std::min(deadlines, graveyards), count);
    section.add("db" + std::to_string(database), "keys=" + std::to_string(count) + ",expires=" +
                                                     std::to_string(expiring) + ",avg_ttl=0");
  }
  return section.text();
}

struct InfoSection {
  std::string_view name;
  std::string (*text)(Call& call);
};
constexpr InfoSection kInfoSections[] = {
    {"server", info_server},     {"clients", info_clients},
    {"memory", info_memory},     {"persistence", info_persistence},
    {"stats", info_stats},       {"replication", info_replication},
    {"cpu", info_cpu},           {"cluster", info_cluster},
    {"keyspace", info_keyspace},
};

// --- COMMAND

void reply_command(Call& call, const Command& command) {
  call.reply.array(10);
  call.reply.bulk(command.name);
  call.reply.integer(command.arity);
  std::vector<std::string_view> flags;
  if (command.has(kWrite)) flags.push_back("write");
  if (command.has(kRead)) flags.push_back("readonly");
  if (command.has(kGrows)) flags.push_back("denyoom");
  if (command.has(kFast)) flags.push_back("fast");
  if (command.has(kAdmin)) flags.push_back("admin");
  if (command.has(kNoAuth)) flags.push_back("no_auth");
  if (command.has(kNotInScript)) flags.push_back("noscript");
  call.reply.set(flags.size());
  for (const std::string_view flag : flags) call.reply.simple(flag);
  call.reply.integer(command.keys.first);
  call.reply.integer(command.keys.last);
  call.reply.integer(command.keys.step);
  call.reply.set(0);    // ACL categories
  call.reply.array(0);  // tips
  call.reply.array(0);  // key specifications
  call.reply.array(0);  // subcommands
}

void reply_docs(Call& call, const Command& command) {
  call.reply.bulk(command.name);
  call.reply.map(3);
  call.reply.bulk("summary");
  call.reply.bulk(command.summary);
  call.reply.bulk("since");
  call.reply.bulk("1.0.0");
  call.reply.bulk("group");
  call.reply.bulk(command.group);
}

std::vector<const Command*> named_commands(Call& call) {
  std::vector<const Command*> named;
  for (std::size_t i = 2; i < call.size(); ++i) named.push_back(find_command(call[i]));
  if (call.size() == 2) {
    for (const Command& command : commands()) named.push_back(&command);
  }
  return named;
}

void command_getkeys(Call& call) {
  if (call.size() < 3) refuse("ERR Unknown subcommand or wrong number of arguments");
  const Command* const command = find_command(call[2]);
  if (command == nullptr) refuse("ERR Invalid command specified");
  const std::size_t arguments = call.size() - 2;
  if (!command->takes(arguments)) refuse("ERR Invalid number of arguments specified for command");
  std::vector<std::string_view> keys;
  command->for_each_key(arguments, [&](std::size_t i) { keys.push_back(call[2 + i]); });
  if (keys.empty()) refuse("ERR The command has no key arguments");
  call.reply.array(keys.size());
  for (const std::string_view key : keys) call.reply.bulk(key);
}

void flush(Call& call, std::optional<unsigned> database) {
  const bool has_mode = call.size() == 2 && (is(call[1], "async") || is(call[1], "sync"));
  if (call.size() > 1 && !has_mode) refuse_syntax();
  BuriedKeys& buried = call.service.buried();
  call.keys.flush(database, [&](const Key& key) {
    if (buried.watches(key.name)) buried.bury(sid_of(key));
  });
  end_safely(call);
  call.ok();
}

}  // namespace

void info(Call& call) {
  std::string text;
  const auto wants = [&](std::string_view name) {
    for (std::size_t i = 1; i < call.size(); ++i) {
      if (is(call[i], name) || is(call[i], "all") || is(call[i], "everything") ||
          is(call[i], "default"))
        return true;
    }
    return call.size() == 1;
  };
  for (const InfoSection& section : kInfoSections) {
    if (!wants(section.name)) continue;
    if (!text.empty()) text += "\r\n";
    text += section.text(call);
  }
  call.reply.verbatim("txt", text);
}

void command(Call& call) {
  if (call.size() == 1) {
    call.reply.array(commands().size());
    for (const Command& command : commands()) reply_command(call, command);
  } else if (is(call[1], "count") && call.size() == 2) {
    call.reply.integer(static_cast<std::int64_t>(commands().size()));
  } else if (is(call[1], "list") && call.size() == 2) {
    call.reply.array(commands().size());
    for (const Command& command : commands()) call.reply.bulk(command.name);
  } else if (is(call[1], "info")) {
    const auto named = named_commands(call);
    call.reply.array(named.size());
    for (const Command* const command : named) {
      if (command != nullptr)
        reply_command(call, *command);
      else
        call.reply.null_array();
    }
  } else if (is(call[1], "docs")) {
    auto named = named_commands(call);
    std::erase(named, nullptr);
    call.reply.map(named.size());
    for (const Command* const command : named) reply_docs(call, *command);
  } else if (is(call[1], "getkeys")) {
    command_getkeys(call);
  } else {
    refuse_subcommand(call);
  }
}

void time(Call& call) {
  using namespace std::chrono;
  const auto us = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  call.reply.array(2);
  call.reply.bulk(std::to_string(us / 1'000'000));
  call.reply.bulk(std::to_string(us % 1'000'000));
}

void dbsize(Call& call) {
  call.reply.integer(static_cast<std::int64_t>(call.service.counts()[call.client.database()]));
}

void flushdb(Call& call) { flush(call, call.client.database()); }
void flushall(Call& call) { flush(call, std::nullopt); }

void save(Call& call) {
  must(call.service.provider().flush());
  call.service.saved();
  call.ok();
}

void bgsave(Call& call) {
  must(call.service.provider().flush());
  call.service.saved();
  call.reply.simple("Background saving started");
}

void bgrewriteaof(Call& call) {
  if (!call.service.compact_in_background())
    refuse("ERR Background append only file rewriting already in progress");
  call.reply.simple("Background append only file rewriting started");
}

void lastsave(Call& call) { call.reply.integer(call.service.last_save()); }

void shutdown(Call& call) {
  for (std::size_t i = 1; i < call.size(); ++i) {
    if (!is(call[i], "save") && !is(call[i], "nosave") && !is(call[i], "now") &&
        !is(call[i], "force"))
      refuse_syntax();
  }
  call.client.quit();
  call.client.set_replies(Client::Replies::off);
  if (call.service.options().on_shutdown) call.service.options().on_shutdown();
}

void memory(Call& call) {
  if (is(call[1], "usage") && call.size() >= 3) {
    const auto found = call.keys.find(call.key(2));
    if (!found) return call.reply.null();
    // Its entry, its part of the index, and the block with four bytes a key and a header.
    constexpr std::size_t kEntry = 64 + 32 + 20 + 16;
    const SessionInfo info = found->info();
    return call.reply.integer(static_cast<std::int64_t>(kEntry + info.bytes + 8 * info.keys));
  }
  if (is(call[1], "doctor")) return call.reply.verbatim("txt", "Nothing to say.");
  refuse_subcommand(call);
}

// Redis's format; see SlowLog for what is said of arguments.
void slowlog(Call& call) {
  constexpr std::int64_t kByDefault = 10;
  SlowLog& log = call.service.slow_log();
  if (is(call[1], "len") && call.size() == 2)
    return call.reply.integer(static_cast<std::int64_t>(log.size()));
  if (is(call[1], "reset") && call.size() == 2) {
    log.clear();
    return call.ok();
  }
  if (!is(call[1], "get") || call.size() > 3) refuse_subcommand(call);
  const std::int64_t count = call.size() == 3 ? integer_of(call[2]) : kByDefault;
  if (count < -1) refuse("ERR count should be greater than or equal to -1");
  const auto entries =
      log.youngest(count == -1 ? SlowLog::kEntriesMax : static_cast<std::size_t>(count));
  call.reply.array(entries.size());
  for (const SlowLog::Entry& entry : entries) {
    call.reply.array(6);
    call.reply.integer(entry.id);
    call.reply.integer(entry.ended_at);
    call.reply.integer(entry.duration.count());
    call.reply.array(entry.words.size());
    for (const std::string& word : entry.words) call.reply.bulk(word);
    call.reply.bulk(entry.peer);
    call.reply.bulk(entry.name);
  }
}

void latency(Call& call) {
  if (is(call[1], "latest") || is(call[1], "history")) return call.reply.array(0);
  if (is(call[1], "reset")) return call.reply.integer(0);
  if (is(call[1], "histogram")) return call.reply.map(0);
  refuse_subcommand(call);
}

// Scripts are all there is; tools that clear everything clear functions, too.
void function(Call& call) {
  if (is(call[1], "flush") && call.size() <= 3) return call.ok();
  if (is(call[1], "list")) return call.reply.array(0);
  refuse_subcommand(call);
}

void cluster(Call&) { refuse("ERR This instance has cluster support disabled"); }

void sentinel(Call& call) {
  refuse("ERR unknown command 'sentinel', with args beginning with: '" + std::string{call[1]} +
         "' ");
}

}  // namespace hybrid::server
