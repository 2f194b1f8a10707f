// What a whole store's log is judged to be, undamaged and damaged in every way that we could think of.
#include "scf/log_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::scf;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

const std::string kStore = "sessions";

std::string path_of(std::uint64_t number) { return kStore + "/" + segment_name({number}); }

// What on_frame sees of a log: every record's bytes, in order.
struct Contents {
  std::vector<std::string> records;
  friend bool operator==(const Contents&, const Contents&) = default;
};

struct Judgement {
  Verdict verdict = Verdict::sound;
  Errc error = Errc::not_found;  // unless not_found: reading failed
  std::string text;              // of the damage, the tear or the error
  LogSummary log;
  Contents contents;
};

Judgement judge(FaultFileSystem& files) {
  Judgement judgement;
  LogVisitor visitor;
  visitor.on_frame = [&](const SegmentSummary&, const Frame& frame) -> Result<void> {
    for (const Record& record : frame.records) {
      std::string bytes;
      append_record(bytes, record.op, record.sid, as_chars(record.data));
      judgement.contents.records.push_back(std::move(bytes));
    }
    return {};
  };
  auto log = read_log(files, kStore, visitor);
  if (!log) {
    judgement.error = log.error().code();
    judgement.text = log.error().message();
    return judgement;
  }
  judgement.verdict = log->verdict;
  if (log->verdict != Verdict::sound) judgement.text = log->describe();
  judgement.log = std::move(*log);
  return judgement;
}

// Opens, runs `fn`, and closes cleanly.
void with_store(FaultFileSystem& files, const std::function<void(store::EmbeddedStore&)>& fn,
                Durability durability = Durability::interval) {
  ManualClock clock;
  auto store =
      store::EmbeddedStore::open({.params = {.durability = durability, .segment_bytes = 1 << 20},
                                  .files = &files,
                                  .directory = kStore,
                                  .clock = &clock,
                                  .background = false,
                                  .first_segment_bytes = std::uint64_t{64} << 10});
  ASSERT_TRUE(store.has_value()) << store.error().message();
  fn(**store);
  ASSERT_TRUE((*store)->close().has_value());
}

// Four segments of one run: 64, 128, 256 and 512 KiB, the last one not full. Closed.
void fill_four_segments(store::EmbeddedStore& store) {
  Session session = store.init("s").value();
  const std::string value(7000, 'v');
  for (int i = 0; store.stats()->segments < 4 || i % 8 != 0; ++i) {
    ASSERT_TRUE(session.set(i, value).has_value());
    if (i % 10 == 0) store.run_duties();
  }
}

std::unique_ptr<FaultFileSystem> four_segments() {
  auto files = std::make_unique<FaultFileSystem>();
  with_store(*files, fill_four_segments);
  return files;
}

// Three runs, each closed: three segments of one or two KiB.
std::unique_ptr<FaultFileSystem> three_runs(Durability durability = Durability::interval) {
  auto files = std::make_unique<FaultFileSystem>();
  for (int run = 0; run < 3; ++run) {
    with_store(
        *files,
        [&](store::EmbeddedStore& store) {
          Session session = store.load("s" + std::to_string(run)).value();
          ASSERT_TRUE(session.set("run", run).has_value());
          ASSERT_TRUE(store.flush().has_value());
          ASSERT_TRUE(session.set("synced", true).has_value());
        },
        durability);
  }
  return files;
}

std::unique_ptr<FaultFileSystem> copy(const FaultFileSystem& files) {
  return files.restart(FaultFileSystem::Survives::everything, 1);
}

void add(FaultFileSystem& files, const std::string& path, Bytes content) {
  ASSERT_TRUE(files.open(path, io::OpenMode::create_new).has_value());
  files.content(path) = std::move(content);
}

// --- Sound

TEST(LogReader, FindsAnEmptyDirectorySound) {
  FaultFileSystem files;
  ASSERT_TRUE(files.make_directory(kStore).has_value());
  const Judgement judgement = judge(files);
  EXPECT_EQ(judgement.error, Errc::not_found);
  EXPECT_EQ(judgement.verdict, Verdict::sound);
  EXPECT_EQ(judgement.log.next_lsn, Lsn{1});
  EXPECT_FALSE(judgement.log.last.has_value());
}

