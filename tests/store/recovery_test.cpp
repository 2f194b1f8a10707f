// What recovery makes of a log, whether or not another thread reads it ahead, and however many apply it: the same sessions, and the same
// errors.
#include "store/recovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "scf/segment_writer.hpp"
#include "store/new_store.hpp"
#include "store/replay.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/forwarding_file_system.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using scf::ChangeKind;
using scf::Lsn;
using scf::Op;
using store::Entry;
using store::ReadAhead;
using store::RecoverOptions;
using store::Table;
using ::testing::HasSubstr;

const std::string kStore = "sessions";
constexpr std::uint64_t kEpoch = 0xE90C4;
constexpr Millis kStart = 1'000'000;

std::string path_of(std::uint64_t segment) { return kStore + "/" + scf::segment_name({segment}); }

Digest sid(int number) { return digest_of("session " + std::to_string(number)); }

// --- Logs

// A log of one segment that is being written, record by record.
class Log {
 public:
  explicit Log(std::size_t bytes) : bytes_(bytes), writer_(bytes_, kEpoch, Lsn{1}) {
    writer_.write_header(
        {.number = {1}, .epoch = kEpoch, .first_lsn = {1}, .low_water = {1}, .durable = {}});
  }

  bool fits(std::size_t bytes) const { return writer_.fits(bytes); }
  Lsn next_lsn() const { return writer_.next_lsn(); }
  Millis time() const { return time_; }
  // What follows stands in another frame.
  void tick() { ++time_; }
  void sync_point() { writer_.mark(scf::FrameKind::sync_point, context()); }

  // Returns its LSN.
  Lsn add(Op op, const Digest& of, std::string_view data = {}) {
    std::string record;
    scf::append_record(record, op, of, data);
    return add(record);
  }
  Lsn add(std::string_view record) {
    const Lsn lsn = writer_.next_lsn();
    writer_.append(record, context());
    return lsn;
  }
  // Where the frame of the next record would begin, if it is a new one.
  scf::Offset next_frame() const {
    return {scf::align_up(writer_.end().value, scf::kFrameAlignment)};
  }

  // Cleanly closed.
  std::unique_ptr<FaultFileSystem> close() {
    scf::FrameContext all_durable = context();
    all_durable.durable = next_lsn() - 1;
    writer_.mark(scf::FrameKind::closed, all_durable);
    bytes_.resize(writer_.end().value);
    return on_disk();
  }
  // Killed at once.
  std::unique_ptr<FaultFileSystem> on_disk() const {
    auto files = std::make_unique<FaultFileSystem>();
    EXPECT_TRUE(files->make_directory(kStore).has_value());
    EXPECT_TRUE(files->open(path_of(1), io::OpenMode::create_new).has_value());
    files->content(path_of(1)) = bytes_;
    return files;
  }

 private:
  scf::FrameContext context() const { return {.durable = {}, .low_water = {1}, .time = time_}; }

  std::vector<std::byte> bytes_;
  scf::SegmentWriter writer_;
  Millis time_ = kStart;
};

std::string change(ChangeKind kind, std::string_view key = {}, std::string_view value = {}) {
  std::string data;
  scf::append_change(data, {.kind = kind, .key = key, .value = value});
  return data;
}

// --- Sessions

struct SessionState {
  Millis created = 0;
  Millis last_access = 0;
  std::uint64_t version = 0;
  std::map<std::string, std::string> content{};
  friend bool operator==(const SessionState&, const SessionState&) = default;
};
using Sessions = std::map<Digest, SessionState>;

Sessions sessions_of(Table& table) {
  Sessions sessions;
  static_cast<void>(
      for_each_image(table, [&](const Digest& of, const scf::Image& image) -> Result<void> {
        SessionState& session = sessions[of];
        session = {image.created, image.last_access, image.version};
        for (const auto& [key, value] : image.entries) session.content.emplace(key, value);
        return {};
      }));
  return sessions;
}

struct Outcome {
  std::string error;  // none: it succeeded
  Errc code = Errc::not_found;
  Sessions sessions;
  RecoveryReport report;
};

struct Way {
  ReadAhead read_ahead = ReadAhead::if_worth_it;
  std::size_t shares = 0;
};

