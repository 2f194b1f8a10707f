// How much memory waits with a connection's unconsumed input.
#include "net/input_buffer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hybrid::testing {
namespace {

using net::InputBuffer;

// As a connection does: receives up to `bytes` at once.
void receive(InputBuffer& buffer, std::string_view bytes, std::size_t wanted = 0) {
  while (!bytes.empty()) {
    const std::span<char> room = buffer.room(wanted);
    ASSERT_GE(room.size(), InputBuffer::kRoomMin);
    const std::size_t count = std::min(room.size(), bytes.size());
    std::ranges::copy(bytes.substr(0, count), room.begin());
    buffer.add(count);
    bytes.remove_prefix(count);
    buffer.trim();
  }
}

std::string digits(std::size_t count) {
  std::string text;
  while (text.size() < count) text += std::to_string(text.size()) + ' ';
  text.resize(count);
  return text;
}

TEST(InputBuffer, KeepsBytesInOrderAndInOnePiece) {
  const std::string text = digits(1'000'000);
  InputBuffer buffer;
  buffer.assign(text.substr(0, 10));
  receive(buffer, std::string_view{text}.substr(10));
  EXPECT_EQ(buffer.bytes(), text);
  buffer.consume(999'000);
  EXPECT_EQ(buffer.bytes(), text.substr(999'000));
  buffer.trim();
  EXPECT_EQ(buffer.bytes(), text.substr(999'000));
  receive(buffer, "more");
  EXPECT_EQ(buffer.bytes(), text.substr(999'000) + "more");
}

TEST(InputBuffer, TakesNoMemoryWhileEmpty) {
  InputBuffer buffer;
  EXPECT_EQ(buffer.capacity(), 0U);
  receive(buffer, digits(100'000));
  buffer.consume(100'000);
  EXPECT_TRUE(buffer.empty());
  buffer.trim();
  EXPECT_EQ(buffer.capacity(), 0U);
}

TEST(InputBuffer, GivesBackWhatALargeRequestTook) {
  InputBuffer buffer;
  receive(buffer, digits(16 << 20));
  EXPECT_LE(buffer.capacity(), 34U << 20);
  buffer.consume((16 << 20) - 100);
  buffer.trim();
  EXPECT_LE(buffer.capacity(), 8192U);
}

TEST(InputBuffer, TakesNoMoreThanTwiceWhatHasComeHoweverMuchIsAnnounced) {
  InputBuffer buffer;
  buffer.assign("$16777216");
  EXPECT_LE(buffer.room(16 << 20).size(), InputBuffer::kRoomMax);
  EXPECT_LE(buffer.capacity(), InputBuffer::kRoomMax + 9);
  receive(buffer, digits(1 << 20), 16 << 20);
  EXPECT_LE(buffer.capacity(), (2U << 20) + InputBuffer::kRoomMax);
}

TEST(InputBuffer, TakesWhatIsAnnouncedOnceMuchHasCome) {
  InputBuffer buffer;
  receive(buffer, digits(1 << 20), 1 << 20);
  const std::span<char> room = buffer.room(100'000);
  EXPECT_GE(room.size(), InputBuffer::kRoomMin);
  EXPECT_LE(buffer.capacity(), (2U << 20) + InputBuffer::kRoomMax);
}

}  // namespace
}  // namespace hybrid::testing
