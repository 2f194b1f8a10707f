#include "server/client.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include "server/call.hpp"
#include "server/reply_error.hpp"
#include "server/service.hpp"
#include "server/transaction.hpp"

namespace hybrid::server {
namespace {

// So that one client does not keep its loop from the others.
constexpr std::size_t kRequestsPerTurn = 1000;
constexpr std::size_t kRequestsTogether = 16;
constexpr std::size_t kWordsTogether = 256;
constexpr auto kTimePerTurn = std::chrono::milliseconds{10};
constexpr std::size_t kOutputPerTurn = std::size_t{1} << 20;
constexpr std::size_t kOutputBeforeAuthMax = std::size_t{256} << 10;
constexpr std::size_t kQueueBytesMax = std::size_t{64} << 20;
constexpr std::size_t kWatchedMax = 10'000;
constexpr std::size_t kSubscriptionsMax = 10'000;
constexpr std::size_t kMessageBytesMax = std::size_t{64} << 20;  // that wait for its loop

// An address as Redis shows it: a unix socket's path has a port, too.
std::string shown(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  return address.starts_with(kUnix) ? address.substr(kUnix.size()) + ":0" : address;
}

// The first word of a request, or of a line of its header, of a browser; whatever follows is not for us.
bool is_of_http(std::string_view word) { return is(word, "post") || is(word, "host:"); }

}  // namespace

class Client::Link final : public Subscriber, public std::enable_shared_from_this<Client::Link> {
 public:
  explicit Link(Client& client)
      : client_(&client), connection_(client.connection_.weak_from_this()) {}
  void cut() { client_ = nullptr; }

  // Any thread: calls fn(Client&) on the client's loop.
  template <class F>
  void post(F fn) {
    const auto connection = connection_.lock();
    if (!connection) return;
    connection->post([link = shared_from_this(), fn = std::move(fn)](net::Connection&) {
      if (link->client_ != nullptr) fn(*link->client_);
    });
  }

  void deliver(std::string_view pattern, const MessageRef& message) override {
    constexpr std::size_t kOverhead = 256;
    const std::size_t bytes =
        kOverhead + pattern.size() + message->channel.size() + message->text.size();
    const std::size_t before = waiting_.fetch_add(bytes, std::memory_order_relaxed);
    if (before > kMessageBytesMax) return;  // it is being disconnected
    if (before + bytes > kMessageBytesMax) {
      return post([](Client& client) {
        client.service_.log("client " + std::to_string(client.info_->id) +
                            " is too far behind its messages and is disconnected");
        client.connection_.close();
      });
    }
    post([this, bytes, message, pattern = std::string{pattern}](Client& client) {
      waiting_.fetch_sub(bytes, std::memory_order_relaxed);
      client.tell(pattern, *message);
    });
  }

 private:
  Client* client_;                       // of its loop
  std::atomic<std::size_t> waiting_{0};  // bytes
  const std::weak_ptr<net::Connection> connection_;
};

Client::Client(net::Connection& connection, Service& service)
    : connection_(connection),
      service_(service),
      link_(std::make_shared<Link>(*this)),
      info_(std::make_shared<ClientInfo>()) {
  info_->id = connection.id();
  info_->peer = shown(connection.peer());
  info_->local = shown(connection.local());
  info_->descriptor = connection.descriptor();
  info_->connected_at = SteadyClock::now();
  info_->last_at = info_->connected_at;
  info_->connection = connection.weak_from_this();
  parser_.set_limits({.request_bytes_max = service.options().request_bytes_max});
  parser_.set_authenticated(false);
  if (!service.users().ask_for_password()) log_in(*service.users().find("default"));
  service_.add_client(info_);
}

Client::~Client() {
  reset();
  link_->cut();
  service_.remove_client(info_->id);
}

struct Client::Request {
  const Command* command;  // null: there is none of that name
  std::span<const std::string_view> arguments;
  std::size_t end;                      // in the input
  std::optional<Session> session = {};  // of its key, if it is known
  bool session_may_have_ended = false;  // by a request that came with it
};

// One for each thread: a client that is silent keeps none of it.
struct Client::Batch {
  std::vector<std::string_view> words{};  // of the requests
  std::vector<Request> requests{};
  std::vector<std::string_view> sids{};  // that find_sessions() asks for

