// DUMP and RESTORE. Payloads that are said to be of Redis are what Redis 7.0 gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "hybrid/params.hpp"
#include "server/dump.hpp"
#include "server/lifetime.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::server;
using namespace std::string_literals;
using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::Pair;

using Fields = std::vector<std::pair<std::string, std::string>>;

// CRC-64 of Jones (1/x^64 + ... = 0xad93d23594c935a9, reflected, from 0), bit by bit.
std::uint64_t crc64(std::string_view bytes) {
  constexpr std::uint64_t kReflected = 0x95ac'9329'ac4b'c9b5;
  std::uint64_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc % 2 != 0 ? kReflected : 0);
  }
  return crc;
}

// A payload of this body: its type and its value.
std::string sealed(std::string_view body) {
  std::string payload{body};
  payload += "\x0a\x00"sv;
  std::uint64_t crc = crc64(payload);
  for (int byte = 0; byte < 8; ++byte, crc >>= 8) payload += static_cast<char>(crc);
  return payload;
}

DumpedValue parsed(std::string_view payload) {
  auto value = parse_dump(payload);
  if (const auto* const error = std::get_if<DumpError>(&value)) {
    ADD_FAILURE() << "refused: " << static_cast<int>(*error);
    return {};
  }
  return std::get<DumpedValue>(std::move(value));
}

bool is_refused_for(DumpError error, std::string_view payload) {
  const auto value = parse_dump(payload);
  return std::holds_alternative<DumpError>(value) && std::get<DumpError>(value) == error;
}

// A listpack, or a ziplist, as a string in a payload of `type`.
std::string packed(char type, std::string_view header, std::string_view entries) {
  std::string pack{header};
  pack += entries;
  pack += '\xff';
  pack.insert(0, {static_cast<char>(pack.size() + 4), 0, 0, 0});
  return sealed(std::string{type} + static_cast<char>(pack.size()) + pack);
}
std::string of_listpack(std::string_view entries) { return packed(16, "\x02\x00"sv, entries); }
std::string of_ziplist(std::string_view entries) {
  return packed(13, "\x00\x00\x00\x00\x02\x00"sv, entries);
}

TEST(Dump, ReadsStringsOfRedis) {
  EXPECT_EQ(parsed("\x00\x05hello\n\x00"
                   "cr\xdfve4 \n"sv)
                .text,
            "hello");
  EXPECT_EQ(parsed("\x00\xc1"
                   "90\n\x00\x9d\x94\xea'\x93\xfc\b\xb9"sv)
                .text,
            "12345");
  std::string long_text;
  for (int i = 0; i < 40; ++i) long_text += "abc";
  const DumpedValue compressed = parsed(
      "\x00\xc3\x0b@x\x03"
      "abca\xe0i\x02\x01"
      "bc\n\x00\xc4\x94\xa1p*\xe2>\x06"sv);
  EXPECT_EQ(compressed.type, Type::string);
  EXPECT_EQ(compressed.text, long_text);
}

TEST(Dump, ReadsHashesAndSetsOfRedis) {
  const DumpedValue small = parsed(
      "\x10\xc3@M@\x82\x1f\x82\x00\x00\x00\x0c\x00\x84user\x05\x83"
      "ada\x04\x86visits\a\a\x01\x83neg\x04\x18\xde\xd4\x02\x83"
      "big\x04\xf2p\x11\x01\x04\x84huge\x05\xf4"
      "5\x1c\xdc\xdf\x02 7\b\t\x84long\x05\xbcx\xe0"
      "2\x00\x01=\xff\n\x00\x85HJI\x8c\xe6\xd2\xc2"sv);
  EXPECT_EQ(small.type, Type::hash);
  EXPECT_THAT(small.fields,
              ElementsAre(Pair("user", "ada"), Pair("visits", "7"), Pair("neg", "-300"),
                          Pair("big", "70000"), Pair("huge", "12345678901"),
                          Pair("long", std::string(60, 'x'))));
  const DumpedValue large = parsed(
      "\x04\x02\x01g\xc0\x01\x01"
      "f\xc3\t@F\x01yy\xe0"
      "9\x00\x01yy\n\x00\xe1\x11\xe7\xc6}j\x9bL"sv);
  EXPECT_EQ(large.type, Type::hash);
  EXPECT_THAT(large.fields, ElementsAre(Pair("g", "1"), Pair("f", std::string(70, 'y'))));
  const DumpedValue integers = parsed(
      "\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00p\x11\x01\x00\n\x00"
      "\x85\xd5\xc1\x06[\x1d\xd0U"sv);
  EXPECT_EQ(integers.type, Type::set);
  EXPECT_THAT(integers.fields, ElementsAre(Pair("1", ""), Pair("2", ""), Pair("70000", "")));
  const DumpedValue names = parsed(
      "\x02\x02\x03"
      "bob\x03"
      "ada\n\x00+\xde\xf6\x01\x1b\x10/\x05"sv);
  EXPECT_EQ(names.type, Type::set);
  EXPECT_THAT(names.fields, ElementsAre(Pair("bob", ""), Pair("ada", "")));
}

