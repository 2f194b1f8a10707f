// What all subcommands have in common: help, wrong use, and leaving alone what they read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <hybrid/hybrid.hpp>
#include <hybrid/version.hpp>
#include <set>
#include <thread>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;

// Those that only look, and those that write.
const char* const kCommands[] = {"inspect", "log", "stat", "verify"};
const char* const kWritingCommands[] = {"backup", "compact", "export", "import", "salvage"};

// `log` wants to know which session.
Arguments command_on(const std::string& command, const std::string& directory) {
  if (command == "log") return {command, directory, "--digest", hex_digest(kAda)};
  return {command, directory};
}

TEST(Usage, HelpIsComplete) {
  const Outcome outcome = run_program({"--help"});
  EXPECT_EQ(outcome.code, 0);
  std::vector<const char*> commands{std::begin(kCommands), std::end(kCommands)};
  commands.insert(commands.end(), std::begin(kWritingCommands), std::end(kWritingCommands));
  for (const char* command : commands) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string{"\n  "} + command));
    const Outcome help = run_program({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr(command == std::string_view{"salvage"} ? "SRC" : "DIR"));
    // What export writes is JSON anyway.
    EXPECT_THAT(help.out, HasSubstr(command == std::string_view{"export"} ? "jq" : "--json"));
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  "));
    EXPECT_THAT(help.out, HasSubstr("Exit codes:\n  0 "));
  }
}

TEST(Usage, HelpIsText) {
  for (const char* const command : {"backup", "compact", "export", "import", "inspect", "log",
                                    "salvage", "serve", "stat", "verify"}) {
    const Outcome help = run_program({command, "--help"});
    EXPECT_THAT(help.out, HasSubstr("Options:"));
    for (const char c : help.out) ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << help.out;
  }
}

TEST(Usage, ServeSaysWhatAnOptionMayBe) {
  const std::string help = run_program({"serve", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("--durability interval|always|os|none=interval\n"));
  EXPECT_THAT(help, HasSubstr("--protect-action refuse|ignore=refuse\n"));
  const std::pair<Arguments, const char*> wrong[] = {
      {{"--durability", "sometimes"}, "'sometimes' is none of interval|always|os|none"},
      {{"--protect-action", "both"}, "'both' is none of refuse|ignore"},
      {{"--max-memory", "1tb"}, "'1tb' is neither bytes nor a number with k, kb, m, mb, g or gb"},
      {{"--unix-mode", "8"}, "not an octal number"},
      {{"--max-script-ms", "0"}, "Value 0 not in range 1 to 3600000"},
  };
  for (const auto& [arguments, text] : wrong) {
    Arguments all{"serve"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = run_program(all);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(arguments[0] + ": " + text));
  }
}

TEST(Usage, VersionIsThatOfTheLibrary) {
  const Outcome outcome = run_program({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "hybrid " + std::string{kVersion} + "\n");
}

TEST(Usage, WrongUseIsTwo) {
  const TempDirectory store;
  const Arguments wrong[] = {
      {},
      {"fly"},
      {"--fly"},
      {"inspect"},
      {"inspect", store.path(), "--fly"},
      {"inspect", store.path(), "more"},
      {"inspect", store.path(), "--from", "x"},
      {"inspect", store.path(), "--op", "fly"},
      {"verify", store.path(), "--values"},
      {"stat"},
      {"log", store.path()},
      {"backup", store.path()},
      {"compact"},
      {"export"},
      {"export", store.path(), "-", "more"},
      {"import", "-"},
      {"salvage", store.path()},
      {"compact", store.path(), "more"},
  };
  for (const Arguments& arguments : wrong) {
    const Outcome outcome = run_program(arguments);
    SCOPED_TRACE(outcome.err);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("hybrid: "));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
  }
  EXPECT_THAT(run_program({"verify", store.path(), "--values"}).err, HasSubstr("--values"));
}

TEST(Usage, WhatIsNoStoreIsTwo) {
  const TempDirectory temporary;
  const std::string foreign = temporary.path() + "/foreign";
  std::filesystem::create_directory(foreign);
  write_file(foreign + "/notes.txt", "hello");
  for (const char* command : kCommands) {
    for (const auto& [directory, says] : {std::pair{temporary.path() + "/missing", "No such file"},
                                          {foreign, "no store"},
                                          {foreign + "/notes.txt", "Not a directory"}}) {
      const Outcome outcome = run_program(command_on(command, directory));
      EXPECT_EQ(outcome.code, 2) << command << ' ' << directory;
      EXPECT_EQ(outcome.out, "");
      EXPECT_THAT(outcome.err, HasSubstr(says));
      EXPECT_THAT(outcome.err, HasSubstr(directory));
    }
    EXPECT_FALSE(std::filesystem::exists(temporary.path() + "/missing"));
  }
}

TEST(Usage, NothingIsWrittenOrLocked) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  make_sample_store(directory);
  std::filesystem::remove(directory + "/lock");
  const auto look = [&] {
    std::set<std::tuple<std::string, std::string, std::filesystem::file_time_type>> found;
    for (const auto& entry : std::filesystem::directory_iterator{directory})
      found.emplace(entry.path(), read_file(entry.path()), entry.last_write_time());
    return found;
  };
  const auto before = look();
  const auto changed = std::filesystem::last_write_time(directory);
  for (const char* command : kCommands)
    EXPECT_EQ(run_program(command_on(command, directory)).code, 0);
  EXPECT_EQ(look(), before);
  EXPECT_EQ(std::filesystem::last_write_time(directory), changed);
}