TEST(LogReader, ReadsSeveralSegmentsOfOneRun) {
  const auto files = four_segments();
  const Judgement judgement = judge(*files);
  ASSERT_EQ(judgement.verdict, Verdict::sound) << judgement.text;
  EXPECT_EQ(judgement.log.segments.size(), 4U);
  EXPECT_TRUE(judgement.log.closed);
  EXPECT_FALSE(judgement.log.has_lost_start);
  EXPECT_EQ(judgement.log.records, judgement.contents.records.size());
  EXPECT_EQ(judgement.log.next_lsn, Lsn{judgement.log.records + 1});
  EXPECT_EQ(judgement.log.durable, Lsn{judgement.log.records});
  EXPECT_TRUE(judgement.log.not_durable.empty());
}

TEST(LogReader, ReadsSegmentsOfSeveralRuns) {
  const auto files = three_runs();
  const Judgement judgement = judge(*files);
  ASSERT_EQ(judgement.verdict, Verdict::sound) << judgement.text;
  EXPECT_EQ(judgement.log.segments.size(), 3U);
  EXPECT_EQ(judgement.contents.records.size(), 9U);
  EXPECT_TRUE(judgement.log.closed);
}

TEST(LogReader, SeesThatAStoreWasKilled) {
  FaultFileSystem files;
  std::unique_ptr<FaultFileSystem> killed;
  with_store(files, [&](store::EmbeddedStore& store) {
    ASSERT_TRUE(store.init("a").has_value());
    killed = files.restart(FaultFileSystem::Survives::everything, 1);
  });
  const Judgement judgement = judge(*killed);
  EXPECT_EQ(judgement.verdict, Verdict::sound) << judgement.text;
  EXPECT_FALSE(judgement.log.closed);
  EXPECT_EQ(judgement.contents.records.size(), 1U);
  EXPECT_EQ(judgement.log.not_durable.size(), 1U);
}

// --- Damaged, on four segments

using Damage = std::function<void(FaultFileSystem&)>;

void remove(FaultFileSystem& files, std::uint64_t number) {
  ASSERT_TRUE(files.remove(path_of(number)).has_value());
}
Damage removed(std::uint64_t number) {
  return [=](FaultFileSystem& files) { remove(files, number); };
}
Damage cut_to(std::uint64_t number, std::size_t size) {
  return [=](FaultFileSystem& files) { files.content(path_of(number)).resize(size); };
}
Damage cut_by(std::uint64_t number, std::size_t bytes) {
  return [=](FaultFileSystem& files) {
    Bytes& content = files.content(path_of(number));
    content.resize(content.size() - bytes);
  };
}
Damage halved(std::uint64_t number) {
  return [=](FaultFileSystem& files) {
    Bytes& content = files.content(path_of(number));
    content.resize(content.size() / 2);
  };
}
Damage flipped(std::uint64_t number, std::size_t at) {
  return [=](FaultFileSystem& files) { files.content(path_of(number))[at] ^= std::byte{16}; };
}
Damage zeroed(std::uint64_t number, std::size_t from, std::size_t size) {
  return [=](FaultFileSystem& files) {
    std::fill_n(files.content(path_of(number)).begin() + static_cast<std::ptrdiff_t>(from), size,
                std::byte{0});
  };
}
Damage copied(std::uint64_t from, std::uint64_t to) {
  return [=](FaultFileSystem& files) { add(files, path_of(to), files.content(path_of(from))); };
}
Damage swapped(std::uint64_t a, std::uint64_t b) {
  return [=](FaultFileSystem& files) {
    std::swap(files.content(path_of(a)), files.content(path_of(b)));
  };
}
Damage renamed(std::uint64_t from, std::uint64_t to) {
  return [=](FaultFileSystem& files) {
    add(files, path_of(to), files.content(path_of(from)));
    remove(files, from);
  };
}
// A segment of another store in its place, or beside.
Damage foreign(std::uint64_t number, std::uint64_t as) {
  return [=](FaultFileSystem& files) {
    const auto others = four_segments();
    Bytes bytes = others->content(path_of(number));
    if (number != as) {
      store_le(bytes.data() + 32, as);
      store_le(bytes.data() + 124, crc32c(ByteView{bytes}.first(124)));
      add(files, path_of(as), std::move(bytes));
    } else {
      files.content(path_of(as)) = std::move(bytes);
    }
  };
}

