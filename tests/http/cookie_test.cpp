// What we write as Set-Cookie, as browsers understand it, and what we read of what they and others send.
#include "hybrid/http/cookie.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "tests/http/browser.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using http::Cookie;
using http::cookie_values;
using http::SameSite;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SetCookie, HasTheAttributesThatWereAskedFor) {
  const struct {
    const char* name;
    Cookie cookie;
    std::optional<std::chrono::seconds> max_age;
    const char* text;
  } cases[] = {
      {"the default", {}, std::nullopt, "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax"},
      {"kept", {}, 60s, "__Host-session=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"},
      {"removed", {}, 0s, "__Host-session=v; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"},
      {"for longer than browsers keep it",
       {},
       10000h * 24,
       "__Host-session=v; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax"},
      {"before now",
       {},
       -5s,
       "__Host-session=v; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"},
      {"of a domain",
       {.name = "__Secure-a", .path = "/shop", .domain = "example.com"},
       std::nullopt,
       "__Secure-a=v; Path=/shop; Domain=example.com; Secure; HttpOnly; SameSite=Lax"},
      {"of a domain as it used to be written",
       {.name = "a", .domain = ".example.com"},
       std::nullopt,
       "a=v; Path=/; Domain=.example.com; Secure; HttpOnly; SameSite=Lax"},
      {"without TLS",
       {.name = "a", .secure = false},
       std::nullopt,
       "a=v; Path=/; HttpOnly; SameSite=Lax"},
      {"in frames",
       {.same_site = SameSite::none, .partitioned = true},
       std::nullopt,
       "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"},
      {"strict",
       {.same_site = SameSite::strict, .http_only = false},
       std::nullopt,
       "__Host-session=v; Path=/; Secure; SameSite=Strict"},
  };
  for (const auto& [name, cookie, max_age, text] : cases) {
    SCOPED_TRACE(name);
    const auto set = cookie.set("v", max_age);
    ASSERT_TRUE(set.has_value()) << set.error().message();
    EXPECT_EQ(*set, text);
    EXPECT_TRUE(Browser{}.receive(*set));
  }
}

TEST(SetCookie, IsRefusedIfBrowsersWouldNotTakeIt) {
  const struct {
    const char* name;
    Cookie cookie;
  } cases[] = {
      {"no name", {.name = ""}},
      {"a name with a space", {.name = "a b"}},
      {"a name with a line", {.name = "a\r\nSet-Cookie: b"}},
      {"a name with =", {.name = "a=b"}},
      {"__Host- without Secure", {.secure = false}},
      {"__Host- with a path", {.path = "/shop"}},
      {"__Host- with a domain", {.domain = "example.com"}},
      {"__Host- in other letters", {.name = "__HOST-a", .path = "/shop"}},
      {"__Secure- without Secure", {.name = "__Secure-a", .secure = false}},
      {"__secure- without Secure", {.name = "__secure-a", .secure = false}},
      {"__Http- without HttpOnly", {.name = "__Http-a", .http_only = false}},
      {"__Host-Http- without HttpOnly", {.name = "__Host-Http-a", .http_only = false}},
      {"a path that is none", {.name = "a", .path = "shop"}},
      {"a path with an attribute", {.name = "a", .path = "/; HttpOnly"}},
      {"a path with a line", {.name = "a", .path = "/\n"}},
      {"a path that is too long", {.name = "a", .path = '/' + std::string(1024, 'p')}},
      {"a domain with an attribute", {.name = "a", .domain = "a.com; Path=/"}},
      {"a path with a space", {.name = "a", .path = "/ "}},
      {"a domain that is a dot", {.name = "a", .domain = "."}},
      {"a domain that is two", {.name = "a", .domain = ".."}},
      {"a domain that ends with one", {.name = "a", .domain = "example.com."}},
      {"a domain with an empty label", {.name = "a", .domain = "example..com"}},
      {"a domain with a label that begins with -", {.name = "a", .domain = "-a.com"}},
      {"a domain with a label that ends with -", {.name = "a", .domain = "a-.com"}},
      {"a domain that is too long", {.name = "a", .domain = std::string(254, 'd')}},
      {"a domain with a line", {.name = "a", .domain = "a.com\r\n"}},
      {"SameSite=None without Secure", {.name = "a", .same_site = SameSite::none, .secure = false}},
      {"Partitioned without Secure", {.name = "a", .secure = false, .partitioned = true}},
  };
  for (const auto& [name, cookie] : cases) {
    SCOPED_TRACE(name);
    const auto set = cookie.set("v", std::nullopt);
    ASSERT_FALSE(set.has_value()) << *set;
    EXPECT_EQ(set.error().code(), Errc::invalid_argument);
    EXPECT_FALSE(cookie.check().has_value());
  }
  EXPECT_TRUE((Cookie{.name = "a", .domain = "a_b.example.com"}.check().has_value()));
  for (const std::string& value : {std::string{"a b"}, std::string{"a;b"}, std::string{"a\r\nb"},
                                   std::string{"a\"b"}, std::string{"a,b"}, std::string{"\xc3\xa4"},
                                   std::string{"a\0b", 3}, std::string(4096, 'v')})
    EXPECT_FALSE(Cookie{}.set(value, std::nullopt).has_value()) << value.substr(0, 10);
}

