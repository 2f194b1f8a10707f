// Question: how fast is `hybrid serve` beside Redis, memcached, and a server that does nothing?
// N sessions of 8 fields x 100 bytes, random keys; a client of ours over a unix socket, 50 connections, HGET and HSET by 1 and by 16
// requests at a time. Kept: hybrid (interval) and Redis (AOF everysec); in memory only memcached, where each field is an item; and
// an empty server, which answers constants: the ceiling of client and system calls. Durable: hybrid and Redis (always). The contenders
// take turns, in rounds; medians. Every reply is checked: that of a get for its length.
// At last 50 clients set while the log is made short (BGREWRITEAOF): the longest that one of them waits, and the memory.
//
//   bench_server --hybrid PROGRAM [--sessions N] [--rounds R] [--seconds S] [--dir DIR] [--json] [--only NAME]
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/rivals/server.hpp"
#include "bench/server/empty_server.hpp"
#include "bench/server/load.hpp"
#include "bench/sure.hpp"

namespace bench {
namespace {

using Ticks = std::chrono::steady_clock;

struct Options {
  std::string hybrid;
  std::size_t sessions = 100'000;
  int rounds = 5;
  double seconds = 2;
  std::string directory = "bench-data";
  std::string only;
  bool json = false;
};

struct Contender {
  std::string name;
  bool durable = false;
  Protocol protocol = Protocol::redis;
  std::vector<std::string> command;  // empty: the empty server
  std::string socket;
  std::string directory;
  std::unique_ptr<Server> server;
  std::unique_ptr<EmptyServer> empty;
  std::size_t bytes_before = 0;

