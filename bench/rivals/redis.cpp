// Redis with its append-only file: each session a hash, packed by a setting, since values of 100 bytes would make it a table of half as
// much memory more. Over a unix socket, the fastest way to it from another process.
#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <thread>

#include "bench/rivals/rival.hpp"
#include "bench/rivals/server.hpp"

namespace bench {
namespace {

class Redis final : public Rival {
 public:
  explicit Redis(const std::string& directory)
      : directory_(std::filesystem::absolute(directory)), server_(start()), context_(connect()) {}
  void create(const std::string& sid, const std::string& value) override {
    std::vector<const char*> arguments{"HSET", sid.data()};
    std::vector<std::size_t> lengths{4, sid.size()};
    for (const std::string& key : keys()) {
      arguments.insert(arguments.end(), {key.data(), value.data()});
      lengths.insert(lengths.end(), {key.size(), value.size()});
    }
    send(arguments, lengths);
    receive(REDIS_REPLY_INTEGER);
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    send({"HSET", sid.data(), key.data(), value.data()}, {4, sid.size(), key.size(), value.size()});
    receive(REDIS_REPLY_INTEGER);
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    send_get(sid, key);
    receive_value(value);
  }
  void get_many(std::span<const Wanted> wanted, std::span<std::string> values) override {
    for (const Wanted& one : wanted) send_get(one.sid, *one.key);
    for (std::string& value : values) receive_value(value);
  }
  void destroy(const std::string& sid) override {
    send({"DEL", sid.data()}, {3, sid.size()});
    receive(REDIS_REPLY_INTEGER);
  }
  std::size_t resident_bytes() const override { return server_->resident_bytes(); }
  bool reopen() override {
    context_.reset();
    server_.reset();
    std::filesystem::remove(socket());
    server_ = start();
    context_ = connect();
    for (;;) {
      send({"PING"}, {4});
      if (receive_any()->type == REDIS_REPLY_STATUS) return true;  // not LOADING any more
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }

 private:
  struct Free {
    void operator()(redisContext* context) const { ::redisFree(context); }
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, Free>;

  std::string socket() const { return directory_ + "/socket"; }
  std::unique_ptr<Server> start() const {
    return std::make_unique<Server>(
        std::vector<std::string>{"redis-server", "--port", "0", "--unixsocket", socket(), "--dir",
                                 directory_, "--save", "", "--appendonly", "yes", "--appendfsync",
                                 "everysec", "--auto-aof-rewrite-percentage", "0",
                                 "--hash-max-listpack-value", "1024"},
        socket());
  }
  std::unique_ptr<redisContext, Free> connect() const {
    std::unique_ptr<redisContext, Free> context{::redisConnectUnix(socket().c_str())};
    if (!context || context->err != 0) die("cannot connect to Redis");
    return context;
  }
  void send(std::vector<const char*> arguments, const std::vector<std::size_t>& lengths) {
    if (::redisAppendCommandArgv(context_.get(), static_cast<int>(arguments.size()),
                                 arguments.data(), lengths.data()) != REDIS_OK)
      die("Redis takes no command");
  }
  void send_get(std::string_view sid, const std::string& key) {
    send({"HGET", sid.data(), key.data()}, {4, sid.size(), key.size()});
  }
  Reply receive_any() {
    void* reply = nullptr;
    if (::redisGetReply(context_.get(), &reply) != REDIS_OK) die("Redis does not answer");
    return Reply{static_cast<redisReply*>(reply)};
  }
  Reply receive(int type) {
    Reply received = receive_any();
    if (received->type != type) die("Redis answers something else");
    return received;
  }
  void receive_value(std::string& value) {
    const Reply reply = receive(REDIS_REPLY_STRING);
    value.assign(reply->str, reply->len);
  }

  std::string directory_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<redisContext, Free> context_;
};

std::unique_ptr<Rival> make(const std::string& directory) {
  return std::make_unique<Redis>(directory);
}

const Contends redis{{"Redis", Kept::process_crash, make, false, true}};

}  // namespace
}  // namespace bench
