// Records and their data: what was appended is read back, and nothing else is.
#include "scf/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace hybrid::testing {
namespace {

using namespace hybrid::scf;

struct OwnedRecord {
  Op op = Op::create;
  Digest sid;
  std::string data;
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

rc::Gen<Digest> any_digest() {
  return rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                      [](std::uint64_t number) { return digest_of(std::to_string(number)); });
}
rc::Gen<std::string> any_text(std::size_t least) {
  return rc::gen::suchThat(rc::gen::arbitrary<std::string>(),
                           [least](const std::string& text) { return text.size() >= least; });
}
rc::Gen<OwnedRecord> any_record() {
  return rc::gen::build<OwnedRecord>(
      rc::gen::set(&OwnedRecord::op, rc::gen::map(rc::gen::inRange<int>(0, kOpMax + 1),
                                                  [](int op) { return static_cast<Op>(op); })),
      rc::gen::set(&OwnedRecord::sid, any_digest()), rc::gen::set(&OwnedRecord::data));
}

std::vector<OwnedRecord> owned(const std::vector<Record>& records) {
  std::vector<OwnedRecord> copies;
  for (const Record& record : records)
    copies.push_back({record.op, record.sid, std::string{as_chars(record.data)}});
  return copies;
}

std::string payload_of(const std::vector<OwnedRecord>& records) {
  std::string payload;
  for (const OwnedRecord& record : records)
    append_record(payload, record.op, record.sid, record.data);
  return payload;
}

RC_GTEST_PROP(Records, SplitIntoWhatWasAppended, ()) {
  const auto records = *rc::gen::container<std::vector<OwnedRecord>>(any_record());
  const std::string payload = payload_of(records);
  const auto split = split_payload(as_bytes(payload));
  RC_ASSERT(split.has_value());
  RC_ASSERT(owned(*split) == records);
}

RC_GTEST_PROP(Records, DoNotSplitInAnotherWayWhenCut, ()) {
  const auto records =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<OwnedRecord>>(any_record()));
  const std::string payload = payload_of(records);
  const auto size = *rc::gen::inRange<std::size_t>(0, payload.size());
  const std::string cut = payload.substr(0, size);
  if (const auto split = split_payload(as_bytes(cut))) {
    // What its data ends with may happen to be a length that adds up; it must be whole records still.
    RC_ASSERT(payload_of(owned(*split)) == cut);
  }
}

RC_GTEST_PROP(Records, BearAnyBytes, (const std::string& bytes)) {
  if (const auto split = split_payload(as_bytes(bytes))) {
    RC_ASSERT(payload_of(owned(*split)) == bytes);
  }
}

TEST(Records, InStepsAreTheSameBytes) {
  const Digest sid = digest_of("x");
  std::string whole;
  append_record(whole, Op::modify, sid, "data");
  std::string steps;
  begin_record(steps, Op::modify, sid);
  steps += "data";
  end_record(steps);
  EXPECT_EQ(steps, whole);
  EXPECT_EQ(whole.size(), kRecordOverheadBytes + 4);
  EXPECT_EQ(whole[0], '\x03');
  EXPECT_EQ(whole.substr(1, 32), as_chars(sid.bytes));
  EXPECT_EQ(whole.substr(37), std::string("\x04\0\0\0", 4));
}

TEST(Records, OfAnUnknownOpDoNotSplit) {
  std::string payload;
  append_record(payload, Op::create, digest_of("x"), "");
  ASSERT_TRUE(split_payload(as_bytes(payload)).has_value());
  payload[0] = static_cast<char>(kOpMax + 1);
  EXPECT_FALSE(split_payload(as_bytes(payload)).has_value());
}

TEST(Records, OfThirtySevenZeroBytesAreACreate) {
  const std::string zeros(37, '\0');
  const auto split = split_payload(as_bytes(zeros));
  ASSERT_TRUE(split.has_value());
  ASSERT_EQ(split->size(), 1U);
  EXPECT_EQ((*split)[0].op, Op::create);
  EXPECT_FALSE(split_payload(as_bytes(zeros).first(36)).has_value());
}

TEST(Records, DoNotReachBeyondTheirPayload) {
  std::string payload;
  append_record(payload, Op::modify, digest_of("x"), "12345");
  for (const std::uint32_t length : {6U, 37U, 42U, 0x7FFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFDBU}) {
    payload.resize(payload.size() - 4);
    append_integer(payload, length);
    EXPECT_FALSE(split_payload(as_bytes(payload)).has_value()) << length;
  }
}

// --- Changes

struct OwnedChange {
  ChangeKind kind = ChangeKind::create;
  std::string key;
  std::string value;
  friend bool operator==(const OwnedChange&, const OwnedChange&) = default;
};