TEST(Dump, ReadsListsOfRedis) {
  EXPECT_EQ(parsed(sealed("\x01\x02\x01x\xc0\x07"sv)).type, Type::list);
  EXPECT_THAT(parsed(sealed("\x01\x02\x01x\xc0\x07"sv)).fields,
              ElementsAre(Pair("x", ""), Pair("7", "")));
  // Of 2.8, of 3.2 to 6.2, and of 7.
  const std::string ziplist = "\x0e\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01x\xff"s;
  const std::string listpack = "\x0c\x00\x00\x00\x02\x00\x81x\x02\x07\x01\xff"s;
  const std::string as_ziplist = static_cast<char>(ziplist.size()) + ziplist;
  const std::string as_listpack = static_cast<char>(listpack.size()) + listpack;
  EXPECT_THAT(parsed(sealed("\x0a" + as_ziplist)).fields, ElementsAre(Pair("x", "")));
  EXPECT_THAT(parsed(sealed("\x0e\x02" + as_ziplist + as_ziplist)).fields,
              ElementsAre(Pair("x", ""), Pair("x", "")));
  const DumpedValue pieces =
      parsed(sealed("\x12\x03\x02" + as_listpack + "\x01\x01y\x02" + as_listpack));
  EXPECT_EQ(pieces.type, Type::list);
  EXPECT_THAT(pieces.fields, ElementsAre(Pair("x", ""), Pair("7", ""), Pair("y", ""), Pair("x", ""),
                                         Pair("7", "")));
}

// By the table of encodings in Redis's listpack.c; behind each entry its length.
TEST(Dump, ReadsEachEntryOfAListpack) {
  const auto entry = [](std::string_view encoded) {
    std::string entries{encoded};
    entries += static_cast<char>(encoded.size());
    const DumpedValue value = parsed(of_listpack(entries + "\x81x\x02"));
    return value.fields.empty() ? "" : value.fields[0].first;
  };
  EXPECT_EQ(entry("\x00"sv), "0");
  EXPECT_EQ(entry("\x7f"), "127");
  EXPECT_EQ(entry("\x80"), "");
  EXPECT_EQ(entry("\x83one"), "one");
  EXPECT_EQ(entry("\xcf\xff"), "4095");
  EXPECT_EQ(entry("\xd0\x00"sv), "-4096");
  EXPECT_EQ(entry("\xdf\xff"), "-1");
  EXPECT_EQ(entry("\xe0\x03two"sv), "two");
  EXPECT_EQ(entry("\xf0\x03\x00\x00\x00six"sv), "six");
  EXPECT_EQ(entry("\xf1\x00\x80"sv), "-32768");
  EXPECT_EQ(entry("\xf2\x00\x00\x80"sv), "-8388608");
  EXPECT_EQ(entry("\xf2\xff\xff\x7f"), "8388607");
  EXPECT_EQ(entry("\xf3\xff\xff\xff\x7f"), "2147483647");
  EXPECT_EQ(entry("\xf4\x00\x00\x00\x00\x00\x00\x00\x80"sv), "-9223372036854775808");
}