struct DamageCase {
  const char* name;
  Damage damage;
  std::uint64_t segment;  // that is named
  const char* why;        // empty: it depends on where a frame ends
};
void PrintTo(const DamageCase& row, std::ostream* out) { *out << row.name; }

const DamageCase kDamageCases[] = {
    {"last_byte_lost_of_the_first", cut_by(1, 1), 1, ""},
    {"last_byte_lost_of_the_second", cut_by(2, 1), 2, ""},
    {"last_byte_lost_of_the_last", cut_by(4, 1), 4, ""},
    {"early_record_hit", flipped(1, 512 + 64 + 40), 1, "checksum is wrong"},
    {"frame_header_hit", flipped(2, 512 + 8), 2, "no intact frame header"},
    {"last_segment_hit", flipped(4, 600), 4, "checksum is wrong"},
    {"first_missing", removed(1), 2, "segments before this one are missing"},
    {"second_missing", removed(2), 3, "segments before this one are missing"},
    {"third_missing", removed(3), 4, "segments before this one are missing"},
    {"last_missing", removed(4), 3, "segments after this one are missing"},
    {"duplicate", copied(2, 9), 9, "copy of segment 0000000000000002.scf"},
    {"renamed_first", renamed(1, 5), 5, "copy of segment"},
    {"renamed_last", renamed(4, 5), 5, "copy of segment"},
    {"swapped", swapped(2, 3), 2, "copy of segment 0000000000000003.scf"},
    {"swapped_ends", swapped(1, 4), 1, "copy of segment 0000000000000004.scf"},
    {"foreign_in_place_of_the_second", foreign(2, 2), 2, "belongs to another store"},
    {"foreign_in_place_of_the_last", foreign(4, 4), 4, "belongs to another store"},
    {"foreign_beside", foreign(4, 5), 5, "belongs to another store"},
    {"header_of_the_first_zeroed", zeroed(1, 0, 512), 1, "header was erased"},
    {"header_of_the_second_zeroed", zeroed(2, 0, 512), 2, "header was erased"},
    {"header_of_the_last_zeroed", zeroed(4, 0, 512), 4, "header was erased"},
    {"magic_of_the_last_zeroed", zeroed(4, 0, 8), 4, "header was erased"},
    {"header_of_the_second_hit", flipped(2, 100), 2, "header is damaged"},
    {"reserved_part_of_a_header_hit", flipped(2, 400), 2, "header is damaged"},
    {"first_empty", cut_to(1, 0), 1, "header was erased"},
    {"second_empty", cut_to(2, 0), 2, "header was erased"},
    {"last_empty", cut_to(4, 0), 3, ""},
    {"last_cut_to_seven_bytes", cut_to(4, 7), 3, ""},
    {"last_cut_to_eight_bytes", cut_to(4, 8), 4, "header is damaged"},
    {"second_cut_in_its_header", cut_to(2, 511), 2, "header is damaged"},
    {"second_cut_after_its_header", cut_to(2, 512), 2, "shorter than its successor says"},
    {"last_cut_after_its_header", cut_to(4, 512), 4, ""},
    {"last_cut_in_its_first_frame", cut_to(4, 600), 4, ""},
    {"first_halved", halved(1), 1, "runs past the end"},
    {"third_halved", halved(3), 3, "runs past the end"},
    {"last_halved", halved(4), 4, ""},
    {"tail_of_the_first_zeroed", zeroed(1, 32768, 20000), 1, ""},
    {"tail_of_the_last_zeroed", zeroed(4, 1024, 20000), 4, ""},
};

class LogReaderOnDamage : public ::testing::TestWithParam<DamageCase> {
 protected:
  static void SetUpTestSuite() { sound_ = four_segments(); }
  static void TearDownTestSuite() { sound_.reset(); }
  static inline std::unique_ptr<FaultFileSystem> sound_;
};

TEST_P(LogReaderOnDamage, ReportsItAndItsPlace) {
  const Contents before = judge(*sound_).contents;
  const auto files = copy(*sound_);
  GetParam().damage(*files);
  const Judgement judgement = judge(*files);
  ASSERT_EQ(judgement.error, Errc::not_found) << judgement.text;
  EXPECT_EQ(judgement.verdict, Verdict::damaged)
      << judgement.contents.records.size() << " of " << before.records.size() << " records. "
      << judgement.text;
  EXPECT_THAT(judgement.text, HasSubstr(path_of(GetParam().segment) + ", offset "));
  EXPECT_THAT(judgement.text, HasSubstr(GetParam().why));
}

