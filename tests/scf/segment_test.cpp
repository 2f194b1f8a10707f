// Frames as they are written through the mapping, and as they are read whenever the writer is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "scf/segment_reader.hpp"
#include "scf/segment_writer.hpp"
#include "testing/fault_file_system.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::scf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kEpoch = 0xE90C4;
constexpr std::uint64_t kOtherEpoch = 0xBAD;
constexpr Lsn kFirst{11};

SegmentHeader header() {
  SegmentHeader header{.number = {1},
                       .epoch = kEpoch,
                       .first_lsn = kFirst,
                       .predecessor_last_lsn = kFirst - 1,
                       .low_water = {1}};
  return header;
}

std::string record_of(std::string_view data) {
  std::string record;
  append_record(record, Op::modify, digest_of("sid"), data);
  return record;
}

// A segment that is being written.
struct Segment {
  explicit Segment(std::size_t size = std::size_t{64} << 10)
      : bytes(size), writer(bytes, kEpoch, kFirst) {
    writer.write_header(header());
  }
  void append(std::string_view data, Millis time = 1000, Lsn durable = {}) {
    const std::string record = record_of(data);
    writer.append(record, {.durable = durable, .low_water = {1}, .time = time});
  }
  void mark(FrameKind kind) { writer.mark(kind, {.durable = {}, .low_water = {1}, .time = 1000}); }

  Bytes bytes;
  SegmentWriter writer;
};

struct ReadFrame {
  Offset at;
  FrameKind kind = FrameKind::records;
  std::vector<std::string> data;
};

// What a reader makes of bytes.
struct Reading {
  std::vector<ReadFrame> frames;
  std::string ending;  // empty: the frames have ended; else what is wrong
  Offset bad_at;

  std::vector<std::string> records() const {
    std::vector<std::string> all;
    for (const ReadFrame& frame : frames)
      all.insert(all.end(), frame.data.begin(), frame.data.end());
    return all;
  }
};

SegmentReader reader_of(FaultFileSystem& files, const Bytes& bytes) {
  EXPECT_TRUE(files.make_directory("d").has_value());
  EXPECT_TRUE(files.open("d/s", io::OpenMode::create_new).has_value());
  files.content("d/s") = bytes;
  return std::move(SegmentReader::open(files, "d/s").value());
}

Reading read(const Bytes& bytes, std::optional<Offset> end = std::nullopt) {
  FaultFileSystem files;
  SegmentReader reader = reader_of(files, bytes);
  EXPECT_TRUE(reader.header().has_value());
  Reading reading;
  Lsn next = kFirst;
  for (;;) {
    const FrameOrEnd step = reader.next(next, end).value();
    if (std::holds_alternative<FramesEnd>(step)) return reading;
    if (const auto* bad = std::get_if<BadFrame>(&step)) {
      reading.ending = bad->why;
      reading.bad_at = bad->at;
      return reading;
    }
    const Frame& frame = std::get<Frame>(step);
    ReadFrame kept{.at = frame.at, .kind = frame.header.kind};
    for (const Record& record : frame.records) kept.data.emplace_back(as_chars(record.data));
    next = frame.last_lsn() + 1;
    reading.frames.push_back(std::move(kept));
  }
}

// --- What is written

TEST(SegmentWriter, GrowsOneFrameWhileTimeStandsStill) {
  Segment segment;
  for (const char* data : {"a", "b", "c"}) segment.append(data);
  const Reading reading = read(segment.bytes);
  EXPECT_EQ(reading.ending, "");
  ASSERT_EQ(reading.frames.size(), 1U);
  EXPECT_THAT(reading.frames[0].data, ElementsAre("a", "b", "c"));
  EXPECT_EQ(reading.frames[0].at, Offset{512});
  EXPECT_EQ(segment.writer.next_lsn(), kFirst + 3);
}

TEST(SegmentWriter, BeginsAFrameForEachTime) {
  Segment segment;
  segment.append("a", 1000);
  segment.append("b", 1000);
  segment.append("c", 1001);
  const Reading reading = read(segment.bytes);
  ASSERT_EQ(reading.frames.size(), 2U);
  EXPECT_THAT(reading.frames[0].data, ElementsAre("a", "b"));
  EXPECT_THAT(reading.frames[1].data, ElementsAre("c"));
  EXPECT_EQ(reading.frames[1].at.value % kFrameAlignment, 0U);
}