// How many bytes say how long an entry is changes where Redis's lpEncodeBacklen() has it.
TEST(Dump, KnowsHowLongTheLengthBehindAnEntryIs) {
  for (const std::size_t bytes : {127, 128, 16382, 16383, 2097150, 2097151}) {
    const std::size_t head = bytes < 4096 ? 2 : 5;
    std::string entry(bytes - head, 'v');
    const std::size_t size = entry.size();
    entry.insert(0, head == 2 ? std::string{static_cast<char>(0xe0 | size >> 8),
                                            static_cast<char>(size & 0xff)}
                              : std::string{'\xf0', static_cast<char>(size & 0xff),
                                            static_cast<char>(size >> 8 & 0xff),
                                            static_cast<char>(size >> 16 & 0xff), 0});
    const std::size_t behind = bytes <= 127 ? 1 : bytes < 16383 ? 2 : bytes < 2097151 ? 3 : 4;
    std::string pack = "\x02\x00\x81k\x02"s + entry + std::string(behind, '\x01') + "\xff";
    pack[1] = 0;
    const std::size_t total = pack.size() + 4;
    std::string sized;
    for (unsigned shift = 0; shift < 32; shift += 8) sized += static_cast<char>(total >> shift);
    std::string body{'\x10', '\x80'};
    for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(total >> shift);
    const DumpedValue value = parsed(sealed(body + sized + pack));
    ASSERT_EQ(value.fields.size(), 1U) << bytes;
    EXPECT_EQ(value.fields[0].second.size(), size);
  }
}

// As Redis before 7.0 kept small hashes; by the table of encodings in ziplist.c. In front of each entry, how long the one before is.
TEST(Dump, ReadsEachEntryOfAZiplist) {
  const auto entry = [](std::string_view encoded) {
    const DumpedValue value =
        parsed(of_ziplist("\x00"s + std::string{encoded} + "\xfe\x09\x00\x00\x00\x01x"s));
    return value.fields.empty() ? "" : value.fields[0].first;
  };
  EXPECT_EQ(entry("\x03one"), "one");
  EXPECT_EQ(entry("\x40\x03two"sv), "two");
  EXPECT_EQ(entry("\x80\x00\x00\x00\x03six"sv), "six");
  EXPECT_EQ(entry("\xf1"), "0");
  EXPECT_EQ(entry("\xfd"), "12");
  EXPECT_EQ(entry("\xfe\x80"), "-128");
  EXPECT_EQ(entry("\xc0\x00\x80"sv), "-32768");
  EXPECT_EQ(entry("\xf0\x00\x00\x80"sv), "-8388608");
  EXPECT_EQ(entry("\xd0\xff\xff\xff\x7f"), "2147483647");
  EXPECT_EQ(entry("\xe0\x00\x00\x00\x00\x00\x00\x00\x80"sv), "-9223372036854775808");
}

TEST(Dump, ReadsLengthsOfEachForm) {
  const std::string text(300, 't');
  for (const std::string_view length :
       {"\x41\x2c"sv, "\x80\x00\x00\x01\x2c"sv, "\x81\x00\x00\x00\x00\x00\x00\x01\x2c"sv})
    EXPECT_EQ(parsed(sealed("\x00"s + std::string{length} + text)).text, text);
}

TEST(Dump, RefusesWhatItDidNotGive) {
  const std::string payload = to_dump({.type = Type::string, .text = "hello", .fields = {}});
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::string changed = payload;
    changed[i] ^= 1;
    EXPECT_TRUE(is_refused_for(DumpError::checksum, changed)) << i;
    EXPECT_TRUE(is_refused_for(DumpError::checksum, payload.substr(0, i))) << i;
  }
}