TEST_P(LogReaderOnDamage, KeepsTheStoreFromOpening) {
  const auto files = copy(*sound_);
  GetParam().damage(*files);
  const std::vector<std::string> paths = files->paths();
  const auto store =
      store::EmbeddedStore::open({.files = files.get(), .directory = kStore, .background = false});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code(), Errc::corrupt);
  EXPECT_THAT(store.error().message(), HasSubstr(path_of(GetParam().segment) + ", offset "));
  EXPECT_THAT(store.error().message(), HasSubstr("hybrid "));
}

INSTANTIATE_TEST_SUITE_P(Table, LogReaderOnDamage, ::testing::ValuesIn(kDamageCases),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST(LogReader, SaysWhichRecordsADamagedFrameHeld) {
  const auto files = four_segments();
  const LogSummary sound = judge(*files).log;
  const auto third = std::ranges::find(sound.segments, SegmentNumber{3}, &SegmentSummary::number);
  const Lsn first = third->header.first_lsn;
  flipped(3, 512 + 64 + 40)(*files);
  const Judgement judgement = judge(*files);
  EXPECT_EQ(judgement.log.at, Offset{512});
  EXPECT_EQ(judgement.log.missing_from, first);
  EXPECT_GE(judgement.log.missing_to, first);
  EXPECT_LT(judgement.log.missing_to, sound.next_lsn);
  EXPECT_THAT(judgement.text, HasSubstr(path_of(3) + ", offset 512: "));
  EXPECT_THAT(judgement.text, HasSubstr(" " + std::to_string(first.value) + " "));
}

TEST(LogReader, SeesASegmentOfAnotherHistoryByItsEpoch) {
  // Two stores that were one until a copy was made: the same UUID and numbers, other bytes.
  const auto files = three_runs();
  ASSERT_TRUE(files->remove(path_of(3)).has_value());
  const auto twin = copy(*files);
  for (FaultFileSystem* each : {files.get(), twin.get()}) {
    add(*each, path_of(3), Bytes(4096));  // the seal of the second counts on a third
    for (int run = 0; run < 2; ++run) {
      with_store(*each, [&](store::EmbeddedStore& store) {
        ASSERT_TRUE(store.load("t").value().set("x", run).has_value());
      });
    }
  }
  ASSERT_EQ(judge(*files).verdict, Verdict::sound) << judge(*files).text;
  const LogSummary log = judge(*files).log;
  ASSERT_GE(log.segments.size(), 4U);
  const std::string replaced = log.segments[log.segments.size() - 2].path;
  files->content(replaced) = twin->content(replaced);
  const Judgement judgement = judge(*files);
  EXPECT_EQ(judgement.verdict, Verdict::damaged);
  EXPECT_THAT(judgement.text, HasSubstr(replaced));
  EXPECT_THAT(judgement.text, HasSubstr("does not continue this file"));
}

// --- Other versions and other files

void set_version(FaultFileSystem& files, std::uint64_t number, std::uint16_t major,
                 std::uint16_t minor) {
  Bytes& bytes = files.content(path_of(number));
  store_le(bytes.data() + 8, major);
  store_le(bytes.data() + 10, minor);
  store_le(bytes.data() + 124, crc32c(ByteView{bytes}.first(124)));
}

TEST(LogReader, RefusesNewerVersionsAndSaysWhoReadsThem) {
  for (const std::uint64_t segment : {1U, 2U, 3U}) {
    for (const auto& [major, minor] : {std::pair{2, 0}, {1, 1}, {0xFFFF, 0xFFFF}}) {
      const auto files = three_runs();
      set_version(*files, segment, static_cast<std::uint16_t>(major),
                  static_cast<std::uint16_t>(minor));
      const Judgement judgement = judge(*files);
      EXPECT_EQ(judgement.error, Errc::unsupported);
      EXPECT_THAT(judgement.text, HasSubstr(path_of(segment)));
      EXPECT_THAT(judgement.text, HasSubstr("newer hybrid"));
    }
  }
}

TEST(LogReader, TakesADamagedVersionForDamage) {
  const auto files = three_runs();
  store_le(files->content(path_of(2)).data() + 8, std::uint16_t{2});
  EXPECT_EQ(judge(*files).verdict, Verdict::damaged);
}

TEST(LogReader, LeavesOtherFilesBesideSegmentsAlone) {
  const auto files = three_runs();
  for (const char* name : {"notes.txt", ".hidden", "lost+found", "0000000000000001.scf.bak", "1"})
    add(*files, kStore + "/" + name, Bytes(10));
  EXPECT_EQ(judge(*files).verdict, Verdict::sound);
  EXPECT_EQ(judge(*files).contents.records.size(), 9U);
}

TEST(LogReader, RefusesAFileThatLooksLikeASegmentByItsName) {
  for (const char* name :
       {"backup.scf", "1.scf", "0000000000000000.scf", "000000000000000a.scf", ".scf"}) {
    const auto files = three_runs();
    add(*files, kStore + "/" + name, Bytes(10));
    const Judgement judgement = judge(*files);
    EXPECT_EQ(judgement.error, Errc::corrupt) << name;
    EXPECT_THAT(judgement.text, HasSubstr(kStore + "/" + name));
  }
}

TEST(LogReader, RefusesADirectoryOfSomethingElse) {
  for (const char* name : {"photo.jpg", "dump.rdb", "1"}) {
    FaultFileSystem files;
    ASSERT_TRUE(files.make_directory(kStore).has_value());
    add(files, kStore + "/" + name, Bytes(10));
    EXPECT_EQ(judge(files).error, Errc::invalid_argument) << name;
    EXPECT_THAT(judge(files).text, HasSubstr(name));
    EXPECT_FALSE(check_is_store(files, kStore).has_value());
    EXPECT_EQ(
        store::EmbeddedStore::open({.files = &files, .directory = kStore, .background = false})
            .error()
            .code(),
        Errc::invalid_argument);
    EXPECT_EQ(files.paths().size(), 1U) << "nothing was made there";
  }
}

TEST(LogReader, TakesALockOrAHiddenFileForAnEmptyStore) {
  FaultFileSystem files;
  ASSERT_TRUE(files.make_directory(kStore).has_value());
  for (const char* name : {"lock", ".keep", "lost+found"}) add(files, kStore + "/" + name, {});
  EXPECT_EQ(judge(files).error, Errc::not_found);
  EXPECT_TRUE(check_is_store(files, kStore).has_value());
}

TEST(LogReader, TakesFilesWithoutAHeaderForUnused) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 512U, 65536U}) {
    FaultFileSystem files;
    ASSERT_TRUE(files.make_directory(kStore).has_value());
    add(files, path_of(1), Bytes(size));
    const Judgement judgement = judge(files);
    EXPECT_EQ(judgement.verdict, Verdict::sound) << size << ": " << judgement.text;
    ASSERT_EQ(judgement.log.segments.size(), 1U);
    EXPECT_EQ(judgement.log.segments[0].role, SegmentRole::unused);
    EXPECT_EQ(judgement.log.next_lsn, Lsn{1});
  }
}

