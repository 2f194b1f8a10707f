// hybrid compact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <hybrid/hybrid.hpp>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;

std::uint64_t file_bytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    bytes += entry.file_size();
  return bytes;
}

TEST(Compact, MakesTheLogShortAndKeepsTheSessions) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  {
    auto store = open(directory).value();
    auto session = store->init(kAda).value();
    for (int i = 0; i < 1000; ++i) session.set("count", i).value();
    store->init(kBob).value().set("theme", "dark").value();
    store->init(kGuest).value();
    store->destroy(kGuest).value();
  }
  const std::uint64_t before = file_bytes(directory);

  const Outcome outcome = run_program({"compact", directory, "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto json = outcome.json();
  EXPECT_EQ(json["sessions"], 2);
  EXPECT_GT(json["log_bytes_before"], 40'000);
  EXPECT_LT(json["log_bytes_after"], 5'000);
  EXPECT_EQ(json["segments_after"], 1);
  EXPECT_LT(file_bytes(directory), before / 10);

  EXPECT_EQ(run_program({"verify", directory}).code, 0);
  auto store = open(directory).value();
  EXPECT_EQ(store->size().value(), 2U);
  EXPECT_EQ(store->find(kAda).value()->get<int>("count").value(), 999);
  EXPECT_EQ(store->find(kAda).value()->version().value(), 1000U);
  EXPECT_EQ(store->find(kBob).value()->get<std::string>("theme").value(), "dark");
}

TEST(Compact, SaysWhatItDid) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  make_sample_store(directory);
  const Outcome outcome = run_program({"compact", directory});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("compacted: 2 sessions, from "));
  EXPECT_EQ(outcome.err, "");
}

TEST(Compact, AStoreThatIsOpenElsewhereIsTwo) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  make_sample_store(directory);
  const auto store = open(directory).value();
  const Outcome outcome = run_program({"compact", directory});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("is open elsewhere"));
}

TEST(Compact, NoStoreIsTwoAndNoneIsMade) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/missing";
  EXPECT_EQ(run_program({"compact", directory}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST(Compact, ADamagedStoreIsOneAndLeftAlone) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  make_sample_store(directory);
  const std::string path = end_of_log(directory).path;
  flip_bit(path, 600);
  const std::string before = read_file(path);
  const Outcome outcome = run_program({"compact", directory});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("offset 512"));
  EXPECT_EQ(read_file(path), before);
}

}  // namespace
}  // namespace hybrid
