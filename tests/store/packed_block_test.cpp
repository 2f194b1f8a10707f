// One session's memory against a plain map.
#include "store/packed_block.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "base/digest.hpp"

namespace hybrid::testing {
namespace {

using store::PackedBlock;
using Content = std::map<std::string, std::string>;

void set(PackedBlock& block, const std::string& key, const std::string& value) {
  block.reserve(block.room_for(key, value), block.find(key) ? 0 : 1);
  block.set(key, value);
}

Content content_of(const PackedBlock& block) {
  Content content;
  block.for_each([&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(content.emplace(key, value).second) << "a key is there twice";
  });
  return content;
}

std::size_t bytes_of(const Content& content) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : content) bytes += key.size() + value.size();
  return bytes;
}

void expect_holds(const PackedBlock& block, const Content& content) {
  ASSERT_EQ(block.count(), content.size());
  ASSERT_EQ(block.content_bytes(), bytes_of(content));
  for (const auto& [key, value] : content) ASSERT_EQ(block.find(key), value);
  ASSERT_EQ(content_of(block), content);
}

struct Step {
  int kind = 0;
  int key = 0;
  std::string value;
  friend std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << "kind " << step.kind << " key " << step.key << " value of " << step.value.size();
  }
};

rc::Gen<std::vector<Step>> any_steps() {
  return rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
      rc::gen::set(&Step::kind, rc::gen::inRange(0, 20)),
      rc::gen::set(&Step::key, rc::gen::inRange(0, 12)),
      rc::gen::set(
          &Step::value,
          rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                         rc::gen::map(rc::gen::inRange<std::size_t>(0, 20'000),
                                      [](std::size_t size) { return std::string(size, 'v'); })))));
}

RC_GTEST_PROP(PackedBlock, HoldsWhatAMapWould, ()) {
  const auto steps = *any_steps();
  PackedBlock block;
  Content content;
  for (const Step& step : steps) {
    // Keys of very different lengths, one of them empty.
    const std::string key(static_cast<std::size_t>(step.key * step.key * step.key),
                          static_cast<char>(step.key));
    if (step.kind == 0) {
      block.clear();
      content.clear();
    } else if (step.kind < 6) {
      block.erase(key);
      content.erase(key);
    } else {
      set(block, key, step.value);
      content[key] = step.value;
    }
    expect_holds(block, content);
    RC_ASSERT(!::testing::Test::HasFatalFailure());
  }
}

RC_GTEST_PROP(PackedBlock, NeedsNoMoreRoomThanWasReservedForAWholeList, ()) {
  // As a list of changes is applied: everything is reserved first, then nothing may fail (B1).
  const auto before = *any_steps();
  const auto after = *any_steps();
  PackedBlock block;
  Content content;
  for (const Step& step : before) {
    set(block, std::to_string(step.key), step.value);
    content[std::to_string(step.key)] = step.value;
  }
  std::size_t bytes = 0;
  std::size_t keys = 0;
  for (const Step& step : after) {
    bytes += PackedBlock::entry_bytes(std::to_string(step.key).size(), step.value.size());
    ++keys;
  }
  block.reserve(bytes, keys);
  const std::size_t memory = block.memory_bytes();
  expect_holds(block, content);
  for (const Step& step : after) {
    if (step.kind == 0) {
      block.clear();
      content.clear();
    }
    block.set(std::to_string(step.key), step.value);
    content[std::to_string(step.key)] = step.value;
  }
  expect_holds(block, content);
  RC_ASSERT(block.memory_bytes() == memory);
}

TEST(PackedBlock, IsNothingWithoutKeys) {
  PackedBlock block;
  EXPECT_EQ(block.count(), 0U);
  EXPECT_EQ(block.content_bytes(), 0U);
  EXPECT_EQ(block.memory_bytes(), 0U);
  EXPECT_EQ(block.find("x"), std::nullopt);
  block.erase("x");
  block.clear();
  block.reserve(0, 0);
  EXPECT_EQ(block.memory_bytes(), 0U);
}

TEST(PackedBlock, KeepsEmptyValuesApartFromNone) {
  PackedBlock block;
  set(block, "k", "");
  EXPECT_EQ(block.find("k"), "");
  EXPECT_EQ(block.find(""), std::nullopt);
  set(block, "", "");
  EXPECT_EQ(block.find(""), "");
  EXPECT_EQ(block.count(), 2U);
}

