// Salvage saves what is provably sound, in the state that it had at the log's end, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/digest.hpp"
#include "store/salvage.hpp"
#include "testing/sanitized.hpp"
#include "testing/store_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kBitStep = kSanitized ? 13 : 1;  // those builds take tens of times as long
constexpr const char* kSource = "sessions";
constexpr const char* kSaved = "saved";
const std::vector<std::string> kSids = {"ada", "bob", "cid", "cid2", "dan", "eve", "fay"};

// What somebody who opens a store sees: each session's version and values.
using State = std::map<std::string, std::string>;

std::unique_ptr<store::EmbeddedStore> open_store(FaultFileSystem& files,
                                                 const std::string& directory, const Clock& clock) {
  store::EmbeddedStore::Options options;
  options.files = &files;
  options.directory = directory;
  options.clock = &clock;
  options.background = false;
  options.first_segment_bytes = 4096;
  return std::move(store::EmbeddedStore::open(options).value());
}

State state_of(FaultFileSystem& files, const std::string& directory) {
  const ManualClock clock;
  const auto store = open_store(files, directory, clock);
  State state;
  for (const std::string& sid : kSids) {
    auto session = store->find(sid).value();
    if (!session) continue;
    state[sid] = std::to_string(session->version().value()) + ":" +
                 session->get<std::string>("v")->value_or("");
  }
  EXPECT_EQ(store->size().value(), state.size());  // nobody else lives
  return state;
}

// Three segments, one for each day. In the end live: ada, bob (another one than on the first day), cid2 (who was cid), dan, eve.
void write_day(store::EmbeddedStore& store, int day) {
  const auto set = [&](const char* sid, const char* value) {
    store.load(sid).value().set("v", value).value();
    store.flush().value();
  };
  switch (day) {
    case 1:
      set("ada", "ada-1");
      set("bob", "bob-1");
      set("cid", "cid-1");
      set("fay", "fay-1");
      break;
    case 2:
      set("dan", "dan-2");
      store.destroy("bob").value();
      set("ada", "ada-2");
      store.destroy("fay").value();
      break;
    default:
      set("eve", "eve-3");
      store.change_id("cid", "cid2").value();
      set("bob", "bob-3");
      set("cid2", "cid-3");
      store.flush().value();
  }
}

enum class Ends : std::uint8_t { closed, killed };

std::unique_ptr<FaultFileSystem> make_source(Ends ends, bool compacted = false) {
  auto files = std::make_unique<FaultFileSystem>();
  ManualClock clock;
  for (int day = 1; day <= 3; ++day) {
    auto store = open_store(*files, kSource, clock);
    write_day(*store, day);
    if (compacted && day == 2) store->compact().value();
    clock.advance(1h);
    if (day == 3 && ends == Ends::killed) {
      // Idle for long enough that the log tells what is on the disk.
      for (int i = 0; i < 3; ++i) store->run_duties();
      files->kill([&] { store.reset(); });
    }
  }
  return files;
}

std::string segment(int number) {
  return std::string{kSource} + "/" + scf::segment_name({static_cast<std::uint64_t>(number)});
}

std::map<std::string, std::vector<std::byte>> contents(FaultFileSystem& files) {
  std::map<std::string, std::vector<std::byte>> found;
  for (const std::string& path : files.paths()) {
    if (path.starts_with(std::string{kSource} + "/")) found[path] = files.content(path);
  }
  return found;
}

void remove_saved(FaultFileSystem& files) {
  const auto names = files.list(kSaved).value();
  for (const std::string& name : names) files.remove(std::string{kSaved} + "/" + name).value();
  files.remove_directory(kSaved).value();
}

std::vector<std::string> names(const State& state) {
  std::vector<std::string> names;
  for (const auto& [sid, value] : state) names.push_back(sid);
  return names;
}

// Those of the lost ones that a test knows.
std::vector<std::string> lost_of(const store::Salvaged& salvaged) {
  std::vector<std::string> lost;
  for (const std::string& sid : kSids) {
    const Digest digest = digest_of(sid);
    if (std::ranges::any_of(salvaged.lost, [&](const auto& one) { return one.sid == digest; }))
      lost.push_back(sid);
  }
  EXPECT_EQ(lost.size(), salvaged.lost.size());
  return lost;
}