rc::Gen<OwnedChange> any_change() {
  return rc::gen::map(rc::gen::tuple(rc::gen::inRange(0, 4), any_text(1), any_text(1)),
                      [](const std::tuple<int, std::string, std::string>& parts) {
                        OwnedChange change{.kind = static_cast<ChangeKind>(std::get<0>(parts))};
                        if (change.kind != ChangeKind::clear) change.key = std::get<1>(parts);
                        if (change.kind == ChangeKind::create || change.kind == ChangeKind::update)
                          change.value = std::get<2>(parts);
                        return change;
                      });
}

std::string data_of(const std::vector<OwnedChange>& changes) {
  std::string data;
  for (const OwnedChange& change : changes)
    append_change(data, {.kind = change.kind, .key = change.key, .value = change.value});
  return data;
}

std::vector<OwnedChange> owned(const std::vector<ChangeView>& changes) {
  std::vector<OwnedChange> copies;
  for (const ChangeView& change : changes)
    copies.push_back({change.kind, std::string{change.key}, std::string{change.value}});
  return copies;
}

RC_GTEST_PROP(Changes, ReadBackAsTheyWereAppended, ()) {
  const auto changes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<OwnedChange>>(any_change()));
  const std::string data = data_of(changes);
  const auto parsed = parse_changes(as_bytes(data));
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(owned(*parsed) == changes);
}

RC_GTEST_PROP(Changes, OfACutListAreItsFirstOnesOrNothing, ()) {
  const auto changes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<OwnedChange>>(any_change()));
  const std::string data = data_of(changes);
  const auto size = *rc::gen::inRange<std::size_t>(0, data.size());
  if (const auto parsed = parse_changes(as_bytes(data).first(size))) {
    const auto few = owned(*parsed);
    RC_ASSERT(few.size() < changes.size());
    RC_ASSERT(std::equal(few.begin(), few.end(), changes.begin()));
  }
}

RC_GTEST_PROP(Changes, BearAnyBytes, (const std::string& bytes)) {
  if (const auto parsed = parse_changes(as_bytes(bytes))) {
    for (const ChangeView& change : *parsed) {
      RC_ASSERT(change.kind == ChangeKind::clear || !change.key.empty());
    }
  }
}

TEST(Changes, AreRefusedWhenMalformed) {
  const struct {
    const char* name;
    std::string bytes;
  } cases[] = {
      {"no change at all", ""},
      {"an unknown kind", std::string("\x04\x01k\x01v", 5)},
      {"an empty key", std::string("\x00\x00\x01v", 4)},
      {"an empty key to delete", std::string("\x01\x00", 2)},
      {"an empty value", std::string("\x00\x01k\x00", 4)},
      {"a key beyond the end", std::string("\x00\x05k", 3)},
      {"a value beyond the end", std::string("\x00\x01k\x05v", 5)},
      {"a length of eleven bytes", '\0' + std::string(10, '\x81') + "\x01k"},
      {"no value", std::string("\x00\x01k", 3)},
  };
  for (const auto& [name, bytes] : cases)
    EXPECT_EQ(parse_changes(as_bytes(bytes)), std::nullopt) << name;
}

// --- Images

std::string image_data(const Image& image) {
  const std::string record = image_record(Digest{}, image);
  return record.substr(1 + kSidBytes, record.size() - kRecordOverheadBytes);
}

RC_GTEST_PROP(Images, ReadBackAsTheyWereAppended,
              (std::int64_t created, std::int64_t accessed, std::uint64_t version)) {
  // A key is there once.
  const auto by_key =
      *rc::gen::container<std::map<std::string, std::string>>(any_text(1), any_text(1));
  const std::vector<std::pair<std::string, std::string>> entries{by_key.begin(), by_key.end()};
  const std::string data = image_data({.created = created,
                                       .last_access = accessed,
                                       .version = version,
                                       .entries = {entries.begin(), entries.end()}});
  const auto image = parse_image(as_bytes(data));
  RC_ASSERT(image.has_value());
  RC_ASSERT(image->created == created);
  RC_ASSERT(image->last_access == accessed);
  RC_ASSERT(image->version == version);
  RC_ASSERT(image->entries.size() == entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    RC_ASSERT(image->entries[i].first == entries[i].first);
    RC_ASSERT(image->entries[i].second == entries[i].second);
  }
}

RC_GTEST_PROP(Images, BearAnyBytes, (const std::string& bytes)) {
  static_cast<void>(parse_image(as_bytes(bytes)));
  const std::string data = image_data({.entries = {{"key", "value"}}}) + bytes;
  static_cast<void>(parse_image(as_bytes(data)));
}

