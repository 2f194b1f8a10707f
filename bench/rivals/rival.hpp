// What a store of sessions has to do in the comparison. One thread at a time, unless many_writers.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/rivals/server.hpp"
#include "bench/sure.hpp"

namespace bench {

inline constexpr std::size_t kKeys = 8;
inline constexpr std::size_t kValueBytes = 100;

inline const std::array<std::string, kKeys>& keys() {
  static const std::array<std::string, kKeys> keys{"key0", "key1", "key2", "key3",
                                                   "key4", "key5", "key6", "key7"};
  return keys;
}

// One of several look-ups that are asked for at once.
struct Wanted {
  std::string_view sid;
  const std::string* key;
};

class Rival {
 public:
  virtual ~Rival() = default;
  // A session with `value` under each of keys(). The id is not in use.
  virtual void create(const std::string& sid, const std::string& value) = 0;
  virtual void set(const std::string& sid, const std::string& key, const std::string& value) = 0;
  // Dies if it is not there.
  virtual void get(const std::string& sid, const std::string& key, std::string& value) = 0;
  // The same for several at once, if it has a way to do that.
  virtual void get_many(std::span<const Wanted> wanted, std::span<std::string> values) {
    for (std::size_t i = 0; i < wanted.size(); ++i)
      get(std::string{wanted[i].sid}, *wanted[i].key, values[i]);
  }
  virtual void destroy(const std::string& sid) = 0;
  // Stops and starts again on its files. Returns false if it has none, or none of its own format.
  virtual bool reopen() { return false; }
  // Of the process that holds the sessions.
  virtual std::size_t resident_bytes() const { return resident_bytes_of("self"); }
};

// What survives what, once it was acknowledged. Only equals are compared.
enum class Kept { no_crash, process_crash, power_cut };

struct Contender {
  const char* name;
  Kept kept;
  // `directory` is there, empty, and the contender's own.
  std::unique_ptr<Rival> (*make)(const std::string& directory);
  bool many_writers = false;  // its set() may come from several threads, and they share syncs
  bool remote = false;        // in another process
};

// Every file of rivals/ adds its own, before main().
std::vector<Contender>& contenders();

struct Contends {
  explicit Contends(const Contender& contender) { contenders().push_back(contender); }
};

// For stores of one level: a key of one session.
inline std::string flat_key(const std::string& sid, std::string_view key) {
  std::string flat;
  flat.reserve(sid.size() + 1 + key.size());
  flat.append(sid).append(1, '/').append(key);
  return flat;
}

}  // namespace bench