  void clear() {
    words.clear();
    requests.clear();
    sids.clear();
  }
  struct Cleared {
    Batch& batch;
    ~Cleared() { batch.clear(); }
  };
};

std::size_t Client::on_input(std::string_view input) {
  using Status = resp::RequestParser::Status;
  thread_local Batch batch;
  const Batch::Cleared cleared{batch};  // also if memory runs out: sessions are not kept for ever
  std::size_t consumed = 0;
  std::string& output = connection_.output();
  const std::size_t output_before = output.size();
  const auto began = SteadyClock::now();
  info_->last_at.store(began, std::memory_order_relaxed);
  for (std::size_t executed = 0;;) {
    const Status status = gather(input, consumed, batch);
    find_sessions(batch);
    const std::size_t count =
        execute(batch, output, output_before + kOutputPerTurn, began + kTimePerTurn);
    executed += count;
    if (quits_) break;
    if (count < batch.requests.size()) {
      consumed = batch.requests[count - 1].end;
      parser_.start_over();
      connection_.read_again();
      break;
    }
    if (status == Status::incomplete) break;
    if (status == Status::error) {
      resp::ReplyWriter{output, protocol_}.error("ERR " + std::string{parser_.error()});
      quits_ = true;
      break;
    }
    if (executed >= kRequestsPerTurn || output.size() > output_before + kOutputPerTurn ||
        SteadyClock::now() > began + kTimePerTurn) {
      connection_.read_again();
      break;
    }
  }
  if (quits_) consumed = input.size();
  ServiceCounters& counters = service_.counters();
  counters.input_bytes.fetch_add(consumed, std::memory_order_relaxed);
  counters.output_bytes.fetch_add(output.size() - output_before, std::memory_order_relaxed);
  add_counted();
  send();
  if (quits_) connection_.close_after_output();
  if (user_ == nullptr && connection_.unsent() > kOutputBeforeAuthMax) connection_.close();
  return consumed;
}

resp::RequestParser::Status Client::gather(std::string_view input, std::size_t& consumed,
                                           Batch& batch) {
  using Status = resp::RequestParser::Status;
  // What a client may send depends on who it is: one that has yet to say so is asked after each request.
  const std::size_t requests_max = user_ != nullptr ? kRequestsTogether : 1;
  batch.clear();
  std::vector<std::string_view>& words = batch.words;
  words.reserve(kWordsTogether);  // so that none moves when others are added
  Status status = Status::request;
  while (batch.requests.size() < requests_max && words.size() < kWordsTogether) {
    status = parser_.parse(input.substr(consumed));
    consumed += parser_.consumed();
    if (status != Status::request) break;
    std::span<const std::string_view> arguments = parser_.arguments();
    const Command* const command = find_command(arguments);
    const bool is_last = parser_.is_inline() || words.size() + arguments.size() > kWordsTogether;
    if (!is_last) {
      const std::size_t first = words.size();
      words.insert(words.end(), arguments.begin(), arguments.end());
      arguments = std::span{words}.subspan(first);
    }
    batch.requests.push_back({.command = command, .arguments = arguments, .end = consumed});
    if (is_last) break;  // its arguments are the parser's
  }
  return status;
}

// At once, so that the processor waits for all of their cache misses at the same time.
void Client::find_sessions(Batch& batch) {
  if (batch.requests.size() < 2 || in_multi_) return;
  const auto key_of = [this](const Request& request) -> std::optional<std::string_view> {
    const Command* const command = request.command;
    const bool has_one = command != nullptr && command->keys.first == 1 &&
                         command->keys.last == 1 && request.arguments.size() > 1;
    if (!has_one || !is_plain({.database = database_, .name = request.arguments[1]}))
      return std::nullopt;
    return request.arguments[1];
  };
  for (const Request& request : batch.requests) {
    if (const auto key = key_of(request)) batch.sids.push_back(*key);
  }
  if (batch.sids.size() < 2) return;
  auto found = service_.provider().find_many(batch.sids);
  if (!found) return;  // each will say so itself
  auto session = found->begin();
  for (Request& request : batch.requests) {
    if (key_of(request)) request.session = std::move(*session++);
  }
}

std::size_t Client::execute(Batch& batch, std::string& output, std::size_t output_bytes_max,
                            SteadyClock::time_point until) {
  std::size_t count = 0;
  bool wrote = false;
  const bool times_all = service_.slow_log().wants_all();
  for (Request& request : batch.requests) {
    request.session_may_have_ended = wrote;
    const bool is_timed = request.command != nullptr && (!request.command->has(kFast) || times_all);
    const auto began = is_timed ? SteadyClock::now() : SteadyClock::time_point{};
    execute(request, output);
    request.session.reset();
    wrote = wrote || request.command == nullptr || request.command->has(kWrite);
    ++count;
    const auto ended = is_timed ? SteadyClock::now() : began;
    if (is_timed && service_.slow_log().takes(ended - began)) note_slow(request, ended - began);
    if (quits_ || output.size() > output_bytes_max || ended > until) break;
  }
  return count;
}

void Client::note_slow(const Request& request, SteadyClock::duration duration) const {
  const std::size_t named = request.command->is_subcommand() ? 2 : 1;
  SlowLog::Entry entry{
      .duration = std::chrono::duration_cast<SlowLog::microseconds>(duration),
      .words = SlowLog::describe(request.command->name, request.arguments.subspan(named)),
      .peer = info_->peer};
  {
    const MutexLock lock{info_->mutex};
    entry.name = info_->name;
  }
  service_.slow_log().add(std::move(entry));
}

void Client::add_counted() {
  ServiceCounters& counters = service_.counters();
  const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t count) {
    if (count != 0) to.fetch_add(count, std::memory_order_relaxed);
  };
  add(counters.commands, counted_.commands);
  add(counters.hits, counted_.hits);
  add(counters.misses, counted_.misses);
  add(counters.errors, counted_.errors);
  counted_ = {};
}

