// Replies, byte by byte, in both protocols.
#include "resp/reply_writer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>

namespace hybrid::testing {
namespace {

using namespace std::string_literals;
using resp::format_real;
using resp::ReplyWriter;

std::string reply(int protocol, const std::function<void(ReplyWriter&)>& write) {
  std::string out;
  ReplyWriter writer{out, protocol};
  write(writer);
  return out;
}

TEST(Replies, AreThoseOfTheirProtocol) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const struct {
    const char* name;
    std::function<void(ReplyWriter&)> write;
    std::string resp2;
    std::string resp3;
  } cases[] = {
      {"simple", [](auto& to) { to.simple("OK"); }, "+OK\r\n", "+OK\r\n"},
      {"nothing simple", [](auto& to) { to.simple(""); }, "+\r\n", "+\r\n"},
      {"a simple text with line breaks", [](auto& to) { to.simple("a\r\n-ERR b\n"); },
       "+a  -ERR b \r\n", "+a  -ERR b \r\n"},
      {"an error", [](auto& to) { to.error("ERR no such key"); }, "-ERR no such key\r\n",
       "-ERR no such key\r\n"},
      {"an error with line breaks",
       [](auto& to) { to.error("ERR unknown command 'a\r\n+OK\r\n'"); },
       "-ERR unknown command 'a  +OK  '\r\n", "-ERR unknown command 'a  +OK  '\r\n"},
      {"zero", [](auto& to) { to.integer(0); }, ":0\r\n", ":0\r\n"},
      {"an integer", [](auto& to) { to.integer(-12345); }, ":-12345\r\n", ":-12345\r\n"},
      {"the least integer", [](auto& to) { to.integer(kLeast); }, ":-9223372036854775808\r\n",
       ":-9223372036854775808\r\n"},
      {"the greatest integer", [](auto& to) { to.integer(kMost); }, ":9223372036854775807\r\n",
       ":9223372036854775807\r\n"},
      {"bytes", [](auto& to) { to.bulk("a\r\n\0b"s); }, "$5\r\na\r\n\0b\r\n"s,
       "$5\r\na\r\n\0b\r\n"s},
      {"no bytes", [](auto& to) { to.bulk({}); }, "$0\r\n\r\n", "$0\r\n\r\n"},
      {"null", [](auto& to) { to.null(); }, "$-1\r\n", "_\r\n"},
      {"a null array", [](auto& to) { to.null_array(); }, "*-1\r\n", "_\r\n"},
      {"true", [](auto& to) { to.boolean(true); }, ":1\r\n", "#t\r\n"},
      {"false", [](auto& to) { to.boolean(false); }, ":0\r\n", "#f\r\n"},
      {"a real", [](auto& to) { to.real(1.5); }, "$3\r\n1.5\r\n", ",1.5\r\n"},
      {"minus infinity", [](auto& to) { to.real(-INFINITY); }, "$4\r\n-inf\r\n", ",-inf\r\n"},
      {"an array", [](auto& to) { to.array(2); }, "*2\r\n", "*2\r\n"},
      {"an empty array", [](auto& to) { to.array(0); }, "*0\r\n", "*0\r\n"},
      {"a map", [](auto& to) { to.map(12); }, "*24\r\n", "%12\r\n"},
      {"a set", [](auto& to) { to.set(3); }, "*3\r\n", "~3\r\n"},
      {"a push", [](auto& to) { to.push(3); }, "*3\r\n", ">3\r\n"},
      {"text with its format", [](auto& to) { to.verbatim("txt", "a\nb"); }, "$3\r\na\nb\r\n",
       "=7\r\ntxt:a\nb\r\n"},
      {"no text with its format", [](auto& to) { to.verbatim("mkd", ""); }, "$0\r\n\r\n",
       "=4\r\nmkd:\r\n"},
      {"raw", [](auto& to) { to.raw("+OK\r\n:1\r\n"); }, "+OK\r\n:1\r\n", "+OK\r\n:1\r\n"},
  };
  for (const auto& [name, write, resp2, resp3] : cases) {
    EXPECT_EQ(reply(2, write), resp2) << name;
    EXPECT_EQ(reply(3, write), resp3) << name;
  }
}

TEST(Replies, AreAppended) {
  std::string out = "+before\r\n";
  ReplyWriter writer{out, 3};
  EXPECT_EQ(writer.protocol(), 3);
  writer.map(1);
  writer.bulk("key");
  writer.array(2);
  writer.integer(1);
  writer.null();
  EXPECT_EQ(out, "+before\r\n%1\r\n$3\r\nkey\r\n*2\r\n:1\r\n_\r\n");
}

TEST(Replies, AreNotLongerThanTheyMayBe) {
  std::string out = "before";
  resp::ReplyWriter reply{out, 3, 40};
  EXPECT_THROW(reply.bulk(std::string(40, 'v')), std::length_error);
  EXPECT_THROW(reply.raw(std::string(35, 'v')), std::length_error);
  EXPECT_EQ(out, "before");
  reply.raw(std::string(34, 'v'));
  EXPECT_THROW(reply.integer(1), std::length_error);
  EXPECT_EQ(out.size(), 40U);
}

TEST(Replies, MayBeLarge) {
  const std::string bytes(std::size_t{20} << 20, 'x');
  EXPECT_EQ(reply(2, [&](auto& to) { to.bulk(bytes); }), "$20971520\r\n" + bytes + "\r\n");
}

TEST(Replies, GrowTheirStringByFactors) {
  std::string out;
  ReplyWriter writer{out, 2};
  std::size_t moves = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::size_t capacity = out.capacity();
    writer.integer(i);
    if (out.capacity() != capacity) ++moves;
  }
  EXPECT_LE(moves, 30U);
}