// Whatever is asked for: a browser takes what we write, as what was asked for, and it is one line.
RC_GTEST_PROP(SetCookie, IsUnderstoodAsItWasMeant,
              (std::string name, std::string path, std::string value, bool secure, bool http_only,
               bool partitioned)) {
  const auto some = [](const std::string& text, const char* usual) {
    return *rc::gen::weightedOneOf<std::string>(
        {{1, rc::gen::just(text)}, {3, rc::gen::just(std::string{usual})}});
  };
  const Cookie cookie{
      .name =
          *rc::gen::element<std::string>("", "__Host-", "__Secure-", "__hOst-") + some(name, "a"),
      .path = *rc::gen::element<std::string>("/", "/a", "") + some(path, ""),
      .domain = *rc::gen::element<std::string>("", "example.com", "shop.example.com"),
      .same_site = *rc::gen::element(SameSite::lax, SameSite::strict, SameSite::none),
      .secure = secure,
      .http_only = http_only,
      .partitioned = partitioned};
  const std::string sent = some(value, "value");
  const auto set = cookie.set(sent, std::nullopt);
  if (!set) return;
  Browser browser;
  RC_ASSERT(browser.receive(*set));
  const StoredCookie* const stored = browser.find(cookie.name);
  RC_ASSERT(stored != nullptr);
  RC_ASSERT(stored->value == sent);
  RC_ASSERT(stored->secure == secure && stored->http_only == http_only);
  RC_ASSERT(stored->partitioned == partitioned);
  RC_ASSERT(stored->domain == cookie.domain);
  const std::string header = browser.header();
  const auto read = cookie_values(header, cookie.name);
  RC_ASSERT(read.size() == 1U);
  RC_ASSERT(read[0] == sent);
}

TEST(CookieHeader, IsReadAsBrowsersAndOthersWriteIt) {
  const struct {
    const char* name;
    std::string header;
    std::vector<std::string> values;
  } cases[] = {
      {"nothing", "", {}},
      {"one", "a=1", {"1"}},
      {"among others", "b=2; a=1; c=3", {"1"}},
      {"several of one name", "a=1; b=2; a=3", {"1", "3"}},
      {"without spaces", "b=2;a=1;c=3", {"1"}},
      {"with many spaces", "  b=2 ;\t a \t=  1  ; c=3", {"1"}},
      {"quoted", "a=\"1\"", {"1"}},
      {"quoted on one side", "a=\"1; b=2", {}},
      {"empty", "a=; b=2", {""}},
      {"empty quotes", "a=\"\"", {""}},
      {"with = in it", "a=1=2==", {"1=2=="}},
      {"of another case", "A=1", {}},
      {"of a longer name", "aa=1; ba=2; a.=3", {}},
      {"without a value", "a; a=1", {"1"}},
      {"without a name", "=1; a=2", {"2"}},
      {"junk", ";;; ; =; ,a=3; \x01; a=1;;", {"1"}},
      {"a value that we cannot have sent", "a=1 2; a=\x01; a=x,y; a=\xc3\xa4; a=3", {"3"}},
      {"a NUL", std::string("a=1\0; a=2", 9), {"2"}},
      {"eight KiB before it", "b=" + std::string(8192, 'x') + "; a=1", {"1"}},
      {"more before it than is read", "b=" + std::string(70'000, 'x') + "; a=1", {}},
      {"one that is cut there", "b=2; a=" + std::string(70'000, 'x'), {}},
  };
  for (const auto& [name, header, values] : cases) {
    SCOPED_TRACE(name);
    const auto read = cookie_values(header, "a");
    EXPECT_EQ((std::vector<std::string>{read.begin(), read.end()}), values);
  }
}

RC_GTEST_PROP(CookieHeader, MayBeAnyBytes, (const std::string& header)) {
  for (const std::string_view value : cookie_values(header, "a")) {
    RC_ASSERT(value.data() >= header.data());
    RC_ASSERT(value.data() + value.size() <= header.data() + header.size());
    RC_ASSERT(Cookie{.name = "a"}.set(value, std::nullopt).has_value());
  }
}

}  // namespace
}  // namespace hybrid::testing
