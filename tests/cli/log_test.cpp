// hybrid log: one session through all its ids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hybrid/hybrid.hpp>
#include <thread>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

class Log : public ::testing::Test {
 protected:
  Outcome log(Arguments more, const std::string& input = {}) {
    more.insert(more.begin(), {"log", directory_, "--json"});
    return run_program(more, input);
  }
  std::vector<int> lsns(Arguments more, const std::string& input = {}) {
    const Outcome outcome = log(std::move(more), input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<int> lsns;
    for (const auto& record : outcome.lines()) lsns.push_back(record.at("lsn"));
    return lsns;
  }

  TempDirectory temporary_;
  const std::string directory_ = temporary_.path() + "/sessions";
};

TEST_F(Log, FollowsASessionBackAndForth) {
  make_sample_store(directory_);
  EXPECT_THAT(lsns({"--sid", kAda}), ElementsAre(1, 2, 9, 10, 12));
  EXPECT_THAT(lsns({"--sid", kGuest}), ElementsAre(3, 4, 5, 6, 7));
  // The id was used again.
  EXPECT_THAT(lsns({"--sid", kBob}), ElementsAre(3, 4, 5, 6, 7, 8, 11));
}

TEST_F(Log, FollowsManyIds) {
  {
    auto store = open(directory_).value();
    auto session = store->init("id0").value();  // 1
    store->init("bystander").value();           // 2
    for (int i = 0; i < 5; ++i) {               // 3 to 7
      store->change_id("id" + std::to_string(i), "id" + std::to_string(i + 1)).value();
    }
    store->init("id2").value();     // 8: another session
    session.set("k", 1).value();    // 9
    store->destroy("id5").value();  // 10
    store->destroy("id2").value();  // 11
  }
  for (const char* sid : {"id0", "id1", "id3", "id4", "id5"})
    EXPECT_THAT(lsns({"--sid", sid}), ElementsAre(1, 3, 4, 5, 6, 7, 9, 10)) << sid;
  EXPECT_THAT(lsns({"--sid", "id2"}), ElementsAre(1, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST_F(Log, TakesTheIdFromStandardInput) {
  make_sample_store(directory_);
  EXPECT_THAT(lsns({"--sid-file", "-"}, kAda + "\n"), ElementsAre(1, 2, 9, 10, 12));
  EXPECT_THAT(lsns({"--sid-file", "-"}, kAda), ElementsAre(1, 2, 9, 10, 12));
  write_file(temporary_.path() + "/sid", kAda + "\r\n");
  EXPECT_THAT(lsns({"--sid-file", temporary_.path() + "/sid"}), ElementsAre(1, 2, 9, 10, 12));
}

TEST_F(Log, TakesADigest) {
  make_sample_store(directory_);
  EXPECT_THAT(lsns({"--digest", hex_digest(kAda)}), ElementsAre(1, 2, 9, 10, 12));
  EXPECT_THAT(lsns({"--digest", hex_digest(kAda).substr(0, 12)}), ElementsAre(1, 2, 9, 10, 12));
}

TEST_F(Log, ShowsNoOtherSessionInATouch) {
  {
    auto store = open(directory_).value();
    auto one = store->init("one").value();
    auto other = store->init("other").value();
    std::this_thread::sleep_for(std::chrono::milliseconds{12});
    static_cast<void>(one.contains("k"));
    static_cast<void>(other.contains("k"));
  }
  const auto records = log({"--sid", "one"}).lines();
  ASSERT_EQ(records.size(), 2U);
  ASSERT_EQ(records[1].at("touches").size(), 1U);
  EXPECT_EQ(records[1].at("touches").at(0).at("sid"), hex_digest("one"));
}

TEST_F(Log, ShowsValuesOnlyWhenAsked) {
  make_sample_store(directory_);
  EXPECT_THAT(log({"--sid", kAda}).out, Not(HasSubstr(kSecret)));
  EXPECT_THAT(log({"--sid", kAda, "--values"}).out, HasSubstr(kSecret));
  EXPECT_THAT(run_program({"log", directory_, "--sid", kAda}).out, Not(HasSubstr(kSecret)));
  EXPECT_THAT(run_program({"log", directory_, "--sid", kAda, "--values"}).out, HasSubstr(kSecret));
}

TEST_F(Log, SaysNoIfNothingIsKnown) {
  make_sample_store(directory_);
  const Outcome outcome = log({"--sid", "nobody-5d1e"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("nothing is known of that session"));
}

TEST_F(Log, NeverRepeatsASessionId) {
  make_sample_store(directory_);
  const std::string secret = "--x9-not-known-7c2b";
  for (const Arguments& arguments : {Arguments{"log", directory_, "--sid", kAda},
                                     {"log", directory_, "--sid=" + secret},
                                     {"log", directory_, "--digest", secret},
                                     {"log", directory_, "--sid", secret},
                                     {"log", directory_, secret},
                                     {"verify", directory_, "--sid", secret},
                                     {"log", directory_, "--sid", kAda, "--digest", secret},
                                     {"verify", directory_, secret},
                                     {"log", directory_, "--sid", std::string(1025, 'x') + secret},
                                     {secret}}) {
    const Outcome outcome = run_program(arguments);
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(secret)));
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(kAda)));
  }
}

TEST_F(Log, NeedsToKnowWhichSession) {
  make_sample_store(directory_);
  for (const Arguments& wrong : {Arguments{},
                                 {"--sid", ""},
                                 {"--sid", std::string(1025, 'x')},
                                 {"--digest", "1234567"},
                                 {"--digest", "nothexad"},
                                 {"--sid-file", "/no/such/file"},
                                 {"--sid", "a", "--digest", "b"}}) {
    EXPECT_EQ(log(wrong).code, 2);
  }
}

}  // namespace
}  // namespace hybrid
