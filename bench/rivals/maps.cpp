// Maps of maps behind a mutex per shard: what web frameworks call their memory store.
#include <absl/container/flat_hash_map.h>

#include <boost/unordered_map.hpp>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

template <template <class, class> class Map>
class Maps final : public Rival {
 public:
  void create(const std::string& sid, const std::string& value) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    auto& session = shard.sessions[sid];
    for (const std::string& key : keys()) session[key] = value;
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    const auto session = shard.sessions.find(sid);
    if (session == shard.sessions.end()) die("a session is not there");
    session->second[key] = value;
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    const auto session = shard.sessions.find(sid);
    if (session == shard.sessions.end()) die("a session is not there");
    const auto found = session->second.find(key);
    if (found == session->second.end()) die("a key is not there");
    value = found->second;
  }
  void destroy(const std::string& sid) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    shard.sessions.erase(sid);
  }

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    Map<std::string, Map<std::string, std::string>> sessions;
  };
  Shard& shard_of(const std::string& sid) {
    return shards_[std::hash<std::string>{}(sid) % shards_.size()];
  }
  std::array<Shard, 128> shards_;
};

template <class K, class V>
using StdMap = std::unordered_map<K, V>;
template <class K, class V>
using AbslMap = absl::flat_hash_map<K, V>;
template <class K, class V>
using BoostMap = boost::unordered_map<K, V>;

template <template <class, class> class Map>
std::unique_ptr<Rival> make(const std::string&) {
  return std::make_unique<Maps<Map>>();
}

const Contends std_maps{{"std", Kept::no_crash, make<StdMap>}};
const Contends absl_maps{{"absl", Kept::no_crash, make<AbslMap>}};
const Contends boost_maps{{"boost", Kept::no_crash, make<BoostMap>}};

}  // namespace
}  // namespace bench
