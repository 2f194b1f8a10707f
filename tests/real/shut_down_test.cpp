// A file system is shut down under load, as by a power cut, and mounted again: what was promised is there, in each durability,
// and what was served after opening is still there after the next cut.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "testing/load_process.hpp"
#include "tests/real/real_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::array kModes{Durability::always, Durability::interval, Durability::os,
                            Durability::none};

int cycles() {
  const char* const number = std::getenv("HYBRID_SHUT_DOWN_CYCLES");
  return number != nullptr ? std::atoi(number) : 20;
}

unsigned seed() {
  const char* const number = std::getenv("HYBRID_SHUT_DOWN_SEED");
  return number != nullptr ? static_cast<unsigned>(std::atoi(number)) : 1;
}

class ShutDown : public RealFaults, public ::testing::WithParamInterface<FileSystemKind> {
 protected:
  // One mode, again and again on the same store.
  void run_cycles(Durability durability, int count, std::mt19937& random) {
    LoopFileSystem disk{{.kind = GetParam()}};
    if (!disk.error().empty()) GTEST_SKIP() << disk.error();
    const std::string path = disk.path() + "/store";
    LoadPositions at{};
    for (int cycle = 0; cycle < count; ++cycle) {
      SCOPED_TRACE(std::string{name_of(durability)} + ", cycle " + std::to_string(cycle));
      run_cycle(disk, path, durability, random, at);
      if (HasFailure()) return;
    }
  }

 private:
  static void run_cycle(LoopFileSystem& disk, const std::string& path, Durability durability,
                        std::mt19937& random, LoadPositions& at) {
    const int most = durability == Durability::always ? 200 : 3000;
    const bool log_flushed = random() % 4 == 0;
    LoadProcess child{{.directory = path, .durability = durability, .starts = at}};
    ASSERT_TRUE(child.wait_for(static_cast<int>(random() % static_cast<unsigned>(most)) + 1));
    // A sync that is under way may report success though its file system is gone; with the power the process would be, too.
    child.end_promises();
    ASSERT_TRUE(disk.shut_down(log_flushed));
    if (random() % 2 == 0) child.wait_for_refusal(500ms);
    const LoadOutcome outcome = child.end();
    EXPECT_FALSE(outcome.reported(LoadReport::Kind::reads_are_wrong)) << outcome.describe();
    EXPECT_FALSE(outcome.reported(LoadReport::Kind::success_after_failed_sync))
        << outcome.describe();

    ASSERT_TRUE(disk.remount_after_shut_down());

    LoadContents served;
    {
      auto store = open(path, {.durability = durability});
      ASSERT_TRUE(store) << store.error().message();
      const auto found = check_load(**store, outcome, kept_by_power_cut(durability));
      ASSERT_TRUE(found);
      at = *found;
      served = read_load(**store);
      // Completing an operation is a change, which only some modes make durable.
      ASSERT_TRUE((*store)->flush());
      ASSERT_TRUE(disk.shut_down(false));
    }
    ASSERT_TRUE(disk.remount_after_shut_down());
    auto store = open(path, {.durability = durability});
    ASSERT_TRUE(store) << store.error().message();
    ASSERT_EQ(read_load(**store), served) << "what was served was not on the disk";
  }
};

TEST_P(ShutDown, KeepsWhatWasPromised) {
  constexpr int kCyclesOnOneStore = 25;
  std::mt19937 random{seed()};
  const int total = cycles();
  const int parts = std::max<int>(kModes.size(), total / kCyclesOnOneStore);
  for (int part = 0; part < parts && !HasFailure() && !IsSkipped(); ++part) {
    const Durability durability = kModes[static_cast<std::size_t>(part) % kModes.size()];
    run_cycles(durability, (total + part) / parts, random);
    std::printf("part %d of %d: %s\n", part + 1, parts, std::string{name_of(durability)}.c_str());
    std::fflush(stdout);
  }
}

INSTANTIATE_TEST_SUITE_P(On, ShutDown, ::testing::Values(FileSystemKind::ext4, FileSystemKind::xfs),
                         [](const auto& kind) { return std::string{name_of(kind.param)}; });

}  // namespace
}  // namespace hybrid::testing
