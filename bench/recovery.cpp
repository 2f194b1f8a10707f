// Question: how long does recovery take, beside reading and checksumming the same bytes, and beside touching as much new memory?
// A log of N sessions of 8 keys x 100 bytes, which were made whole; then each of their keys was set once more, by itself, in random
// order (--in-order: session by session), and the store was closed. Each measurement is a process of its own, so that memory is new
// to it; rounds of all, medians. The log is in the page cache.
//   bench_recovery DIR [--sessions N] [--rounds R] [--in-order] [--keep] [--only NAME]
// DIR is made, and removed at the end unless it is to be kept; if it is a store already, that one is measured, and left.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <hybrid/hybrid.hpp>

#include "base/crc32c.hpp"
#include "bench/sure.hpp"
#include "store/recovery.hpp"

namespace {

using bench::die;
using bench::sure;

constexpr std::size_t kKeys = 8;
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

struct Figures {
  double seconds = 0;
  double processor_seconds = 0;
  double caller_seconds = 0;  // of a processor, for the thread that called
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t memory_kib = 0;  // at most
};

void make_log(const std::string& directory, std::size_t sessions, bool in_order) {
  auto store = sure(hybrid::open(directory));
  const std::string value(100, 'v');
  std::vector<std::string> sids;
  for (std::size_t i = 0; i < sessions; ++i) {
    sids.push_back(hybrid::make_session_id());
    auto session = sure(store->init(sids.back()));
    sure(session.update([&](hybrid::Session& view) -> hybrid::Result<void> {
      for (std::size_t k = 0; k < kKeys; ++k) {
        if (auto done = view.set("key" + std::to_string(k), value); !done) return done;
      }
      return {};
    }));
  }
  std::vector<std::uint32_t> sets(sessions * kKeys);
  for (std::size_t i = 0; i < sets.size(); ++i) sets[i] = static_cast<std::uint32_t>(i);
  if (!in_order) std::ranges::shuffle(sets, std::minstd_rand{1});
  for (const std::uint32_t i : sets)
    sure(sure(store->load(sids[i / kKeys])).set("key" + std::to_string(i % kKeys), value));
}

void read_and_checksum(const std::string& directory, Figures& figures) {
  auto& files = hybrid::io::posix_file_system();
  std::vector<std::byte> buffer(kBufferBytes);
  std::uint32_t crc = 0;
  for (const std::string& name : sure(files.list(directory))) {
    if (!name.ends_with(".scf")) continue;
    const auto file = sure(files.open(directory + "/" + name, hybrid::io::OpenMode::read));
    for (std::uint64_t at = 0;;) {
      const std::size_t got = sure(file->read_at(at, buffer));
      if (got == 0) break;
      at += got;
      crc ^= hybrid::crc32c_extend(0, std::span{buffer}.first(got));
    }
    figures.bytes += sure(file->size());
  }
  if (crc == 1) std::fprintf(stderr, "so that the compiler keeps it\n");
}

// As much as recovery had at most.
void touch(std::uint64_t bytes, Figures& figures) {
  void* const at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) die("no memory");
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  for (std::uint64_t i = 0; i < bytes; i += page)
    static_cast<volatile std::byte*>(at)[i] = std::byte{1};
  figures.bytes = bytes;
}

void recover(const std::string& directory, Figures& figures) {
  auto* const table = hybrid::store::Table::make().release();  // left to the end of the process
  const auto recovered =
      sure(hybrid::store::recover(hybrid::io::posix_file_system(), directory, *table, {}));
  figures.bytes = recovered.report.bytes_read;
  figures.records = recovered.report.records;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Figures in_child(const std::function<void(Figures&)>& what) {
  void* const shared =
      ::mmap(nullptr, sizeof(Figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("no memory");
  auto* const figures = new (shared) Figures;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto begun = std::chrono::steady_clock::now();
    what(*figures);
    figures->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    figures->caller_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    ::getrusage(RUSAGE_SELF, &used);
    figures->processor_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    figures->memory_kib = static_cast<std::uint64_t>(used.ru_maxrss);
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) die("a child failed");
  const Figures result = *figures;
  ::munmap(shared, sizeof(Figures));
  return result;
}

double median(std::vector<Figures> all, double Figures::* what) {
  std::ranges::sort(all, {}, what);
  return all[all.size() / 2].*what;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2)
    die("usage: bench_recovery DIR [--sessions N] [--rounds R] [--in-order] [--keep] "
        "[--only NAME]");
  const std::string directory = argv[1];
  std::size_t sessions = 1'000'000;
  std::size_t rounds = 3;
  bool in_order = false;
  bool keep = false;
  std::string_view only;
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--in-order" || flag == "--keep") {
      (flag == "--keep" ? keep : in_order) = true;
      continue;
    }
    if (i + 1 == argc) die("what does '" + std::string{flag} + "' mean?");
    const std::string_view value = argv[++i];
    if (flag == "--only") {
      only = value;
      continue;
    }
    std::size_t& number = flag == "--sessions" ? sessions : rounds;
    const bool known = flag == "--sessions" || flag == "--rounds";
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if (!known || parsed.ec != std::errc{} || number == 0)
      die("what does '" + std::string{flag} + "' mean?");
  }
  const bool made = !std::filesystem::exists(directory);
  if (made) {
    // In a child, so that the memory of that store is gone.
    std::fprintf(stderr, "makes %zu sessions ...\n", sessions);
    in_child([&](Figures&) { make_log(directory, sessions, in_order); });
  }

  struct Measured {
    std::string_view name;
    std::function<void(Figures&)> what;
    std::vector<Figures> figures{};
  };
  std::uint64_t memory_kib = 0;
  std::vector<Measured> all{
      {"recover", [&](Figures& figures) { recover(directory, figures); }},
      {"read+crc", [&](Figures& figures) { read_and_checksum(directory, figures); }},
      {"touch", [&](Figures& figures) { touch(memory_kib << 10, figures); }}};
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Measured& one : all) {
      if (!only.empty() && one.name != only) continue;
      one.figures.push_back(in_child(one.what));
      memory_kib = std::max(memory_kib, one.figures.back().memory_kib);
    }
  }
  double base = 0;
  for (const Measured& one : all) {
    if (one.figures.empty()) continue;
    const double seconds = median(one.figures, &Figures::seconds);
    const double processor = median(one.figures, &Figures::processor_seconds);
    const double caller = median(one.figures, &Figures::caller_seconds);
    const Figures& any = one.figures.front();
    if (base == 0) base = seconds;
    std::printf("%-9s %6.2f s, processors %6.2f s, caller's %6.2f s, %6.2f GB, %7.1f MiB",
                one.name.data(), seconds, processor, caller, static_cast<double>(any.bytes) / 1e9,
                static_cast<double>(any.memory_kib) / 1024);
    std::printf(", %5.2f of recovery", seconds / base);
    if (any.records != 0)
      std::printf(", %zu records, %.0f ns each", static_cast<std::size_t>(any.records),
                  seconds * 1e9 / static_cast<double>(any.records));
    std::printf("\n");
  }
  if (made && !keep) std::filesystem::remove_all(directory);
}
