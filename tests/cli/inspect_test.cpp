// hybrid inspect
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <hybrid/hybrid.hpp>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using namespace testing;

class Inspect : public ::testing::Test {
 protected:
  Inspect() { make_sample_store(directory_); }

  std::vector<json> inspect(Arguments more = {}) {
    more.insert(more.begin(), {"inspect", directory_, "--json"});
    const Outcome outcome = run_program(more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.lines();
  }
  std::vector<int> lsns(Arguments more) {
    std::vector<int> lsns;
    for (const json& record : inspect(std::move(more))) lsns.push_back(record.at("lsn"));
    return lsns;
  }

  TempDirectory temporary_;
  const std::string directory_ = temporary_.path() + "/sessions";
};

TEST_F(Inspect, NeverShowsTheNameThatClientsOfTheServerKnowASessionBy) {
  const auto store = open(directory_).value();
  Session session = store->load("sess:kestrel").value();
  using Served = std::tuple<std::string, int, int>;
  ASSERT_TRUE(session.set(Attribute::served, Served{"sess:kestrel", 0, 0}).has_value());
  ASSERT_TRUE(session.set("user", "ada").has_value());
  ASSERT_TRUE(store->flush().has_value());
  for (const bool is_compacted : {false, true}) {
    if (is_compacted) {
      ASSERT_TRUE(store->compact().has_value());
    }
    for (const Arguments& more : {Arguments{}, {"--json"}}) {
      Arguments arguments{"inspect", directory_, "--values"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const Outcome outcome = run_program(arguments);
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      EXPECT_THAT(outcome.out, AllOf(HasSubstr("\"ada\""), Not(HasSubstr("kestrel"))));
    }
  }
}

TEST_F(Inspect, PrintsEveryRecordAsJson) {
  const auto records = inspect();
  ASSERT_EQ(records.size(), 12U);
  std::vector<std::string> ops;
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].at("lsn"), i + 1);
    EXPECT_GT(records[i].at("time"), 1'500'000'000'000);
    EXPECT_EQ(records[i].at("segment"), "0000000000000001.scf");
    EXPECT_EQ(records[i].at("offset").get<int>() % 64, 0);
    ops.push_back(records[i].at("op"));
  }
  EXPECT_THAT(ops, ElementsAre("create", "modify", "create", "modify", "change_id", "modify",
                               "destroy", "create", "modify", "modify", "modify", "touch"));
  EXPECT_EQ(records[0].at("sid"), hex_digest(kAda));
  EXPECT_EQ(records[4].at("sid"), hex_digest(kGuest));
  EXPECT_EQ(records[4].at("new_sid"), hex_digest(kBob));
  EXPECT_EQ(records[9].at("changes"), json::parse(R"([{"change": "clear"}])"));
  const json& touch = records[11].at("touches").at(0);
  EXPECT_EQ(touch.at("sid"), hex_digest(kAda));
  EXPECT_GT(touch.at("last_access"), records[9].at("time"));
}

TEST_F(Inspect, ShowsKeysButNoValues) {
  const auto records = inspect();
  EXPECT_EQ(records[1].at("changes"),
            json::parse(R"([{"change": "create", "key": "user", "type": "string", "bytes": 4}])"));
  EXPECT_THAT(records[8].at("changes"), SizeIs(2));
  for (const char* form : {"--json", "--op=modify"}) {
    const std::string out = run_program({"inspect", directory_, form}).out;
    EXPECT_THAT(out, HasSubstr("password"));
    EXPECT_THAT(out, Not(HasSubstr(kSecret)));
    EXPECT_THAT(out, Not(HasSubstr("dark")));
  }
}

TEST_F(Inspect, ShowsValuesWhenAsked) {
  const json changes = inspect({"--values"})[8].at("changes");
  EXPECT_THAT(changes,
              Contains(json{{"change", "create"}, {"key", "password"}, {"value", kSecret}}));
  EXPECT_THAT(run_program({"inspect", directory_, "--values"}).out,
              HasSubstr(R"(create "password" = ")" + kSecret + '"'));
}

TEST_F(Inspect, NeverShowsSessionIds) {
  for (const Arguments& form : {Arguments{"--values"}, Arguments{"--values", "--json"}}) {
    Arguments arguments{"inspect", directory_};
    arguments.insert(arguments.end(), form.begin(), form.end());
    const Outcome outcome = run_program(arguments);
    for (const std::string& sid : {kAda, kGuest, kBob}) {
      EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(sid)));
    }
  }
}

TEST_F(Inspect, PrintsOneAlignedLineARecord) {
  const std::string out = run_program({"inspect", directory_}).out;
  EXPECT_EQ(std::ranges::count(out, '\n'), 12);
  EXPECT_THAT(out, HasSubstr("Z  create     " + hex_digest(kAda).substr(0, 12) + "\n"));
  EXPECT_THAT(out, HasSubstr("Z  modify     " + hex_digest(kAda).substr(0, 12) +
                             R"(  create "user" (string, 4 bytes))"));
  EXPECT_THAT(out, HasSubstr("  change_id  " + hex_digest(kGuest).substr(0, 12) + "  to " +
                             hex_digest(kBob).substr(0, 12) + "\n"));
}

