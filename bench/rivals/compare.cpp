// Question: how fast is hybrid beside the maps and the databases that sessions are kept in?
// All contenders hold N sessions of 8 keys x 100 bytes at once; repetitions of all are shuffled into one run; every value read is
// checked. One thread, but for the many writers of --synced. ./bench/run builds and runs it, and makes a table of what it writes.
//   bench_compare DIR [--synced | --reopen] [--sessions=N] [--zipf=0.99] [--only=NAME,NAME...] [Google Benchmark's flags]
// --synced: those that keep each change over a power cut, and only what it costs them. --reopen: how long hybrid and Redis take to
// have all sessions again, after a kill (Redis) and a clean close (hybrid).
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <thread>

#include <hybrid/hybrid.hpp>

#include "bench/rivals/rival.hpp"

namespace bench {

std::vector<Contender>& contenders() {
  static std::vector<Contender> all;
  return all;
}

namespace {

constexpr std::size_t kPicks = std::size_t{1} << 20;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kSidBytes = 32;

// With the id itself, so that it is in the cache when it is asked for, as that of a request is which was just parsed.
struct Pick {
  std::array<char, kSidBytes> sid;
  std::uint32_t key;
};

// The sessions, and who is asked for when.
struct Data {
  std::vector<std::string> sids;
  std::vector<Pick> uniform;
  std::vector<Pick> zipf;
};

// Each value names its session, so that a mix-up shows.
void write_value(const std::string& sid, std::string& value) {
  value.assign(kValueBytes, 'v');
  std::memcpy(value.data(), sid.data(), kTagBytes);
}
void check_value(const std::string& sid, const std::string& value) {
  if (value.size() != kValueBytes || std::memcmp(value.data(), sid.data(), kTagBytes) != 0)
    die("a value that was read is wrong");
}

// Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994; the ranks are scattered over the sessions.
class Zipf {
 public:
  Zipf(std::size_t n, double theta) : n_(static_cast<double>(n)), theta_(theta) {
    for (std::size_t i = 1; i <= n; ++i) zeta_ += 1 / std::pow(static_cast<double>(i), theta);
    const double zeta2 = 1 + std::pow(0.5, theta);
    alpha_ = 1 / (1 - theta);
    eta_ = (1 - std::pow(2 / n_, 1 - theta)) / (1 - zeta2 / zeta_);
  }
  std::size_t operator()(double uniform) const {
    const double uz = uniform * zeta_;
    if (uz < 1) return 0;
    if (uz < 1 + std::pow(0.5, theta_)) return 1;
    const double rank = n_ * std::pow(eta_ * uniform - eta_ + 1, alpha_);
    return std::min(static_cast<std::size_t>(rank), static_cast<std::size_t>(n_) - 1);
  }

 private:
  double n_;
  double theta_;
  double zeta_ = 0;
  double alpha_ = 0;
  double eta_ = 0;
};

Data make_data(std::size_t sessions, double theta) {
  Data data;
  data.sids.reserve(sessions);
  for (std::size_t i = 0; i < sessions; ++i) data.sids.push_back(hybrid::make_session_id());
  std::mt19937_64 random{42};
  const Zipf zipf{sessions, theta};
  std::uniform_real_distribution<double> uniform{0, 1};
  const auto pick = [&](std::size_t session) {
    Pick picked{.sid = {}, .key = static_cast<std::uint32_t>(random() % kKeys)};
    std::ranges::copy(data.sids[session], picked.sid.begin());
    return picked;
  };
  for (std::size_t i = 0; i < kPicks; ++i) {
    data.uniform.push_back(pick(random() % sessions));
    // Ids are random, so rank r may as well be session r.
    data.zipf.push_back(pick(zipf(uniform(random))));
  }
  return data;
}

// Goes through the picks, each repetition from where the one before it ended.
class Walk {
 public:
  explicit Walk(std::span<const Pick> picks) : picks_(picks) {}
  void next() {
    const Pick& pick = picks_[at_++ & (kPicks - 1)];
    sid_.assign(pick.sid.data(), kSidBytes);
    key_ = pick.key;
  }
  const std::string& sid() const { return sid_; }
  const std::string& key() const { return keys()[key_]; }