TEST(LogReader, BearsFilesOfAnyBytes) {
  std::mt19937_64 random{7};
  for (int round = 0; round < 200; ++round) {
    FaultFileSystem files;
    ASSERT_TRUE(files.make_directory(kStore).has_value());
    Bytes bytes(random() % 3000);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() < 8) continue;
    add(files, path_of(1), bytes);
    EXPECT_EQ(judge(files).verdict, Verdict::damaged);
  }
}

// --- A torn tail

TEST(LogReader, CallsWhatWasNeverSyncedTorn) {
  FaultFileSystem files;
  std::unique_ptr<FaultFileSystem> killed;
  std::uint64_t end = 0;
  with_store(files, [&](store::EmbeddedStore& store) {
    Session session = store.init("a").value();
    ASSERT_TRUE(session.set("x", 1).has_value());
    ASSERT_TRUE(store.flush().has_value());
    ASSERT_TRUE(session.set("y", 2).has_value());
    ASSERT_TRUE(session.set("z", 3).has_value());
    end = store.stats()->log_bytes;
    killed = copy(files);
  });
  killed->content(path_of(1))[static_cast<std::size_t>(end) - 5] ^= std::byte{1};
  const Judgement judgement = judge(*killed);
  EXPECT_EQ(judgement.verdict, Verdict::torn) << judgement.text;
  EXPECT_EQ(judgement.contents.records.size(), 2U) << "the frame of both is lost";
  EXPECT_GT(judgement.log.bytes_cut, 64U);
  EXPECT_THAT(judgement.text, HasSubstr(path_of(1) + ", offset 1024: "));
}