TEST(SegmentWriter, KeepsFramesSmallUnlessARecordIsLarge) {
  Segment segment{std::size_t{2} << 20};
  const std::string third(kFramePayloadMax / 3, 'x');
  for (int i = 0; i < 4; ++i) segment.append(third);
  segment.append(std::string(2 * kFramePayloadMax, 'y'));
  segment.append("z");
  const Reading reading = read(segment.bytes);
  EXPECT_EQ(reading.ending, "");
  std::vector<std::size_t> counts;
  for (const ReadFrame& frame : reading.frames) counts.push_back(frame.data.size());
  EXPECT_THAT(counts, ElementsAre(2, 2, 1, 1));
}

TEST(SegmentWriter, StartsAtASectorAfterEachSync) {
  Segment segment;
  segment.append("a");
  segment.writer.seal_for_sync();
  segment.append("b");
  segment.append("c", 1001);
  segment.writer.seal_for_sync();
  segment.mark(FrameKind::sync_point);
  segment.writer.seal_for_sync();
  segment.mark(FrameKind::closed);
  const Reading reading = read(segment.bytes);
  EXPECT_EQ(reading.ending, "");
  ASSERT_EQ(reading.frames.size(), 5U);
  EXPECT_EQ(reading.frames[1].at.value % kSyncAlignment, 0U);
  EXPECT_EQ(reading.frames[2].at.value % kSyncAlignment, 128U)
      << "unsynced: next to the one before";
  EXPECT_EQ(reading.frames[3].at.value % kSyncAlignment, 0U);
  EXPECT_EQ(reading.frames[3].kind, FrameKind::sync_point);
  EXPECT_EQ(reading.frames[4].at.value % kSyncAlignment, 0U);
  EXPECT_EQ(reading.frames[4].kind, FrameKind::closed);
}

TEST(SegmentWriter, AlwaysLeavesRoomForAMarker) {
  for (std::size_t record = kRecordOverheadBytes; record < 700; record += 7) {
    Segment segment{4096};
    const std::string data(record - kRecordOverheadBytes, 'x');
    std::size_t count = 0;
    for (; segment.writer.fits(record); ++count) {
      segment.append(data);
      if (count % 3 == 0) segment.writer.seal_for_sync();
    }
    segment.writer.seal_for_sync();
    segment.mark(FrameKind::seal);
    const Reading reading = read(segment.bytes);
    EXPECT_EQ(reading.ending, "");
    EXPECT_EQ(reading.records().size(), count);
    EXPECT_EQ(reading.frames.back().kind, FrameKind::seal);
  }
}

TEST(SegmentWriter, HoldsOneRecordOfAnySizeInTheSmallestSegmentForIt) {
  for (const std::size_t record : {37U, 100U, 448U, 449U, 512U, 5000U, 300'000U}) {
    Segment segment{segment_bytes_for(record)};
    ASSERT_TRUE(segment.writer.fits(record)) << record;
    segment.append(std::string(record - kRecordOverheadBytes, 'x'));
    segment.writer.seal_for_sync();
    segment.mark(FrameKind::closed);
    EXPECT_EQ(read(segment.bytes).records().size(), 1U) << record;
  }
}

TEST(SegmentWriter, TakesTheWholePayloadOfAnotherFrame) {
  Segment segment;
  segment.append("before");
  const std::string payload = record_of("a") + record_of("b");
  segment.writer.append_payload(as_bytes(payload), 2, {.durable = {}, .low_water = {1}, .time = 5});
  segment.append("after");
  const Reading reading = read(segment.bytes);
  EXPECT_EQ(reading.ending, "");
  EXPECT_THAT(reading.records(), ElementsAre("before", "a", "b", "after"));
  EXPECT_EQ(reading.frames.size(), 3U);
  EXPECT_EQ(segment.writer.next_lsn(), kFirst + 4);
}

TEST(SegmentWriter, WritesAHeaderWhoseMagicComesLast) {
  Bytes bytes(4096);
  SegmentWriter writer{bytes, kEpoch, kFirst};
  EXPECT_TRUE(all_zero(bytes));
  writer.write_header(header());
  EXPECT_TRUE(decode_segment_header(bytes).has_value());
}

// --- Killed at any instant (W1, W2)

struct Step {
  int kind = 0;
  std::size_t size = 0;
  friend std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << "kind " << step.kind << " size " << step.size;
  }
};
rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind, rc::gen::inRange(0, 10)),
      rc::gen::set(&Step::size, rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 40),
                                               rc::gen::inRange<std::size_t>(0, 3000))));
}

