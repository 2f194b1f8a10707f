// Question: what does each call cost, beside a load + set of one value, and what do a session's size and a second thread do to it?
// A store of N sessions of 8 keys x 100 bytes, logged, durability interval; random ids; what is read is checked for its size.
// The calls take turns, in rounds; medians.
//   bench_calls [--sessions N] [--rounds R] [--dir DIR] [--json]
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <hybrid/hybrid.hpp>

#include "bench/sure.hpp"

namespace {

using bench::die;
using bench::sure;
using namespace hybrid;
using Ticks = std::chrono::steady_clock;

constexpr std::size_t kKeys = 8;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kFresh = 100'000;  // new ids a call

struct Call {
  std::string name;
  std::size_t times;
  std::function<void(std::size_t times)> run;
  std::vector<double> ns{};

  double median() {
    std::ranges::sort(ns);
    return ns[ns.size() / 2];
  }
};

class Bench {
 public:
  Bench(Provider& store, std::size_t sessions) : store_(store) {
    for (std::size_t k = 0; k < kKeys; ++k) keys_.push_back("key" + std::to_string(k));
    for (std::size_t i = 0; i < sessions; ++i) {
      sids_.push_back(make_session_id());
      fill(sure(store_.init(sids_.back())));
    }
    for (std::size_t i = 0; i < 1000; ++i) held_.push_back(sure(store_.load(any_sid())));
  }

