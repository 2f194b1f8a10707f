// Rule: whatever happens, a reopened store holds a state that was, at least as new as the durability promises.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/fault/workload.hpp"

namespace hybrid::testing {
namespace {

using Survives = FaultFileSystem::Survives;

struct Mode {
  const char* name;
  Durability durability;
  Survives survives;
};
const Mode kModes[] = {
    {"always_power_cut", Durability::always, Survives::anything},
    {"always_power_cut_keeps_least", Durability::always, Survives::only_synced},
    {"always_killed", Durability::always, Survives::everything},
    {"interval_power_cut", Durability::interval, Survives::anything},
    {"interval_power_cut_keeps_least", Durability::interval, Survives::only_synced},
    {"interval_killed", Durability::interval, Survives::everything},
    {"os_power_cut", Durability::os, Survives::anything},
    {"os_killed", Durability::os, Survives::everything},
    {"none_killed", Durability::none, Survives::everything},
};

// The state that must have survived at least.
std::size_t promised(const Mode& mode, const History& history) {
  return mode.survives == Survives::everything ? history.acknowledged : history.durable;
}

constexpr Millis kStart = 1'700'000'000'000;

// More of them on demand: HYBRID_FAULT_SEEDS=500 build/dev/test_fault
std::uint64_t seeds(std::uint64_t by_default) {
  const char* const wanted = std::getenv("HYBRID_FAULT_SEEDS");
  // These builds take ten times as long, and there is one thread only here.
#if defined(__SANITIZE_THREAD__)
  by_default = by_default / 16 + 1;
#elif defined(__SANITIZE_ADDRESS__)
  by_default = by_default / 8 + 1;
#endif
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : by_default;
}

// How many a run without faults takes.
int count_operations(const Workload& workload) {
  FaultFileSystem files{workload.seed};
  ManualClock clock{kStart};
  const History whole = run(workload, files, clock);
  EXPECT_EQ(whole.failed_with, "");
  EXPECT_GT(whole.states.size(), 10U);
  return files.operations();
}

class PowerCut : public ::testing::TestWithParam<Mode> {
 protected:
  // Opens what is left, checks it, and the same after each crash of that opening, and of the opening after that.
  void check(const FaultFileSystem& after, const History& history, std::uint64_t seed, int nested) {
    const std::size_t least = promised(GetParam(), history);
    auto disk = after.restart(GetParam().survives, seed);
    {
      const auto found = reopen(*disk, history, least);
      if (HasFatalFailure() || !found) return;
      // Opened once more, by a process that was killed: nothing changes any more.
      auto again = disk->restart(Survives::everything, seed);
      const auto found_again = reopen(*again, history, *found);
      ASSERT_EQ(found, found_again) << "opening again changed the sessions";
    }
    if (nested == 0) return;
    // The opening above was the nth operation's luck; now it crashes before each of its operations.
    const int operations = [&] {
      auto counting = after.restart(GetParam().survives, seed);
      open_and_tick(*counting);
      return counting->operations();
    }();
    for (int cut = 0; cut < operations; ++cut) {
      auto crashing = after.restart(GetParam().survives, seed);
      crashing->cut_power_before(cut);
      open_and_tick(*crashing);
      SCOPED_TRACE("and again before operation " + std::to_string(cut) + " of the recovery");
      check(*crashing, history, seed + static_cast<std::uint64_t>(cut) + 1, nested - 1);
      if (HasFatalFailure()) return;
    }
  }

  // At the first tick the next segment is prepared and what is not needed any more is removed.
  static void open_and_tick(FaultFileSystem& disk) {
    ManualClock clock{kStart};
    auto store = store::EmbeddedStore::open(options_for(disk, clock, GetParam().durability));
    if (!store) return;
    (*store)->run_duties();
    disk.kill([&] { store->reset(); });
  }