Outcome recover(io::FileSystem& files, Way way,
                const std::function<void(const RecoveryReport&)>& on_progress = {}) {
  const Table::Owner table = Table::make();
  const RecoverOptions options{
      .read_ahead = way.read_ahead, .shares = way.shares, .report_after = 0ms, .report_every = 0ms};
  auto recovered = store::recover(files, kStore, *table, on_progress, options);
  if (!recovered) return {recovered.error().message(), recovered.error().code(), {}, {}};
  return {{}, {}, sessions_of(*table), std::move(recovered->report)};
}

class Recovery : public ::testing::TestWithParam<Way> {
 protected:
  Outcome recover(io::FileSystem& files,
                  const std::function<void(const RecoveryReport&)>& on_progress = {}) {
    return testing::recover(files, GetParam(), on_progress);
  }
};

INSTANTIATE_TEST_SUITE_P(ReadingAhead, Recovery,
                         ::testing::Values(Way{ReadAhead::never}, Way{ReadAhead::always, 1},
                                           Way{ReadAhead::always, 2}, Way{ReadAhead::always, 3}),
                         [](const auto& instance) {
                           return instance.param.read_ahead == ReadAhead::never
                                      ? "never"
                                      : "shares" + std::to_string(instance.param.shares);
                         });

// --- What is recovered

// Writes a log by chance, and knows what it says.
class RandomLog {
 public:
  RandomLog(unsigned seed, std::size_t bytes) : random_(seed), log_(bytes) {
    while (log_.fits(std::size_t{5} << 20)) step();
  }

  const Sessions& sessions() const { return sessions_; }
  std::uint64_t records() const { return log_.next_lsn().value - 1; }
  std::size_t renames() const { return renames_; }
  std::unique_ptr<FaultFileSystem> close() { return log_.close(); }

 private:
  static constexpr int kIds = 400;

  std::size_t below(std::size_t end) { return random_() % end; }

  void step() {
    // Most frames hold some records, some one, a few many.
    if (below(below(40) == 0 ? 1000 : 5) == 0) log_.tick();
    if (below(500) == 0) log_.sync_point();
    const Digest of = sid(static_cast<int>(below(kIds)));
    const auto found = sessions_.find(of);
    if (found == sessions_.end()) {
      create(of);
      return;
    }
    switch (below(20)) {
      case 0:
        log_.add(Op::destroy, of);
        sessions_.erase(found);
        break;
      case 1:
      case 2: change_id(of); break;
      case 3: touch(); break;
      case 4: image(of); break;
      default: modify(found->second, of);
    }
  }

  void create(const Digest& of) {
    if (below(4) == 0) {
      image(of);
      return;
    }
    log_.add(Op::create, of);
    sessions_[of] = {log_.time(), log_.time(), 0, {}};
  }

  void image(const Digest& of) {
    SessionState session{kStart - 5, kStart + static_cast<Millis>(below(9)), below(100)};
    for (std::size_t i = below(6); i-- > 0;) session.content[key()] = value();
    scf::Image image{session.created, session.last_access, session.version, {}};
    for (const auto& [key, value] : session.content) image.entries.emplace_back(key, value);
    log_.add(scf::image_record(of, image));
    sessions_[of] = session;
  }

  // Often one that was just changed itself, so that there are chains.
  void change_id(Digest of) {
    for (std::size_t links = 1 + below(4); links-- > 0;) {
      const Digest to = sid(static_cast<int>(below(kIds)));
      if (sessions_.contains(to)) continue;
      log_.add(Op::change_id, of, as_chars(to.bytes));
      auto session = sessions_.extract(of);
      session.key() = to;
      sessions_.insert(std::move(session));
      of = to;
      ++renames_;
      if (below(2) == 0) modify(sessions_.at(of), of);
    }
  }

  void touch() {
    std::string data;
    for (std::size_t i = 1 + below(100); i-- > 0;) {
      const Digest of = sid(static_cast<int>(below(kIds)));
      const Millis time = log_.time() - 3 + static_cast<Millis>(below(6));
      scf::append_touch(data, {.sid = of, .last_access = time});
      if (const auto found = sessions_.find(of); found != sessions_.end())
        found->second.last_access = std::max(found->second.last_access, time);
    }
    log_.add(Op::touch, Digest{}, data);
  }