void Client::send() {
  if (waits_for_sync_ || undurable_ > 0) {
    waits_for_sync_ = false;
    ++undurable_;
    const std::uint64_t end = connection_.output_end();
    service_.durable_replies().await([link = link_, end](bool durable) {
      link->post([end, durable](Client& client) { client.on_durable(end, durable); });
    });
    return;
  }
  connection_.allow_all();
}

void Client::on_durable(std::uint64_t end, bool durable) {
  --undurable_;
  if (durable) {
    connection_.allow(end);
    return;
  }
  // What it wrote may or may not be kept, and an error reply would say it is not.
  service_.log("a sync of the log failed: clients whose changes may be lost are disconnected");
  connection_.close();
}

// --- Requests

std::string Client::refusal(const Command* command,
                            std::span<const std::string_view> arguments) const {
  if (command == nullptr) return unknown_command(arguments);
  if (!command->takes(arguments.size()))
    return "ERR wrong number of arguments for '" + std::string{command->name} + "' command";
  if (user_ == nullptr && !command->has(kNoAuth)) return "NOAUTH Authentication required.";
  if (user_ != nullptr && user_->read_only && (command->has(kWrite) || command->has(kAdmin))) {
    return "NOPERM this user has no permissions to run the '" + std::string{command->name} +
           "' command";
  }
  if (protocol_ == 2 && subscriptions() > 0 && !command->has(kSubscribed)) {
    return "ERR Can't execute '" + std::string{command->name} +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  }
  if (in_multi_ && command->has(kNotInMulti)) return "ERR Command not allowed inside a transaction";
  if (command->may_grow(arguments) && service_.memory().is_exceeded())
    return MemoryLimit::kExceeded;
  return {};
}

void Client::execute(Request& request, std::string& output) {
  const std::size_t before = output.size();
  resp::ReplyWriter reply{output, protocol_};
  const Command* const command = request.command;
  ++counted_.commands;
  if (command != nullptr)
    info_->last_command.store(command->name.data(), std::memory_order_relaxed);
  const bool is_skipped = replies_ == Replies::skipping;
  bool pushes = false;

  if (command == nullptr && is_of_http(request.arguments[0])) {
    service_.note_browser(info_->peer);
    quits_ = true;
  } else if (const std::string text = refusal(command, request.arguments); !text.empty()) {
    reply.error(text);
    ++counted_.errors;
    if (in_multi_) multi_is_broken_ = true;
  } else if (in_multi_ && !command->has(kAtOnce)) {
    queue(*command, request.arguments, reply);
  } else {
    run_locked(request, output);
    pushes = command->has(kPushes) && !std::string_view{output}.substr(before).starts_with('-');
  }

  if ((is_skipped || replies_ == Replies::off) && !pushes) output.resize(before);
  if (replies_ == Replies::skip_next)
    replies_ = Replies::skipping;
  else if (is_skipped)
    replies_ = Replies::on;
}