  static std::optional<std::size_t> reopen(FaultFileSystem& disk, const History& history,
                                           std::size_t least) {
    ManualClock clock{kStart};
    auto store = store::EmbeddedStore::open(options_for(disk, clock, GetParam().durability));
    if (!store) {
      ADD_FAILURE() << store.error().message();
      return std::nullopt;
    }
    const auto state = read_state(**store);
    if (!state) {
      ADD_FAILURE() << state.error().message();
      return std::nullopt;
    }
    const auto found = history.find(*state, least);
    EXPECT_TRUE(found) << "the state is older than promised (" << least << " of "
                       << history.states.size() << "), or never was; it is "
                       << (history.find(*state, 0) ? "older" : "new");
    EXPECT_EQ((*store)->size().value(), state->size());
    disk.kill([&] { store->reset(); });
    return found;
  }
};

TEST_P(PowerCut, KeepsWhatWasPromisedAtEveryOperation) {
  for (std::uint64_t seed = 1; seed <= seeds(6); ++seed) {
    const Workload workload{.seed = seed, .durability = GetParam().durability, .steps = 50};
    const int operations = count_operations(workload);
    for (int cut = 0; cut <= operations; ++cut) {
      FaultFileSystem files{seed};
      files.cut_power_before(cut);
      ManualClock clock{kStart};
      const History history = run(workload, files, clock);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", power cut before operation " +
                   std::to_string(cut) + ", after " +
                   (files.journal().empty() ? "nothing" : files.journal().back()));
      check(files, history, seed * 1000 + static_cast<std::uint64_t>(cut), cut % 13 == 0 ? 1 : 0);
      if (HasFailure()) return;
    }
  }
}

TEST_P(PowerCut, KeepsWhatWasPromisedBetweenOperations) {
  // Appends are no operations of the file system: stop after each step instead.
  for (std::uint64_t seed = 1; seed <= seeds(40); ++seed) {
    const int steps = static_cast<int>(seed * 7 % 60) + 1;
    const Workload workload{
        .seed = seed, .durability = GetParam().durability, .steps = steps, .close = false};
    FaultFileSystem files{seed};
    ManualClock clock{kStart};
    const History history = run(workload, files, clock);
    ASSERT_EQ(history.failed_with, "");
    SCOPED_TRACE("seed " + std::to_string(seed) + ", stopped after step " + std::to_string(steps));
    for (std::uint64_t luck = 1; luck <= 5; ++luck)
      check(files, history, luck, luck != 1 ? 0 : seed % 4 == 0 ? 2 : 1);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PowerCut, ::testing::ValuesIn(kModes),
                         [](const auto& mode) { return mode.param.name; });

// --- Operations that fail while the power stays

struct Failure {
  const char* name;
  Errc code;
  bool and_after;
};
const Failure kFailures[] = {
    {"io_once", Errc::io, false},
    {"io_from_then_on", Errc::io, true},
    {"no_space_once", Errc::no_space, false},
    {"no_space_from_then_on", Errc::no_space, true},
};

class FailingOperation : public ::testing::TestWithParam<Failure> {};

TEST_P(FailingOperation, NeverLosesWhatWasAcknowledgedNorInventsAnything) {
  for (const Durability durability : {Durability::always, Durability::interval}) {
    for (std::uint64_t seed = 1; seed <= seeds(6); ++seed) {
      const Workload workload{.seed = seed, .durability = durability, .steps = 50};
      const int operations = count_operations(workload);
      for (int at = 0; at < operations; ++at) {
        FaultFileSystem files{seed};
        files.fail_operation(at, GetParam().code, GetParam().and_after);
        ManualClock clock{kStart};
        const History history = run(workload, files, clock);
        // Killed now, and the disk is mended; then the power goes. What was accepted after a failed sync stood in the page cache only.
        for (const Survives survives : {Survives::everything, Survives::anything}) {
          SCOPED_TRACE(std::string{"seed "} + std::to_string(seed) + ", " + GetParam().name +
                       " at operation " + std::to_string(at) + ": " + history.failed_with);
          auto disk = files.restart(survives, seed);
          const std::size_t least =
              survives == Survives::everything ? history.acknowledged : history.durable;
          auto store = store::EmbeddedStore::open(options_for(*disk, clock, durability));
          ASSERT_TRUE(store) << store.error().message();
          const auto state = read_state(**store);
          ASSERT_TRUE(state) << state.error().message();
          const auto served = history.find(*state, least);
          ASSERT_TRUE(served) << "promised at least state " << least;

          auto after_power_cut = disk->restart(Survives::only_synced, seed);
          auto reopened =
              store::EmbeddedStore::open(options_for(*after_power_cut, clock, durability));
          ASSERT_TRUE(reopened) << reopened.error().message();
          ASSERT_EQ(read_state(**reopened).value(), *state)
              << "what was served after the restart was not on the disk";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Failures, FailingOperation, ::testing::ValuesIn(kFailures),
                         [](const auto& mode) { return mode.param.name; });

}  // namespace
}  // namespace hybrid::testing
