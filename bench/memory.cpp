// Question: how much memory do sessions take, also after their values have changed for long, and when they are small and many?
// Rival: std::unordered_map of std::unordered_map. Both in memory only, so that all that is resident is the sessions'.
//   bench_memory [--sessions N] [--small N]
// *grown*: N sessions of 8 keys x 100 bytes; then 10 rounds that give every value another length, 60 to 180 bytes, and replace half
// of the sessions. *small*: so many of 2 keys x 20 bytes (10,000,000), and a tenth as many without any, by hybrid only. Payload: the
// id, keys and values.
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <hybrid/hybrid.hpp>

#include "bench/sure.hpp"

namespace {

using bench::die;
using bench::sure;

constexpr std::size_t kKeys = 8;

std::size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  in >> size >> resident >> shared;
  return (resident - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

const std::string& key(std::size_t k) {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < kKeys; ++i) made.push_back("key" + std::to_string(i));
    return made;
  }();
  return keys[k];
}

class Hybrid {
 public:
  static constexpr const char* kName = "hybrid";
  void create(const std::string& sid) { sure(store_->load(sid)); }
  void set(const std::string& sid, std::size_t k, const std::string& value) {
    sure(sure(store_->load(sid)).set(key(k), value));
  }
  void destroy(const std::string& sid) { sure(store_->destroy(sid)); }

 private:
  std::unique_ptr<hybrid::Provider> store_ = sure(hybrid::open("memory:"));
};

class StdMaps {
 public:
  static constexpr const char* kName = "std";
  void set(const std::string& sid, std::size_t k, const std::string& value) {
    sessions_[sid][key(k)] = value;
  }
  void destroy(const std::string& sid) { sessions_.erase(sid); }

 private:
  std::unordered_map<std::string, std::unordered_map<std::string, std::string>> sessions_;
};

// Ids are made again from their numbers, so that they take no memory themselves.
std::string sid_of(std::size_t number) {
  std::string sid(32, 's');
  const std::string digits = std::to_string(number);
  return sid.replace(sid.size() - digits.size(), digits.size(), digits);
}

template <class Store>
void grow(std::size_t sessions) {
  const std::size_t before = resident_bytes();
  Store store;
  std::minstd_rand random;
  std::vector<std::size_t> numbers;
  std::size_t next = 0;
  std::size_t payload = 0;
  const auto fill = [&](std::size_t number, bool any_length) {
    for (std::size_t k = 0; k < kKeys; ++k) {
      const std::string value(any_length ? 60 + random() % 121 : 100, 'v');
      payload += key(k).size() + value.size();
      store.set(sid_of(number), k, value);
    }
    payload += 32;
  };
  const auto report = [&](const char* when) {
    const auto bytes =
        static_cast<double>(resident_bytes() - before - numbers.capacity() * sizeof(std::size_t));
    std::printf("%-8s %-24s %10.0f %10.0f %8.2f\n", Store::kName, when,
                bytes / static_cast<double>(sessions),
                static_cast<double>(payload) / static_cast<double>(sessions),
                bytes / static_cast<double>(payload));
  };
  for (std::size_t i = 0; i < sessions; ++i) {
    numbers.push_back(next++);
    fill(numbers.back(), false);
  }
  report("filled");
  for (int round = 0; round < 10; ++round) {
    payload = 0;
    for (std::size_t i = 0; i < sessions; ++i) {
      if (random() % 2 == 0) {
        store.destroy(sid_of(numbers[i]));
        numbers[i] = next++;
      }
      fill(numbers[i], true);
    }
  }
  report("after 10 rounds");
  std::fflush(stdout);
  ::_exit(0);
}

void many_small(std::size_t sessions, std::size_t keys) {
  const std::size_t before = resident_bytes();
  Hybrid store;
  for (std::size_t i = 0; i < sessions; ++i) {
    store.create(sid_of(i));
    for (std::size_t k = 0; k < keys; ++k) store.set(sid_of(i), k, std::string(20, 'v'));
  }
  const auto bytes = static_cast<double>(resident_bytes() - before);
  std::printf("%-8s %zu of %zu keys take %.2f GB, %.0f bytes each\n", "hybrid", sessions, keys,
              bytes / 1e9, bytes / static_cast<double>(sessions));
  std::fflush(stdout);
  ::_exit(0);
}

// In a process of its own, so that memory which one leaves behind is not there for the next.
template <class F>
void apart(F&& fn) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) die("fork failed");
  if (child == 0) fn();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) die("a measurement failed");
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t sessions = 200'000;
  std::size_t small = 10'000'000;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    std::size_t& number = flag == "--sessions" ? sessions : small;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if ((flag != "--sessions" && flag != "--small") || parsed.ec != std::errc{} || number == 0)
      die("usage: bench_memory [--sessions N] [--small N]");
  }
  std::printf("%-8s %-24s %10s %10s %8s\n", "", "bytes a session", "resident", "payload", "ratio");
  apart([&] { grow<Hybrid>(sessions); });
  apart([&] { grow<StdMaps>(sessions); });
  apart([&] { many_small(small, 2); });
  apart([&] { many_small(small / 10, 0); });
}