 private:
  std::span<const Pick> picks_;
  std::string sid_;
  std::uint32_t key_ = 0;
  static inline std::size_t at_ = 0;
};

void get(benchmark::State& state, Rival& rival, std::span<const Pick> picks) {
  Walk walk{picks};
  std::string value;
  for (auto _ : state) {
    walk.next();
    rival.get(walk.sid(), walk.key(), value);
    check_value(walk.sid(), value);
  }
}

// The time of each of 16 look-ups that are asked for at once.
void get_many(benchmark::State& state, Rival& rival, std::span<const Pick> picks) {
  constexpr std::size_t kAtOnce = 16;
  std::array<std::string, kAtOnce> sids;
  std::array<std::string, kAtOnce> values;
  std::array<Wanted, kAtOnce> wanted;
  Walk walk{picks};
  while (state.KeepRunningBatch(kAtOnce)) {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      walk.next();
      sids[i] = walk.sid();
      wanted[i] = {.sid = sids[i], .key = &walk.key()};
    }
    rival.get_many(wanted, values);
    for (std::size_t i = 0; i < kAtOnce; ++i) check_value(sids[i], values[i]);
  }
}

void set(benchmark::State& state, Rival& rival, std::span<const Pick> picks) {
  Walk walk{picks};
  std::string value;
  for (auto _ : state) {
    walk.next();
    write_value(walk.sid(), value);
    rival.set(walk.sid(), walk.key(), value);
  }
}

// The time of each of many sets by `writers` threads at once.
void set_by_many(benchmark::State& state, Rival& rival, std::span<const Pick> picks,
                 std::size_t writers) {
  constexpr std::size_t kEach = 100;
  while (state.KeepRunningBatch(static_cast<std::int64_t>(writers * kEach))) {
    std::vector<std::jthread> threads;
    for (std::size_t w = 0; w < writers; ++w) {
      threads.emplace_back([&, w] {
        std::string value;
        for (std::size_t i = 0; i < kEach; ++i) {
          const Pick& pick = picks[w * kEach + i];
          const std::string sid{pick.sid.data(), kSidBytes};
          write_value(sid, value);
          rival.set(sid, keys()[pick.key], value);
        }
      });
    }
  }
}

void mix(benchmark::State& state, Rival& rival, std::span<const Pick> picks) {
  Walk walk{picks};
  std::string value;
  unsigned turn = 0;
  for (auto _ : state) {
    walk.next();
    if (++turn % 10 == 0) {
      write_value(walk.sid(), value);
      rival.set(walk.sid(), walk.key(), value);
    } else {
      rival.get(walk.sid(), walk.key(), value);
      check_value(walk.sid(), value);
    }
  }
}

void replace(benchmark::State& state, Rival& rival, std::span<const Pick> picks) {
  Walk walk{picks};
  std::string value;
  for (auto _ : state) {
    walk.next();
    write_value(walk.sid(), value);
    rival.destroy(walk.sid());
    rival.create(walk.sid(), value);
  }
}

// One dependent cache miss over 1 GiB, on huge pages if there are any: what the machine allows.
void chase(benchmark::State& state) {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLines = kBytes / kLine;
  static std::byte* const memory = [] {
    void* const at =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) die("no memory for the chase");
    ::madvise(at, kBytes, MADV_HUGEPAGE);
    auto* const bytes = static_cast<std::byte*>(at);
    // One cycle through all lines (Sattolo).
    std::vector<std::uint32_t> order(kLines);
    std::iota(order.begin(), order.end(), 0U);
    std::mt19937_64 random{1};
    for (std::size_t i = kLines - 1; i > 0; --i) std::swap(order[i], order[random() % i]);
    for (std::size_t i = 0; i < kLines; ++i)
      std::memcpy(bytes + i * kLine, &order[i], sizeof order[i]);
    return bytes;
  }();
  std::uint32_t at = 0;
  for (auto _ : state) std::memcpy(&at, memory + at * kLine, sizeof at);
  benchmark::DoNotOptimize(at);
}

struct Running {
  Contender contender;
  std::unique_ptr<Rival> rival;
};

Running start(const Contender& contender, const std::string& root, const Data& data) {
  std::string directory = root + "/" + contender.name;
  std::ranges::replace(directory, ' ', '-');
  std::filesystem::create_directories(directory);
  std::fprintf(stderr, "%-16s fills ... ", contender.name);
  const auto begun = std::chrono::steady_clock::now();
  Running running{contender, contender.make(directory)};
  const std::size_t before = running.rival->resident_bytes();
  std::string value;
  for (const std::string& sid : data.sids) {
    write_value(sid, value);
    running.rival->create(sid, value);
  }
  const auto bytes = static_cast<double>(running.rival->resident_bytes() - before);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::fprintf(stderr, "%.1f s\n", took.count());
  benchmark::AddCustomContext(
      std::string{"bytes a session: "} + contender.name,
      std::to_string(std::llround(bytes / static_cast<double>(data.sids.size()))));
  return running;
}

