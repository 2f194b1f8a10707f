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
#include "server/numbers.hpp"
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
  const bool is_tcp = colon != std::string::npos;
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
  if (call.size() > 2 || (call.size() == 2 && !is(call[1], "schedule"))) refuse_syntax();
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
  const auto words = call.arguments.subspan(1);
  const auto has = [&](std::string_view word) {
    return std::ranges::any_of(words, [&](std::string_view w) { return is(w, word); });
  };
  for (const std::string_view word : words) {
    if (!is(word, "save") && !is(word, "nosave") && !is(word, "now") && !is(word, "force") &&
        !is(word, "abort"))
      refuse_syntax();
  }
  if ((has("save") && has("nosave")) || (has("abort") && words.size() > 1)) refuse_syntax();
  if (has("abort")) refuse("ERR No shutdown in progress.");
  call.client.quit();
  call.client.set_replies(Client::Replies::off);
  if (call.service.options().on_shutdown) call.service.options().on_shutdown();
}

void slowlog_len(Call& call) {
  call.reply.integer(static_cast<std::int64_t>(call.service.slow_log().size()));
}

void slowlog_reset(Call& call) {
  call.service.slow_log().clear();
  call.ok();
}

// Redis's format; see SlowLog for what is said of arguments.
void slowlog_get(Call& call) {
  constexpr std::int64_t kByDefault = 10;
  if (call.size() > 3) refuse_subcommand(call);
  const auto count = call.size() == 3 ? parse_integer(call[2]) : kByDefault;
  if (!count || *count < -1) refuse("ERR count should be greater than or equal to -1");
  const auto entries = call.service.slow_log().youngest(
      *count == -1 ? SlowLog::kEntriesMax : static_cast<std::size_t>(*count));
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

void latency_events(Call& call) { call.reply.array(0); }
void latency_histogram(Call& call) { call.reply.map(0); }
void latency_reset(Call& call) { call.reply.integer(0); }

// Scripts are all there is; tools that clear everything clear functions, too.
void function_flush(Call& call) {
  if (call.size() > 3) refuse_subcommand(call);
  if (call.size() == 3 && !is(call[2], "async") && !is(call[2], "sync"))
    refuse("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  call.ok();
}

void function_list(Call& call) { call.reply.array(0); }

void role(Call& call) {
  call.reply.array(3);
  call.reply.bulk("master");
  call.reply.integer(0);  // of what would be sent to replicas
  call.reply.array(0);
}

// At once: no replica will come.
void wait(Call& call) {
  integer_of(call[1]);
  const auto timeout = parse_integer(call[2]);
  if (!timeout) refuse("ERR timeout is not an integer or out of range");
  if (*timeout < 0) refuse("ERR timeout is negative");
  call.reply.integer(0);
}

void cluster(Call&) { refuse("ERR This instance has cluster support disabled"); }

void sentinel(Call& call) {
  refuse("ERR unknown command 'sentinel', with args beginning with: '" + std::string{call[1]} +
         "' ");
}

}  // namespace hybrid::server