  void modify(SessionState& session, const Digest& of) {
    std::string data;
    for (std::size_t i = 1 + (below(3) == 0 ? below(12) : 0); i-- > 0;) {
      const std::string name = key();
      switch (below(16)) {
        case 0:
          data += change(ChangeKind::clear);
          session.content.clear();
          break;
        case 1:
          data += change(ChangeKind::erase, name);
          session.content.erase(name);
          break;
        default: {
          // Often of the length that is there.
          const auto before = session.content.find(name);
          const std::string now = before != session.content.end() && below(2) == 0
                                      ? std::string(before->second.size(), 'w')
                                      : value();
          data += change(ChangeKind::update, name, now);
          session.content[name] = now;
        }
      }
    }
    log_.add(Op::modify, of, data);
    ++session.version;
    session.last_access = log_.time();
  }

  std::string key() { return "key " + std::to_string(below(below(2) == 0 ? 4 : 12)); }
  std::string value() {
    // Some make a frame that is larger than a batch, and a block that is large.
    const std::size_t length = below(3000) == 0 ? 700'000 : below(30) == 0 ? 5000 : 40;
    return std::string(1 + below(length), static_cast<char>('a' + below(20)));
  }

  std::minstd_rand random_;
  Log log_;
  Sessions sessions_;
  std::size_t renames_ = 0;
};

TEST_P(Recovery, GivesTheSessionsThatTheLogSays) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    RandomLog log{seed, std::size_t{12} << 20};
    const auto files = log.close();
    const Outcome outcome = recover(*files);
    ASSERT_EQ(outcome.error, "") << seed;
    EXPECT_EQ(outcome.sessions, log.sessions()) << seed;
    EXPECT_EQ(outcome.report.records, log.records());
    EXPECT_EQ(outcome.report.sessions, log.sessions().size());
    EXPECT_EQ(outcome.report.segments, 1U);
    EXPECT_EQ(outcome.report.bytes_total, files->content(path_of(1)).size());
    EXPECT_TRUE(outcome.report.clean_close);
    EXPECT_GT(log.renames(), 100U);
    // Again, which changes nothing.
    EXPECT_EQ(recover(*files).sessions, log.sessions()) << seed;
  }
}

// More records than are fetched ahead, and all of one session: what was fetched is soon another's, or nobody's.
TEST_P(Recovery, FollowsAnIdThatGoesFromSessionToSession) {
  Log log{std::size_t{4} << 20};
  constexpr int kRounds = 500;
  for (int i = 0; i < kRounds; ++i) {
    log.add(Op::create, sid(0));
    log.add(Op::modify, sid(0), change(ChangeKind::create, "round", std::to_string(i)));
    log.add(Op::change_id, sid(0), as_chars(sid(1).bytes));
    log.add(Op::create, sid(0));
    log.add(Op::modify, sid(1), change(ChangeKind::create, "moved", "once"));
    log.add(Op::destroy, sid(0));
    log.add(Op::change_id, sid(1), as_chars(sid(0).bytes));
    log.add(Op::modify, sid(0), change(ChangeKind::create, "moved back", "again"));
    if (i + 1 < kRounds) log.add(Op::destroy, sid(0));
  }
  const auto files = log.close();
  const Outcome outcome = recover(*files);
  ASSERT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.sessions.size(), 1U);
  const SessionState& session = outcome.sessions.at(sid(0));
  EXPECT_EQ(session.version, 3U);
  EXPECT_THAT(session.content, ::testing::ElementsAre(::testing::Pair("moved", "once"),
                                                      ::testing::Pair("moved back", "again"),
                                                      ::testing::Pair("round", "499")));
}

