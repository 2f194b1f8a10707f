#include "testing/simulator/explorer.hpp"

#include <algorithm>
#include <iterator>

namespace hybrid::testing::simulator {
namespace {

constexpr Millis kLater = 1'800'000'000'000;  // than all that runs do
constexpr std::size_t kNestedMax = 3;

std::string_view name_of(Durability durability) {
  switch (durability) {
    case Durability::always: return "always";
    case Durability::interval: return "interval";
    case Durability::os: return "os";
    case Durability::none: return "none";
  }
  return "unknown";
}

// The crashes while one store is opened and used.
class Nested {
 public:
  Nested(Disk& disk, Random& random, int depth, std::string trail)
      : disk_(disk), random_(random), depth_(depth), trail_(std::move(trail)) {}

  void watch(const char* during) {
    if (depth_ == 0) return;
    disk_.watch([this, during](Call call) {
      if (!random_.one_in(3)) return;
      const Survives survives = random_.one_in(3)   ? Survives::everything
                                : random_.one_in(3) ? Survives::only_synced
                                                    : Survives::anything;
      add(survives, std::string{during} + ", before " + std::string{to_string(call)});
    });
  }
  void add(Survives survives, const std::string& when) {
    if (depth_ == 0) return;
    crashes_.push_back(
        {.disk = disk_.crash(survives, random_.next()),
         .survives = survives,
         .trail =
             trail_.empty() ? "" : trail_ + "; " + std::string{to_string(survives)} + " " + when});
  }
  // Those since the last call made this promise.
  void promise(const Promise& promise) {
    for (; promised_ < crashes_.size(); ++promised_) crashes_[promised_].promise = promise;
  }
  std::vector<Crash> take() {
    while (crashes_.size() > kNestedMax) {
      const auto victim = random_.below(crashes_.size());
      crashes_.erase(crashes_.begin() + static_cast<std::ptrdiff_t>(victim));
    }
    return std::move(crashes_);
  }

 private:
  Disk& disk_;
  Random& random_;
  int depth_;
  std::string trail_;
  std::vector<Crash> crashes_;
  std::size_t promised_ = 0;
};

}  // namespace

std::string to_string(const Setup& setup) {
  return std::string{name_of(setup.durability)} +
         (setup.sync_security_ops ? ", security operations at once" : "") + ", segments of " +
         std::to_string(setup.segment_bytes) + " bytes";
}

store::EmbeddedStore::Options options_for(const Setup& setup, Disk& disk, const Clock& clock) {
  store::EmbeddedStore::Options options;
  options.params.durability = setup.durability;
  options.params.sync_security_ops = setup.sync_security_ops;
  options.files = &disk;
  options.directory = "/s";
  options.clock = &clock;
  options.background = false;
  options.first_segment_bytes = setup.segment_bytes;
  options.clean_bytes_min = setup.clean_bytes_min;
  options.clean_slice_bytes = setup.clean_slice_bytes;
  return options;
}

int Explorer::any_depth() {
  if (!random_.one_in(3)) return 0;
  return static_cast<int>(1 + random_.below(3));
}

Survives Explorer::any_survives() {
  return random_.one_in(3) ? Survives::everything
                           : (random_.one_in(3) ? Survives::only_synced : Survives::anything);
}

void Explorer::violation(const Crash& crash, const std::string& what) {
  findings_.violations.push_back(what);
  if (findings_.tell)
    findings_.tell("VIOLATION: " + what + "\n    " + crash.trail + "\n" + crash.disk->describe());
}

void Explorer::explore(Crash crash, int depth) {
  ++findings_.states;
  Disk& disk = *crash.disk;
  const bool killed = crash.survives == Survives::everything;
  const bool trusted = !disk.doubtful();
  const std::uint64_t claimed = trusted ? 0 : disk.greatest_claim();
  const ManualClock clock{kLater};
  const auto options = options_for(setup_, disk, clock);

  Nested nested{disk, random_, depth, crash.trail};
  nested.watch("during recovery");
  if (depth > 0 && random_.one_in(4)) {
    disk.inject(Fault{.call = static_cast<Call>(random_.below(kCalls)),
                      .nth = random_.below(6),
                      .code = random_.one_in(2) ? Errc::io : Errc::no_space,
                      .persists = random_.one_in(2)});
  }
  auto store = store::EmbeddedStore::open(options);
  if (!store) {
    if (!trusted && store.error().code() == Errc::corrupt) {
      ++findings_.refused;
      return;
    }
    if (disk.faults() == 0 || store.error().code() == Errc::corrupt) {
      return violation(crash, "it does not open: " + store.error().message());
    }
    nested.add(any_survives(), "after a recovery that failed: " + store.error().message());
    Promise promise = crash.promise;
    promise.power_was_cut |= !killed;
    if (!killed) promise.killed = promise.power;
    nested.promise(promise);
  } else {
    const auto stats = (*store)->stats();
    const auto state = read_state(**store);
    if (!stats) return violation(crash, "no statistics");
    if (!state) return violation(crash, state.error());
    const Seen seen{
        .last_lsn = stats->last_lsn, .state = *state, .killed = killed, .trusted = trusted};
    if (const auto wrong = oracle_.judge(seen, crash.promise)) return violation(crash, *wrong);
    if (seen.last_lsn < claimed) {
      return violation(crash, "the log ends at LSN " + std::to_string(seen.last_lsn) +
                                  ", but the disk says that it had synced " +
                                  std::to_string(claimed));
    }
    // After a power cut all that is there is on the disk; what was kept by the page cache only may still go.
    Promise promise = crash.promise;
    promise.power_was_cut |= !killed;
    promise.killed = promise.at_most = seen.last_lsn;
    if (!killed) promise.power = seen.last_lsn;
    nested.promise(promise);
    promise = {.killed = seen.last_lsn,
               .power = seen.last_lsn,
               .at_most = kAnyLsn,
               .since = seen.state,
               .since_lsn = seen.last_lsn,
               .progress = crash.promise.progress};
    nested.add(Survives::only_synced, "after recovery");
    if (depth > 0) {
      nested.watch("during cleaning");
      if (random_.one_in(2)) {
        static_cast<void>((*store)->compact());
      } else {
        (*store)->run_duties();
      }
      nested.add(any_survives(), "after cleaning");
    }
    nested.promise(promise);
  }
  disk.abandon();
  if (store) store->reset();
  for (Crash& next : nested.take()) explore(std::move(next), depth - 1);
}

}  // namespace hybrid::testing::simulator
