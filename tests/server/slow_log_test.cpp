// SLOWLOG.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "server/slow_log.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(SlowLog, HasWhatTookLongAndNoSecrets) {
  ServedStore served{{.allow_debug = true}};
  TestClient client = served.client();
  EXPECT_EQ(client("CLIENT SETNAME tests"), "OK");
  EXPECT_EQ(client("SLOWLOG LEN"), "0");
  EXPECT_EQ(client("DEBUG SLEEP 0.02"), "OK");
  EXPECT_EQ(client("SLOWLOG LEN"), "1");
  EXPECT_THAT(
      client("SLOWLOG GET"),
      MatchesRegex(
          R"re(\[\[0, [0-9]{10}, [0-9]{5,7}, \["debug", "\(5 bytes\)", "\(4 bytes\)"\], ".*", "tests"\]\])re"));
  EXPECT_EQ(client("CONFIG SET slowlog-log-slower-than 0"), "OK");
  EXPECT_EQ(client("SET secret-id secret-value"), "OK");
  EXPECT_EQ(client("GET secret-id"), "\"secret-value\"");
  EXPECT_EQ(client("CONFIG SET slowlog-log-slower-than -1"), "OK");
  const std::string log = client("SLOWLOG GET -1");
  EXPECT_THAT(log, HasSubstr(R"re(["set", "(9 bytes)", "(12 bytes)"])re"));
  EXPECT_THAT(log, HasSubstr(R"re(["get", "(9 bytes)"])re")) << "though it is never slow";
  EXPECT_THAT(log, HasSubstr(R"re(["config|set", "(23 bytes)", "(1 bytes)"])re"));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
  EXPECT_EQ(client("SET secret-id secret-value"), "OK");
  EXPECT_EQ(client("SLOWLOG GET -1"), log) << "nothing is recorded any more";
  EXPECT_EQ(client("SLOWLOG RESET"), "OK");
  EXPECT_EQ(client("SLOWLOG GET 10"), "[]");
}

TEST(SlowLog, KeepsTheYoungest) {
  server::SlowLog log;
  for (int i = 0; i < 200; ++i) log.add({.duration = server::SlowLog::microseconds{i}});
  EXPECT_EQ(log.size(), 128U);
  EXPECT_EQ(log.youngest(1)[0].id, 199);
  log.set_entries_max(2);
  log.add({});
  std::vector<std::int64_t> ids;
  for (const server::SlowLog::Entry& entry : log.youngest(10)) ids.push_back(entry.id);
  EXPECT_THAT(ids, ElementsAre(200, 199));
  EXPECT_FALSE(log.takes(9'999us));
  EXPECT_TRUE(log.takes(10'000us));
}

TEST(SlowLog, SaysHowLongArgumentsAre) {
  EXPECT_THAT(server::SlowLog::describe("mget", std::vector<std::string_view>{"abc", ""}),
              ElementsAre("mget", "(3 bytes)", "(0 bytes)"));
  const std::vector<std::string> words =
      server::SlowLog::describe("mget", std::vector<std::string_view>(40, "k"));
  EXPECT_EQ(words.size(), 32U);
  EXPECT_EQ(words.back(), "... (10 more arguments)");
}

}  // namespace
}  // namespace hybrid::testing
