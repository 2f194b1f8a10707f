// hybrid verify: the three verdicts, and what cannot be judged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <hybrid/hybrid.hpp>

#include "base/crc32c.hpp"
#include "io/file_system.hpp"
#include "scf/record.hpp"
#include "scf/segment_writer.hpp"
#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;

class Verify : public ::testing::Test {
 protected:
  Outcome verify() { return run_program({"verify", directory_}); }
  nlohmann::json verdict(int code) {
    const Outcome outcome = run_program({"verify", directory_, "--json"});
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.err, "");
    return outcome.json();
  }
  // As if its process had been killed: nothing is closed.
  void make_killed_store() {
    const std::string running = temporary_.path() + "/running";
    auto store = open(running).value();
    auto session = store->init("s").value();
    session.set("a", 1).value();
    store->flush().value();
    session.set("b", 2).value();
    std::filesystem::copy(running, directory_);
  }

  TempDirectory temporary_;
  const std::string directory_ = temporary_.path() + "/sessions";
  const std::string segment_ = directory_ + "/0000000000000001.scf";
};

TEST_F(Verify, FindsAClosedStoreSound) {
  make_sample_store(directory_);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "sound: 12 records in 1 segment, up to LSN 12; cleanly closed\n");
  EXPECT_EQ(outcome.err, "");
  const auto json = verdict(0);
  EXPECT_EQ(json.at("verdict"), "sound");
  EXPECT_EQ(json.at("records"), 12);
  EXPECT_EQ(json.at("closed"), true);
}

TEST_F(Verify, FindsAnEmptyDirectorySound) {
  std::filesystem::create_directory(directory_);
  EXPECT_EQ(verify().code, 0);
  EXPECT_EQ(verify().out, "sound: no records\n");
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(Verify, FindsAKilledStoreSound) {
  make_killed_store();
  EXPECT_EQ(verify().code, 0);
  EXPECT_THAT(verify().out, HasSubstr("not closed"));
  EXPECT_EQ(verdict(0).at("closed"), false);
}

TEST_F(Verify, SaysHowMuchOfATornTailWillBeCut) {
  make_killed_store();
  const LogEnd end = end_of_log(directory_);
  std::string bytes = read_file(end.path);
  bytes.replace(end.offset, 7, "garbage");
  write_file(end.path, bytes);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("torn: 3 records"));
  EXPECT_THAT(outcome.out, HasSubstr("cuts 7 bytes off"));
  const auto json = verdict(0);
  EXPECT_EQ(json.at("verdict"), "torn");
  EXPECT_EQ(json.at("bytes_cut"), 7);
  EXPECT_EQ(json.at("segment"), "0000000000000001.scf");
  EXPECT_EQ(json.at("records"), 3);
  // And that is what happens.
  EXPECT_EQ(open(directory_).value()->stats()->recovery.bytes_cut, 7U);
}

TEST_F(Verify, FindsTheTornEndOfAStoreInUseSound) {
  if (!std::filesystem::exists("/proc/locks")) GTEST_SKIP() << "/proc/locks is not there";
  make_killed_store();
  const LogEnd end = end_of_log(directory_);
  std::string bytes = read_file(end.path);
  bytes.replace(end.offset, 7, "garbage");
  write_file(end.path, bytes);
  {
    const auto lock = io::posix_file_system().lock(directory_).value();
    EXPECT_THAT(verify().out, StartsWith("sound: 3 records"));
    EXPECT_THAT(verify().out, HasSubstr("in use"));
    EXPECT_EQ(verify().err, "");
    EXPECT_EQ(verdict(0).at("changing"), true);
  }
  EXPECT_EQ(verdict(0).at("verdict"), "torn");
}

TEST_F(Verify, SaysWhereDamageIs) {
  make_sample_store(directory_);
  flip_bit(segment_, 512 + 64 + 5);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, StartsWith("hybrid: damaged: " + segment_ + ", offset 512: "));
  EXPECT_THAT(outcome.err, HasSubstr("records 1 to "));
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
  const auto json = verdict(1);
  EXPECT_EQ(json.at("verdict"), "damaged");
  EXPECT_EQ(json.at("segment"), "0000000000000001.scf");
  EXPECT_EQ(json.at("offset"), 512);
  EXPECT_EQ(json.at("lost_from"), 1);
  EXPECT_GE(json.at("lost_to"), 1);
  EXPECT_FALSE(open(directory_));
}

TEST_F(Verify, FindsWhatWasCutOff) {
  make_sample_store(directory_);
  std::filesystem::resize_file(segment_, std::filesystem::file_size(segment_) - 10);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(segment_));
  EXPECT_EQ(verdict(1).at("lost_from"), 13);
}

TEST_F(Verify, FindsAHeaderThatIsNone) {
  make_sample_store(directory_);
  flip_bit(segment_, 20);
  EXPECT_EQ(verify().code, 1);
  EXPECT_THAT(verify().err, HasSubstr("offset 0: the segment's header is damaged"));
}

TEST_F(Verify, FindsFilesThatDoNotBelong) {
  make_sample_store(directory_);
  std::filesystem::copy(segment_, directory_ + "/copy.scf");
  EXPECT_EQ(verify().code, 1);
  EXPECT_THAT(verify().err, HasSubstr("copy.scf"));
}

TEST_F(Verify, FindsDataThatMeansNothing) {
  struct Case {
    const char* name;
    scf::Op op;
    Digest sid;
    std::string data;
  };
  const Digest someone = digest_of("s");
  const Case cases[] = {
      {"create", scf::Op::create, someone, "x"},
      {"destroy", scf::Op::destroy, someone, "x"},
      {"change_id", scf::Op::change_id, someone, std::string(31, 'x')},
      {"modify", scf::Op::modify, someone, ""},
      {"modify_unknown", scf::Op::modify, someone, "\x04"},
      {"touch", scf::Op::touch, {}, std::string(39, 'x')},
      {"touch_with_sid", scf::Op::touch, someone, std::string(40, 'x')},
  };
  std::filesystem::create_directory(directory_);
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    std::string bytes(4096, '\0');
    scf::SegmentWriter writer{std::as_writable_bytes(std::span{bytes}), 9, scf::Lsn{1}};
    writer.write_header({.number = {1}, .epoch = 9, .first_lsn = {1}, .low_water = {1}});
    for (const auto& [op, sid, data] :
         {std::tuple{scf::Op::create, someone, std::string{}}, {one.op, one.sid, one.data}}) {
      std::string record;
      scf::append_record(record, op, sid, data);
      writer.append(record, {.low_water = {1}, .time = 1});
    }
    write_file(segment_, bytes);
    const Outcome outcome = verify();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr(segment_ + ", offset 512, LSN 2: "));
    EXPECT_EQ(verdict(1).at("lost_from"), 2);
    EXPECT_EQ(run_program({"inspect", directory_}).code, 1);
    EXPECT_EQ(run_program({"inspect", directory_, "--json"}).lines().size(), 2U);
  }
}

TEST_F(Verify, RefusesANewerVersion) {
  make_sample_store(directory_);
  std::string bytes = read_file(segment_);
  bytes[8] = 2;
  const std::uint32_t crc = crc32c(as_bytes(bytes).first(124));
  std::memcpy(bytes.data() + 124, &crc, sizeof crc);
  write_file(segment_, bytes);
  for (const char* command : {"verify", "inspect", "stat"}) {
    const Outcome outcome = run_program({command, directory_});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("newer hybrid"));
  }
}

}  // namespace
}  // namespace hybrid