  void start() {
    if (command.empty())
      empty = std::make_unique<EmptyServer>(socket);
    else
      server = std::make_unique<Server>(command, socket);
  }
};

struct Work {
  std::string name;
  Request request;
  std::size_t pipeline;
};

const Work kWorks[] = {
    {"get, 1 at a time", Request::get, 1},
    {"get, 16 at a time", Request::get, 16},
    {"set, 1 at a time", Request::set, 1},
    {"set, 16 at a time", Request::set, 16},
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::vector<Contender> contenders(const Options& options) {
  const std::string root = std::filesystem::absolute(options.directory).string();
  std::vector<Contender> made;
  const auto add = [&](std::string name, bool durable, auto&& command) {
    if (!options.only.empty() && options.only != name) return;
    Contender contender;
    contender.name = name;
    contender.durable = durable;
    std::ranges::replace(name, ' ', '-');
    contender.directory = root + "/" + name;
    contender.socket = contender.directory + ".sock";
    std::filesystem::create_directories(contender.directory);
    contender.command = command(contender.socket, contender.directory);
    made.push_back(std::move(contender));
  };
  const auto redis = [](const char* fsync) {
    return [fsync](const std::string& socket, const std::string& directory) {
      return std::vector<std::string>{
          "redis-server", "--port", "0", "--unixsocket", socket, "--dir",
          directory,      "--save", "",  "--appendonly", "yes",  "--appendfsync",
          fsync};
    };
  };
  const auto hybrid = [&](const char* durability) {
    return [&options, durability](const std::string& socket, const std::string& directory) {
      return std::vector<std::string>{options.hybrid, "serve",   "--dir",  directory + "/store",
                                      "--port",       "-1",      "--unix", socket,
                                      "--durability", durability};
    };
  };
  add("hybrid", false, hybrid("interval"));
  add("Redis", false, redis("everysec"));
  add("empty", false,
      [](const std::string&, const std::string&) { return std::vector<std::string>{}; });
  add("memcached", false, [](const std::string& socket, const std::string&) {
    return std::vector<std::string>{"memcached", "-u", "root", "-s", socket, "-m", "16384"};
  });
  if (!made.empty() && made.back().name == "memcached") made.back().protocol = Protocol::memcached;
  add("hybrid always", true, hybrid("always"));
  add("Redis always", true, redis("always"));
  return made;
}

void print(const Options& options, const std::string& contender, const std::string& what,
           double value, const char* unit) {
  if (options.json) {
    std::printf("{\"server\":\"%s\",\"what\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n",
                contender.c_str(), what.c_str(), value, unit);
  } else {
    std::printf("  %-14s %-28s %12.1f %s\n", contender.c_str(), what.c_str(), value, unit);
  }
  std::fflush(stdout);
}

// What 50 clients that set wait for while the log is made short.
void measure_cleaning(const Options& options, const Contender& contender) {
  const auto load = [&](double seconds) {
    return run_load({.socket = contender.socket,
                     .sessions = options.sessions,
                     .connections = 50,
                     .request = Request::set,
                     .seconds = seconds});
  };
  const auto is_cleaning = [&] {
    const std::string info = ask(contender.socket, "INFO persistence\r\n");
    return !info.contains("aof_rewrite_in_progress:0") || info.contains("aof_rewrite_scheduled:1");
  };
  const std::size_t bytes_before = contender.server->resident_bytes();
  const Load before = load(options.seconds);
  if (ask(contender.socket, "BGREWRITEAOF\r\n").starts_with("-")) die("BGREWRITEAOF failed");
  const auto start = Ticks::now();
  std::size_t bytes_max = bytes_before;
  Load during;
  do {
    const Load part = load(0.1);
    during.max_us = std::max(during.max_us, part.max_us);
    bytes_max = std::max(bytes_max, contender.server->resident_bytes());
  } while (is_cleaning());
  const std::chrono::duration<double> took = Ticks::now() - start;
  print(options, contender.name, "set, longest", before.max_us / 1000, "ms");
  print(options, contender.name, "set while cleaning, longest", during.max_us / 1000, "ms");
  print(options, contender.name, "cleaning took", took.count(), "s");
  print(options, contender.name, "memory while cleaning",
        static_cast<double>(bytes_max) / static_cast<double>(bytes_before), "x");
}

void measure(const Options& options, std::vector<Contender>& running) {
  for (Contender& contender : running) {
    contender.start();
    if (contender.server) contender.bytes_before = contender.server->resident_bytes();
    fill(contender.socket, contender.protocol, options.sessions);
    if (contender.server) {
      const auto grown = contender.server->resident_bytes() - contender.bytes_before;
      print(options, contender.name, "memory a session",
            static_cast<double>(grown) / static_cast<double>(options.sessions), "B");
    }
  }
  std::mt19937_64 random{std::random_device{}()};
  for (const Work& work : kWorks) {
    std::map<std::string, std::vector<double>> rates;
    std::map<std::string, std::vector<double>> p99s;
    std::map<std::string, std::vector<double>> processor;
    for (int round = 0; round < options.rounds; ++round) {
      std::ranges::shuffle(running, random);
      for (Contender& contender : running) {
        const double used_before = contender.server ? contender.server->processor_seconds() : 0;
        const Load load = run_load({.socket = contender.socket,
                                    .protocol = contender.protocol,
                                    .sessions = options.sessions,
                                    .connections = 50,
                                    .pipeline = work.pipeline,
                                    .request = work.request,
                                    .seconds = options.seconds});
        const double used =
            contender.server ? contender.server->processor_seconds() - used_before : 0;
        rates[contender.name].push_back(load.per_second);
        p99s[contender.name].push_back(load.p99_us);
        processor[contender.name].push_back(used * 1e6 / (load.per_second * options.seconds));
      }
    }
    for (const auto& [name, values] : rates) {
      print(options, name, work.name, median(values) / 1000, "k/s");
      print(options, name, work.name + ", p99", median(p99s[name]), "us");
      if (median(processor[name]) > 0)
        print(options, name, work.name + ", CPU", median(processor[name]), "us");
    }
  }
  for (Contender& contender : running) {
    if (!contender.server || contender.protocol != Protocol::redis) continue;
    measure_cleaning(options, contender);
    contender.server.reset();  // by SIGKILL
    std::filesystem::remove(contender.socket);
    const auto start = Ticks::now();
    contender.start();
    wait_until_loaded(contender.socket, options.sessions);
    print(options, contender.name, "restart after kill -9",
          std::chrono::duration<double>(Ticks::now() - start).count(), "s");
    contender.server.reset();
  }
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto text = [&] {
      if (i + 1 == argc) die(std::string{flag} + " needs a value");
      return std::string{argv[++i]};
    };
    const auto number = [&] {
      const std::string value = text();
      double read = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), read);
      if (error != std::errc{} || read <= 0) die(std::string{flag} + " needs a number");
      return read;
    };
    if (flag == "--hybrid")
      options.hybrid = text();
    else if (flag == "--sessions")
      options.sessions = static_cast<std::size_t>(number());
    else if (flag == "--rounds")
      options.rounds = static_cast<int>(number());
    else if (flag == "--seconds")
      options.seconds = number();
    else if (flag == "--dir")
      options.directory = text();
    else if (flag == "--only")
      options.only = text();
    else if (flag == "--json")
      options.json = true;
    else
      die("unknown option " + std::string{flag});
  }
  if (options.hybrid.empty()) die("--hybrid PROGRAM is needed");
  if (std::filesystem::exists(options.directory))
    die("'" + options.directory + "' is there already; name a new directory");
  std::vector<Contender> all = contenders(options);
  for (const bool durable : {false, true}) {
    std::vector<Contender> running;
    for (Contender& contender : all) {
      if (contender.durable == durable) running.push_back(std::move(contender));
    }
    if (!running.empty()) measure(options, running);
  }
  std::filesystem::remove_all(options.directory);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc, argv); }
