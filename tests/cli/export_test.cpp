// hybrid export and hybrid import.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <hybrid/hybrid.hpp>
#include <limits>
#include <sstream>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;

class ExportProgram : public ::testing::Test {
 protected:
  const std::string& root() const { return temporary_.path(); }
  std::string store() const { return root() + "/sessions"; }
  std::string file() const { return root() + "/sessions.jsonl"; }
  std::string copy() const { return root() + "/copy"; }
  void expect_nothing_imported() const {
    for (const auto& entry : std::filesystem::directory_iterator{root()}) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(name == "sessions" || name == "sessions.jsonl") << name;
    }
  }

 private:
  const TempDirectory temporary_;
};

// The lines of sample_store(), by digest.
std::string sorted(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("{\"sid\"")) lines.push_back(line);
  }
  std::ranges::sort(lines);
  std::string joined;
  for (const std::string& line : lines) joined += line + "\n";
  return joined;
}

TEST_F(ExportProgram, WritesOneLineForEachSession) {
  make_sample_store(store());
  const auto in_use = open(store()).value();
  const Outcome outcome = run_program({"export", store()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto lines = outcome.lines();
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["hybrid_export"], 1);
  EXPECT_EQ(lines[0]["last_lsn"], 12);
  EXPECT_EQ(lines[3], (nlohmann::json{{"sessions", 2}}));
  for (const auto& line : {lines[1], lines[2]}) {
    if (line["sid"] == hex_digest(kAda)) {
      EXPECT_EQ(line["version"], 3);
      EXPECT_EQ(line["entries"], nlohmann::json::array());
    } else {
      EXPECT_EQ(line["sid"], hex_digest(kBob));
      EXPECT_EQ(line["entries"], nlohmann::json::parse(R"([["again",1.5]])"));
      EXPECT_GE(line["last_access"], line["created"]);
    }
  }
  EXPECT_THAT(outcome.out, ::testing::Not(HasSubstr(kAda)));
}

TEST_F(ExportProgram, AFileIsForItsOwnerOnlyAndNeverWrittenOver) {
  make_sample_store(store());
  const Outcome outcome = run_program({"export", store(), file()});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "exported: 2 sessions, to '" + file() + "'\n");
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const std::string before = read_file(file());
  EXPECT_EQ(run_program({"export", store(), "-"}).out, before);

  const Outcome again = run_program({"export", store(), file()});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("File exists"));
  EXPECT_EQ(read_file(file()), before);
}

TEST_F(ExportProgram, HelpSaysWhatIsInIt) {
  EXPECT_THAT(run_program({"export", "--help"}).out,
              HasSubstr("THE VALUES OF ALL SESSIONS ARE IN IT"));
}

TEST_F(ExportProgram, ADamagedStoreIsOneAndNoFileIsLeft) {
  make_sample_store(store());
  flip_bit(end_of_log(store()).path, 600);
  EXPECT_EQ(run_program({"export", store(), file()}).code, 1);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(ExportProgram, ImportMakesTheSameSessionsOfIt) {
  {
    auto made = open(store()).value();
    auto session = made->init(kAda).value();
    session.set("min", std::numeric_limits<std::int64_t>::min()).value();
    session.set("max", std::numeric_limits<std::uint64_t>::max()).value();
    session.set("tenth", 0.1).value();
    session.set("tenth as float", 0.1F).value();
    session.set("one", 1.0).value();
    session.set("minus zero", -0.0).value();
    session.set("nan", std::nan("")).value();
    session.set("inf", -std::numeric_limits<double>::infinity()).value();
    session.set("nul", std::string{"a\0b", 3}).value();
    session.set("not utf-8", std::string{"\xff\xfe"}).value();
    session.set("bytes", std::vector<std::byte>{std::byte{0}, std::byte{255}}).value();
    session.set(7, std::map<std::string, std::vector<int>>{{"$map", {1}}, {"b", {}}}).value();
    session.set(std::vector<int>{1, 2}, std::map<int, std::string>{{1, "one"}}).value();
    session.set("none", std::optional<int>{}).value();
    made->init(kBob).value();
  }
  ASSERT_EQ(run_program({"export", store(), file()}).code, 0);
  const Outcome outcome = run_program({"import", file(), copy(), "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["sessions"], 2);
  EXPECT_THAT(run_program({"verify", copy()}).out, HasSubstr("cleanly closed"));
  EXPECT_EQ(sorted(run_program({"export", copy()}).out), sorted(read_file(file())));

  // Byte for byte, as a log of images shows it.
  run_program({"compact", store()});
  const auto images = [](const std::string& directory) {
    std::vector<std::string> found;
    for (auto line : run_program({"inspect", directory, "--json", "--values"}).lines()) {
      if (line.contains("image")) found.push_back(line["sid"].dump() + line["image"].dump());
    }
    std::ranges::sort(found);
    return found;
  };
  EXPECT_EQ(images(copy()), images(store()));
  auto restored = open(copy()).value();
  auto session = *restored->find(kAda).value();
  EXPECT_EQ(session.get<float>("tenth as float")->value(), 0.1F);
  EXPECT_EQ(session.get<std::string>("nul")->value().size(), 3U);
  EXPECT_EQ(session.version().value(), 14U);
}

TEST_F(ExportProgram, ImportReadsStandardInput) {
  make_sample_store(store());
  const std::string text = run_program({"export", store()}).out;
  const Outcome outcome = run_program({"import", "-", copy()}, text);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "imported: 2 sessions, to '" + copy() + "'\n");
  EXPECT_EQ(sorted(run_program({"export", copy()}).out), sorted(text));
}

TEST_F(ExportProgram, AnEmptyStoreGoesThere) {
  open(store()).value().reset();
  const std::string text = run_program({"export", store()}).out;
  EXPECT_EQ(run_program({"import", "-", copy()}, text).code, 0);
  EXPECT_EQ(open(copy()).value()->size().value(), 0U);
}

constexpr const char* kHeader = R"({"hybrid_export":1})";

std::string session_line(const std::string& sid, const std::string& entries,
                         const std::string& rest = {}) {
  return R"({"sid":")" + hex_digest(sid) +
         R"(","created":1,"last_access":2,"version":3,"entries":)" + entries + rest + "}";
}