void Client::run_locked(Request& request, std::string& output) {
  const Command& command = *request.command;
  const std::span<const std::string_view> arguments = request.arguments;
  const std::size_t output_bytes_max = output.size() + kReplyBytesMax;
  Keyspace keys{service_.provider()};
  if (command.has(kAllKeys)) {
    const KeyLocks::Guard guard{service_.locks(), KeyLocks::Set{}.set()};
    return run(command, arguments, keys, output, output_bytes_max);
  }
  if (command.keys.first == 0) return run(command, arguments, keys, output, output_bytes_max);
  const bool names_one = command.keys.last == command.keys.first &&
                         static_cast<std::size_t>(command.keys.first) < arguments.size();
  if (names_one) {
    const Key key{.database = database_,
                  .name = arguments[static_cast<std::size_t>(command.keys.first)]};
    if (request.session)
      keys.offer(key.name, std::move(*request.session), request.session_may_have_ended);
    const KeyLocks::Guard guard{service_.locks(), key};
    return run(command, arguments, keys, output, output_bytes_max);
  }
  KeyLocks::Set wanted;
  command.for_each_key(arguments.size(), [&](std::size_t i) {
    wanted.set(KeyLocks::lock_of({.database = database_, .name = arguments[i]}));
  });
  const KeyLocks::Guard guard{service_.locks(), wanted};
  run(command, arguments, keys, output, output_bytes_max);
}

void Client::run(const Command& command, std::span<const std::string_view> arguments,
                 Keyspace& keys, std::string& output, std::size_t output_bytes_max) {
  constexpr int kTriesMax = 3;
  const std::size_t before = output.size();
  resp::ReplyWriter reply{output, protocol_, output_bytes_max};
  Call call{.client = *this,
            .service = service_,
            .keys = keys,
            .command = command,
            .arguments = arguments,
            .reply = reply};
  const auto fail = [&](std::string_view text) {
    output.resize(before);
    resp::ReplyWriter{output, protocol_}.error(text);
    ++counted_.errors;
  };
  if (command.has(kWrite) && service_.options().durability == Durability::always) await_sync();
  for (int tries = 1;; ++tries) {
    try {
      return command.run(call);
    } catch (const KeyGone& gone) {
      if (tries == kTriesMax) return fail(gone.text());
      output.resize(before);
      keys.forget_gone();
    } catch (const NotWritten& error) {
      service_.write_health().refused(error.text());
      return fail(error.text());
    } catch (const ReplyError& error) {
      return fail(error.text());
    } catch (const std::length_error&) {
      return fail("ERR the reply is longer than " + std::to_string(kReplyBytesMax >> 20) + " MiB");
    }
  }
}

// --- What it has said

void Client::select(unsigned database) {
  database_ = database;
  service_.note_use_of(database);
  info_->database.store(database, std::memory_order_relaxed);
}

void Client::set_protocol(int protocol) {
  protocol_ = protocol;
  info_->protocol.store(protocol, std::memory_order_relaxed);
}

void Client::log_in(const User& user) {
  user_ = &user;
  parser_.set_authenticated(true);
  const MutexLock lock{info_->mutex};
  info_->user = user.name;
}

void Client::reset() {
  end_multi();
  unwatch();
  while (!channels_.empty()) unsubscribe(*channels_.begin(), false);
  while (!patterns_.empty()) unsubscribe(*patterns_.begin(), true);
  select(0);
  set_protocol(2);
  replies_ = Replies::on;
  if (service_.users().ask_for_password()) {
    user_ = nullptr;
    parser_.set_authenticated(false);
  } else {
    log_in(*service_.users().find("default"));
  }
  const MutexLock lock{info_->mutex};
  info_->name.clear();
}

