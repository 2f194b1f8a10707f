#include "http/secrets.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "hybrid/provider.hpp"

namespace hybrid::testing {
namespace {

using http::CookieId;
using Is = CookieId::Is;
using Keys = std::vector<std::string>;

const std::string kSid = "abcdefghijklmnopqrstuvwxyz-_0189";
const std::string kOld(32, 'o');
const std::string kNew(32, 'n');

// RFC 4231, test cases 2 and 6.
TEST(Hmac, IsThatOfTheStandard) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?").bytes),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'),
                               "Test Using Larger Than Block-Size Key - Hash Key First")
                       .bytes),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Base64Url, HasOneTextForEachBytes) {
  // RFC 4648, section 10, without the padding.
  const struct {
    std::string bytes;
    std::string text;
  } cases[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "__79"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(to_base64url(std::as_bytes(std::span{bytes})), text);
    const auto parsed = parse_base64url(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(to_base64url(*parsed), text);
  }
  for (const char* wrong : {"Z", "Zm9vY", "Zh", "Zm9=", "Zm 9", "Zm+9", "Zm/9", "Zm9v\n"})
    EXPECT_FALSE(parse_base64url(wrong).has_value()) << wrong;
}

TEST(SessionIds, AreOfOneForm) {
  EXPECT_TRUE(http::is_session_id(kSid));
  EXPECT_TRUE(http::is_session_id(make_session_id()));
  for (const std::string& wrong : {std::string{}, kSid.substr(1), kSid + 'a', std::string(32, '.'),
                                   std::string(32, '\0'), std::string(31, 'a') + '/'})
    EXPECT_FALSE(http::is_session_id(wrong));
}

TEST(SignedCookies, AreTakenByEachKeyAndForNoOtherCookie) {
  const std::string by_old = http::cookie_value(kSid, "a", Keys{kOld});
  const std::string by_new = http::cookie_value(kSid, "a", Keys{kNew, kOld});
  const struct {
    const char* name;
    std::string value;
    Keys keys;
    Is is;
    bool by_old_key;
  } cases[] = {
      {"without keys", kSid, {}, Is::good, false},
      {"by the only key", by_old, {kOld}, Is::good, false},
      {"by the first key", by_new, {kNew, kOld}, Is::good, false},
      {"by the second key", by_old, {kNew, kOld}, Is::good, true},
      {"by a key that was dropped", by_old, {kNew}, Is::forged, false},
      {"not signed", kSid, {kNew}, Is::forged, false},
      {"signed though nobody signs", by_new, {}, Is::malformed, false},
      {"for another id", "b" + by_new.substr(1), {kNew}, Is::forged, false},
      {"for another cookie", http::cookie_value(kSid, "b", Keys{kNew}), {kNew}, Is::forged, false},
      {"cut", by_new.substr(0, by_new.size() - 1), {kNew}, Is::malformed, false},
      {"longer", by_new + "A", {kNew}, Is::malformed, false},
      {"no code", kSid + ".", {kNew}, Is::malformed, false},
      {"no dot", kSid + by_new.substr(33), {kNew}, Is::malformed, false},
      {"empty", "", {kNew}, Is::malformed, false},
      {"invented", "admin", {kNew}, Is::malformed, false},
  };
  for (const auto& [name, value, keys, is, by_old_key] : cases) {
    SCOPED_TRACE(name);
    const CookieId id = http::parse_cookie_value(value, "a", keys);
    EXPECT_EQ(id.is, is);
    EXPECT_EQ(id.by_old_key, by_old_key);
    EXPECT_EQ(id.sid, is == Is::good ? std::string_view{kSid} : id.sid);
  }
  for (std::size_t i = 0; i < by_new.size(); ++i) {
    std::string changed = by_new;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(http::parse_cookie_value(changed, "a", Keys{kNew}).is, Is::good) << i;
  }
}

TEST(FormTokens, DifferEachTimeAndBelongToOneSession) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) tokens.insert(http::make_csrf_token(kSid));
  EXPECT_EQ(tokens.size(), 100U);
  std::set<char> firsts;
  std::set<char> lasts;
  for (const std::string& token : tokens) {
    EXPECT_TRUE(http::is_csrf_token(token, kSid));
    EXPECT_FALSE(http::is_csrf_token(token, kOld));
    EXPECT_EQ(token.find(kSid.substr(0, 8)), std::string::npos);
    firsts.insert(token.front());
    lasts.insert(token[token.size() / 2 + 3]);
  }
  EXPECT_GT(firsts.size(), 10U);
  EXPECT_GT(lasts.size(), 10U) << "also what is behind the pad";
  const std::string token = *tokens.begin();
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(http::is_csrf_token(changed, kSid)) << i;
  }
  for (const std::string& wrong :
       {std::string{}, token + 'A', token.substr(1), std::string(86, '.')})
    EXPECT_FALSE(http::is_csrf_token(wrong, kSid));
}

}  // namespace
}  // namespace hybrid::testing
