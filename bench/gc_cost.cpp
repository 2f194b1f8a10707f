// Question: does gc cost in proportion to what it removes, not to what lives (rule S6)?
// 1,000 sessions are outdated among 10 thousand to 10 million; logged, durability interval. "first" is the sweep after all others
// were touched since the sweep before it, which it has to find out; "again" is one whose predecessor has done that.
//
//   bench_gc_cost [DIR]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/sure.hpp"
#include "store/store.hpp"
#include "testing/manual_clock.hpp"

namespace {

using bench::die;
using bench::sure;
using namespace hybrid;
using namespace std::chrono_literals;

constexpr std::size_t kOutdated = 1000;

double timed_gc(Provider& store) {
  const auto start = std::chrono::steady_clock::now();
  const auto removed = store.gc(60s);
  const auto time = std::chrono::steady_clock::now() - start;
  if (!removed || *removed != kOutdated)
    die("gc removed another number of sessions than were outdated");
  return std::chrono::duration<double, std::micro>(time).count();
}

void measure(std::size_t live, const std::string& directory) {
  hybrid::testing::ManualClock clock;
  store::EmbeddedStore::Options options;
  options.files = &io::posix_file_system();
  options.directory = directory;
  options.clock = &clock;
  auto store = std::move(*store::EmbeddedStore::open(options));
  const auto add = [&](const char* kind, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!store->init(kind + std::to_string(i))) die("cannot create a session");
    }
  };
  const auto touch_all = [&] {
    for (std::size_t i = 0; i < live; ++i) {
      if (!*store->find("lives " + std::to_string(i))) die("a session is missing");
    }
  };
  add("lives ", live);
  add("first ", kOutdated);
  clock.advance(2min);
  touch_all();
  const double first = timed_gc(*store);
  clock.advance(50s);
  add("again ", kOutdated);
  clock.advance(1s);
  touch_all();
  clock.advance(15s);
  if (store->gc(60s).value() != 0) die("gc removed a session that was touched");
  clock.advance(44500ms);
  const double again = timed_gc(*store);
  std::printf("%12zu %14.0f %14.0f\n", live, first, again);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "bench-data";
  if (std::filesystem::exists(directory)) die("the directory is there already; name a new one");
  std::printf("gc of 1,000 sessions among\n%12s %14s %14s\n", "living", "first, us", "again, us");
  for (const std::size_t live : {10'000U, 100'000U, 1'000'000U, 10'000'000U}) {
    measure(live, directory);
    std::filesystem::remove_all(directory);
  }
}