TEST_P(Recovery, KeepsNoMemoryThatASessionNeedsNoMore) {
  Log log{std::size_t{4} << 20};
  const std::string large(500'000, 'v');
  log.add(Op::create, sid(1));
  log.add(Op::modify, sid(1), change(ChangeKind::create, "small", "a"));
  log.add(Op::modify, sid(1), change(ChangeKind::create, "large", large));
  log.add(Op::modify, sid(1), change(ChangeKind::erase, "large"));
  log.add(Op::modify, sid(1), change(ChangeKind::update, "small", "b"));
  // Together, so that the room for the large one is there when the small ones are set.
  std::string both = change(ChangeKind::create, "large", large);
  both += change(ChangeKind::clear) + change(ChangeKind::create, "small", "a");
  log.add(Op::create, sid(2));
  log.add(Op::modify, sid(2), both);
  const auto files = log.close();
  const Table::Owner table = Table::make();
  ASSERT_TRUE(store::recover(*files, kStore, *table, {},
                             {.read_ahead = GetParam().read_ahead, .shares = GetParam().shares})
                  .has_value());
  for (const int number : {1, 2})
    EXPECT_LT(table->find(sid(number))->block.memory_bytes(), 8192U) << number;
}

TEST_P(Recovery, OfNothingIsAnEmptyStore) {
  FaultFileSystem files;
  ASSERT_TRUE(files.make_directory(kStore).has_value());
  const Outcome outcome = recover(files);
  EXPECT_EQ(outcome.error, "");
  EXPECT_TRUE(outcome.sessions.empty());
  EXPECT_TRUE(outcome.report.clean_close);
}

// --- Records that make no sense

struct WrongRecord {
  const char* name;
  Op op;
  Digest sid;
  std::string data;
  const char* why;
};

constexpr int kAlive = 1;  // lives throughout
constexpr int kOther = 2;  // the same
constexpr int kAbsent = 3;

std::string touch_at(Millis time) {
  std::string data;
  scf::append_touch(data, {.sid = sid(kAlive), .last_access = time});
  return data;
}

const WrongRecord kWrongRecords[] = {
    {"created_twice", Op::create, sid(kAlive), "", "it creates a session that lives"},
    {"image", Op::create, sid(kAbsent), "x", "a malformed image"},
    {"destroyed_absent", Op::destroy, sid(kAbsent), "", "it is of a session that does not live"},
    {"destroyed_with_data", Op::destroy, sid(kAlive), "x", "a malformed destroy"},
    {"modified_absent", Op::modify, sid(kAbsent), change(ChangeKind::clear),
     "it is of a session that does not live"},
    {"changes", Op::modify, sid(kAlive), "\x07", "malformed changes"},
    {"changes_of_absent", Op::modify, sid(kAbsent), "\x07", "malformed changes"},
    {"no_changes", Op::modify, sid(kAlive), "", "malformed changes"},
    {"deadline", Op::modify, sid(kAlive), change(ChangeKind::create, {"\x92\xc0\x00", 3}, "\xa1x"),
     "a deadline that cannot be"},
    {"renamed_absent", Op::change_id, sid(kAbsent), std::string{as_chars(sid(9).bytes)},
     "it is of a session that does not live"},
    {"renamed_to_living", Op::change_id, sid(kAlive), std::string{as_chars(sid(kOther).bytes)},
     "it changes an id to one that lives"},
    {"renamed_to_itself", Op::change_id, sid(kAlive), std::string{as_chars(sid(kAlive).bytes)},
     "it changes an id to one that lives"},
    {"new_id", Op::change_id, sid(kAlive), "short", "a malformed change of id"},
    {"touches", Op::touch, Digest{}, "short", "malformed touches"},
    {"touch_time", Op::touch, Digest{}, touch_at(-1), "a time that cannot be"},
};

// A log of about four batches, with `wrong` after so many records; what else is there is right.
class LogWith {
 public:
  static constexpr int kRecords = 20'000;

  void add(const WrongRecord& wrong, int after) { wrong_.emplace(after, &wrong); }

  Log write() {
    Log log{std::size_t{4} << 20};
    log.add(Op::create, sid(kAlive));
    log.add(Op::create, sid(kOther));
    const std::string value(60, 'v');
    for (int i = 0; i < kRecords; ++i) {
      if (const auto wrong = wrong_.find(i); wrong != wrong_.end()) {
        log.tick();
        if (expected_.empty()) {
          expected_ = path_of(1) + ", offset " + std::to_string(log.next_frame().value) +
                      ": record " + std::to_string(log.next_lsn().value) + ": " +
                      wrong->second->why;
        }
        log.add(wrong->second->op, wrong->second->sid, wrong->second->data);
      }
      if (i % 300 == 0) log.tick();
      log.add(Op::modify, sid(i % 2 == 0 ? kAlive : kOther),
              change(ChangeKind::update, "n", value));
    }
    return log;
  }
  const std::string& expected() const { return expected_; }

 private:
  std::map<int, const WrongRecord*> wrong_;
  std::string expected_;
};

TEST_P(Recovery, SaysWhereARecordIsThatMakesNoSense) {
  for (const WrongRecord& wrong : kWrongRecords) {
    for (const int after : {0, 1, 47, 5000, LogWith::kRecords - 1}) {
      LogWith with;
      with.add(wrong, after);
      Log log = with.write();
      const auto files = log.close();
      const Outcome outcome = recover(*files);
      EXPECT_EQ(outcome.code, Errc::corrupt) << wrong.name << " after " << after;
      EXPECT_THAT(outcome.error, HasSubstr(with.expected())) << wrong.name << " after " << after;
    }
  }
}

// However much of one session stands before it, which takes longer to apply than to read, so that all that may be is read ahead; and
// follows that nobody has to look at any more.
TEST_P(Recovery, SaysWhereARecordIsThatMakesNoSenseInALargeLog) {
  std::string data;
  for (int i = 0; i < 1000; ++i) data += change(ChangeKind::clear);
  for (const int session : {0, 1, 2, 3}) {  // of all shares
    for (const int before : {0, 8000}) {
      Log log{std::size_t{24} << 20};
      log.add(Op::create, sid(session));
      for (int i = 0; i < before; ++i) log.add(Op::modify, sid(session), data);
      const Lsn wrong = log.add(Op::create, sid(session));
      while (log.fits(data.size() + 100)) log.add(Op::modify, sid(session), data);
      const Outcome outcome = recover(*log.close());
      EXPECT_EQ(outcome.code, Errc::corrupt);
      EXPECT_THAT(outcome.error, HasSubstr("record " + std::to_string(wrong.value) + ": "));
    }
  }
}

TEST_P(Recovery, SaysWhichOfManyIsTheFirst) {
  for (const int first : {10, 3000, 15'000}) {
    LogWith with;
    for (int after = first; after < LogWith::kRecords; after += 997) {
      const auto kind = static_cast<std::size_t>(after) % std::size(kWrongRecords);
      with.add(kWrongRecords[kind], after);
    }
    Log log = with.write();
    const auto files = log.close();
    for (int again = 0; again < 3; ++again)
      EXPECT_THAT(recover(*files).error, HasSubstr(with.expected())) << first;
  }
}

// --- What ends reading

// Reads of a file system that do something else from some offset on.
class Reads final : public ForwardingFileSystem {
 public:
  using OnRead = std::function<Result<void>(std::uint64_t end)>;
  Reads(io::FileSystem& files, OnRead on_read)
      : ForwardingFileSystem(files), on_read_(std::move(on_read)) {}

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    if (!file) return std::unexpected(file.error());
    return std::make_unique<ReadFile>(std::move(*file), on_read_);
  }

 private:
  class ReadFile final : public ForwardingFile {
   public:
    ReadFile(std::unique_ptr<io::File> file, const OnRead& on_read)
        : ForwardingFile(std::move(file)), on_read_(on_read) {}
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      if (auto read = on_read_(offset + bytes.size()); !read) return std::unexpected(read.error());
      return ForwardingFile::read_at(offset, bytes);
    }

   private:
    const OnRead& on_read_;
  };

  OnRead on_read_;
};