// Does one step; says how many records it appended.
std::size_t take(const Step& step, Segment& segment, std::vector<std::string>& expected,
                 Millis& time) {
  const std::size_t before = expected.size();
  if (!segment.writer.fits(3 * (step.size + kRecordOverheadBytes))) return 0;
  switch (step.kind) {
    case 0: segment.mark(FrameKind::sync_point); break;
    case 1: segment.writer.seal_for_sync(); break;
    case 2: {
      const std::string data(step.size, 'p');
      const std::string payload = record_of(data) + record_of("q");
      segment.writer.append_payload(as_bytes(payload), 2,
                                    {.durable = {}, .low_water = {1}, .time = time});
      expected.insert(expected.end(), {data, "q"});
      break;
    }
    default:
      time += step.kind % 2;
      expected.emplace_back(step.size, static_cast<char>('a' + expected.size() % 26));
      segment.append(expected.back(), time);
  }
  return expected.size() - before;
}

RC_GTEST_PROP(SegmentWriter, LeavesExactlyTheWholeRecordsWhereverItIsKilled, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  Segment segment{std::size_t{32} << 10};
  std::vector<std::string> expected;
  Millis time = 1000;
  for (const Step& step : steps) {
    const Bytes before = segment.bytes;
    const std::vector<std::string> had = expected;
    const std::size_t appended = take(step, segment, expected, time);
    const Reading after = read(segment.bytes);
    RC_ASSERT(after.ending.empty());
    RC_ASSERT(after.records() == expected);

    // In the midst of the step: its bytes were written up to some place, its one last word was not.
    if (appended == 0) continue;
    const std::uint64_t word = after.frames.back().at.value + kPayloadWordOffset;
    for (int i = 0; i < 3; ++i) {
      // Not within an aligned word: those of a frame's header are stored at once.
      const auto written = 8 * *rc::gen::inRange<std::size_t>(0, segment.bytes.size() / 8 + 1);
      Bytes killed = before;
      std::copy_n(segment.bytes.begin(), written, killed.begin());
      std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(word), 8,
                  killed.begin() + static_cast<std::ptrdiff_t>(word));
      RC_ASSERT(read(killed).records() == had);
    }
  }
}