RC_GTEST_PROP(Replies, OfAnyTextAreOneLine, (const std::string& text)) {
  const std::string out = reply(2, [&](auto& to) { to.error(text); });
  RC_ASSERT(out.size() == text.size() + 3);
  RC_ASSERT(out.find_first_of("\r\n") == out.size() - 2);
}

// --- Reals

TEST(Reals, AreWrittenAsPrintfWouldButShort) {
  const struct {
    double value;
    const char* text;
  } cases[] = {
      {0.0, "0"},
      {-0.0, "-0"},
      {3.0, "3"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {100000, "100000"},
      {1e16, "10000000000000000"},
      {12345678901234568, "12345678901234568"},
      {99999999999999984, "99999999999999984"},
      {1e17, "1e+17"},
      {1.5e300, "1.5e+300"},
      {0.0001, "0.0001"},
      {0.00012345, "0.00012345"},
      {0.00001, "1e-05"},
      {1e-100, "1e-100"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
      {std::numeric_limits<double>::lowest(), "-1.7976931348623157e+308"},
      {std::numeric_limits<double>::min(), "2.2250738585072014e-308"},
      {std::numeric_limits<double>::denorm_min(), "5e-324"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::numeric_limits<double>::quiet_NaN(), "nan"},
      {-std::numeric_limits<double>::quiet_NaN(), "nan"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(format_real(value), text);
}

std::string printed(int precision, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*g", precision, value);
  return text.data();
}
double read_back(const std::string& text) { return std::strtod(text.c_str(), nullptr); }
std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e'))) {
    if (c >= '0' && c <= '9' && !(digits.empty() && c == '0')) digits += c;
  }
  return digits.substr(0, digits.find_last_not_of('0') + 1);
}

void check_text_of(double value) {
  const std::string text = format_real(value);
  RC_ASSERT(read_back(text) == value);
  int precision = 1;
  while (read_back(printed(precision, value)) != value) ++precision;
  RC_ASSERT(digits_of(text).size() <= static_cast<std::size_t>(precision));
  RC_ASSERT(text.contains('e') == printed(17, value).contains('e'));
}

RC_GTEST_PROP(Reals, OfAnyBitsReadBackFromFewDigits, (std::uint64_t bits)) {
  const double value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  check_text_of(value);
}

RC_GTEST_PROP(Reals, ThatAreDecimalReadBackFromFewDigits, ()) {
  const int digits = *rc::gen::inRange(-1'000'000, 1'000'000);
  check_text_of(digits * std::pow(10.0, *rc::gen::inRange(-15, 20)));
}

}  // namespace
}  // namespace hybrid::testing
