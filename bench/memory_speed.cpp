// Question: is a session store that survives kill -9 as fast as memory?
// Rival: std::unordered_map of std::unordered_map behind a mutex per shard, which survives nothing.
// Both hold N sessions of 8 keys x 100 bytes; one thread; the rounds of both are interleaved; every value read is checked.
//
//   bench_memory_speed [--sessions N] [--rounds R] [--dir DIR] [--json]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <hybrid/hybrid.hpp>

namespace {

constexpr std::size_t kKeys = 8;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kSidBytes = 32;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_memory_speed: %s\n", why.c_str());
  std::exit(1);
}

// Bytes of physical memory that this process has of its own; the log's pages are in the page cache anyway.
std::size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string value_of(std::size_t session, std::size_t key, std::size_t round) {
  std::string value =
      std::to_string(session) + "/" + std::to_string(key) + "/" + std::to_string(round) + "/";
  value.resize(kValueBytes, 'v');
  return value;
}

class Rival {
 public:
  virtual ~Rival() = default;
  virtual const char* name() const = 0;
  virtual void create(const std::string& sid) = 0;
  virtual void set(const std::string& sid, const std::string& key, const std::string& value) = 0;
  virtual std::string get(const std::string& sid, const std::string& key) = 0;
};

class StdMaps final : public Rival {
 public:
  const char* name() const override { return "std::unordered_map, sharded mutex, in memory only"; }
  void create(const std::string& sid) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    shard.sessions.try_emplace(sid);
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    shard.sessions.at(sid)[key] = value;
  }
  std::string get(const std::string& sid, const std::string& key) override {
    Shard& shard = shard_of(sid);
    const std::lock_guard lock{shard.mutex};
    return shard.sessions.at(sid).at(key);
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, std::unordered_map<std::string, std::string>> sessions;
  };
  Shard& shard_of(const std::string& sid) {
    return shards_[std::hash<std::string>{}(sid) % shards_.size()];
  }
  std::array<Shard, 128> shards_;
};

class Hybrid final : public Rival {
 public:
  explicit Hybrid(const std::string& directory) {
    auto opened = hybrid::open(directory);
    if (!opened) die(opened.error().message());
    store_ = std::move(*opened);
  }
  const char* name() const override { return "hybrid, durability interval (survives kill -9)"; }
  void create(const std::string& sid) override { check(store_->init(sid)); }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    auto session = store_->load(sid);
    check(session);
    check(session->set(key, value));
  }
  std::string get(const std::string& sid, const std::string& key) override {
    auto session = store_->load(sid);
    check(session);
    auto value = session->get<std::string>(key);
    check(value);
    return **value;
  }
  hybrid::Provider& store() { return *store_; }

 private:
  template <class T>
  static void check(const T& result) {
    if (!result) die(result.error().message());
  }
  std::unique_ptr<hybrid::Provider> store_;
};

struct Measured {
  double bytes_a_session = 0;
  std::vector<double> get_us;
  std::vector<double> set_us;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t sessions = 1'000'000;
  std::size_t rounds = 5;
  std::string directory = "bench-data";
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto number = [&](std::size_t& value) {
      if (++i == argc) die("a number is missing after " + std::string{flag});
      const std::string_view text = argv[i];
      if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{} ||
          value == 0) {
        die("'" + std::string{text} + "' is not a number above 0");
      }
    };
    if (flag == "--sessions")
      number(sessions);
    else if (flag == "--rounds")
      number(rounds);
    else if (flag == "--dir" && i + 1 < argc)
      directory = argv[++i];
    else if (flag == "--json")
      json = true;
    else
      die("usage: bench_memory_speed [--sessions N] [--rounds R] [--dir DIR] [--json]");
  }
  if (std::filesystem::exists(directory))
    die("'" + directory + "' is there already; name a new directory");

  std::vector<std::string> sids;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < sessions; ++i) sids.push_back(hybrid::make_session_id());
  for (std::size_t k = 0; k < kKeys; ++k) keys.push_back("key" + std::to_string(k));

  std::vector<std::unique_ptr<Rival>> rivals;
  std::vector<Measured> measured(2);
  for (std::size_t r = 0; r < 2; ++r) {
    const std::size_t before = resident_bytes();
    if (r == 0)
      rivals.push_back(std::make_unique<Hybrid>(directory));
    else
      rivals.push_back(std::make_unique<StdMaps>());
    for (std::size_t i = 0; i < sessions; ++i) {
      rivals[r]->create(sids[i]);
      for (std::size_t k = 0; k < kKeys; ++k) rivals[r]->set(sids[i], keys[k], value_of(i, k, 0));
    }
    measured[r].bytes_a_session =
        static_cast<double>(resident_bytes() - before) / static_cast<double>(sessions);
  }

  constexpr std::size_t kOperations = 400'000;
  for (std::size_t round = 1; round <= rounds; ++round) {
    for (std::size_t r = 0; r < 2; ++r) {
      // With the id itself, so that it is in the cache when it is asked for, as that of a request is which was just parsed.
      struct Pick {
        std::array<char, kSidBytes> sid;
        std::size_t key;
      };
      std::mt19937_64 random{round};
      std::vector<Pick> picks(kOperations);
      for (Pick& pick : picks) {
        std::ranges::copy(sids[random() % sessions], pick.sid.begin());
        pick.key = random() % kKeys;
      }
      std::string sid;
      const auto time = [&](const auto& operation) {
        const auto start = std::chrono::steady_clock::now();
        for (const Pick& pick : picks) {
          sid.assign(pick.sid.data(), kSidBytes);
          operation(sid, keys[pick.key]);
        }
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
                   .count() /
               kOperations;
      };
      const std::string fresh = value_of(0, 0, round);
      measured[r].get_us.push_back(time([&](const std::string& id, const std::string& key) {
        const std::string value = rivals[r]->get(id, key);
        if (value.size() != kValueBytes) die("a value that was read is wrong");
      }));
      measured[r].set_us.push_back(time(
          [&](const std::string& id, const std::string& key) { rivals[r]->set(id, key, fresh); }));
      for (std::size_t i = 0; i < picks.size(); i += 1000) {
        sid.assign(picks[i].sid.data(), kSidBytes);
        if (rivals[r]->get(sid, keys[picks[i].key]) != fresh) die("a value that was set is wrong");
      }
    }
  }

  const double get_ratio = median(measured[0].get_us) / median(measured[1].get_us);
  const double set_ratio = median(measured[0].set_us) / median(measured[1].set_us);
  if (json) {
    for (std::size_t r = 0; r < 2; ++r) {
      std::printf(
          "{\"rival\":\"%s\",\"sessions\":%zu,\"load_get_us\":%.3f,\"load_set_us\":%.3f,\"bytes_a_"
          "session\":%.0f}\n",
          rivals[r]->name(), sessions, median(measured[r].get_us), median(measured[r].set_us),
          measured[r].bytes_a_session);
    }
  } else {
    std::printf("%-52s %12s %12s %16s\n", "", "load+get us", "load+set us", "bytes a session");
    for (std::size_t r = 0; r < 2; ++r) {
      std::printf("%-52s %12.3f %12.3f %16.0f\n", rivals[r]->name(), median(measured[r].get_us),
                  median(measured[r].set_us), measured[r].bytes_a_session);
    }
    std::printf("%-52s %12.2f %12.2f %16.2f\n", "ratio (below 1: hybrid is better)", get_ratio,
                set_ratio, measured[0].bytes_a_session / measured[1].bytes_a_session);
  }
  rivals.clear();
  std::filesystem::remove_all(directory);
}
