// System calls that fail at random, by libfiu, under a process that is then killed: nothing acknowledged is lost, and a failed sync
// is never followed by success.
#include <gtest/gtest.h>

#include <chrono>

#include "testing/load_process.hpp"
#include "testing/temp_directory.hpp"
#include "tests/real/real_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

struct InjectedCase {
  const char* name;
  const char* points;  // as fiu-run takes them
  Durability durability;
};
void PrintTo(const InjectedCase& row, std::ostream* out) { *out << row.name; }

class InjectedErrors : public ::testing::TestWithParam<InjectedCase> {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "run in the builds without a sanitizer";
    if (run_program({"fiu-run", "-x", "true"})) GTEST_SKIP() << "fiu-run is not installed";
  }
};

TEST_P(InjectedErrors, LoseNothingAcknowledged) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/store";
  LoadPositions at{};
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    LoadOutcome outcome;
    {
      LoadProcess child{{.directory = path,
                         .durability = GetParam().durability,
                         .starts = at,
                         .patience = 100ms,
                         .run_by = {"fiu-run", "-x", "-f", "", "-c", GetParam().points}}};
      child.wait_for(GetParam().durability == Durability::always ? 400 : 20'000, 1s);
      outcome = child.end();
    }
    EXPECT_FALSE(outcome.reported(LoadReport::Kind::reads_are_wrong)) << outcome.describe();
    EXPECT_FALSE(outcome.reported(LoadReport::Kind::success_after_failed_sync))
        << outcome.describe();
    const auto store = open(path);
    ASSERT_TRUE(store) << store.error().message();
    const auto found = check_load(**store, outcome, LoadKeeps::acknowledged);
    ASSERT_TRUE(found);
    at = *found;
  }
  EXPECT_GT(at[0], 0);
}

INSTANTIATE_TEST_SUITE_P(
    Of, InjectedErrors,
    ::testing::Values(
        InjectedCase{"pwrite", "enable_random name=posix/io/rw/pwrite,probability=0.02",
                     Durability::interval},
        InjectedCase{"short_pwrite", "enable_random name=posix/io/rw/pwrite/reduce,probability=0.3",
                     Durability::interval},
        InjectedCase{"fdatasync_always",
                     "enable_random name=posix/io/sync/fdatasync,probability=0.01",
                     Durability::always},
        InjectedCase{"fdatasync_interval",
                     "enable_random name=posix/io/sync/fdatasync,probability=0.05",
                     Durability::interval},
        InjectedCase{"fsync_of_directories",
                     "enable_random name=posix/io/sync/fsync,probability=0.3",
                     Durability::interval},
        InjectedCase{"ftruncate", "enable_random name=posix/io/rw/ftruncate,probability=0.3",
                     Durability::always},
        InjectedCase{"unlink", "enable_random name=posix/io/dir/unlink,probability=0.5",
                     Durability::interval}),
    [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace hybrid::testing
