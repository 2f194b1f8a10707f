// A process that writes is killed with SIGKILL at random instants, again and again on the same store. Whatever it had reported
// done is there after reopening, and nothing that it had not been asked for.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <random>

#include "testing/load_process.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

class Kill : public ::testing::TestWithParam<Durability> {};

TEST_P(Kill, LosesNothingAcknowledgedAndInventsNothing) {
  constexpr int kRounds = 12;
  const TempDirectory directory;
  const std::string path = directory.path() + "/store";
  std::mt19937 random{20240517};
  LoadPositions at{};
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    LoadProcess child{{.directory = path, .durability = GetParam(), .starts = at}};
    ASSERT_TRUE(child.wait_for(static_cast<int>(random() % 500) + 1));
    const LoadOutcome outcome = child.end();
    ASSERT_TRUE(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGKILL)
        << outcome.describe();

    const auto store = open(path, {.durability = GetParam()});
    ASSERT_TRUE(store) << store.error().message();
    const auto found = check_load(**store, outcome, LoadKeeps::acknowledged);
    ASSERT_TRUE(found);
    at = *found;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Kill,
                         ::testing::Values(Durability::always, Durability::interval, Durability::os,
                                           Durability::none),
                         [](const auto& mode) { return std::string{name_of(mode.param)}; });

}  // namespace
}  // namespace hybrid::testing
