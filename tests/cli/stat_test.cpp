// hybrid stat
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <hybrid/hybrid.hpp>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::ContainsRegex;
using namespace testing;

class Stat : public ::testing::Test {
 protected:
  TempDirectory temporary_;
  const std::string directory_ = temporary_.path() + "/sessions";
};

TEST_F(Stat, Counts) {
  make_sample_store(directory_);
  const Outcome outcome = run_program({"stat", directory_, "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto stat = outcome.json();
  EXPECT_EQ(stat.at("sessions"), 2);
  EXPECT_EQ(stat.at("segments"), 1);
  EXPECT_EQ(stat.at("other_files"), 0);
  const auto bytes = std::filesystem::file_size(directory_ + "/0000000000000001.scf");
  EXPECT_EQ(stat.at("file_bytes"), bytes);
  EXPECT_EQ(stat.at("log_bytes"), bytes);
  EXPECT_EQ(stat.at("records"), 12);
  EXPECT_EQ(stat.at("records_by_op"),
            nlohmann::json::parse(
                R"({"create": 3, "destroy": 1, "change_id": 1, "modify": 6, "touch": 1})"));
  EXPECT_EQ(stat.at("first_lsn"), 1);
  EXPECT_EQ(stat.at("last_lsn"), 12);
  EXPECT_EQ(stat.at("durable_lsn"), 12);
  EXPECT_LE(stat.at("first_time"), stat.at("last_time"));
  EXPECT_EQ(stat.at("closed"), true);
}

TEST_F(Stat, FollowsIdsThatChange) {
  {
    auto store = open(directory_).value();
    store->init("a").value();
    store->change_id("a", "b").value();
    store->init("a").value();
    store->destroy("b").value();
  }
  EXPECT_EQ(run_program({"stat", directory_, "--json"}).json().at("sessions"), 1);
}

TEST_F(Stat, PrintsAlignedNumbers) {
  {
    auto store = open(directory_).value();
    for (int i = 0; i < 1234; ++i) store->init(std::to_string(i)).value();
    const std::string out = run_program({"stat", directory_}).out;
    EXPECT_THAT(out, ContainsRegex("sessions  +1,234  "));
    EXPECT_THAT(out, ContainsRegex("  create  +1,234\n"));
    EXPECT_THAT(out, ContainsRegex("closed  +no  in use"));
  }
  EXPECT_THAT(run_program({"stat", directory_}).out, ContainsRegex("closed  +yes\n"));
}

TEST_F(Stat, KnowsAnEmptyStore) {
  std::filesystem::create_directory(directory_);
  const Outcome outcome = run_program({"stat", directory_, "--json"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.json().at("sessions"), 0);
  EXPECT_TRUE(outcome.json().at("first_lsn").is_null());
  EXPECT_EQ(run_program({"stat", directory_}).code, 0);
}

TEST_F(Stat, CountsNothingOfADamagedStore) {
  make_sample_store(directory_);
  flip_bit(directory_ + "/0000000000000001.scf", 600);
  const Outcome outcome = run_program({"stat", directory_});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace hybrid