TEST(Dump, RefusesWhatIsNothingThatWeHave) {
  const std::string_view bodies[] = {
      "\x05\x00"sv,                  // a sorted set
      "\x15\x00"sv,                  // a stream
      "\x00\x05hell"sv,              // cut off
      "\x00\x04hello"sv,             // something behind
      "\x00\x82\x00\x00\x00\x00"sv,  // no length
      "\x00\xc4\x00"sv,              // nor encoding
      "\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"sv,
      "\x04\x00"sv,                                  // no fields
      "\x01\x00"sv,                                  // no elements
      "\x12\x01\x03\x01x"sv,                         // a list of a third kind of pieces
      "\x12\x02\x01\x01x"sv,                         // of less of them than it says
      "\x04\x02\x01g\x01"sv,                         // half of them
      "\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff"sv,  // more than there is memory for
      "\x0b\x08\x03\x00\x00\x00\x00\x00\x00\x00"sv,  // integers of three bytes
      "\x0b\x08\x00\x00\x00\x00\x00\x00\x00\x00"sv,  // of none
      "\x0b\x0a\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00"sv,
      "\x10\x07\x07\x00\x00\x00\x00\x00\xff"sv,          // an empty pack
      "\x10\x09\x08\x00\x00\x00\x01\x00\x01\x01\xff"sv,  // of another length than it says
      "\x10\x08\x08\x00\x00\x00\x01\x00\x01\x01"sv,      // without an end
      "\x10\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"sv,  // a field without a value
      "\x00\xc3\x03\x05\x00xy"sv,                        // compressed into less than it says
  };
  for (const std::string_view body : bodies)
    EXPECT_TRUE(is_refused_for(DumpError::format, sealed(body))) << ::testing::PrintToString(body);
}

void append_length(std::string& out, std::size_t length) {
  out += '\x80';
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
}

// A string of one letter, compressed: so many times 264 of them, and one.
std::string compressed(std::size_t times) {
  std::string packed{"\x00x"sv};
  for (std::size_t i = 0; i < times; ++i) packed += "\xe0\xff\x00"sv;
  std::string out{"\xc3"};
  append_length(out, packed.size());
  append_length(out, 264 * times + 1);
  return out + packed;
}

TEST(Dump, RefusesWhatIsCompressedBeyondASession) {
  const std::size_t times = kSessionBytesMax / 264;
  EXPECT_EQ(parsed(sealed("\x00"s + compressed(times - 1))).text.size(), 264 * (times - 1) + 1);
  EXPECT_TRUE(is_refused_for(DumpError::format, sealed("\x00"s + compressed(times + 1))));
  // Each is smaller, but not all.
  const std::string half = compressed(times / 2 - 1);
  EXPECT_EQ(parsed(sealed("\x02\x02" + half + half)).fields.size(), 2U);
  EXPECT_TRUE(is_refused_for(DumpError::format, sealed("\x02\x03" + half + half + half)));
}

TEST(Dump, RefusesMoreElementsThanItTakes) {
  const auto empty_members = [](std::size_t count) {
    std::string body{"\x02"};
    append_length(body, count);
    return sealed(body + std::string(count, '\0'));
  };
  EXPECT_EQ(parsed(empty_members(kElementsMax)).fields.size(), kElementsMax);
  EXPECT_TRUE(is_refused_for(DumpError::format, empty_members(kElementsMax + 1)));
}

RC_GTEST_PROP(Dump, WhatItGivesItTakes, ()) {
  DumpedValue value{
      .type = *rc::gen::element(Type::string, Type::hash, Type::set), .text = {}, .fields = {}};
  if (value.type == Type::string) {
    value.text = *rc::gen::arbitrary<std::string>();
  } else {
    value.fields = *rc::gen::nonEmpty(rc::gen::arbitrary<Fields>());
    if (value.type == Type::set) {
      for (auto& [member, nothing] : value.fields) nothing.clear();
    }
  }
  const auto again = parse_dump(to_dump(value));
  RC_ASSERT(std::holds_alternative<DumpedValue>(again));
  const auto& read = std::get<DumpedValue>(again);
  RC_ASSERT(read.type == value.type);
  RC_ASSERT(read.text == value.text);
  RC_ASSERT(read.fields == value.fields);
}

// --- The commands

std::string restore(TestClient& client, const std::string& key, const std::string& ttl,
                    const std::string& payload, const std::vector<std::string>& options = {}) {
  std::vector<std::string> words{"RESTORE", key, ttl, payload};
  words.insert(words.end(), options.begin(), options.end());
  return client(words);
}