// Reading goes on by about a megabyte at a time: the first record is read well before this.
constexpr std::uint64_t kLate = std::uint64_t{3} << 20;

Reads::OnRead fails_late() {
  return [](std::uint64_t end) -> Result<void> {
    if (end < kLate) return {};
    return std::unexpected(Error{Errc::io, "the disk has failed"});
  };
}

TEST_P(Recovery, FailsAsReadingDoes) {
  LogWith with;
  Log log = with.write();
  const auto files = log.on_disk();
  Reads reads{*files, fails_late()};
  const Outcome outcome = recover(reads);
  EXPECT_EQ(outcome.code, Errc::io);
  EXPECT_THAT(outcome.error, HasSubstr("the disk has failed"));
}

TEST_P(Recovery, PrefersARecordThatWasReadBeforeReadingFailed) {
  for (const int after : {0, 9000}) {
    LogWith with;
    with.add(kWrongRecords[0], after);
    Log log = with.write();
    const auto files = log.on_disk();
    Reads reads{*files, fails_late()};
    EXPECT_THAT(recover(reads).error, HasSubstr(with.expected())) << after;
  }
}

TEST_P(Recovery, PrefersARecordThatStandsBeforeTheDamage) {
  for (const bool wrong : {false, true}) {
    LogWith with;
    if (wrong) with.add(kWrongRecords[0], 9000);
    Log log = with.write();
    const auto files = log.close();
    auto& bytes = files->content(path_of(1));
    // In a closed store all is durable.
    auto& hit = bytes[bytes.size() - 10'000];
    hit = ~hit;
    const Outcome outcome = recover(*files);
    EXPECT_EQ(outcome.code, Errc::corrupt);
    EXPECT_THAT(outcome.error, HasSubstr(wrong ? with.expected() : "the store is damaged"));
  }
}

TEST_P(Recovery, CutsATornTail) {
  LogWith with;
  Log log = with.write();
  const auto files = log.on_disk();
  const std::uint64_t end = log.next_frame().value;
  auto& bytes = files->content(path_of(1));
  auto& hit = bytes[end - 10'000];
  hit = ~hit;
  const Outcome outcome = recover(*files);
  ASSERT_EQ(outcome.error, "");
  EXPECT_GT(outcome.report.bytes_cut, 0U);
  EXPECT_FALSE(outcome.report.clean_close);
  const std::uint64_t applied = outcome.report.records;
  EXPECT_LT(applied, std::uint64_t{LogWith::kRecords});
  EXPECT_GT(applied, std::uint64_t{LogWith::kRecords} * 9 / 10);
  const Sessions& sessions = outcome.sessions;
  EXPECT_EQ(sessions.at(sid(kAlive)).version + sessions.at(sid(kOther)).version, applied - 2);
}

TEST_P(Recovery, ThrowsWhatReadingThrows) {
  LogWith with;
  Log log = with.write();
  const auto files = log.on_disk();
  Reads reads{*files, [](std::uint64_t end) -> Result<void> {
                if (end >= kLate) throw std::bad_alloc{};
                return {};
              }};
  EXPECT_THROW(recover(reads), std::bad_alloc);
}

// --- Progress

TEST_P(Recovery, ReportsHowFarItIsFromThisThread) {
  RandomLog log{4, std::size_t{16} << 20};
  const auto files = log.close();
  const auto bytes = files->content(path_of(1)).size();
  const auto caller = std::this_thread::get_id();
  RecoveryReport last;
  int reports = 0;
  const Outcome outcome = recover(*files, [&](const RecoveryReport& report) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_GT(report.bytes_read, last.bytes_read);
    EXPECT_GT(report.records, last.records);
    EXPECT_GE(report.seconds, last.seconds);
    EXPECT_LE(report.bytes_read, report.bytes_total);
    EXPECT_EQ(report.bytes_total, bytes);
    EXPECT_GT(report.sessions, 0U);
    last = report;
    ++reports;
  });
  ASSERT_EQ(outcome.error, "");
  EXPECT_GE(reports, 5);
  EXPECT_LE(last.records, outcome.report.records);
}

TEST_P(Recovery, ThrowsWhatWhoIsToldThrows) {
  RandomLog log{4, std::size_t{16} << 20};
  const auto files = log.close();
  EXPECT_THROW(recover(*files, [](const RecoveryReport&) { throw std::runtime_error{"enough"}; }),
               std::runtime_error);
}

// --- Reading ahead

TEST(ReadingAhead, StaysAFewMegabytesAhead) {
  constexpr std::uint64_t kAheadMax = std::uint64_t{8} << 20;
  Log log{std::size_t{32} << 20};
  log.add(Op::create, sid(1));
  const std::string data = change(ChangeKind::update, "key", std::string(1000, 'v'));
  while (log.fits(data.size() + 100)) log.add(Op::modify, sid(1), data);
  const auto files = log.on_disk();
  std::atomic<std::uint64_t> read{0};
  Reads reads{*files, [&](std::uint64_t end) -> Result<void> {
                if (end > read) read = end;
                return {};
              }};
  const Outcome outcome = recover(reads, {ReadAhead::always, 2}, [&](const RecoveryReport& report) {
    // Gives it the time to go too far.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    EXPECT_LE(read, report.bytes_read + kAheadMax);
  });
  EXPECT_EQ(outcome.error, "");
}

TEST(ReadingAhead, IsForLargeLogs) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "there is one processor";
  for (const std::size_t bytes : {std::size_t{8} << 20, std::size_t{32} << 20}) {
    Log log{bytes};
    log.add(Op::create, sid(1));
    const auto files = log.on_disk();
    std::thread::id reader;
    Reads reads{*files, [&](std::uint64_t) -> Result<void> {
                  reader = std::this_thread::get_id();
                  return {};
                }};
    EXPECT_EQ(recover(reads, {}).error, "");
    EXPECT_EQ(reader == std::this_thread::get_id(), bytes < std::size_t{16} << 20) << bytes;
  }
}

}  // namespace
}  // namespace hybrid::testing
