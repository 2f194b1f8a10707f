// Stores that earlier releases wrote must open for ever. golden/v1/ was written once by a program that is gone, with every
// operation and every type of value, closes, kills and recoveries; it is never written again. v1.sessions.json says
// what it holds; the independent reader beside this file, test_reader.py, must agree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <hybrid/hybrid.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "testing/temp_directory.hpp"

namespace hybrid {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

const std::filesystem::path kGolden =
    std::filesystem::path{HYBRID_SOURCE_DIR} / "tests/interop/golden";

class GoldenV1 : public ::testing::Test {
 protected:
  GoldenV1() { std::filesystem::copy(kGolden / "v1", copy()); }
  std::string copy() const { return temporary_.path() + "/v1"; }

  Session session(const std::string& sid) {
    if (!store_) store_ = open(copy()).value();
    return store_->find(sid).value().value();
  }
  template <class V, class K>
  V get(const std::string& sid, const K& key) {
    return session(sid).get<V>(key).value().value();
  }

  testing::TempDirectory temporary_;
  std::unique_ptr<Provider> store_;
};

const std::vector<std::byte> kRaw{std::byte{0}, std::byte{0xFF}, std::byte{0x7F}};

TEST_F(GoldenV1, KeepsSessionsThroughChangesKillsAndNewIds) {
  EXPECT_EQ(get<std::string>("golden-ada", "user"), "Ada Lovelace");
  EXPECT_EQ(get<int>("golden-ada", "visits"), 2);
  EXPECT_THAT(get<std::vector<std::string>>("golden-ada", "cart"), ElementsAre("tea", "milk"));
  EXPECT_EQ(session("golden-ada").info()->keys, 3U);
  EXPECT_EQ(get<std::string>("golden-bob-2", "user"), "bob");
  EXPECT_EQ(get<std::string>("golden-bob-2", "theme"), "dark");
  EXPECT_EQ(get<int>("golden-killed", "n"), 2);
  EXPECT_TRUE(get<bool>("golden-killed", "after the sync"));
  EXPECT_EQ(get<int>("golden-killed", "killed"), 1);
  EXPECT_TRUE(get<bool>("golden-killed", "recovered"));
  EXPECT_EQ(get<int>("golden-cleared", "c"), 3);
  EXPECT_EQ(session("golden-cleared").info()->keys, 1U);
  EXPECT_EQ(session("golden-empty").info()->keys, 0U);
  for (const char* gone : {"golden-guest", "golden-bob", "golden-logged-out"})
    EXPECT_FALSE(store_->exists(gone)) << gone;
  EXPECT_EQ(store_->size(), 6U);
}

TEST_F(GoldenV1, KeepsValuesOfEveryType) {
  const std::string sid = "golden-types";
  EXPECT_EQ(get<std::optional<int>>(sid, "nil"), std::nullopt);
  EXPECT_TRUE(get<bool>(sid, "true"));
  EXPECT_FALSE(get<bool>(sid, "false"));
  const std::pair<const char*, std::int64_t> integers[] = {
      {"zero", 0},          {"minus one", -1}, {"int8", -128},       {"uint8", 255},
      {"int16", -32768},    {"uint16", 65535}, {"int32", INT32_MIN}, {"uint32", UINT32_MAX},
      {"int64", INT64_MIN}, {"enum", 200},
  };
  for (const auto& [key, value] : integers) EXPECT_EQ(get<std::int64_t>(sid, key), value) << key;
  EXPECT_EQ(get<std::uint64_t>(sid, "uint64"), UINT64_MAX);
  EXPECT_EQ(get<float>(sid, "float"), 1.5F);
  EXPECT_EQ(get<double>(sid, "double"), 0.1);
  EXPECT_EQ(get<double>(sid, "whole"), 2.0);
  EXPECT_TRUE(std::signbit(get<double>(sid, "minus zero")));
  EXPECT_TRUE(std::isnan(get<double>(sid, "nan")));
  EXPECT_EQ(get<double>(sid, "inf"), HUGE_VAL);
  EXPECT_EQ(get<double>(sid, "minus inf"), -HUGE_VAL);
  EXPECT_EQ(get<std::string>(sid, "empty"), "");
  EXPECT_EQ(get<std::string>(sid, "utf-8"), "grüß dich, 世界");
  EXPECT_EQ(get<std::string>(sid, "not utf-8"), std::string("\xFF\x41\x00z", 4));
  EXPECT_EQ(get<std::string>(sid, "str8"), std::string(200, 's'));
  EXPECT_EQ(get<std::string>(sid, "str16"), std::string(300, 't'));
  EXPECT_EQ(get<std::vector<std::byte>>(sid, "bytes"), kRaw);
  EXPECT_EQ(get<std::vector<std::byte>>(sid, "bin16"), std::vector<std::byte>(260, std::byte{7}));
  using Array = std::tuple<int, std::string, double, std::vector<int>>;
  EXPECT_EQ(get<Array>(sid, "array"), Array(1, "two", 3.5, {4, 5}));
  EXPECT_EQ(get<std::vector<int>>(sid, "array16"), std::vector<int>(17, 9));
  using Map = std::map<std::string, int>;
  EXPECT_EQ(get<Map>(sid, "map"), (Map{{"a", 1}, {"b", 2}}));
  using MapOfIntegers = std::map<int, std::string>;
  EXPECT_EQ(get<MapOfIntegers>(sid, "map of ints"), (MapOfIntegers{{1, "one"}, {-2, "minus two"}}));
  using Nested = std::map<std::string, std::vector<std::map<std::string, bool>>>;
  EXPECT_EQ(get<Nested>(sid, "nested"), (Nested{{"list", {{{"yes", true}}, {}}}}));
  EXPECT_EQ((get<std::pair<int, std::string>>(sid, "pair")), std::pair(1, std::string{"one"}));
  EXPECT_EQ(get<std::optional<std::string>>(sid, "optional"), "there");
}

TEST_F(GoldenV1, FindsKeysOfEveryType) {
  const std::string sid = "golden-types";
  EXPECT_EQ(get<std::string>(sid, 1), "integer key");
  EXPECT_EQ(get<std::string>(sid, "1"), "string key");
  EXPECT_EQ(get<std::string>(sid, 1.5), "float key");
  EXPECT_EQ(get<std::string>(sid, 1.0), "whole float key");
  EXPECT_EQ(get<std::string>(sid, true), "bool key");
  EXPECT_EQ(get<std::string>(sid, kRaw), "bytes key");
  EXPECT_EQ(get<std::string>(sid, std::pair(1, "a")), "array key");
  EXPECT_EQ(get<std::string>(sid, std::nullopt), "nil key");
  EXPECT_EQ(get<std::string>(sid, std::map<std::string, int>{{"k", 1}}), "map key");
  EXPECT_EQ(get<std::string>(sid, ""), "empty key");
  EXPECT_EQ(get<std::string>(sid, "$bytes"), "dollar key");
  EXPECT_EQ(get<std::string>(sid, "tab\tesc\x1B[31m"), "control key");
  EXPECT_EQ(session(sid).info()->keys, 47U);
}

TEST_F(GoldenV1, KeepsTimesAndVersions) {
  using Facts = std::tuple<std::int64_t, std::int64_t, std::uint64_t, std::size_t>;
  std::vector<Facts> expected, found;
  std::ifstream lines{kGolden / "v1.sessions.json"};
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    const auto& entries = json.at("entries");
    expected.emplace_back(json.at("created"), json.at("last_access"), json.at("version"),
                          entries.contains("$map") ? entries.at("$map").size() : entries.size());
  }
  store_ = open(copy()).value();
  ASSERT_TRUE(store_->for_each([&](Session& session) {
    const SessionInfo info = session.info().value();
    found.emplace_back(info.created_at.time_since_epoch().count(),
                       info.last_access.time_since_epoch().count(), info.version, info.keys);
    return true;
  }));
  ASSERT_EQ(expected.size(), 6U);
  EXPECT_THAT(found, UnorderedElementsAreArray(expected));
}

TEST_F(GoldenV1, OpensCleanAndStaysOpenable) {
  store_ = open(copy()).value();
  const RecoveryReport report = store_->stats()->recovery;
  EXPECT_TRUE(report.clean_close);
  EXPECT_EQ(report.records, 79U);
  EXPECT_EQ(report.bytes_cut, 0U);
  ASSERT_TRUE(session("golden-ada").set("visits", 3));
  store_.reset();
  EXPECT_EQ(get<int>("golden-ada", "visits"), 3);
}

TEST_F(GoldenV1, IsSoundSaysTheProgram) {
  const std::string command = "'" HYBRID_BINARY "' verify '" + copy() + "' >/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace hybrid