TEST_F(Inspect, Filters) {
  EXPECT_THAT(lsns({"--from", "3", "--to", "5"}), ElementsAre(3, 4, 5));
  EXPECT_THAT(lsns({"--op", "create", "--op", "destroy"}), ElementsAre(1, 3, 7, 8));
  EXPECT_THAT(lsns({"--sid", kBob}), ElementsAre(5, 6, 7, 8, 11));
  EXPECT_THAT(lsns({"--digest", hex_digest(kAda), "--op", "touch"}), ElementsAre(12));
  EXPECT_THAT(lsns({"--digest", hex_digest(kGuest).substr(0, 9)}), ElementsAre(3, 4, 5));
  EXPECT_THAT(lsns({"--sid", "nobody"}), ElementsAre());
}

TEST_F(Inspect, EndsQuietlyWhenNobodyReads) {
  EXPECT_EQ(run_program_unread({"inspect", directory_}), 0);
}

TEST_F(Inspect, SaysWhenItsOutputCannotBeWritten) {
  EXPECT_EQ(run_program_into({"inspect", directory_}, "/dev/full"), 2);
}

TEST_F(Inspect, PrintsWhatComesBeforeDamage) {
  const std::string segment = directory_ + "/0000000000000001.scf";
  const auto records = inspect();
  const int offset = records[8].at("offset");
  flip_bit(segment, static_cast<std::size_t>(offset) + 70);
  const Outcome outcome = run_program({"inspect", directory_, "--json"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_FALSE(outcome.lines().empty());
  EXPECT_LT(outcome.lines().back().at("lsn"), 9);
  EXPECT_THAT(outcome.err, HasSubstr("damaged: " + segment + ", offset " + std::to_string(offset)));
}

TEST(InspectValues, HaveAFormEvenIfJsonHasNone) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  std::vector<std::vector<int>> nested_key{{1}, {}};
  {
    auto store = open(directory).value();
    auto session = store->init("s").value();
    session.set(1, std::vector<std::byte>{std::byte{0}, std::byte{0xFF}}).value();
    session.set(2, std::nan("")).value();
    session.set(3, -HUGE_VAL).value();
    session.set(4, "\xFF\x41").value();
    session.set(5, std::map<int, bool>{{-1, true}}).value();
    session.set(6, std::map<std::string, int>{{"$bytes", 1}}).value();
    session.set(7, std::optional<int>{}).value();
    session.set(8, UINT64_MAX).value();
    session.set(9, std::map<std::string, std::vector<double>>{{"a", {0.1, 1.5}}}).value();
    session.set(std::vector<std::byte>{std::byte{9}}, true).value();
    session.set(nested_key, INT64_MIN).value();
  }
  const char* const expected[][2] = {
      {"1", R"({"$bytes": "00ff"})"},
      {"2", R"({"$float": "nan"})"},
      {"3", R"({"$float": "-inf"})"},
      {"4", R"({"$string": "ff41"})"},
      {"5", R"({"$map": [[-1, true]]})"},
      {"6", R"({"$map": [["$bytes", 1]]})"},
      {"7", "null"},
      {"8", "18446744073709551615"},
      {"9", R"({"a": [0.1, 1.5]})"},
      {R"({"$bytes": "09"})", "true"},
      {"[[1], []]", "-9223372036854775808"},
  };
  const auto records = run_program({"inspect", directory, "--json", "--values"}).lines();
  ASSERT_EQ(records.size(), 1 + std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const json& change = records[i + 1].at("changes").at(0);
    EXPECT_EQ(change.at("key"), json::parse(expected[i][0]));
    EXPECT_EQ(change.at("value"), json::parse(expected[i][1])) << expected[i][0];
  }
}

TEST(InspectValues, MayNestDeeperThanIsShown) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  const std::string deep(200'000, '\x91');
  {
    auto store = open(directory).value();
    store->init("s").value().set("deep", Value{deep + '\x01'}).value();
  }
  const Outcome outcome = run_program({"inspect", directory, "--json", "--values"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.lines().at(1).at("changes").at(0).at("value").contains("$messagepack"));
}

// A key is what a user of the web site chose: it must not reach the operator's terminal as it is.
TEST(InspectKeys, CannotControlTheTerminal) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  const std::string evil =
      "\x1B[2J\r\n\x7F\xC2\x9B"
      "31m\xE2\x80\xAE"
      "evil\xC3\xBC";
  {
    auto store = open(directory).value();
    store->init("s").value().set(evil, evil).value();
  }
  const std::string out = run_program({"inspect", directory, "--values"}).out;
  for (const char* part : {"\x1B", "\r", "\x7F", "\xC2\x9B", "\xE2\x80\xAE"})
    EXPECT_THAT(out, Not(HasSubstr(part)));
  EXPECT_EQ(std::ranges::count(out, '\n'), 2);
  EXPECT_THAT(out, HasSubstr("\\u001b[2J"));
  EXPECT_THAT(out, HasSubstr("evil\xC3\xBC"));
  const auto records = run_program({"inspect", directory, "--values", "--json"}).lines();
  EXPECT_EQ(records.at(1).at("changes").at(0).at("key"), evil);
}

}  // namespace
}  // namespace hybrid