RC_GTEST_PROP(SegmentWriter, NeverWritesAgainToASectorThatWasSynced, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  Segment segment{std::size_t{32} << 10};
  std::vector<std::string> expected;
  Millis time = 1000;
  Bytes synced;
  for (const Step& step : steps) {
    static_cast<void>(take(step, segment, expected, time));
    RC_ASSERT(std::equal(synced.begin(), synced.end(), segment.bytes.begin()));
    if (step.kind % 4 == 1) {
      segment.writer.seal_for_sync();
      const auto end = align_up(segment.writer.end().value, kSyncAlignment);
      synced.assign(segment.bytes.begin(),
                    segment.bytes.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
}

// --- What a reader takes

TEST(SegmentReader, TellsRecordsFromPadding) {
  Segment segment;
  EXPECT_THAT(read(segment.bytes).frames, IsEmpty()) << "37 zero bytes are a well-formed create";
  EXPECT_EQ(read(segment.bytes).ending, "");
  std::string create;
  append_record(create, Op::create, Digest{}, "");
  EXPECT_EQ(create, std::string(37, '\0'));
  segment.writer.append(create, {.durable = {}, .low_water = {1}, .time = 1});
  EXPECT_THAT(read(segment.bytes).records(), ElementsAre("")) << "but in a frame they are one";
}

TEST(SegmentReader, TakesNoFrameThatAValueHolds) {
  // The best that a user could forge who knew everything: a frame of this segment's epoch and next LSN.
  Segment forger;
  forger.append("x");
  forger.append("forged");
  const std::string frame{as_chars(ByteView{forger.bytes}.subspan(512, 300))};
  for (std::size_t shift = 0; shift < kFrameAlignment; ++shift) {
    Segment segment;
    const std::string value = std::string(shift, '\0') + frame;
    segment.append("x");
    segment.append(value, 2000);
    segment.append("z", 3000);
    EXPECT_THAT(read(segment.bytes).records(), ElementsAre("x", value, "z"));
    // Nor once the frame that holds it is damaged.
    const auto holder = static_cast<std::size_t>(read(segment.bytes).frames[1].at.value);
    segment.bytes[holder + kFrameHeaderBytes] ^= std::byte{1};
    EXPECT_THAT(read(segment.bytes).records(), ElementsAre("x"));
  }
}

TEST(SegmentReader, TakesNoFrameAfterItsEnd) {
  Segment segment;
  segment.append("a");
  const Offset end = segment.writer.end();
  segment.append("b", 2000);
  EXPECT_THAT(read(segment.bytes, end).records(), ElementsAre("a"));
  EXPECT_EQ(read(segment.bytes, end).ending, "");
  EXPECT_THAT(read(segment.bytes, segment.writer.end()).records(), ElementsAre("a", "b"));
  EXPECT_EQ(read(segment.bytes, Offset{segment.bytes.size() + 1}).ending,
            "the file is shorter than its successor says");
}

TEST(SegmentReader, ReadsFramesAcrossItsWindow) {
  Segment segment{std::size_t{4} << 20};
  std::vector<std::string> expected;
  for (int i = 0; i < 12; ++i) {
    expected.emplace_back(std::size_t{300} << 10, static_cast<char>('a' + i));
    segment.append(expected.back(), 1000 + i);
  }
  EXPECT_EQ(read(segment.bytes).records(), expected);
}

// A segment of three frames, each with one record; the middle one is damaged.
struct BadCase {
  const char* name;
  std::function<void(Bytes&, std::byte* frame)> damage;
  const char* why;
};

void reseal(std::byte* frame) { store_le(frame + 4, crc32c(ByteView{frame + 8, 44})); }

const BadCase kBadCases[] = {
    {"magic", [](Bytes&, std::byte* f) { f[0] ^= std::byte{1}; }, "no intact frame header"},
    {"header", [](Bytes&, std::byte* f) { f[24] ^= std::byte{1}; }, "no intact frame header"},
    {"kind",
     [](Bytes&, std::byte* f) {
       store_le(f + 48, std::uint32_t{9});
       reseal(f);
     },
     "no intact frame header"},
    {"epoch",
     [](Bytes&, std::byte* f) {
       store_le(f + 8, kOtherEpoch);
       reseal(f);
     },
     "a frame of another segment"},
    {"lsn",
     [](Bytes&, std::byte* f) {
       store_le(f + 16, std::uint64_t{99});
       reseal(f);
     },
     "a frame with an unexpected LSN"},
    {"length", [](Bytes&, std::byte* f) { store_le(f + 56, std::uint32_t{1} << 31); },
     "a frame that runs past the end"},
    {"shorter", [](Bytes&, std::byte* f) { store_le(f + 56, std::uint32_t{5}); },
     "a frame whose checksum is wrong"},
    {"payload", [](Bytes&, std::byte* f) { f[70] ^= std::byte{1}; },
     "a frame whose checksum is wrong"},
    {"checksum", [](Bytes&, std::byte* f) { f[60] ^= std::byte{1}; },
     "a frame whose checksum is wrong"},
    {"op",
     [](Bytes&, std::byte* f) {
       f[64] = std::byte{5};
       store_le(f + 60, crc32c(ByteView{f + 64, load_le<std::uint32_t>(f + 56)}));
     },
     "a frame whose records do not add up"},
    {"count", [](Bytes&, std::byte* f) { store_le(f + 52, std::uint32_t{2}); },
     "a frame with an unexpected number of records"},
    {"marker_with_records",
     [](Bytes&, std::byte* f) {
       store_le(f + 48, std::uint32_t{1});
       reseal(f);
     },
     "a frame with an unexpected number of records"},
    {"padding", [](Bytes&, std::byte* f) { f[-1] = std::byte{1}; },
     "bytes that belong to no frame"},
    {"cut_in_header",
     [](Bytes& b, std::byte* f) { b.resize(static_cast<std::size_t>(f - b.data()) + 20); },
     "part of a frame header"},
    {"cut_in_payload",
     [](Bytes& b, std::byte* f) { b.resize(static_cast<std::size_t>(f - b.data()) + 80); },
     "a frame that runs past the end"},
};

TEST(SegmentReader, SaysWhatIsWrongAndKeepsWhatCameBefore) {
  for (const BadCase& bad : kBadCases) {
    SCOPED_TRACE(bad.name);
    Segment segment;
    segment.append("one", 1);
    segment.append("two", 2);
    segment.append("three", 3);
    const std::uint64_t at = read(segment.bytes).frames[1].at.value;
    bad.damage(segment.bytes, segment.bytes.data() + at);
    const Reading reading = read(segment.bytes);
    EXPECT_EQ(reading.ending, bad.why);
    EXPECT_THAT(reading.records(), ElementsAre("one"));
    EXPECT_LE(reading.bad_at.value, at);
    EXPECT_GT(reading.bad_at.value + kFrameAlignment, at);
  }
}

TEST(SegmentReader, RefusesMarkersThatAreOpen) {
  Segment segment;
  segment.mark(FrameKind::sync_point);
  store_le(segment.bytes.data() + 512 + kRecordCountOffset, kFrameOpen);
  EXPECT_EQ(read(segment.bytes).ending, "a frame with an unexpected number of records");
}

RC_GTEST_PROP(SegmentReader, BearsAnyBytes, (const std::vector<std::uint8_t>& junk)) {
  Segment segment{4096};
  segment.append("a", 1);
  segment.append("b", 2);
  const auto at = *rc::gen::inRange<std::size_t>(512, segment.bytes.size());
  for (std::size_t i = 0; i < junk.size() && at + i < segment.bytes.size(); ++i)
    segment.bytes[at + i] = std::byte{junk[i]};
  const std::vector<std::string> records = read(segment.bytes).records();
  const std::vector<std::string> whole{"a", "b"};
  RC_ASSERT(records.size() <= 2U);
  RC_ASSERT(std::equal(records.begin(), records.end(), whole.begin()));
}

// --- Searching for what was durable

std::optional<Lsn> claim(const Bytes& bytes, Lsn lsn, Offset from = {512},
                         std::optional<Offset> end = std::nullopt) {
  FaultFileSystem files;
  return reader_of(files, bytes).find_durable_claim(from, end, lsn).value();
}

TEST(SegmentReader, FindsAFrameThatClaimsSomethingDurable) {
  Segment segment;
  segment.append("a", 1);
  segment.append("b", 2, kFirst);
  segment.bytes[512 + 70] ^= std::byte{1};
  EXPECT_EQ(claim(segment.bytes, kFirst), kFirst + 1);
  EXPECT_EQ(claim(segment.bytes, kFirst + 1), std::nullopt) << "nothing claims that much";
  EXPECT_EQ(claim(segment.bytes, kFirst, Offset{1024}), std::nullopt) << "it stands before";
  EXPECT_EQ(claim(segment.bytes, kFirst, Offset{512}, Offset{640}), std::nullopt)
      << "it stands behind";
}

TEST(SegmentReader, FindsNoClaimOfAnotherEpoch) {
  Segment segment;
  FrameHeader forged{.epoch = kOtherEpoch, .first_lsn = kFirst, .durable = {1'000'000}};
  std::string value(64, '\0');
  for (int i = 0; i < 64; ++i) value += std::string{as_chars(encode(forged))};
  for (std::size_t shift = 0; shift < kFrameAlignment; ++shift) {
    Segment holder;
    holder.append(value.substr(shift));
    EXPECT_EQ(claim(holder.bytes, kFirst), std::nullopt);
  }
}

TEST(SegmentReader, FindsClaimsWhereTheHeaderWasErased) {
  Segment segment;
  segment.append("a", 1);
  segment.append("b", 2, kFirst);
  std::fill_n(segment.bytes.begin(), 512, std::byte{0});
  EXPECT_EQ(claim(segment.bytes, kFirst), kFirst + 1);
  std::fill_n(segment.bytes.begin() + 512, 64, std::byte{0});
  EXPECT_EQ(claim(segment.bytes, kFirst), std::nullopt) << "no first frame tells the epoch";
}

TEST(SegmentReader, SeesWhereTheLastByteIs) {
  Segment segment;
  segment.append("a");
  FaultFileSystem files;
  SegmentReader reader = reader_of(files, segment.bytes);
  EXPECT_EQ(reader.content_end(Offset{512}).value(), Offset{segment.writer.end().value - 3})
      << "a length of 1 ends in three zero bytes";
  EXPECT_EQ(reader.content_end(Offset{5000}).value(), Offset{5000});
}

}  // namespace
}  // namespace hybrid::testing