void add(const Running& running, const Data& data) {
  Rival& rival = *running.rival;
  const auto add_one = [&](const char* what, std::int64_t times, auto&& fn) {
    benchmark::RegisterBenchmark((std::string{what} + "/" + running.contender.name).c_str(), fn)
        ->Iterations(times);
  };
  if (running.contender.kept == Kept::power_cut) {
    add_one("set synced", 1000, [&](auto& state) { set(state, rival, data.uniform); });
    if (running.contender.many_writers) {
      for (const std::size_t writers : {16U, 64U}) {
        add_one((std::to_string(writers) + " writers").c_str(), 19'200,
                [&rival, &data, writers](auto& state) {
                  set_by_many(state, rival, data.uniform, writers);
                });
      }
    }
    return;
  }
  const bool quick = (running.contender.kept == Kept::no_crash && !running.contender.remote) ||
                     std::string_view{running.contender.name}.starts_with("hybrid");
  const std::int64_t reads = quick ? 300'000 : 50'000;
  const std::int64_t writes = quick ? 300'000 : 20'000;
  add_one("get", reads, [&](auto& state) { get(state, rival, data.uniform); });
  add_one("get 16 at once", reads / 16 * 16,
          [&](auto& state) { get_many(state, rival, data.uniform); });
  add_one("get zipf", reads, [&](auto& state) { get(state, rival, data.zipf); });
  add_one("set", writes, [&](auto& state) { set(state, rival, data.uniform); });
  add_one("mix 90:10", reads, [&](auto& state) { mix(state, rival, data.uniform); });
  add_one("destroy+create", writes / kKeys,
          [&](auto& state) { replace(state, rival, data.uniform); });
}

// How long it takes until all sessions are there again; each of their keys was set by itself, so that the log is as long as it gets.
void measure_reopening(const std::string& root, const Data& data, const std::string& only) {
  for (const Contender& contender : contenders()) {
    if (contender.kept != Kept::process_crash ||
        !only.contains("," + std::string{contender.name} + ","))
      continue;
    Running running = start(contender, root, data);
    std::string value;
    for (const std::string& sid : data.sids) {
      write_value(sid, value);
      for (const std::string& key : keys()) running.rival->set(sid, key, value);
    }
    for (int round = 0; round < 3; ++round) {
      const auto begun = std::chrono::steady_clock::now();
      if (!running.rival->reopen()) die("this one has no files: " + std::string{contender.name});
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
      for (const Pick& pick : std::span{data.uniform}.first(1000)) {
        const std::string sid{pick.sid.data(), kSidBytes};
        running.rival->get(sid, keys()[pick.key], value);
        check_value(sid, value);
      }
      std::printf("{\"reopens\":\"%s\",\"sessions\":%zu,\"seconds\":%.2f}\n", contender.name,
                  data.sids.size(), took.count());
      std::fflush(stdout);
    }
  }
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc < 2)
    die("usage: bench_compare DIR [--synced | --reopen] [--sessions=N] [--zipf=0.99] "
        "[--only=NAME,NAME...]");
  const std::string root = argv[1];
  bool synced = false;
  bool reopen = false;
  std::optional<std::size_t> wanted;
  double theta = 0.99;
  constexpr std::string_view kOnly = "--only=";
  std::string only;  // ,NAME,NAME, if not all
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto number = [&](std::string_view name, auto& value) {
      if (!flag.starts_with(name)) return false;
      const auto [end, error] =
          std::from_chars(flag.data() + name.size(), flag.data() + flag.size(), value);
      if (error != std::errc{} || end != flag.data() + flag.size())
        die("no number: " + std::string{flag});
      return true;
    };
    std::size_t count = 0;
    if (flag == "--synced")
      synced = true;
    else if (flag == "--reopen")
      reopen = true;
    else if (flag.starts_with(kOnly))
      only = "," + std::string{flag.substr(kOnly.size())} + ",";
    else if (number("--sessions=", count))
      wanted = count;
    else if (!number("--zipf=", theta))
      die("unknown option " + std::string{flag});
  }
  if (std::filesystem::exists(root)) die("'" + root + "' is there already; name a new directory");

  const std::size_t sessions = wanted.value_or(synced ? 1'000 : 100'000);
  if (sessions < 2) die("at least 2 sessions are needed");
  const Data data = make_data(sessions, theta);
  benchmark::AddCustomContext("sessions", std::to_string(sessions));
  if (reopen) {
    std::filesystem::create_directory(root);
    measure_reopening(root, data, only.empty() ? ",hybrid,Redis," : only);
    std::filesystem::remove_all(root);
    return 0;
  }
  std::vector<Running> running;
  running.reserve(contenders().size());
  std::ranges::sort(contenders(), {}, [](const Contender& c) { return std::string_view{c.name}; });
  for (const Contender& contender : contenders()) {
    if ((contender.kept == Kept::power_cut) != synced) continue;
    if (!only.empty() && !only.contains("," + std::string{contender.name} + ",")) continue;
    running.push_back(start(contender, root, data));
    add(running.back(), data);
  }
  if (!synced) benchmark::RegisterBenchmark("chase", chase)->Iterations(1'000'000);
  benchmark::RunSpecifiedBenchmarks();
  running.clear();
  std::filesystem::remove_all(root);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc, argv); }