TEST(Salvage, ASoundOrATornStoreIsSavedAsAWhole) {
  for (const Ends ends : {Ends::closed, Ends::killed}) {
    for (const bool compacted : {false, true}) {
      for (const bool torn : {false, true}) {
        const auto files = make_source(ends, compacted);
        if (torn && ends == Ends::closed) continue;
        if (torn) {
          const auto log = scf::read_log(*files, kSource, {}).value();
          const auto& last = log.segments[*log.last];
          files->content(last.path)[last.end.value + 100] = std::byte{1};
        }
        const auto before = contents(*files);
        const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
        ASSERT_TRUE(salvaged.has_value()) << salvaged.error().message();
        EXPECT_TRUE(salvaged->complete());
        EXPECT_EQ(contents(*files), before);
        const State saved = state_of(*files, kSaved);
        EXPECT_EQ(saved.size(), 5U);
        EXPECT_EQ(saved, state_of(*files, kSource));
      }
    }
  }
}

struct Damage {
  const char* name;
  void (*inflict)(FaultFileSystem&);
  std::vector<std::string> saved;
  std::vector<std::string> lost;
  bool complete;
};

void flip(FaultFileSystem& files, int number, std::size_t at) {
  files.content(segment(number)).at(at) ^= std::byte{1};
}

void copy(FaultFileSystem& files, const std::string& from, const std::string& to) {
  auto file = files.open(to, io::OpenMode::create_new).value();
  file->write_at(0, files.content(from)).value();
}

const std::vector<std::string> kAll = {"ada", "bob", "cid2", "dan", "eve"};
const std::vector<std::string> kNone = {};

const Damage kDamages[] = {
    {"first_missing",
     [](FaultFileSystem& f) { f.remove(segment(1)).value(); },
     {"bob", "dan", "eve"},
     {"ada", "cid2"},
     false},
    {"middle_missing",
     [](FaultFileSystem& f) { f.remove(segment(2)).value(); },
     {"bob", "eve"},
     {"ada", "cid2", "fay"},
     false},
    {"last_missing",
     [](FaultFileSystem& f) { f.remove(segment(3)).value(); },
     kNone,
     {"ada", "cid", "dan"},
     false},
    {"all_but_the_last_missing",
     [](FaultFileSystem& f) {
       f.remove(segment(1)).value();
       f.remove(segment(2)).value();
     },
     {"bob", "eve"},
     {"cid2"},
     false},
    {"first_header_hit", [](FaultFileSystem& f) { flip(f, 1, 40); }, kAll, kNone, true},
    {"first_uuid_hit", [](FaultFileSystem& f) { flip(f, 1, 20); }, kAll, kNone, true},
    {"middle_header_hit", [](FaultFileSystem& f) { flip(f, 2, 100); }, kAll, kNone, true},
    {"middle_predecessor_hit", [](FaultFileSystem& f) { flip(f, 2, 80); }, kAll, kNone, true},
    {"last_header_hit", [](FaultFileSystem& f) { flip(f, 3, 33); }, kAll, kNone, true},
    {"last_uuid_hit", [](FaultFileSystem& f) { flip(f, 3, 20); }, kAll, kNone, true},
    {"first_frame_hit",
     [](FaultFileSystem& f) { flip(f, 1, 512 + 80); },
     {"bob", "cid2", "dan", "eve"},
     {"ada"},
     false},
    {"last_closed_frame_hit",
     [](FaultFileSystem& f) { flip(f, 3, f.content(segment(3)).size() - 20); }, kAll, kNone, true},
    {"last_record_hit",
     [](FaultFileSystem& f) { flip(f, 3, f.content(segment(3)).size() - 512 - 60); },
     kNone,
     {"ada", "bob", "cid2", "dan", "eve"},
     false},
    {"last_cut",
     [](FaultFileSystem& f) {
       auto& bytes = f.content(segment(3));
       bytes.resize(bytes.size() - 64);
     },
     kNone,
     {"ada", "bob", "cid2", "dan", "eve"},
     false},
    {"first_copied_to_another_name", [](FaultFileSystem& f) { copy(f, segment(1), segment(9)); },
     kAll, kNone, true},
    {"middle_renamed",
     [](FaultFileSystem& f) {
       copy(f, segment(2), std::string{kSource} + "/two.scf");
       f.remove(segment(2)).value();
     },
     kAll, kNone, true},
    {"hit_but_there_is_a_copy",
     [](FaultFileSystem& f) {
       copy(f, segment(2), segment(7));
       flip(f, 2, 512 + 80);
     },
     kAll, kNone, true},
    {"both_copies_hit_at_different_places",
     [](FaultFileSystem& f) {
       copy(f, segment(1), segment(7));
       flip(f, 1, 512 + 80);
       flip(f, 7, 1024 + 80);
     },
     kAll, kNone, true},
    {"foreign_segment",
     [](FaultFileSystem& f) {
       const ManualClock clock;
       auto other = open_store(f, "other", clock);
       other->load("fay").value().set("v", "fay-other").value();
       other.reset();
       copy(f, "other/" + scf::segment_name({1}), segment(8));
     },
     kAll, kNone, true},
};