TEST(Restore, MakesKeysOfEachType) {
  ServedStore served;
  TestClient client = served.client();
  const std::pair<DumpedValue, std::pair<const char*, const char*>> cases[] = {
      {{.type = Type::string, .text = "hello", .fields = {}}, {"GET k", "\"hello\""}},
      {{.type = Type::hash, .text = {}, .fields = {{"user", "ada"}}},
       {"HGETALL k", "[\"user\", \"ada\"]"}},
      {{.type = Type::set, .text = {}, .fields = {{"ada", ""}}}, {"SMEMBERS k", "[\"ada\"]"}}};
  for (const auto& [value, asked] : cases) {
    const std::string payload = to_dump(value);
    EXPECT_EQ(restore(client, "k", "0", payload, {"REPLACE"}), "OK");
    EXPECT_EQ(client(std::string_view{asked.first}), asked.second);
    EXPECT_EQ(client("TTL k"), "-1");
    EXPECT_EQ(client("DUMP k"), '"' + payload + '"');
  }
  EXPECT_EQ(client("DUMP none"), "(nil)");
}

TEST(Restore, TakesWhatRedisTakes) {
  ServedStore served;
  TestClient client = served.client();
  const std::string payload = to_dump({.type = Type::string, .text = "1", .fields = {}});
  EXPECT_EQ(restore(client, "k", "100000", payload), "OK");
  EXPECT_EQ(client("TTL k"), "100");
  EXPECT_EQ(restore(client, "k", "0", payload), "BUSYKEY Target key name already exists.");
  EXPECT_EQ(restore(client, "k", "4102444800000", payload, {"ABSTTL", "REPLACE"}), "OK");
  EXPECT_EQ(client("PEXPIRETIME k"), "4102444800000");
  EXPECT_EQ(restore(client, "k", "0", payload, {"REPLACE", "IDLETIME", "5"}), "OK");
  EXPECT_EQ(client("TTL k"), "-1");
  EXPECT_EQ(restore(client, "k", "9223372036854775807", payload, {"REPLACE", "FREQ", "5"}), "OK");
  EXPECT_EQ(client("PEXPIRETIME k"), std::to_string(kDeadlineMax));
  EXPECT_EQ(restore(client, "k", "999999999999999", payload, {"ABSTTL", "REPLACE"}), "OK");
  EXPECT_EQ(client("PEXPIRETIME k"), std::to_string(kDeadlineMax));

  EXPECT_EQ(restore(client, "k", "-1", payload, {"REPLACE"}),
            "ERR Invalid TTL value, must be >= 0");
  EXPECT_EQ(restore(client, "k", "x", payload, {"REPLACE"}),
            "ERR value is not an integer or out of range");
  EXPECT_EQ(restore(client, "k", "0", payload, {"NONSENSE"}), "ERR syntax error");
  EXPECT_EQ(restore(client, "k", "0", payload, {"IDLETIME"}), "ERR syntax error");
  EXPECT_EQ(restore(client, "k", "0", payload, {"IDLETIME", "1", "FREQ", "1"}), "ERR syntax error");
  EXPECT_EQ(restore(client, "k", "0", payload, {"IDLETIME", "-1"}),
            "ERR Invalid IDLETIME value, must be >= 0");
  EXPECT_EQ(restore(client, "k", "0", payload, {"FREQ", "256"}),
            "ERR Invalid FREQ value, must be >= 0 and <= 255");
  EXPECT_EQ(restore(client, "n", "0", "x"), "ERR DUMP payload version or checksum are wrong");
  EXPECT_EQ(restore(client, "n", "0", sealed("\x05\x01\x01x")), "ERR Bad data format");
  EXPECT_EQ(client("EXISTS n"), "0");
  EXPECT_EQ(client("GET k"), "\"1\"");

  // As MIGRATE of a cluster's node calls it.
  EXPECT_EQ(client({"RESTORE-ASKING", "k", "0", payload, "REPLACE"}), "OK");
  EXPECT_EQ(client("TTL k"), "-1");

  // Its time is over: what was there goes, and nothing comes.
  EXPECT_EQ(restore(client, "k", "1", payload, {"ABSTTL", "REPLACE"}), "OK");
  EXPECT_EQ(client("EXISTS k"), "0");
}