TEST(Images, TakeTheirFieldsInAnyOrder) {
  const std::string data = image_data({.created = 1, .last_access = 2, .version = 3});
  const std::string entry{"\x04\x04\x02kkv", 6};
  const std::string shuffled = entry + data.substr(20) + data.substr(0, 20);
  const auto image = parse_image(as_bytes(shuffled));
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->created, 1);
  EXPECT_EQ(image->version, 3U);
  ASSERT_EQ(image->entries.size(), 1U);
  EXPECT_EQ(image->entries[0].first, "kk");
}

TEST(Images, AreRefusedWhenMalformed) {
  const std::string good = image_data({.created = 1, .last_access = 2, .version = 3});
  ASSERT_EQ(good.size(), 30U);
  const std::string created = good.substr(0, 10);
  std::string unknown_tag = good;
  unknown_tag[0] = 5;
  std::string tag_like_created = good;
  tag_like_created[0] = 9;  // 1 in its low bits
  const std::string tag_zero = good + std::string("\x00\x08\0\0\0\0\0\0\0\0", 10);
  const struct {
    const char* name;
    std::string bytes;
  } cases[] = {
      {"nothing", ""},
      {"one field is missing", good.substr(10)},
      {"one field is twice", good + created},
      {"an unknown tag", unknown_tag},
      {"a tag of nine", tag_like_created},
      {"a tag of zero", tag_zero},
      {"a number of seven bytes", std::string("\x01\x07\0\0\0\0\0\0\0", 9) + good.substr(10)},
      {"a number of nine bytes", std::string("\x01\x09\0\0\0\0\0\0\0\0\0", 11) + good.substr(10)},
      {"an entry without a value", good + std::string("\x04\x02\x01k", 4)},
      {"an entry without a key", good + std::string("\x04\x02\x00v", 4)},
      {"an entry whose key runs past its field", good + std::string("\x04\x02\x05k", 4)},
      {"a field beyond the end", good + std::string("\x04\x7fkv", 4)},
      {"its last byte lost", good.substr(0, good.size() - 1)},
  };
  for (const auto& [name, bytes] : cases)
    EXPECT_FALSE(parse_image(as_bytes(bytes)).has_value()) << name;
}

TEST(Images, AreRefusedWhenAKeyIsThereTwice) {
  for (const int keys : {2, 3, 31, 32, 33, 100}) {
    const std::string head = image_data({.created = 1, .last_access = 2, .version = 3});
    const auto entry = [](int key) {
      return std::string{4, 4, 2, 'k', static_cast<char>(key), 'v'};
    };
    std::string once = head;
    for (int key = 1; key <= keys; ++key) once += entry(key);
    ASSERT_TRUE(parse_image(as_bytes(once)).has_value()) << keys;
    for (const int again : {1, keys / 2, keys}) {
      std::string twice = once;
      twice += entry(again);
      EXPECT_FALSE(parse_image(as_bytes(twice)).has_value()) << keys << ' ' << again;
    }
  }
}

// --- New ids and touches

RC_GTEST_PROP(NewSids, ReadBack, ()) {
  const Digest sid = *any_digest();
  RC_ASSERT(parse_new_sid(sid.bytes) == sid);
}

TEST(NewSids, AreThirtyTwoBytes) {
  const std::string bytes(40, 'x');
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(parse_new_sid(as_bytes(bytes).first(size)).has_value(), size == 32) << size;
  }
}

RC_GTEST_PROP(Touches, ReadBackAsTheyWereAppended, (const std::vector<std::int64_t>& times)) {
  RC_PRE(!times.empty());
  std::string data;
  for (std::size_t i = 0; i < times.size(); ++i)
    append_touch(data, {.sid = digest_of(std::to_string(i)), .last_access = times[i]});
  const auto touches = parse_touches(as_bytes(data));
  RC_ASSERT(touches.has_value());
  RC_ASSERT(touches->size() == times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    RC_ASSERT((*touches)[i].sid == digest_of(std::to_string(i)));
    RC_ASSERT((*touches)[i].last_access == times[i]);
  }
}

TEST(Touches, AreWholePairs) {
  const std::string bytes(100, 'x');
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(parse_touches(as_bytes(bytes).first(size)).has_value(), size != 0 && size % 40 == 0);
  }
}

TEST(Names, AreThoseOfTheDocument) {
  EXPECT_EQ(to_string(Op::create), "create");
  EXPECT_EQ(to_string(Op::destroy), "destroy");
  EXPECT_EQ(to_string(Op::change_id), "change_id");
  EXPECT_EQ(to_string(Op::modify), "modify");
  EXPECT_EQ(to_string(Op::touch), "touch");
}

}  // namespace
}  // namespace hybrid::testing
