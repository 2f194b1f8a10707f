// What all clients of a server share: the store, its users, the locks of keys, subscriptions, and counters.
// Thread-safe. Lives longer than its clients.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/provider.hpp"
#include "net/connection.hpp"
#include "server/buried_keys.hpp"
#include "server/channels.hpp"
#include "server/durable_replies.hpp"
#include "server/key_locks.hpp"
#include "server/keyspace.hpp"
#include "server/memory_limit.hpp"
#include "server/once_a_minute.hpp"
#include "server/scripts.hpp"
#include "server/slow_log.hpp"
#include "server/users.hpp"
#include "server/write_health.hpp"

namespace hybrid::server {

class Client;

struct ServiceOptions {
  Durability durability =
      Durability::interval;        // always: replies to writes wait until these are durable
  bool sync_security_ops = false;  // so do replies to DEL and RENAME
  Users users{};
  BuriedKeys::Options buried{};
  bool allow_debug = false;  // DEBUG, for tests
  std::string directory{};
  std::uint64_t memory_max = 0;  // of the sessions, in bytes; 0: no limit
  std::size_t request_bytes_max = std::size_t{64} << 20;
  std::size_t connections_max = 10000;
  std::chrono::seconds idle_timeout{0};
  std::chrono::milliseconds script_time_max{5000};
  std::function<void(std::string)> log{};  // one line
  std::function<void()> on_shutdown{};     // SHUTDOWN was called
};

struct ServiceCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> input_bytes{0};
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> refused{0};   // wrong passwords
  std::atomic<std::uint64_t> rejected{0};  // connections, since there were as many as may be
};

// From what sizes on OBJECT ENCODING says that a key is kept otherwise: here all are kept alike, but tools and tests ask.
struct EncodingLimits {
  std::atomic<std::uint64_t> hash_entries{512};
  std::atomic<std::uint64_t> hash_value{64};
  std::atomic<std::uint64_t> set_integers{512};
};

// What others may see of a client.
struct ClientInfo {
  std::uint64_t id = 0;
  std::string peer;
  std::string local;
  int descriptor = -1;
  std::chrono::steady_clock::time_point connected_at;
  std::weak_ptr<net::Connection> connection;
  std::atomic<std::chrono::steady_clock::time_point> last_at;
  std::atomic<const char*> last_command{"NULL"};
  std::atomic<unsigned> database{0};
  std::atomic<int> protocol{2};
  std::atomic<int> queued{-1};  // commands within MULTI; -1: none
  std::atomic<unsigned> channels{0};
  std::atomic<unsigned> patterns{0};
  Mutex mutex;
  std::string name HYBRID_GUARDED_BY(mutex);
  std::string user HYBRID_GUARDED_BY(mutex);
  std::string library HYBRID_GUARDED_BY(mutex);
  std::string library_version HYBRID_GUARDED_BY(mutex);
};

class Service {
 public:
  Service(Provider& provider, ServiceOptions options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  Provider& provider() { return provider_; }
  const ServiceOptions& options() const { return options_; }
  KeyLocks& locks() { return locks_; }
  Channels& channels() { return channels_; }
  DurableReplies& durable_replies() { return durable_replies_; }
  BuriedKeys& buried() { return buried_; }
  Users& users() { return users_; }
  Scripts& scripts() { return scripts_; }
  SlowLog& slow_log() { return slow_log_; }
  MemoryLimit& memory() { return memory_; }
  WriteHealth& write_health() { return write_health_; }
  ServiceCounters& counters() { return counters_; }
  EncodingLimits& encoding_limits() { return encoding_limits_; }
  const std::string& run_id() const { return run_id_; }
  std::chrono::steady_clock::time_point started_at() const { return started_at_; }

  // --- Keyspace events
  void notify(char kind, std::string_view event, const Key& key);
  // As notify-keyspace-events has it; false if it is malformed.
  bool set_notified(std::string_view flags);
  std::string notified() const;

  // --- How many keys each database has
  // At once if only database 0 is used, else by looking at all.
  using Counts = std::array<std::uint64_t, kDatabases>;
  Counts counts();
  void note_use_of(unsigned database);

  // --- Clients
  void add_client(const std::shared_ptr<ClientInfo>& client);
  void remove_client(std::uint64_t id);
  std::vector<std::shared_ptr<ClientInfo>> clients();

  // --- What runs in the background
  // False if one is under way.
  bool compact_in_background();
  bool is_compacting() const { return compacting_; }
  bool last_compaction_worked() const { return compacted_; }
  std::int64_t last_save() const { return last_save_; }
  void saved();
  void log(std::string line) const;
  // A peer speaks HTTP: said once a minute at most.
  void note_browser(const std::string& peer);

 private:
  // What the store calls, which may outlive us.
  struct Listener {
    explicit Listener(Service& to) : service(&to) {}
    Mutex mutex;
    Service* service HYBRID_GUARDED_BY(mutex);
  };
  void on_event(const Event& event);

  Provider& provider_;
  const ServiceOptions options_;
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  const std::string run_id_;
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>(*this);
  KeyLocks locks_;
  Users users_;
  BuriedKeys buried_;
  Channels channels_;
  Scripts scripts_;
  SlowLog slow_log_;
  MemoryLimit memory_;
  WriteHealth write_health_;
  OnceAMinute may_log_browser_;
  ServiceCounters counters_;
  EncodingLimits encoding_limits_;
  std::atomic<std::uint32_t> notified_{0};
  std::atomic<bool> others_are_used_{false};   // databases other than 0
  std::atomic<bool> others_are_known_{false};  // whether they were when the store was opened
  std::atomic<std::int64_t> last_save_;
  Mutex clients_mutex_;
  std::map<std::uint64_t, std::shared_ptr<ClientInfo>> clients_ HYBRID_GUARDED_BY(clients_mutex_);
  std::atomic<bool> compacting_{false};
  std::atomic<bool> compacted_{true};
  Thread compactor_;
  DurableReplies durable_replies_;
};

}  // namespace hybrid::server