TEST(LogReader, CallsTheSameTearDamageOnceASyncPointTellsThatItWasSynced) {
  FaultFileSystem files;
  std::unique_ptr<FaultFileSystem> killed;
  with_store(files, [&](store::EmbeddedStore& store) {
    ASSERT_TRUE(store.init("a").has_value());
    for (int tick = 0; tick < 3; ++tick) store.run_duties();
    killed = copy(files);
  });
  killed->content(path_of(1))[512 + 64] ^= std::byte{1};
  const Judgement judgement = judge(*killed);
  EXPECT_EQ(judgement.verdict, Verdict::damaged) << judgement.text;
  EXPECT_THAT(judgement.text, HasSubstr("offset 512"));
}

// --- No bit of a closed store may change unseen

TEST(LogReader, SeesEveryBitThatFlipsInAClosedStore) {
  for (const bool one_run : {false, true}) {
    const auto files = one_run ? std::make_unique<FaultFileSystem>() : three_runs();
    if (one_run) {
      with_store(*files, [](store::EmbeddedStore& store) {
        ASSERT_TRUE(store.init("a").value().set("x", "y").has_value());
        ASSERT_TRUE(store.change_id("a", "b").has_value());
        ASSERT_TRUE(store.flush().has_value());
        ASSERT_TRUE(store.destroy("b").has_value());
      });
    }
    ASSERT_EQ(judge(*files).verdict, Verdict::sound);
    int unseen = 0;
    for (const std::string& path : files->paths()) {
      if (!path.ends_with(".scf")) continue;
      Bytes& bytes = files->content(path);
      for (std::size_t bit = 0; bit < bytes.size() * 8 && unseen < 10; ++bit) {
        if (!one_run && bit % 8 != bit / 8 * 5 % 8) continue;  // one of each byte, to be quick
        const std::byte flip{static_cast<unsigned char>(1U << bit % 8)};
        bytes[bit / 8] ^= flip;
        const Judgement judgement = judge(*files);
        if (judgement.error == Errc::not_found && judgement.verdict != Verdict::damaged) {
          ++unseen;
          ADD_FAILURE() << path << " byte " << bit / 8 << " bit " << bit % 8 << ": "
                        << (judgement.verdict == Verdict::sound ? "sound" : "torn") << " with "
                        << judgement.contents.records.size() << " records. " << judgement.text;
        }
        bytes[bit / 8] ^= flip;
      }
    }
  }
}

// Small segments that were cleaned: the start is gone, and there are images, touches, changes of id and destroys. Synced, with a
// sync point that says so, and not closed.
std::unique_ptr<FaultFileSystem> cleaned_and_synced() {
  ManualClock clock;
  const auto open = [&](FaultFileSystem& files, std::uint64_t clean_bytes_min) {
    return store::EmbeddedStore::open({.params = {.idle_timeout = std::chrono::hours{1}},
                                       .files = &files,
                                       .directory = kStore,
                                       .clock = &clock,
                                       .background = false,
                                       .first_segment_bytes = 4096,
                                       .clean_bytes_min = clean_bytes_min,
                                       .clean_slice_bytes = 500})
        .value();
  };
  int n = 0;
  const auto change = [&](store::EmbeddedStore& store) {
    ++n;
    const std::string id = "s" + std::to_string(n % 4);
    const std::string value(static_cast<std::size_t>(20 + n % 100), 'v');
    store.load(id).value().set(n % 3, value).value();
    if (n % 7 == 0) store.change_id(id, "renamed").value();
    if (n % 7 == 3) store.destroy("renamed").value();
    clock.advance(std::chrono::seconds{3});
    static_cast<void>(store.exists("s1") && store.find("s1").value());
    if (n % 16 == 0) store.run_duties();
  };
  FaultFileSystem files;
  auto cleaning = open(files, 1);
  const auto first_is_there = [&] {
    const std::vector<std::string> paths = files.paths();
    return std::ranges::find(paths, path_of(1)) != paths.end();
  };
  for (int i = 0; i < 40 || (first_is_there() && i < 2000); ++i) change(*cleaning);
  auto killed = copy(files);
  auto growing = open(*killed, std::uint64_t{1} << 30);
  for (int i = 0; i < 60; ++i) change(*growing);
  growing->flush().value();
  for (int tick = 0; tick < 3; ++tick) growing->run_duties();
  return copy(*killed);
}