  std::vector<Call> calls() {
    std::vector<Call> calls;
    const auto add = [&](std::string name, std::size_t times, auto&& one) {
      calls.push_back({std::move(name), times, [one](std::size_t n) mutable {
                         for (std::size_t i = 0; i < n; ++i) one();
                       }});
    };
    add("load + set", 200'000,
        [this] { sure(sure(store_.load(any_sid())).set(any_key(), value_)); });
    add("exists", 200'000, [this] {
      if (!store_.exists(any_sid())) die("a session is missing");
    });
    add("load", 200'000, [this] { sure(store_.load(any_sid())); });
    add("load + get", 200'000, [this] { read(sure(store_.load(any_sid()))); });
    add("get, by one of 1,000 handles", 200'000, [this] { read(any(held_)); });
    add("set, by one of 1,000 handles", 200'000,
        [this] { sure(any(held_).set(any_key(), value_)); });
    calls.push_back(
        {"find_many of 16 + get, each", 200'000, [this](std::size_t n) { find_many(n); }});
    add("init", kFresh, [this] {
      created_.push_back(fresh());
      sure(store_.init(created_.back()));
    });
    add("change_id", kFresh, [this] {
      std::string& sid = any(sids_);
      std::string next = fresh();
      sure(store_.change_id(sid, next));
      sid = std::move(next);
    });
    add("destroy of what init made", kFresh,
        [this] { sure(store_.destroy(created_[destroyed_++])); });
    add("make_session_id", 20'000, [this] { bytes_ += make_session_id().size(); });
    for (const std::size_t keys : {100U, 1'000U, 10'000U}) {
      const std::string id = "of " + std::to_string(keys) + " keys";
      Session session = sure(store_.init(id));
      for (std::size_t k = 0; k < keys; ++k) sure(session.set(k, value_));
      add("set in a session " + id, 20'000,
          [this, session, keys]() mutable { sure(session.set(random_() % keys, value_)); });
      add("erase + set in a session " + id, 20'000, [this, session, keys]() mutable {
        const std::size_t key = random_() % keys;
        sure(session.erase(key));
        sure(session.set(key, value_));
      });
    }
    static const std::string mebibyte(std::size_t{1} << 20, 'm');
    Session large = sure(store_.init("of 1 MiB"));
    sure(large.set("m", mebibyte));
    add("get of 1 MiB", 200,
        [this, large] { bytes_ += sure(large.get<std::string>("m"))->size(); });
    add("set of 1 MiB", 200, [large]() mutable { sure(large.set("m", mebibyte)); });
    add("memcpy of 1 MiB into a new string", 200, [this] {
      std::string copy = mebibyte;
      bytes_ += static_cast<std::size_t>(copy[bytes_ % copy.size()]);
    });
    return calls;
  }

  // How many times as much `threads` threads get done as one, by the clock; and, if they wanted for processors, by the time that
  // they had of those.
  struct Gain {
    double wall = 0;
    double processor = 0;
  };
  Gain gain(unsigned threads, const std::function<void(std::minstd_rand&)>& one) {
    constexpr std::size_t kTimes = 300'000;
    const auto run = [&](unsigned n) {
      std::vector<std::jthread> running;
      std::vector<double> processor_ns(n);
      const auto start = Ticks::now();
      for (unsigned t = 0; t < n; ++t) {
        running.emplace_back([&, t] {
          std::minstd_rand random{t + 1};
          for (std::size_t i = 0; i < kTimes; ++i) one(random);
          timespec time{};
          ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
          processor_ns[t] =
              static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
        });
      }
      running.clear();
      const std::chrono::duration<double, std::nano> wall = Ticks::now() - start;
      double processor = 0;
      for (const double ns : processor_ns) processor += ns;
      return std::pair{wall.count() / n, processor / n};
    };
    const auto alone = run(1);
    const auto together = run(threads);
    return {alone.first / together.first, alone.second / together.second * threads};
  }
  Session load(std::minstd_rand& random) {
    return sure(store_.load(sids_[random() % sids_.size()]));
  }
  // Before each call is timed: making an id is a call of its own.
  void make_fresh_ids() {
    while (fresh_.size() < kFresh) fresh_.push_back(make_session_id());
  }
  const std::string& key(std::minstd_rand& random) const { return keys_[random() % kKeys]; }
  const std::string& value() const { return value_; }

 private:
  template <class T>
  T& any(std::vector<T>& of) {
    return of[random_() % of.size()];
  }
  std::string& any_sid() { return any(sids_); }
  std::string fresh() {
    std::string sid = std::move(fresh_.back());
    fresh_.pop_back();
    return sid;
  }
  const std::string& any_key() { return any(keys_); }
  void fill(Session session) {
    sure(session.update([&](Session& view) {
      for (const std::string& key : keys_) sure(view.set(key, value_));
    }));
  }
  void read(const Session& session) {
    if (sure(session.get<std::string>(any_key()))->size() != kValueBytes) die("a value is wrong");
  }
  void find_many(std::size_t n) {
    std::array<std::string_view, 16> wanted;
    for (std::size_t i = 0; i < n; i += wanted.size()) {
      for (std::string_view& sid : wanted) sid = any_sid();
      for (const auto& session : sure(store_.find_many(wanted))) read(session.value());
    }
  }

  Provider& store_;
  std::minstd_rand random_;
  std::vector<std::string> keys_;
  std::vector<std::string> sids_;
  std::vector<std::string> created_;
  // Of created_, whose ids stay: malloc() would put freed ones together in the midst of another call.
  std::size_t destroyed_ = 0;
  std::vector<std::string> fresh_;
  std::vector<Session> held_;
  std::string value_ = std::string(kValueBytes, 'v');
  std::size_t bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t sessions = 300'000;
  std::size_t rounds = 5;
  std::string directory = "bench-data";
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      json = true;
      continue;
    }
    const std::string_view value = i + 1 < argc ? argv[++i] : "";
    if (flag == "--dir") {
      directory = value;
      continue;
    }
    std::size_t& number = flag == "--sessions" ? sessions : rounds;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if ((flag != "--sessions" && flag != "--rounds") || parsed.ec != std::errc{} || number == 0)
      die("usage: bench_calls [--sessions N] [--rounds R] [--dir DIR] [--json]");
  }
  if (std::filesystem::exists(directory))
    die("'" + directory + "' is there already; name a new directory");

  {
    const auto store = sure(open(directory));
    Bench bench{*store, sessions};
    std::vector<Call> calls = bench.calls();
    std::array<std::vector<double>, 6> gains;
    for (std::size_t round = 0; round < rounds; ++round) {
      for (Call& call : calls) {
        bench.make_fresh_ids();
        const auto start = Ticks::now();
        call.run(call.times);
        const std::chrono::duration<double, std::nano> time = Ticks::now() - start;
        call.ns.push_back(time.count() / static_cast<double>(call.times));
      }
      const std::array<Bench::Gain, 3> gained{
          bench.gain(2,
                     [](std::minstd_rand& random) {
                       for (int i = 0; i < 200; ++i) random();
                     }),
          bench.gain(2,
                     [&](std::minstd_rand& random) {
                       sure(bench.load(random).get<std::string>(bench.key(random)));
                     }),
          bench.gain(2, [&](std::minstd_rand& random) {
            sure(bench.load(random).set(bench.key(random), bench.value()));
          })};
      for (std::size_t i = 0; i < gained.size(); ++i) {
        gains[2 * i].push_back(gained[i].wall);
        gains[2 * i + 1].push_back(gained[i].processor);
      }
    }
    const double set = calls.front().median();
    if (!json) std::printf("%-44s %12s %10s\n", "", "ns", "of a set");
    for (Call& call : calls) {
      if (json)
        std::printf("{\"call\":\"%s\",\"ns\":%.0f,\"of_a_set\":%.3f}\n", call.name.c_str(),
                    call.median(), call.median() / set);
      else
        std::printf("%-44s %12.0f %10.2f\n", call.name.c_str(), call.median(), call.median() / set);
    }
    if (!json)
      std::printf("\n%-44s %12s %10s\n", "two threads do, times as much as one", "clock",
                  "processor");
    const std::array names{"computing only", "load + get", "load + set"};
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto middle = [&](std::vector<double>& of) {
        std::ranges::sort(of);
        return of[of.size() / 2];
      };
      const double wall = middle(gains[2 * i]);
      const double processor = middle(gains[2 * i + 1]);
      if (json)
        std::printf("{\"two_threads\":\"%s\",\"gain\":%.2f,\"gain_by_processor_time\":%.2f}\n",
                    names[i], wall, processor);
      else
        std::printf("%-44s %12.2f %10.2f\n", names[i], wall, processor);
    }
  }
  std::filesystem::remove_all(directory);
}