TEST_F(ExportProgram, WhatIsWrongIsSaidWithItsLine) {
  const std::string good = session_line("a", R"([["k",1]])");
  std::string large = R"([[")" + std::string(65'537, 'k') + R"(",1]])";
  struct Case {
    const char* name;
    std::vector<std::string> lines;
    const char* says;
  };
  const Case cases[] = {
      {"empty", {}, "it is empty"},
      {"no header", {good}, "line 1: it is not the header"},
      {"newer", {R"({"hybrid_export":2})"}, "line 1: the export was made by a newer hybrid"},
      {"cut", {kHeader, good}, "ends after line 2, without the last line"},
      {"cut in a line", {kHeader, good.substr(0, 40)}, "line 2: it is no JSON, at byte 41"},
      {"line lost",
       {kHeader, R"({"sessions":1})"},
       "line 2: it does not say that there were 0 sessions"},
      {"line added",
       {kHeader, good, R"({"sessions":0})"},
       "line 3: it does not say that there were 1 session"},
      {"more", {kHeader, R"({"sessions":0})", good}, "line 3: nothing may follow"},
      {"twice",
       {kHeader, good, session_line("b", "[]"), good, R"({"sessions":3})"},
       "line 4: its session was on line 2 already"},
      {"no object", {kHeader, "7"}, "line 2: it is no JSON object"},
      {"no entries", {kHeader, R"({"sid":"00"})"}, "line 2: it has no \"created\""},
      {"unknown",
       {kHeader, session_line("a", "[]", R"(,"x":1)")},
       "line 2: it has a member that no session has"},
      {"sid",
       {kHeader, R"({"sid":"secret","created":1,"last_access":2,"version":3,"entries":[]})"},
       "line 2: \"sid\" is not the 64 hexadecimal digits"},
      {"version",
       {kHeader, R"({"sid":")" + hex_digest("a") +
                     R"(","created":1,"last_access":2,"version":-3,"entries":[]})"},
       "\"version\" is no integer"},
      {"time",
       {kHeader, R"({"sid":")" + hex_digest("a") +
                     R"(","created":1.5,"last_access":2,"version":3,"entries":[]})"},
       "\"created\" is no integer"},
      {"year 10000",
       {kHeader, R"({"sid":")" + hex_digest("a") +
                     R"(","created":1,"last_access":253402300800000,"version":3,"entries":[]})"},
       "is no time of the years 1970 to 9999"},
      {"pair", {kHeader, session_line("a", R"([["k",1],["l"]])")}, "line 2: entry 2 is no pair"},
      {"form",
       {kHeader, session_line("a", R"([["k",{"$byte":""}]])")},
       "line 2: the value of entry 1: an object has a member that begins with $"},
      {"hex",
       {kHeader, session_line("a", R"([[{"$bytes":"0"},1]])")},
       "line 2: the key of entry 1: hexadecimal digits are wanted"},
      {"messagepack",
       {kHeader, session_line("a", R"([["k",{"$messagepack":"c1"}]])")},
       "$messagepack is not one MessagePack value"},
      {"key twice",
       {kHeader, session_line("a", R"([["k",1],["k",2]])")},
       "line 2: entry 2 has a key that was there before"},
      {"large key",
       {kHeader, session_line("a", large)},
       "line 2: entry 1: the key is larger than 64 KiB"},
  };
  std::filesystem::create_directory(store());
  for (const Case& c : cases) {
    std::string text;
    for (const std::string& line : c.lines) text += line + "\n";
    write_file(file(), text);
    const Outcome outcome = run_program({"import", file(), copy()});
    SCOPED_TRACE(c.name);
    EXPECT_EQ(outcome.code, std::string_view{c.name} == "newer" ? 2 : 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("hybrid: '" + file() + "'"));
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("secret")));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
    expect_nothing_imported();
  }
}

TEST_F(ExportProgram, EveryLengthOfACutFileIsNoticed) {
  const std::string text =
      std::string{kHeader} + "\n" + session_line("a", R"([["k",1]])") + "\n" + R"({"sessions":1})";
  for (std::size_t size = 0; size < text.size(); size += 7)
    EXPECT_EQ(run_program({"import", "-", copy()}, text.substr(0, size)).code, 1) << size;
  EXPECT_EQ(run_program({"import", "-", copy()}, text).code, 0);
}

TEST_F(ExportProgram, ImportIntoAStoreIsTwoAndLeavesItAlone) {
  make_sample_store(store());
  ASSERT_EQ(run_program({"export", store(), file()}).code, 0);
  const std::string before = read_file(end_of_log(store()).path);
  const Outcome outcome = run_program({"import", file(), store()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("not empty"));
  EXPECT_EQ(read_file(end_of_log(store()).path), before);
  EXPECT_EQ(run_program({"import", root() + "/missing", copy()}).code, 2);
}

}  // namespace
}  // namespace hybrid
