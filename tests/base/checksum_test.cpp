// CRC32C and SHA-256 against published vectors, and session ids.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_set>
#include <vector>

#include <hybrid/provider.hpp>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/digest.hpp"

namespace hybrid::testing {
namespace {

std::string counting(char from, int step) {
  std::string bytes(32, from);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(from + step * static_cast<int>(i));
  return bytes;
}

TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  const struct {
    const char* name;
    std::string bytes;
    std::uint32_t crc;
  } cases[] = {
      {"32 bytes of zeros", std::string(32, '\0'), 0x8A9136AA},
      {"32 bytes of ones", std::string(32, '\xff'), 0x62A8AB43},
      {"32 bytes counting up", counting(0, 1), 0x46DD794E},
      {"32 bytes counting down", counting(31, -1), 0x113FDB5C},
      {"an iSCSI read command",
       {"\x01\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00\x00\x00"
        "\x04\x00"
        "\x00\x00\x00\x14\x00\x00\x00\x18\x28\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00"
        "\x00\x00",
        48},
       0xD9963A56},
      {"the nine digits", "123456789", 0xE3069283},
      {"nothing", "", 0},
  };
  for (const auto& [name, bytes, crc] : cases) EXPECT_EQ(crc32c(as_bytes(bytes)), crc) << name;
}

RC_GTEST_PROP(Crc32c, OfPartsIsThatOfTheWhole, (const std::string& a, const std::string& b)) {
  RC_ASSERT(crc32c_extend(crc32c(as_bytes(a)), as_bytes(b)) == crc32c(as_bytes(a + b)));
}

TEST(Digest, MatchesTheVectorsOfFips180) {
  const struct {
    std::string text;
    const char* sha256;
  } cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& [text, sha256] : cases) EXPECT_EQ(to_hex(digest_of(text).bytes), sha256);
}

TEST(SessionId, Is32CharactersOfBase64Url) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string sid = make_session_id();
    ASSERT_EQ(sid.size(), 32U);
    ASSERT_EQ(sid.find_first_not_of(kAlphabet), std::string::npos) << sid;
    seen += sid;
  }
  for (const char character : kAlphabet)
    EXPECT_NE(seen.find(character), std::string::npos) << character;
}

TEST(SessionId, VariesInEveryPlace) {
  const std::string first = make_session_id();
  std::vector<bool> varied(first.size());
  for (int i = 0; i < 200; ++i) {
    const std::string sid = make_session_id();
    for (std::size_t at = 0; at < sid.size(); ++at) varied[at] = varied[at] || sid[at] != first[at];
  }
  EXPECT_EQ(std::ranges::count(varied, true), 32);
}

TEST(SessionId, IsNeverTheSameTwice) {
  constexpr std::size_t kIds = 100'000;
  std::unordered_set<std::string> ids;
  ids.reserve(kIds);
  for (std::size_t i = 0; i < kIds; ++i) ids.insert(make_session_id());
  EXPECT_EQ(ids.size(), kIds);
}

}  // namespace
}  // namespace hybrid::testing
