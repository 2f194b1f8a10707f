// Numbers and patterns.
#include <gtest/gtest.h>

#include "server/glob.hpp"
#include "server/numbers.hpp"
#include "server/users.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::server;

TEST(Integers, HaveOneForm) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* wrong :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "0x1", "9223372036854775808", "one"})
    EXPECT_EQ(parse_integer(wrong), std::nullopt) << wrong;
}

TEST(Reals, AreWrittenWithoutExponentsAndZeros) {
  const std::pair<long double, const char*> cases[] = {
      {0.5L, "0.5"}, {3.0L, "3"},      {-0.0L, "0"}, {1e20L, "100000000000000000000"},
      {0.1L, "0.1"}, {10.25L, "10.25"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(format_real(value), text);
  for (const char* wrong : {"", " 1", "1 ", "nan", "one", "1e5000", "1,5"})
    EXPECT_EQ(parse_real(wrong), std::nullopt) << wrong;
  EXPECT_EQ(parse_real("1e3"), 1000.0L);
  EXPECT_TRUE(parse_real("inf").has_value());
}

TEST(Memory, IsWrittenWithUnits) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0},          {"1", 1},
      {"7b", 7},         {"3k", 3000},
      {"3KB", 3 * 1024}, {"2m", 2'000'000},
      {"2Mb", 2 << 20},  {"1g", 1'000'000'000},
      {"1gb", 1U << 30}, {"18446744073709551615", ~std::uint64_t{0}}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parse_memory(text), bytes) << text;
  for (const char* wrong :
       {"", "k", "-1", " 1", "1 ", "1.5g", "1tb", "18446744073709551616", "17179869184gb"})
    EXPECT_EQ(parse_memory(wrong), std::nullopt) << wrong;
}

TEST(Patterns, MatchAsRedisMatches) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } cases[] = {
      {"*", "", true},        {"", "", true},           {"", "a", false},
      {"a*c", "abbc", true},  {"a*c", "abb", false},    {"a?c", "abc", true},
      {"a?c", "ac", false},   {"[ab]c", "bc", true},    {"[^ab]c", "bc", false},
      {"[a-c]x", "bx", true}, {"[c-a]x", "bx", true},   {"\\*", "*", true},
      {"\\*", "a", false},    {"[\\]]", "]", true},     {"[a", "a", true},
      {"a**b", "aXb", true},  {"*a*b*", "xaxbx", true}, {"h*llo", "heeeello", true},
      {"a\\", "a\\", true},
  };
  for (const auto& [pattern, text, matches] : cases)
    EXPECT_EQ(glob_matches(pattern, text), matches) << pattern << " " << text;
}

TEST(Patterns, OfManyStarsDoNotTakeForEver) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*?";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(10'000, 'a')));
}

TEST(Users, AreReadFromTheirText) {
  const std::string hash = to_hex(digest_of("secret").bytes);
  const auto user = server::Users::parse("ada:" + hash + ":readonly");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "ada");
  EXPECT_TRUE(user->read_only);
  EXPECT_FALSE(server::Users::parse("ada:" + hash)->read_only);
  for (const std::string& wrong :
       {std::string{"ada"}, "ada:" + hash.substr(1), ":" + hash, "ada:" + hash + ":root"})
    EXPECT_FALSE(server::Users::parse(wrong).has_value()) << wrong;
}

}  // namespace
}  // namespace hybrid::testing