TEST(PackedBlock, SetsWhatItHasRoomForAndElseChangesNothing) {
  PackedBlock block;
  EXPECT_FALSE(block.try_set("key", "value"));
  expect_holds(block, {});
  block.reserve(block.room_for("key", "value"), 1);
  EXPECT_TRUE(block.try_set("key", "value"));
  // Until it is full, also of a size at which the directory is a hash table.
  for (const std::size_t large : {std::size_t{0}, std::size_t{100'000}}) {
    Content content{{"key", "value"}};
    if (large != 0) {
      content["large"] = std::string(large, 'l');
      set(block, "large", content["large"]);
    }
    int number = 0;
    while (block.try_set("key" + std::to_string(number), "a value"))
      content["key" + std::to_string(number++)] = "a value";
    expect_holds(block, content);
    EXPECT_FALSE(block.try_set("key", std::string(1000, 'v') + std::string(large, 'v')));
    expect_holds(block, content);
    EXPECT_TRUE(block.try_set("key", "other"));
    content["key"] = "other";
    expect_holds(block, content);
    block.clear();
    set(block, "key", "value");
  }
}

TEST(PackedBlock, NeedsNoRoomToReplaceAValueByOneOfItsLength) {
  PackedBlock block;
  set(block, "k", "12345");
  EXPECT_EQ(block.room_for("k", "abcde"), 0U);
  EXPECT_GT(block.room_for("k", "abcd"), 0U);
  EXPECT_GT(block.room_for("l", "abcde"), 0U);
  block.set("k", "abcde");
  EXPECT_EQ(block.find("k"), "abcde");
}

TEST(PackedBlock, TakesLittleBesideItsContent) {
  // The design's figure: under 160 bytes a session, of which the block is a part.
  for (const std::size_t keys : {1U, 2U, 4U, 8U}) {
    PackedBlock block;
    for (std::size_t i = 0; i < keys; ++i)
      set(block, "key" + std::to_string(i), std::string(100, 'v'));
    EXPECT_LT(block.memory_bytes(), block.content_bytes() + 16 + 6 * keys + 16) << keys;
  }
}

TEST(PackedBlock, StaysNearItsContentWhileValuesGrowAndShrink) {
  PackedBlock block;
  Content content;
  for (std::size_t round = 0; round < 2000; ++round) {
    const std::string key = std::to_string(round % 7);
    const std::string value(round * 37 % 500, 'v');
    set(block, key, value);
    content[key] = value;
    ASSERT_LT(block.memory_bytes(), 7 * 500 * 3U) << "old values are not kept for ever";
  }
  expect_holds(block, content);
}

TEST(PackedBlock, GivesBackMostOfWhatALargeValueTook) {
  PackedBlock block;
  set(block, "large", std::string(1 << 20, 'v'));
  block.erase("large");
  for (int i = 0; i < 100; ++i)
    set(block, "small", std::string(static_cast<std::size_t>(i % 10), 'v'));
  EXPECT_LT(block.memory_bytes(), std::size_t{64} << 10);
}

TEST(PackedBlock, TellsKeysApartWhoseTagsAreTheSame) {
  // The directory's tag is a checksum of the key: among so many keys of one length a few share theirs.
  std::map<std::uint32_t, std::string> by_tag;
  int pairs = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string key = to_hex(digest_of(std::to_string(i)).bytes).substr(0, 16);
    const auto [other, is_new] = by_tag.emplace(crc32c(as_bytes(key)), key);
    if (is_new) continue;
    ++pairs;
    PackedBlock block;
    set(block, key, "one");
    EXPECT_EQ(block.find(other->second), std::nullopt);
    set(block, other->second, "other");
    expect_holds(block, {{key, "one"}, {other->second, "other"}});
    block.erase(key);
    expect_holds(block, {{other->second, "other"}});
  }
  EXPECT_GT(pairs, 0);
}

TEST(PackedBlock, FindsKeysWhileTheyComeAndGoInALargeBlock) {
  // Few slots beside many changes, so that probes run into each other and over the end of the directory.
  PackedBlock block;
  Content content;
  const std::string large(70'000, 'v');
  set(block, "large", large);
  content["large"] = large;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = std::to_string(i * 7919 % 61);
    if (i % 3 == 0) {
      block.erase(key);
      content.erase(key);
    } else {
      set(block, key, std::to_string(i));
      content[key] = std::to_string(i);
    }
    if (i % 50 == 0) expect_holds(block, content);
  }
  expect_holds(block, content);
}

TEST(PackedBlock, HoldsManyKeys) {
  constexpr int kKeys = 100'000;
  PackedBlock block;
  for (int i = 0; i < kKeys; ++i) set(block, "key" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(block.count(), std::size_t{kKeys});
  for (int i = 0; i < kKeys; i += 97)
    EXPECT_EQ(block.find("key" + std::to_string(i)), std::to_string(i));
  for (int i = 0; i < kKeys; i += 2) block.erase("key" + std::to_string(i));
  EXPECT_EQ(block.count(), std::size_t{kKeys / 2});
  EXPECT_EQ(block.find("key0"), std::nullopt);
  EXPECT_EQ(block.find("key99999"), "99999");
}

TEST(PackedBlock, HoldsTheLargestSession) {
  PackedBlock block;
  const std::string large(16 << 20, 'v');
  for (int i = 0; i < 4; ++i) set(block, std::to_string(i), large);
  EXPECT_EQ(block.content_bytes(), 4 * (large.size() + 1));
  set(block, "2", "small");
  set(block, "0", large + "longer");
  EXPECT_EQ(block.find("0")->size(), large.size() + 6);
  EXPECT_EQ(block.find("3"), large);
}

}  // namespace
}  // namespace hybrid::testing