// Of each segment up to where its successor lets it count, or to the last record.
TEST(LogReader, SeesEveryBitThatFlipsBelowTheSyncedEndOfACleanedStoreThatWasKilled) {
  const auto files = cleaned_and_synced();
  const Judgement sound = judge(*files);
  ASSERT_EQ(sound.verdict, Verdict::sound) << sound.text;
  ASSERT_TRUE(sound.log.has_lost_start);
  ASSERT_FALSE(sound.log.closed);
  ASSERT_EQ(sound.log.durable, sound.log.next_lsn - 1);
  std::map<std::uint8_t, int> ops;
  for (const std::string& record : sound.contents.records)
    ++ops[static_cast<std::uint8_t>(record.front())];
  ASSERT_EQ(ops.size(), 5U) << "not all kinds of records are there";
  std::size_t segments = 0;
  for (std::size_t index = 0; index < sound.log.segments.size(); ++index) {
    const SegmentSummary& segment = sound.log.segments[index];
    if (segment.role != SegmentRole::chain) continue;
    ++segments;
    const bool last = index == *sound.log.last;
    // What follows the last record, padding and a sync point, is claimed by nothing: there it may tear, and no record is lost.
    const Offset claimed = last ? sound.log.last_durable->end : segment.end;
    const auto end = static_cast<std::size_t>(claimed.value);
    Bytes& bytes = files->content(segment.path);
    int unseen = 0;
    for (std::size_t bit = 0; bit < end * 8 && unseen < 10; ++bit) {
      const std::byte flip{static_cast<unsigned char>(1U << bit % 8)};
      bytes[bit / 8] ^= flip;
      const Judgement judgement = judge(*files);
      const bool seen = judgement.error != Errc::not_found || judgement.verdict == Verdict::damaged;
      if (!seen) {
        ++unseen;
        ADD_FAILURE() << segment.path << " byte " << bit / 8 << " bit " << bit % 8 << " of " << end
                      << ": " << (judgement.verdict == Verdict::sound ? "sound" : "torn") << ". "
                      << judgement.text;
      }
      if (seen && bit % 997 == 0 && judgement.error == Errc::not_found) {
        const auto damaged = copy(*files);
        const auto refused = store::EmbeddedStore::open(
            {.files = damaged.get(), .directory = kStore, .background = false});
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code(), Errc::corrupt);
        EXPECT_THAT(refused.error().message(), HasSubstr(judgement.text));
        EXPECT_THAT(judgement.text, HasSubstr(".scf, offset "));
      }
      bytes[bit / 8] ^= flip;
    }
  }
  EXPECT_GE(segments, 2U);
}

TEST(LogReader, NeverCallsAFlippedBitSoundInAStoreThatNeverSyncs) {
  for (const Durability durability : {Durability::os, Durability::none}) {
    const auto files = three_runs(durability);
    const Contents before = judge(*files).contents;
    for (const std::string& path : files->paths()) {
      if (!path.ends_with(".scf")) continue;
      Bytes& bytes = files->content(path);
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        const std::byte flip{static_cast<unsigned char>(1U << (at * 5 + 3) % 8)};
        bytes[at] ^= flip;
        const Judgement judgement = judge(*files);
        EXPECT_FALSE(judgement.error == Errc::not_found && judgement.verdict == Verdict::sound)
            << path << " byte " << at;
        bytes[at] ^= flip;
      }
    }
    EXPECT_EQ(judge(*files).contents, before);
  }
}

TEST(LogReader, SeesEveryLengthThatAClosedStoresLastSegmentIsCutTo) {
  const auto sound = three_runs();
  const std::size_t records = judge(*sound).contents.records.size();
  const std::size_t whole = sound->content(path_of(3)).size();
  for (std::size_t size = 0; size < whole; ++size) {
    const auto files = copy(*sound);
    files->content(path_of(3)).resize(size);
    const Judgement judgement = judge(*files);
    EXPECT_EQ(judgement.verdict, Verdict::damaged)
        << "cut to " << size << " of " << whole << ", with " << judgement.contents.records.size()
        << " of " << records << " records";
  }
}

}  // namespace
}  // namespace hybrid::testing