// Whatever the moment at which the log is read: nothing is reported that is not so.
TEST(Usage, AStoreInUseIsRead) {
  for (const auto durability : {Durability::interval, Durability::always}) {
    const TempDirectory temporary;
    const std::string directory = temporary.path() + "/sessions";
    Params params;
    params.durability = durability;
    params.sync_interval = std::chrono::milliseconds{1};
    params.segment_bytes = std::uint64_t{1} << 20;
    auto store = open(directory, params).value();
    auto ada = store->init(kAda).value();
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
      for (int i = 0; !stop; ++i) {
        const std::string sid = "s" + std::to_string(i % 100);
        store->load(sid)
            .value()
            .set("n", std::string(static_cast<std::size_t>(i % 3000), 'x'))
            .value();
        ada.set("n", i).value();
        if (i % 7 == 0) store->destroy(sid).value();
        // So that the log stays short enough to be read often.
        if (durability == Durability::interval)
          std::this_thread::sleep_for(std::chrono::microseconds{200});
      }
    }};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{4};
    while (std::chrono::steady_clock::now() < until) {
      for (const char* command : kCommands) {
        const Outcome outcome = run_program(command_on(command, directory));
        EXPECT_EQ(outcome.code, 0) << command << ": " << outcome.err;
        EXPECT_EQ(outcome.err, "") << command;
        EXPECT_NE(outcome.out, "") << command;
      }
      // In order, each once. The cleaner may take the log's start away, and the reading begin again behind it.
      std::uint64_t last = 0;
      for (const auto& record : run_program({"inspect", directory, "--json"}).lines()) {
        const auto lsn = record.at("lsn").get<std::uint64_t>();
        EXPECT_GT(lsn, last);
        last = lsn;
      }
    }
    stop = true;
    writer.join();
  }
}

TEST(Usage, AStoreThatOpensAndClosesIsRead) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  make_sample_store(directory);
  std::atomic<bool> stop{false};
  std::thread opener{[&] {
    for (int i = 0; !stop; ++i) {
      auto store = open(directory);
      // A program that is just being started has our files open, the lock too, until it runs.
      if (!store && store.error().code() == Errc::locked) continue;
      ASSERT_TRUE(store) << store.error().message();
      ASSERT_TRUE((*store)->load("s").value().set("n", i));
    }
  }};
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  while (std::chrono::steady_clock::now() < until) {
    for (const char* command : kCommands) {
      const Outcome outcome = run_program(command_on(command, directory));
      EXPECT_EQ(outcome.code, 0) << command << ": " << outcome.err;
    }
  }
  stop = true;
  opener.join();
}

}  // namespace
}  // namespace hybrid
