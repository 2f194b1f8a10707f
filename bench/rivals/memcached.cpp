// memcached, which survives nothing: a key for each key of a session. Over a unix socket.
#include <libmemcached/memcached.h>

#include "bench/rivals/rival.hpp"
#include "bench/rivals/server.hpp"

namespace bench {
namespace {

class Memcached final : public Rival {
 public:
  explicit Memcached(const std::string& directory)
      : server_({"memcached", "-u", "root", "-s", directory + "/socket", "-m", "16384", "-t", "1"},
                directory + "/socket"),
        connection_(::memcached_create(nullptr)) {
    check(::memcached_server_add_unix_socket(connection_.get(), (directory + "/socket").c_str()));
    check(::memcached_behavior_set(connection_.get(), MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1));
  }
  void create(const std::string& sid, const std::string& value) override {
    for (const std::string& key : keys()) set(sid, key, value);
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    const std::string flat = flat_key(sid, key);
    check(::memcached_set(connection_.get(), flat.data(), flat.size(), value.data(), value.size(),
                          0, 0));
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    const std::string flat = flat_key(sid, key);
    std::size_t size = 0;
    std::uint32_t flags = 0;
    memcached_return_t result = MEMCACHED_SUCCESS;
    const std::unique_ptr<char, decltype(&std::free)> found{
        ::memcached_get(connection_.get(), flat.data(), flat.size(), &size, &flags, &result),
        &std::free};
    check(result);
    value.assign(found.get(), size);
  }
  void destroy(const std::string& sid) override {
    for (const std::string& key : keys()) {
      const std::string flat = flat_key(sid, key);
      check(::memcached_delete(connection_.get(), flat.data(), flat.size(), 0));
    }
  }
  std::size_t resident_bytes() const override { return server_.resident_bytes(); }

 private:
  struct Free {
    void operator()(memcached_st* connection) const { ::memcached_free(connection); }
  };
  void check(memcached_return_t result) {
    if (result != MEMCACHED_SUCCESS)
      die(std::string{"memcached: "} + ::memcached_strerror(connection_.get(), result));
  }

  Server server_;
  std::unique_ptr<memcached_st, Free> connection_;
};

std::unique_ptr<Rival> make(const std::string& directory) {
  return std::make_unique<Memcached>(directory);
}

const Contends memcached{{"memcached", Kept::no_crash, make, false, true}};

}  // namespace
}  // namespace bench