TEST(Salvage, SavesWhatADamageLeavesProven) {
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    const auto files = make_source(Ends::closed);
    const State truth = state_of(*make_source(Ends::closed), kSource);
    damage.inflict(*files);
    ASSERT_FALSE(
        store::EmbeddedStore::open(
            {.params = {}, .files = files.get(), .directory = kSource, .background = false})
            .has_value());
    const auto before = contents(*files);
    const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
    ASSERT_TRUE(salvaged.has_value()) << salvaged.error().message();
    EXPECT_EQ(contents(*files), before);
    const State saved = state_of(*files, kSaved);
    EXPECT_EQ(names(saved), damage.saved);
    EXPECT_EQ(lost_of(*salvaged), damage.lost);
    EXPECT_EQ(salvaged->complete(), damage.complete);
    EXPECT_EQ(salvaged->sessions, saved.size());
    for (const auto& [sid, value] : saved) EXPECT_EQ(value, truth.at(sid)) << sid;
    for (const auto& lost : salvaged->lost) EXPECT_LT(lost.gap, salvaged->gaps.size());
  }
}

// Records below the low-water mark are superseded: it does not matter that they are lost.
TEST(Salvage, WhatWasSupersededIsNotMissed) {
  FaultFileSystem files;
  ManualClock clock;
  for (int day = 1; day <= 3; ++day) write_day(*open_store(files, kSource, clock), day);
  const auto before = contents(files);
  open_store(files, kSource, clock)->compact().value();
  const State truth = state_of(files, kSource);
  // As if the removal of what was superseded had not reached the disk, and had then rotted.
  for (const auto& [path, bytes] : before) {
    if (!files.open(path, io::OpenMode::read))
      files.open(path, io::OpenMode::create_new).value()->write_at(0, bytes).value();
  }
  flip(files, 2, 512 + 80);
  ASSERT_EQ(scf::read_log(files, kSource, {})->verdict, scf::Verdict::damaged);
  const auto salvaged = store::salvage(files, kSource, kSaved, 0);
  ASSERT_TRUE(salvaged.has_value()) << salvaged.error().message();
  EXPECT_TRUE(salvaged->complete());
  EXPECT_EQ(state_of(files, kSaved), truth);
}

// V3: bytes of a value that look like a frame are none.
TEST(Salvage, AFrameThatAUserStoredIsNoFrame) {
  const auto files = std::make_unique<FaultFileSystem>();
  ManualClock clock;
  auto store = open_store(*files, kSource, clock);
  store->load("ada").value().set("v", "ada").value();
  store->destroy("fay").value();
  std::string record;
  scf::append_record(record, scf::Op::create, digest_of("fay"), {});
  auto frame =
      scf::encode(scf::FrameHeader{.epoch = 1,
                                   .first_lsn = {4},
                                   .durable = {9},
                                   .low_water = {1},
                                   .record_count = 1,
                                   .payload_bytes = static_cast<std::uint32_t>(record.size())});
  std::string forged(reinterpret_cast<const char*>(frame.data()), frame.size());
  forged += record;
  std::string value;
  for (int shift = 0; shift < 64; ++shift)
    value += forged + std::string(static_cast<std::size_t>(shift), '\0');
  store->load("bob").value().set("v", value).value();
  store->flush().value();
  store->load("eve").value().set("v", "eve").value();
  store.reset();
  files->content(segment(2)).at(2000) ^= std::byte{1};  // where the large record went
  const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
  ASSERT_TRUE(salvaged.has_value());
  EXPECT_THAT(names(state_of(*files, kSaved)), ElementsAre("eve"));
}

