#include "server/service.hpp"

#include <algorithm>
#include <utility>

#include "base/digest.hpp"

namespace hybrid::server {
namespace {

constexpr std::string_view kKinds = "KEg$lshzxetdmn";
constexpr std::string_view kAll = "g$lshzxetd";

std::uint32_t bit_of(char kind) {
  const std::size_t place = kKinds.find(kind);
  return place == std::string_view::npos ? 0 : std::uint32_t{1} << place;
}

std::int64_t unix_seconds() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

std::string make_run_id() {
  std::array<std::byte, 20> random;
  fill_random(random);
  return to_hex(random);
}

}  // namespace

Service::Service(Provider& provider, ServiceOptions options)
    : provider_(provider),
      options_(std::move(options)),
      run_id_(make_run_id()),
      users_(options_.users, options_.log),
      buried_(options_.buried, provider_, options_.log),
      memory_(provider_, options_.memory_max, options_.log),
      write_health_(options_.log),
      last_save_(unix_seconds()),
      durable_replies_(provider) {
  static_cast<void>(provider_.on_event([listener = listener_](const Event& event) {
    const MutexLock lock{listener->mutex};
    if (listener->service != nullptr) listener->service->on_event(event);
  }));
}

Service::~Service() {
  static_cast<void>(provider_.on_event({}));
  {
    // A call of it may be under way.
    const MutexLock lock{listener_->mutex};
    listener_->service = nullptr;
  }
  if (compactor_.joinable()) compactor_.join();
}

void Service::log(std::string line) const {
  if (options_.log) options_.log(std::move(line));
}

void Service::note_browser(const std::string& peer) {
  if (!may_log_browser_.take()) return;
  log(peer + " speaks HTTP and is disconnected: no web page may have a browser send commands");
}

void Service::on_event(const Event& event) {
  if (event.kind != Event::Kind::expired) return;
  const auto served = parse_served(event.served);
  if (served && served->database == kGraveyard) return;
  counters_.expired.fetch_add(1, std::memory_order_relaxed);
  if (!served) return;
  notify('x', "expired", {.database = served->database, .name = served->name});
}

// --- Keyspace events

void Service::notify(char kind, std::string_view event, const Key& key) {
  const std::uint32_t notified = notified_.load(std::memory_order_relaxed);
  if ((notified & bit_of(kind)) == 0) return;
  const std::string database = std::to_string(key.database);
  if ((notified & bit_of('K')) != 0)
    channels_.publish("__keyspace@" + database + "__:" + std::string{key.name}, event);
  if ((notified & bit_of('E')) != 0)
    channels_.publish("__keyevent@" + database + "__:" + std::string{event}, key.name);
}

bool Service::set_notified(std::string_view flags) {
  std::uint32_t bits = 0;
  for (const char flag : flags) {
    if (flag == 'A') {
      for (const char kind : kAll) bits |= bit_of(kind);
    } else if (bit_of(flag) != 0) {
      bits |= bit_of(flag);
    } else {
      return false;
    }
  }
  notified_.store(bits, std::memory_order_relaxed);
  return true;
}

std::string Service::notified() const {
  const std::uint32_t bits = notified_.load(std::memory_order_relaxed);
  const auto has = [&](char kind) { return (bits & bit_of(kind)) != 0; };
  std::string flags;
  const bool all = std::ranges::all_of(kAll, has);
  if (all) flags = "A";
  for (const char kind : kAll) {
    if (!all && has(kind)) flags += kind;
  }
  for (const char kind : std::string_view{"KEmn"}) {
    if (has(kind)) flags += kind;
  }
  return flags;
}

// --- Counts

Service::Counts Service::counts() {
  Counts counts{};
  if (others_are_known_ && !others_are_used_) {
    counts[0] = must(provider_.size());
    counts[0] -= std::min<std::uint64_t>(counts[0], buried_.sessions());
    return counts;
  }
  std::uint64_t cursor = 0;
  do {
    constexpr std::size_t kPlaces = 4096;
    cursor = must(provider_.scan(cursor, kPlaces, [&](Session& session) {
      // What a C++ program has made has no name here, and is of database 0.
      const auto served = session.get<Value>(Attribute::served);
      if (!served) return;  // it has gone meanwhile
      const auto parsed = *served ? parse_served((*served)->encoded()) : std::nullopt;
      const unsigned database = parsed ? parsed->database : 0;
      if (database < kDatabases) ++counts[database];
    }));
  } while (cursor != 0);
  for (unsigned other = 1; other < kDatabases; ++other) {
    if (counts[other] > 0) others_are_used_ = true;
  }
  others_are_known_ = true;
  return counts;
}

void Service::note_use_of(unsigned database) {
  if (database != 0) others_are_used_ = true;
}

// --- Clients

void Service::add_client(const std::shared_ptr<ClientInfo>& client) {
  counters_.connections.fetch_add(1, std::memory_order_relaxed);
  const MutexLock lock{clients_mutex_};
  clients_.emplace(client->id, client);
}

void Service::remove_client(std::uint64_t id) {
  const MutexLock lock{clients_mutex_};
  clients_.erase(id);
}

std::vector<std::shared_ptr<ClientInfo>> Service::clients() {
  const MutexLock lock{clients_mutex_};
  std::vector<std::shared_ptr<ClientInfo>> clients;
  clients.reserve(clients_.size());
  for (const auto& [id, client] : clients_) clients.push_back(client);
  return clients;
}

// --- Background

bool Service::compact_in_background() {
  if (compacting_.exchange(true)) return false;
  if (compactor_.joinable()) compactor_.join();
  compactor_ = Thread{[this] {
    const auto done = provider_.compact();
    if (!done)
      log("the log could not be made shorter: " + done.error().message());
    else
      saved();
    compacted_ = done.has_value();
    compacting_ = false;
  }};
  return true;
}

void Service::saved() { last_save_ = unix_seconds(); }

}  // namespace hybrid::server
