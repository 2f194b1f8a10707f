// hybrid salvage. What is saved, and what is not, is tested in tests/store/salvage_test.cpp.
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

class SalvageProgram : public ::testing::Test {
 protected:
  const std::string& root() const { return temporary_.path(); }
  std::string store() const { return root() + "/sessions"; }
  std::string saved() const { return root() + "/saved"; }
  // Ada is damaged, Bob came after that.
  void make_damaged_store() {
    {
      auto made = open(store()).value();
      made->init(kAda).value().set("password", kSecret).value();
    }
    {
      auto made = open(store()).value();
      made->init(kBob).value().set("n", 1).value();
    }
    flip_bit(store() + "/0000000000000001.scf", 512 + 80);
  }

 private:
  const TempDirectory temporary_;
};

TEST_F(SalvageProgram, ASoundStoreIsSavedAsAWhole) {
  make_sample_store(store());
  const std::string before = read_file(end_of_log(store()).path);
  const Outcome outcome = run_program({"salvage", store(), saved()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "saved: 2 sessions, to '" + saved() + "'\n");
  EXPECT_EQ(read_file(end_of_log(store()).path), before);
  EXPECT_THAT(run_program({"verify", saved()}).out, HasSubstr("cleanly closed"));
}

TEST_F(SalvageProgram, WhatIsNotProvenIsListedByItsDigest) {
  make_damaged_store();
  const Outcome text = run_program({"salvage", store(), saved()});
  EXPECT_EQ(text.code, 1) << text.err;
  EXPECT_THAT(text.out, StartsWith("saved: 1 session, to '"));
  EXPECT_THAT(text.out, HasSubstr("0000000000000001.scf, offset 512: "));
  std::filesystem::remove_all(saved());

  const auto json = run_program({"salvage", store(), saved(), "--json"}).json();
  EXPECT_EQ(json["complete"], false);
  EXPECT_EQ(json["sessions"], 1);
  EXPECT_EQ(json["lost_records"][0]["lost_from"], 1);
  auto restored = open(saved()).value();
  EXPECT_FALSE(restored->exists(kAda));
  EXPECT_EQ(restored->find(kBob).value()->get<int>("n").value(), 1);
}

TEST_F(SalvageProgram, SaysWhoIsKnownAndNotSaved) {
  make_sample_store(store());
  std::filesystem::resize_file(end_of_log(store()).path, end_of_log(store()).offset - 64);
  const Outcome outcome = run_program({"salvage", store(), saved()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("not saved: " + hex_digest(kAda) +
                                     ", since records from 13 on are lost\n"));
  EXPECT_THAT(outcome.out, HasSubstr("not saved: " + hex_digest(kBob)));
  EXPECT_EQ(open(saved()).value()->size().value(), 0U);
}

TEST_F(SalvageProgram, RefusesAStoreThatIsInUse) {
  if (!std::filesystem::exists("/proc/locks")) GTEST_SKIP() << "/proc/locks is not there";
  make_sample_store(store());
  const auto in_use = open(store()).value();
  const Outcome outcome = run_program({"salvage", store(), saved()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("a process has '" + store() + "' open"));
  EXPECT_FALSE(std::filesystem::exists(saved()));
}

TEST_F(SalvageProgram, NoStoreOrNoPlaceIsTwo) {
  EXPECT_EQ(run_program({"salvage", store(), saved()}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(saved()));
  make_sample_store(store());
  const Outcome outcome = run_program({"salvage", store(), store()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("not empty"));
}

}  // namespace
}  // namespace hybrid