TEST(Salvage, TwoStoresThatCannotBeToldApartAreRefused) {
  const auto files = std::make_unique<FaultFileSystem>();
  const ManualClock clock;
  for (const char* directory : {kSource, "other"})
    open_store(*files, directory, clock)->load("ada").value().set("v", directory).value();
  copy(*files, "other/" + scf::segment_name({1}), segment(2));
  const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
  ASSERT_FALSE(salvaged.has_value());
  EXPECT_EQ(salvaged.error().code(), Errc::corrupt);
  EXPECT_THAT(salvaged.error().message(), HasSubstr("move those of others away"));
  EXPECT_FALSE(files->has_directory(kSaved));
}

// Each bit of all segments, one at a time.
void flip_each_bit(Ends ends, bool compacted) {
  const auto files = make_source(ends, compacted);
  const State truth = state_of(*make_source(ends, compacted), kSource);
  std::size_t whole = 0;
  std::size_t part = 0;
  for (const std::string& path : files->paths()) {
    if (!path.ends_with(".scf")) continue;
    // Of the zeros at the end of a segment in use a few are enough.
    const std::size_t size = std::min<std::size_t>(files->content(path).size(), 2048);
    for (std::size_t bit = 0; bit < size * 8; bit += kBitStep) {
      std::byte& byte = files->content(path)[bit / 8];
      const std::byte before = byte;
      byte ^= std::byte{1} << (bit % 8);
      const std::byte flipped = byte;
      const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
      ASSERT_EQ(byte, flipped);
      byte = before;
      if (!salvaged) {
        // The version may read as one to come only with a right checksum, so every flip is damage.
        ADD_FAILURE() << path << " bit " << bit << ": " << salvaged.error().message();
        continue;
      }
      const State saved = state_of(*files, kSaved);
      for (const auto& [sid, value] : saved) {
        ASSERT_TRUE(truth.contains(sid)) << sid << " lives again, " << path << " bit " << bit;
        ASSERT_EQ(value, truth.at(sid)) << sid << ", " << path << " bit " << bit;
      }
      // What is not saved is named, or only the lost records knew it.
      if (salvaged->complete()) {
        ASSERT_EQ(saved.size(), truth.size()) << path << " bit " << bit;
      }
      ++(salvaged->complete() ? whole : part);
      remove_saved(*files);
    }
  }
  EXPECT_GT(whole, 0U);
  EXPECT_GT(part, 0U);
}

TEST(Salvage, NoFlippedBitBringsBackOrChangesASessionOfAClosedStore) {
  flip_each_bit(Ends::closed, false);
}
TEST(Salvage, NoFlippedBitBringsBackOrChangesASessionOfAKilledStore) {
  flip_each_bit(Ends::killed, false);
}
TEST(Salvage, NoFlippedBitBringsBackOrChangesASessionOfACompactedStore) {
  flip_each_bit(Ends::closed, true);
}

TEST(Salvage, NeverIntoADirectoryThatIsNotEmpty) {
  const auto files = make_source(Ends::closed);
  EXPECT_EQ(store::salvage(*files, kSource, kSource, 0).error().code(), Errc::invalid_argument);
  EXPECT_EQ(store::salvage(*files, kSource, std::string{kSource} + "/saved", 0).error().code(),
            Errc::invalid_argument);
}

TEST(Salvage, AFailureLeavesNothingBehind) {
  for (int fail_at = 0;; ++fail_at) {
    const auto files = make_source(Ends::closed);
    flip(*files, 1, 512 + 80);
    const int first = files->operations();
    files->fail_operation(first + fail_at, Errc::no_space, true);
    const auto salvaged = store::salvage(*files, kSource, kSaved, 0);
    if (salvaged) break;
    const Errc code = salvaged.error().code();  // a sync that fails is `io`, whatever for
    ASSERT_TRUE(code == Errc::no_space || code == Errc::io) << fail_at;
    if (files->has_directory(kSaved)) continue;  // all but the last sync came to pass
    for (const std::string& path : files->paths()) EXPECT_TRUE(path.starts_with(kSource)) << path;
  }
}

}  // namespace
}  // namespace hybrid::testing