TEST(Restore, DoesNotBringBackAProtectedKey) {
  using Then = server::BuriedKeys::Then;
  for (const Then then : {Then::refuse, Then::ignore}) {
    ServedStore served{{.buried = {.prefixes = {"sess:"}, .then = then}}};
    TestClient client = served.client();
    const std::string payload = to_dump({.type = Type::string, .text = "1", .fields = {}});
    EXPECT_EQ(restore(client, "sess:a", "0", payload), "OK");
    EXPECT_EQ(client("DEL sess:a"), "1");
    EXPECT_EQ(restore(client, "sess:a", "0", payload),
              then == Then::ignore
                  ? "OK"
                  : "ERR the session was deleted a short while ago (see --protect-prefix)");
    EXPECT_EQ(client("EXISTS sess:a"), "0");
  }
}

TEST(Restore, IsAChangeAsAnyOther) {
  ServedStore served;
  TestClient client = served.client();
  TestClient listener = served.client();
  EXPECT_EQ(client("CONFIG SET notify-keyspace-events Eg"), "OK");
  listener("SUBSCRIBE __keyevent@1__:restore __keyevent@1__:del");
  listener.reply();
  const std::string payload =
      to_dump({.type = Type::hash, .text = {}, .fields = {{"a", "1"}, {"b", "2"}}});
  EXPECT_EQ(client("SELECT 1"), "OK");
  EXPECT_EQ(client("MULTI"), "OK");
  EXPECT_EQ(restore(client, "k", "0", payload), "QUEUED");
  EXPECT_EQ(client("HGET k b"), "QUEUED");
  EXPECT_EQ(restore(client, "k", "0", payload), "QUEUED");
  EXPECT_EQ(client("EXEC"), "[OK, \"2\", BUSYKEY Target key name already exists.]");
  EXPECT_EQ(listener.reply(), "[\"message\", \"__keyevent@1__:restore\", \"k\"]");
  EXPECT_EQ(restore(client, "k", "1", payload, {"ABSTTL", "REPLACE"}), "OK");
  EXPECT_EQ(listener.reply(), "[\"message\", \"__keyevent@1__:del\", \"k\"]");
  EXPECT_EQ(client("SELECT 0"), "OK");
  EXPECT_EQ(client("EXISTS k"), "0");
}

TEST(Restore, KeepsTheLimitsOfSessions) {
  ServedStore served;
  TestClient client = served.client();
  const std::string long_field(65537, 'f');
  EXPECT_EQ(restore(client, "k", "0",
                    to_dump({.type = Type::hash, .text = {}, .fields = {{long_field, "1"}}})),
            "ERR the field is longer than 64 KiB");
  EXPECT_THAT(restore(client, "k", "0", sealed("\x00"s + compressed(70'000))),
              ::testing::StartsWith("ERR "));
  EXPECT_EQ(client("EXISTS k"), "0");
  // The last of two counts.
  EXPECT_EQ(restore(client, "k", "0",
                    sealed("\x04\x02\x01"
                           "a\x01"
                           "1\x01"
                           "a\x01"
                           "2"sv)),
            "OK");
  EXPECT_EQ(client("HGETALL k"), "[\"a\", \"2\"]");
}

TEST(Restore, TakesWhatACppProgramMadeAndItsDumpGave) {
  ServedStore served;
  TestClient client = served.client();
  Session session = served.store().load("k").value();
  EXPECT_EQ(client("DUMP k"), "(nil)");  // a hash of no fields is none to Redis
  ASSERT_TRUE(session.set(1, 10).has_value());
  ASSERT_TRUE(session.set("1", 20).has_value());
  ASSERT_TRUE(session.set("b", true).has_value());
  const std::string dump = client("DUMP k");
  const DumpedValue value = parsed(std::string_view{dump}.substr(1, dump.size() - 2));
  EXPECT_EQ(value.type, Type::hash);
  ASSERT_EQ(value.fields.size(), 2U);
  EXPECT_EQ(value.fields[0].first, "1");
  EXPECT_EQ(value.fields[1], (std::pair<std::string, std::string>{"b", "1"}));
}

}  // namespace
}  // namespace hybrid::testing
