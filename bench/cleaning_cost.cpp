// Question: what does cleaning cost who reads and writes meanwhile, and how large does the log get?
// Rival: the same store, which never cleans. Both hold N sessions of 8 keys x 100 bytes; one thread sets and gets random keys in
// turn, in rounds of both stores, until each has written its live bytes many times over; durability interval.
//
//   bench_cleaning_cost [--sessions N] [--rounds R] [--dir DIR]
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "bench/sure.hpp"
#include "store/store.hpp"

namespace {

using bench::die;
using bench::sure;
using namespace hybrid;
using Ticks = std::chrono::steady_clock;

constexpr std::size_t kKeys = 8;
constexpr std::size_t kOperationsPerRound = 200'000;

// Counts nanoseconds with an error of a sixteenth.
class Histogram {
 public:
  void add(Ticks::duration time) {
    const auto ns = static_cast<std::uint64_t>(std::max<Ticks::rep>(time.count(), 1));
    const auto power = static_cast<std::size_t>(std::bit_width(ns));
    const std::size_t part = power > 5 ? (ns >> (power - 5)) & 15 : ns & 15;
    ++counts_[std::min(power * 16 + part, counts_.size() - 1)];
    ++total_;
    max_ = std::max(max_, ns);
  }
  double us(double quantile) const {
    auto left = static_cast<std::uint64_t>(quantile * static_cast<double>(total_));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) {
        const std::size_t power = i / 16;
        const std::uint64_t low = power > 5 ? (16 + i % 16) << (power - 5) : i % 16;
        return static_cast<double>(low) / 1000;
      }
      left -= counts_[i];
    }
    return static_cast<double>(max_) / 1000;
  }

 private:
  std::array<std::uint64_t, 16 * 48> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

std::uint64_t disk_bytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) {
    struct stat status{};
    if (::stat(entry.path().c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

struct Rival {
  const char* name;
  std::string directory;
  std::unique_ptr<store::EmbeddedStore> store;
  Histogram sets;
  Histogram gets;
  std::uint64_t disk_bytes_max = 0;

  Rival(const char* name_, std::string directory_, bool cleans)
      : name(name_), directory(std::move(directory_)) {
    store::EmbeddedStore::Options options;
    options.files = &io::posix_file_system();
    options.directory = directory;
    if (!cleans) options.clean_bytes_min = std::uint64_t{1} << 60;
    store = sure(store::EmbeddedStore::open(std::move(options)));
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t sessions = 100'000;
  std::size_t rounds = 20;
  std::string directory = "bench-data";
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) die("usage: bench_cleaning_cost [--sessions N] [--rounds R] [--dir DIR]");
    const std::string_view value = argv[i + 1];
    if (flag == "--dir") {
      directory = value;
      continue;
    }
    std::size_t& number = flag == "--sessions" ? sessions : rounds;
    const bool known = flag == "--sessions" || flag == "--rounds";
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if (!known || parsed.ec != std::errc{} || number == 0)
      die("what does '" + std::string{flag} + "' mean?");
  }
  if (std::filesystem::exists(directory))
    die("'" + directory + "' is there already; name a new directory");
  std::filesystem::create_directory(directory);

  std::array<Rival, 2> rivals{Rival{"cleans", directory + "/cleans", true},
                              Rival{"never cleans", directory + "/never", false}};
  std::vector<std::string> sids;
  for (std::size_t i = 0; i < sessions; ++i) sids.push_back(make_session_id());
  const std::string value(100, 'v');
  for (Rival& rival : rivals) {
    for (const std::string& sid : sids) {
      Session session = sure(rival.store->init(sid));
      for (std::size_t k = 0; k < kKeys; ++k) sure(session.set(k, value));
    }
  }
  const double live = static_cast<double>(sessions) * (96 + kKeys * (100 + 3 + 6));

  for (std::size_t round = 0; round < rounds; ++round) {
    for (Rival& rival : rivals) {
      std::minstd_rand random{static_cast<unsigned>(round + 1)};
      for (std::size_t i = 0; i < kOperationsPerRound; ++i) {
        Session session = sure(rival.store->load(sids[random() % sessions]));
        const std::size_t key = random() % kKeys;
        const auto start = Ticks::now();
        sure(session.set(key, value));
        const auto between = Ticks::now();
        if (sure(session.get<std::string>(key)) != value) die("a value that was read is wrong");
        const auto end = Ticks::now();
        rival.sets.add(between - start);
        rival.gets.add(end - between);
      }
      rival.disk_bytes_max = std::max(rival.disk_bytes_max, disk_bytes(rival.directory));
    }
  }

  std::printf("%zu sessions of %zu keys x 100 bytes, %zu sets and gets each\n", sessions, kKeys,
              rounds * kOperationsPerRound);
  constexpr std::array kQuantiles{0.5, 0.99, 0.999, 0.9999};
  std::printf("%-14s", "us");
  for (const char* what : {"set", "get"})
    std::printf(" %8s p50 %8s %8s %8s", what, "p99", "p99.9", "p99.99");
  std::printf(" %18s\n", "disk / live, max");
  for (const Rival& rival : rivals) {
    std::printf("%-14s", rival.name);
    for (const Histogram* times : {&rival.sets, &rival.gets}) {
      for (const double quantile : kQuantiles)
        std::printf(quantile == 0.5 ? " %12.2f" : " %8.2f", times->us(quantile));
    }
    std::printf(" %18.2f\n", static_cast<double>(rival.disk_bytes_max) / live);
  }
  std::printf("%-14s", "ratio");
  for (Histogram Rival::* times : {&Rival::sets, &Rival::gets}) {
    for (const double quantile : kQuantiles)
      std::printf(quantile == 0.5 ? " %12.2f" : " %8.2f",
                  (rivals[0].*times).us(quantile) / (rivals[1].*times).us(quantile));
  }
  std::printf("\n");
  for (Rival& rival : rivals) rival.store.reset();
  std::filesystem::remove_all(directory);
}
