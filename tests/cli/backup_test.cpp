// hybrid backup.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <hybrid/hybrid.hpp>
#include <thread>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;
using namespace std::chrono_literals;

class BackupProgram : public ::testing::Test {
 protected:
  const std::string& root() const { return temporary_.path(); }
  std::string store() const { return root() + "/sessions"; }
  std::string copy() const { return root() + "/copy"; }
  // Nothing is beside the store.
  void expect_nothing_left() const {
    for (const auto& entry : std::filesystem::directory_iterator{root()})
      EXPECT_EQ(entry.path().filename(), "sessions");
  }

 private:
  const TempDirectory temporary_;
};

TEST_F(BackupProgram, CopiesAStoreThatIsInUse) {
  make_sample_store(store());
  auto in_use = open(store()).value();
  in_use->load(kAda).value().set("late", 1).value();
  const Outcome outcome = run_program({"backup", store(), copy(), "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["last_lsn"], 13);
  EXPECT_EQ(outcome.json()["records"], 13);
  EXPECT_THAT(run_program({"verify", copy()}).out, HasSubstr("cleanly closed"));
  const auto restored = open(copy()).value();
  EXPECT_EQ(restored->size().value(), 2U);
  EXPECT_EQ(restored->find(kAda).value()->get<int>("late").value(), 1);
}

TEST_F(BackupProgram, OnlyTheOwnerMayReadIt) {
  make_sample_store(store());
  EXPECT_THAT(run_program({"backup", store(), copy()}).out, StartsWith("backed up: "));
  struct stat status{};
  ASSERT_EQ(::stat(copy().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  for (const auto& entry : std::filesystem::directory_iterator{copy()}) {
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
}

TEST_F(BackupProgram, ADirectoryThatIsNotEmptyIsTwoAndLeftAlone) {
  make_sample_store(store());
  std::filesystem::create_directory(copy());
  EXPECT_EQ(run_program({"backup", store(), copy() + "/"}).code, 0);  // empty
  const std::string before = read_file(end_of_log(copy()).path);
  const Outcome outcome = run_program({"backup", store(), copy()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("not empty; name a new or an empty directory"));
  EXPECT_EQ(read_file(end_of_log(copy()).path), before);
}

TEST_F(BackupProgram, WhereItCannotBeWrittenIsTwo) {
  make_sample_store(store());
  for (const auto& [destination, says] :
       {std::pair{root() + "/no/such/place", "No such file"},
        {"/dev/null", "Not a directory"},
        {store() + "/inside", "inside the store"},
        {"/proc/copy", "cannot make the directory '/proc/copy.unfinished-"}}) {
    const Outcome outcome = run_program({"backup", store(), destination});
    EXPECT_EQ(outcome.code, 2) << destination;
    EXPECT_THAT(outcome.err, HasSubstr(says));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
  }
  expect_nothing_left();
}

TEST_F(BackupProgram, AFullDiskIsTwoAndNothingIsLeft) {
  const std::string small = root() + "/small";
  std::filesystem::create_directory(small);
  if (::mount("none", small.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "cannot mount a file system: " << std::strerror(errno);
  {
    auto big = open(store()).value();
    auto session = big->init(kAda).value();
    session.set("text", std::string(300'000, 'x')).value();
  }
  const Outcome outcome = run_program({"backup", store(), small + "/copy"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
  EXPECT_TRUE(std::filesystem::is_empty(small));
  ::umount(small.c_str());
}

TEST_F(BackupProgram, ADamagedStoreIsOneAndNothingIsLeft) {
  make_sample_store(store());
  flip_bit(end_of_log(store()).path, 600);
  const Outcome outcome = run_program({"backup", store(), copy()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("damaged"));
  EXPECT_THAT(outcome.err, HasSubstr("offset 512"));
  expect_nothing_left();
}

TEST_F(BackupProgram, NoStoreIsTwo) {
  EXPECT_EQ(run_program({"backup", store(), copy()}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(copy()));
}

// Killed at any moment: the copy is there whole, or not at its name.
TEST_F(BackupProgram, KilledHalfWayItLooksLikeNoBackup) {
  {
    Params params;
    params.durability = Durability::none;
    auto big = open(store(), params).value();
    for (int i = 0; i < 40; ++i)
      big->init("s" + std::to_string(i)).value().set("text", std::string(1'000'000, 'x')).value();
  }
  // Later each time, until it is done before it is killed.
  int unfinished = 0;
  bool done = false;
  for (int i = 0; i < 200 && !done; ++i) {
    std::string program = HYBRID_BINARY;
    std::string command = "backup";
    std::string from = store();
    std::string to = copy();
    char* const arguments[] = {program.data(), command.data(), from.data(), to.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    ASSERT_EQ(::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    std::this_thread::sleep_for(15ms * i);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    done = std::filesystem::exists(copy());
    if (done) {
      EXPECT_THAT(run_program({"verify", copy()}).out, HasSubstr("cleanly closed"));
      EXPECT_THAT(run_program({"stat", copy(), "--json"}).out, HasSubstr("\"sessions\":40,"));
    }
    for (const auto& entry : std::filesystem::directory_iterator{root()}) {
      const std::string name = entry.path().filename();
      if (name == "sessions") continue;
      EXPECT_TRUE(name == "copy" || name.starts_with("copy.unfinished-")) << name;
      unfinished += name == "copy" ? 0 : 1;
      std::filesystem::remove_all(entry.path());
    }
  }
  EXPECT_GT(unfinished, 0);
}

// The longest that a writer waits, without and with backups from another process beside it.
TEST_F(BackupProgram, WritersDoNotWaitForIt) {
  auto in_use = open(store()).value();
  for (int i = 0; i < 20; ++i)
    in_use->init("s" + std::to_string(i)).value().set("text", std::string(500'000, 'x')).value();
  std::atomic<bool> stop{false};
  std::thread backups{[&] {
    while (!stop) {
      EXPECT_EQ(run_program({"backup", store(), copy()}).code, 0);
      std::filesystem::remove_all(copy());
    }
  }};
  auto session = in_use->load(kAda).value();
  std::vector<std::chrono::nanoseconds> waits;
  const auto until = std::chrono::steady_clock::now() + 2s;
  for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
    const auto start = std::chrono::steady_clock::now();
    session.set("n", i).value();
    waits.push_back(std::chrono::steady_clock::now() - start);
    if (i % 64 == 0) std::this_thread::sleep_for(1ms);
  }
  stop = true;
  backups.join();
  std::ranges::sort(waits);
  // Of many thousands; the few above are the scheduler's on a machine that is busy with the backups themselves.
  EXPECT_LT(waits[waits.size() * 999 / 1000], 10ms);
}

}  // namespace
}  // namespace hybrid
