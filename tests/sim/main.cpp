// hybrid-sim: the deterministic simulation of the whole store. See --help.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "testing/simulator/deterministic_random.hpp"
#include "testing/simulator/driven_run.hpp"
#include "testing/simulator/threaded_run.hpp"

namespace {

using namespace hybrid::testing::simulator;

constexpr const char* kAbout = R"(Simulates hybrid's embedded store on a disk that fails.

Runs programs on the whole store, over a file system in memory; cuts the power, kills the process, fails calls and
lies at chosen moments; reopens what is left, and checks that
  - what was acknowledged is there, as the durability mode promises (docs/durability.md, D1 to D10);
  - what is there is a state that was, at the log's last LSN: no destroyed session lives, no two are mixed;
  - size(), for_each() and find() agree; opening again changes nothing;
  - a disk that lied is found out (corrupt) or shows a state that was.
Each image that was reopened and checked is one crash state.

First come all programs of few operations in each durability mode, with a crash of each kind at every operation of the file
system, then programs by chance until there are enough states: long ones of one client
that tells the store when to do its background work, and shorter ones of several clients beside the store's own threads, in
which a scheduler with a virtual clock decides who runs. The same options give the same output, but for the time.)";

constexpr const char* kExits = R"(Exit codes: 0 no violation, 1 violations, 2 wrong use.
Each violation comes with a seed; hybrid-sim --replay SEED runs that program again and prints what it does.)";

// Seeds: small runs by number, below this; the rest by chance.
constexpr std::uint64_t kByChance = std::uint64_t{1} << 62;
constexpr std::uint64_t kThreaded = kByChance / 4 * 3;  // of those, the last quarter

std::uint64_t current_seed = 0;

void run(std::uint64_t seed, Findings& findings) {
  current_seed = seed;
  make_random_deterministic(seed);
  if (seed < kByChance) {
    run_small(seed, findings);
  } else if (seed < kByChance + kThreaded) {
    run_driven(seed, findings);
  } else {
    run_threaded(seed, findings);
  }
}

// An assertion of the store's is a violation, too, and the last one.
void on_abort(int /*signal*/) {
  char text[100];
  const int size = std::snprintf(text, sizeof text, "seed %llu: the process was aborted\n",
                                 static_cast<unsigned long long>(current_seed));
  static_cast<void>(!::write(STDOUT_FILENO, text, static_cast<std::size_t>(size)));
  std::_Exit(1);
}

struct Violation {
  std::uint64_t seed;
  std::string what;
};

struct Options {
  std::uint64_t states = 50'000;
  std::uint64_t seed = 1;
  int exhaustive = -1;
  std::uint64_t violations_max = 20;
  bool json = false;
};

int report(const Options& options, const Findings& all, const std::vector<Violation>& violations,
           std::uint64_t runs, double seconds) {
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(all.states) / seconds);
  if (options.json) {
    nlohmann::json found = nlohmann::json::array();
    for (const Violation& violation : violations)
      found.push_back({{"seed", violation.seed}, {"what", violation.what}});
    std::cout << nlohmann::json{{"states", all.states},   {"runs", runs},
                                {"refused", all.refused}, {"seed", options.seed},
                                {"seconds", seconds},     {"states_per_second", rate},
                                {"violations", found}}
                     .dump()
              << '\n';
  } else {
    std::cout << all.states << " crash states in " << runs << " runs, " << all.refused
              << " refused as damaged, " << violations.size() << " violations\n"
              << rate << " states per second\n";
  }
  return violations.empty() ? 0 : 1;
}

int simulate(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  constexpr std::uint64_t kManyStates = 1'000'000;
  const int length =
      options.exhaustive >= 0 ? options.exhaustive : (options.states >= kManyStates ? 3 : 2);
  const std::uint64_t small_runs = count_small_runs(length);
  Findings all;
  std::vector<Violation> violations;
  Random seeds{options.seed};
  std::uint64_t runs = 0;
  std::uint64_t by_chance = 0;
  const auto enough = [&] {
    return all.states >= options.states && by_chance >= options.states / 2 && runs >= small_runs;
  };
  for (; !enough() && violations.size() < options.violations_max; ++runs) {
    const std::uint64_t seed = runs < small_runs ? runs : kByChance | (seeds.next() >> 2);
    Findings findings;
    run(seed, findings);
    all.states += findings.states;
    if (seed >= kByChance) by_chance += findings.states;
    all.refused += findings.refused;
    if (findings.violations.empty()) continue;
    violations.push_back({seed, findings.violations.front()});
    if (!options.json)
      std::cout << "seed " << seed << ": " << findings.violations.front() << std::endl;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return report(options, all, violations, runs, took.count());
}

int replay(std::uint64_t seed) {
  Findings findings;
  findings.tell = [](const std::string& line) { std::cout << line << std::endl; };
  run(seed, findings);
  std::cout << findings.states << " crash states, " << findings.violations.size()
            << " violations\n";
  return findings.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, on_abort);
  CLI::App app{kAbout, "hybrid-sim"};
  app.footer(kExits);
  Options options;
  std::uint64_t replayed = 0;
  app.add_option("--states", options.states,
                 "How many crash states, at least; half of them by chance")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the programs by chance")->capture_default_str();
  app.add_option("--exhaustive", options.exhaustive,
                 "All programs of up to that many operations come first, 0 to 3 "
                 "[2; 3 from a million states on]")
      ->check(CLI::Range(0, 3));
  app.add_option("--violations", options.violations_max, "Stops after as many")
      ->capture_default_str();
  app.add_flag("--json", options.json, "Prints one line of JSON");
  const auto* const seed =
      app.add_option("--replay", replayed, "Runs the program of that seed and prints what it does");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return seed->count() > 0 ? replay(replayed) : simulate(options);
}