// --- MULTI

void Client::begin_multi() {
  in_multi_ = true;
  info_->queued.store(0, std::memory_order_relaxed);
}

void Client::end_multi() {
  in_multi_ = false;
  multi_is_broken_ = false;
  queue_.clear();
  queue_bytes_ = 0;
  info_->queued.store(-1, std::memory_order_relaxed);
}

void Client::queue(const Command& command, std::span<const std::string_view> arguments,
                   resp::ReplyWriter& reply) {
  constexpr std::size_t kPerArgument = 64;
  for (const std::string_view argument : arguments) queue_bytes_ += argument.size() + kPerArgument;
  if (queue_bytes_ > kQueueBytesMax) {
    multi_is_broken_ = true;
    queue_.clear();
    reply.error("ERR the transaction is too large");
    return;
  }
  if (!multi_is_broken_) queue_.push_back({&command, {arguments.begin(), arguments.end()}});
  info_->queued.fetch_add(1, std::memory_order_relaxed);
  reply.simple("QUEUED");
}

void Client::check_watched(std::span<const std::string_view> names) const {
  if (watched_.size() + names.size() > kWatchedMax) refuse("ERR too many watched keys");
  for (const std::string_view name : names)
    if (name.size() > kKeyBytesMax) refuse("ERR the key is longer than 64 KiB");
}

void Client::watch(const Key& key, Keyspace& keys) {
  const bool watched = std::ranges::any_of(watched_, [&](const Watched& seen) {
    return seen.database == key.database && seen.name == key.name;
  });
  if (watched) return;
  Watched watch{.database = key.database, .name = std::string{key.name}, .session = {}};
  if (const auto object = keys.find(key)) {
    watch.session = object->session();
    watch.version = must(object->session().version());
  }
  watched_.push_back(std::move(watch));
}

bool Client::watched_keys_changed(Keyspace& keys) const {
  return std::ranges::any_of(watched_, [&](const Watched& watched) {
    if (!watched.session) return keys.exists({.database = watched.database, .name = watched.name});
    // A session that went, be it that another came in its place, or that is called otherwise, is not what was watched.
    const auto version = watched.session->version();
    return !version || *version != watched.version;
  });
}

// --- Subscriptions

void Client::tell(const std::string& pattern, const Message& message) {
  // It may have unsubscribed meanwhile, and would take the message for a reply.
  const bool listens =
      pattern.empty() ? channels_.contains(message.channel) : patterns_.contains(pattern);
  if (!listens) return;
  resp::ReplyWriter reply{connection_.output(), protocol_};
  reply.push(pattern.empty() ? 3 : 4);
  reply.bulk(pattern.empty() ? "message" : "pmessage");
  if (!pattern.empty()) reply.bulk(pattern);
  reply.bulk(message.channel);
  reply.bulk(message.text);
  send();
}

void Client::check_subscribed(std::span<const std::string_view> names) const {
  if (subscriptions() + names.size() > kSubscriptionsMax) refuse("ERR too many subscriptions");
  for (const std::string_view name : names) {
    if (name.size() > kKeyBytesMax) refuse("ERR the channel's name is longer than 64 KiB");
  }
}

void Client::subscribe(const std::string& channel, bool is_pattern) {
  auto& own = is_pattern ? patterns_ : channels_;
  if (!own.insert(channel).second) return;
  if (is_pattern) {
    service_.channels().subscribe_pattern(channel, link_);
    ++info_->patterns;
  } else {
    service_.channels().subscribe(channel, link_);
    ++info_->channels;
  }
  connection_.allow_silence(true);
}

bool Client::unsubscribe(const std::string& channel, bool is_pattern) {
  const std::string name = channel;  // it may be the set's own
  auto& own = is_pattern ? patterns_ : channels_;
  if (own.erase(name) == 0) return false;
  if (is_pattern) {
    service_.channels().unsubscribe_pattern(name, link_);
    --info_->patterns;
  } else {
    service_.channels().unsubscribe(name, link_);
    --info_->channels;
  }
  connection_.allow_silence(subscriptions() > 0);
  return true;
}

}  // namespace hybrid::server
