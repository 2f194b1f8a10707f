// One client: what it has said so far, and how its requests become calls of commands.
//
// Lives on its connection's loop, and is called by that thread only, but for ClientInfo and deliver().
//   C1  Replies go out in the order of the requests. In `always` none goes out before what was written until then is durable.
//   C2  A request is refused before anything is done: unknown, too few arguments, not allowed. Its reply is whole or an error.
//   C3  What a client can make the server keep is bounded: its queue of MULTI, its watched keys, its subscriptions, a reply, and
//       messages that wait for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/connection.hpp"
#include "resp/reply_writer.hpp"
#include "resp/request_parser.hpp"
#include "server/channels.hpp"
#include "server/command.hpp"
#include "server/keyspace.hpp"
#include "server/users.hpp"

namespace hybrid::server {

class Service;
struct ClientInfo;

// Of one request: the largest session fits twice.
inline constexpr std::size_t kReplyBytesMax = std::size_t{128} << 20;

class Client final : public net::Handler {
 public:
  Client(net::Connection& connection, Service& service);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() override;

  std::size_t on_input(std::string_view input) override;
  std::size_t bytes_wanted() const override { return parser_.wanted(); }

  // --- For commands
  net::Connection& connection() { return connection_; }
  ClientInfo& info() { return *info_; }
  unsigned database() const { return database_; }
  void select(unsigned database);
  int protocol() const { return protocol_; }
  void set_protocol(int protocol);
  const User* user() const { return user_; }
  void log_in(const User& user);
  // As if it had just connected.
  void reset();
  void quit() { quits_ = true; }
  // The reply waits until all that was written is durable.
  void await_sync() { waits_for_sync_ = true; }
  void note_look_up(bool hit) { ++(hit ? counted_.hits : counted_.misses); }
  enum class Replies : std::uint8_t { on, off, skip_next, skipping };
  void set_replies(Replies replies) { replies_ = replies; }

  struct Queued {
    const Command* command;
    std::vector<std::string> arguments;
  };
  bool in_multi() const { return in_multi_; }
  void begin_multi();
  void end_multi();
  // The queue, and whether a command was refused on its way into it.
  std::vector<Queued> take_queue() { return std::move(queue_); }
  bool multi_is_broken() const { return multi_is_broken_; }
  // Refuses if not all of them can be.
  void check_watched(std::span<const std::string_view> names) const;
  void watch(const Key& key, Keyspace& keys);
  void unwatch() { watched_.clear(); }
  bool watched_keys_changed(Keyspace& keys) const;

  // Refuses if not all of them can be.
  void check_subscribed(std::span<const std::string_view> names) const;
  void subscribe(const std::string& channel, bool is_pattern);
  bool unsubscribe(const std::string& channel, bool is_pattern);
  const std::set<std::string>& channels() const { return channels_; }
  const std::set<std::string>& patterns() const { return patterns_; }
  std::size_t subscriptions() const { return channels_.size() + patterns_.size(); }

  // Calls a command whose locks are held, within EXEC or a script. Its reply is an error if it would make `output` longer than
  // `output_bytes_max`.
  void run(const Command& command, std::span<const std::string_view> arguments, Keyspace& keys,
           std::string& output, std::size_t output_bytes_max = kReplyBytesMax);

 private:
  // What others hold of it: told on its loop, and void once it is gone.
  class Link;

  // A few requests that came together, and one of them.
  struct Batch;
  struct Request;

  // Takes them out of the input from `consumed` on, which it moves. Says why no more.
  resp::RequestParser::Status gather(std::string_view input, std::size_t& consumed, Batch& batch);
  void find_sessions(Batch& batch);
  // How many: fewer than there are if it quits, the output gets longer, or it gets late.
  std::size_t execute(Batch& batch, std::string& output, std::size_t output_bytes_max,
                      SteadyClock::time_point until);
  void execute(Request& request, std::string& output);
  // Why the request may not be called; empty if it may.
  std::string refusal(const Command* command, std::span<const std::string_view> arguments) const;
  void queue(const Command& command, std::span<const std::string_view> arguments,
             resp::ReplyWriter& reply);
  void run_locked(Request& request, std::string& output);
  void note_slow(const Request& request, SteadyClock::duration duration) const;
  void add_counted();
  void tell(const std::string& pattern, const Message& message);
  void send();
  void on_durable(std::uint64_t end, bool durable);

  net::Connection& connection_;
  Service& service_;
  resp::RequestParser parser_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<ClientInfo> info_;

  const User* user_ = nullptr;  // none: it has not said who it is
  unsigned database_ = 0;
  int protocol_ = 2;
  Replies replies_ = Replies::on;
  bool quits_ = false;
  bool waits_for_sync_ = false;  // what was written since replies were last sent
  std::size_t undurable_ = 0;    // how often await() was called and has not come back

  struct Counted {  // since add_counted(): all loops share the counters
    std::uint64_t commands = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t errors = 0;
  };
  Counted counted_;

  bool in_multi_ = false;
  bool multi_is_broken_ = false;
  std::vector<Queued> queue_;
  std::size_t queue_bytes_ = 0;
  struct Watched {
    unsigned database;
    std::string name;
    std::optional<Session> session;  // none: it was not there
    std::uint64_t version = 0;
  };
  std::vector<Watched> watched_;

  std::set<std::string> channels_;
  std::set<std::string> patterns_;
};

}  // namespace hybrid::server
