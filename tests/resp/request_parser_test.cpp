// Requests as clients send them, however the network cuts them; and what is said to peers that speak something else.
#include "resp/request_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

// Counts this program's memory. Sanitizers' malloc knows malloc_usable_size, too.
namespace {
thread_local std::size_t live_bytes = 0;
}
void* operator new(std::size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc{};
  live_bytes += malloc_usable_size(memory);
  return memory;
}
void operator delete(void* memory) noexcept {
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace hybrid::testing {
namespace {

using namespace std::string_literals;
using resp::Limits;
using resp::RequestParser;
using Status = RequestParser::Status;
using Request = std::vector<std::string>;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string encode(const Request& request) {
  std::string bytes = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& argument : request) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return bytes;
}

std::string encode(const std::vector<Request>& requests) {
  std::string bytes;
  for (const Request& request : requests) bytes += encode(request);
  return bytes;
}

Request copy_of(const RequestParser& parser) {
  return {parser.arguments().begin(), parser.arguments().end()};
}

// What a peer's bytes came to.
struct Conversation {
  std::vector<Request> requests;
  std::string error;
  std::size_t unread = 0;
  friend bool operator==(const Conversation&, const Conversation&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Conversation& conversation) {
    out << ::testing::PrintToString(conversation.requests) << ", unread " << conversation.unread;
    return out << (conversation.error.empty() ? "" : ", error ") << conversation.error;
  }
};

// A server that has read nothing else from its peer.
class Peer {
 public:
  RequestParser& parser() { return parser_; }

  void send(std::string_view bytes) {
    // At a new address and with nothing behind it, so that a sanitizer sees who looks back or ahead.
    const std::string received = unread_ + std::string{bytes};
    const std::vector<char> exact{received.begin(), received.end()};
    std::string_view input{exact.data(), exact.size()};
    Status status = Status::request;
    while ((status = parser_.parse(input)) == Status::request) {
      heard_.requests.push_back(copy_of(parser_));
      input.remove_prefix(parser_.consumed());
    }
    input.remove_prefix(status == Status::error ? input.size() : parser_.consumed());
    if (status == Status::error) heard_.error = parser_.error();
    unread_ = input;
    heard_.unread = unread_.size();
  }

  const Conversation& heard() const { return heard_; }

 private:
  RequestParser parser_;
  std::string unread_;
  Conversation heard_;
};

Conversation hear(std::string_view bytes) {
  Peer peer;
  peer.send(bytes);
  return peer.heard();
}

Conversation hear_byte_by_byte(std::string_view bytes) {
  Peer peer;
  for (std::size_t at = 0; at < bytes.size() && peer.heard().error.empty(); ++at) {
    peer.send(bytes.substr(at, 1));
  }
  return peer.heard();
}

// --- Arrays

TEST(Requests, AreArraysOfStrings) {
  EXPECT_THAT(hear("*3\r\n$4\r\nHGET\r\n$3\r\nsid\r\n$4\r\nname\r\n").requests,
              ElementsAre(Request{"HGET", "sid", "name"}));
  EXPECT_THAT(hear("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n").requests,
              ElementsAre(Request{"PING"}, Request{"ECHO", ""}));
}

TEST(Requests, MayHoldAnyBytes) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  const std::vector<Request> requests{{every, "\r\n*1\r\n$1\r\nx\r\n"}, {"", "\0"s, "\n"}};
  EXPECT_EQ(hear(encode(requests)).requests, requests);
}

TEST(Requests, AreViewsIntoTheInput) {
  const std::string input = encode(Request{"ECHO", "hello"});
  RequestParser parser;
  ASSERT_EQ(parser.parse(std::string_view{input}.substr(0, 8)), Status::incomplete);
  ASSERT_EQ(parser.parse(input), Status::request);
  EXPECT_EQ(parser.arguments()[0].data(), input.data() + 8);
  EXPECT_EQ(parser.arguments()[1].data(), input.data() + 18);
  EXPECT_EQ(parser.consumed(), input.size());
}

TEST(Requests, EndWithAnyTwoBytesAsInRedis) {
  EXPECT_THAT(hear("*2\rX$4\rYECHO??$2\r\nhi\n\n*1\r\n$4\r\nPING\r\n").requests,
              ElementsAre(Request{"ECHO", "hi"}, Request{"PING"}));
}

TEST(Requests, ThatAreEmptyAreSkipped) {
  for (const std::string empty : {"*0\r\n", "*-1\r\n", "*-10\r\n", "*-9223372036854775808\r\n",
                                  "\r\n", "\n", " \t\v\f \r\n"}) {
    const Conversation alone = hear(empty + empty);
    EXPECT_THAT(alone.requests, IsEmpty()) << empty;
    EXPECT_EQ(alone.unread, 0U) << empty;
    EXPECT_EQ(alone.error, "") << empty;
    EXPECT_THAT(hear(empty + "PING\r\n" + empty + "*1\r\n$4\r\nQUIT\r\n" + empty).requests,
                ElementsAre(Request{"PING"}, Request{"QUIT"}))
        << empty;
  }
}

TEST(Requests, ThatAreEmptyCountAsConsumedAtOnce) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("\r\n*0\r\n*1\r\n$4\r\nPI"), Status::incomplete);
  EXPECT_EQ(parser.consumed(), 6U);
  EXPECT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::request);
  EXPECT_EQ(parser.consumed(), 14U);
}

// --- Inline requests

TEST(InlineRequests, AreTakenApartAsRedisDoes) {
  const struct {
    const char* name;
    std::string line;
    Request request;
  } cases[] = {
      {"a word", "PING\r\n", {"PING"}},
      {"without a carriage return", "PING\n", {"PING"}},
      {"words", "SET key value\r\n", {"SET", "key", "value"}},
      {"spaces and tabs around them", " \tSET \t key\t\r\n", {"SET", "key"}},
      {"carriage returns between them", "SET\rkey\r\r\n", {"SET", "key"}},
      {"vertical space before a word, and in one", "\v\fSET a\vb \fc\r\n", {"SET", "a\vb", "c"}},
      {"double quotes", "ECHO \"two words\"\r\n", {"ECHO", "two words"}},
      {"single quotes", "ECHO 'two words'\r\n", {"ECHO", "two words"}},
      {"an empty word", "ECHO \"\" ''\r\n", {"ECHO", "", ""}},
      {"nothing but an empty word", "\"\"\r\n", {""}},
      {"a quote within a word", "ECHO a\"b c\"\r\n", {"ECHO", "ab c"}},
      {"the other quote", "ECHO \"it's\" 'a \"b\"'\r\n", {"ECHO", "it's", "a \"b\""}},
      {"escapes",
       R"(ECHO "\n\r\t\b\a\\\"\'\q")"
       "\r\n",
       {"ECHO", "\n\r\t\b\a\\\"'q"}},
      {"bytes in hexadecimal",
       R"(ECHO "\x00\xfF\x4a!")"
       "\r\n",
       {"ECHO", "\0\xff\x4a!"s}},
      {"what only looks hexadecimal",
       R"(ECHO "\xg0\x0g\x4")"
       "\r\n",
       {"ECHO", "xg0x0gx4"}},
      {"one escape in single quotes",
       R"(ECHO '\'\n\\ ')"
       "\r\n",
       {"ECHO", R"('\n\\ )"}},
      {"no escapes without quotes",
       R"(ECHO \n\x41)"
       "\r\n",
       {"ECHO", R"(\n\x41)"}},
      {"bytes above 127", "ECHO \xa0\xff \"\x85\"\r\n", {"ECHO", "\xa0\xff", "\x85"}},
      {"an array's beginning, not at the beginning", " *1\r\n", {"*1"}},
      {"a string's length", "$3\r\n", {"$3"}},
  };
  for (const auto& [name, line, request] : cases) {
    EXPECT_THAT(hear(line).requests, ElementsAre(request)) << name;
    EXPECT_EQ(hear_byte_by_byte(line), hear(line)) << name;
    EXPECT_EQ(hear(line).unread, 0U) << name;
  }
}

TEST(InlineRequests, StayWhereTheyAreUntilTheNextCall) {
  RequestParser parser;
  std::string input = "ECHO \"\\x41BC\" 'a much longer word, which is in no small buffer'\r\n";
  ASSERT_EQ(parser.parse(input), Status::request);
  input.assign(input.size(), '?');
  EXPECT_THAT(parser.arguments(),
              ElementsAre("ECHO", "ABC", "a much longer word, which is in no small buffer"));
}

// --- Errors

TEST(Errors, SayWhatRedisSays) {
  const std::string many(std::size_t{64} << 10, '1');
  const struct {
    const char* name;
    std::string bytes;
    std::string error;
  } cases[] = {
      {"no count", "*\r\n", "invalid multibulk length"},
      {"a count that is no number", "*x\r\n", "invalid multibulk length"},
      {"a count and more", "*1x\r\n", "invalid multibulk length"},
      {"a count and a space", "*1 \r\n", "invalid multibulk length"},
      {"a space and a count", "* 1\r\n", "invalid multibulk length"},
      {"a count with a plus", "*+1\r\n", "invalid multibulk length"},
      {"a count with a zero in front", "*01\r\n", "invalid multibulk length"},
      {"a count of two zeros", "*00\r\n", "invalid multibulk length"},
      {"a count of minus zero", "*-0\r\n", "invalid multibulk length"},
      {"a count of minus", "*-\r\n", "invalid multibulk length"},
      {"a count in two parts", "*1\n1\r\n", "invalid multibulk length"},
      {"a count above the limit", "*4194305\r\n", "invalid multibulk length"},
      {"a count above 2^31", "*2147483648\r\n", "invalid multibulk length"},
      {"a count above 2^63", "*9223372036854775808\r\n", "invalid multibulk length"},
      {"a count above 2^64", "*18446744073709551617\r\n", "invalid multibulk length"},
      {"a count below -2^63", "*-9223372036854775809\r\n", "invalid multibulk length"},
      {"a count of many digits", "*" + many.substr(1) + "\r\n", "invalid multibulk length"},
      {"a count that does not end", "*" + many, "too big mbulk count string"},
      {"a count that ends too late", "*" + many + "\r\n", "too big mbulk count string"},
      {"a count with a NUL", "*1\0"s + many, "too big mbulk count string"},
      {"no length", "*1\r\n$\r\n", "invalid bulk length"},
      {"a length that is no number", "*1\r\n$x\r\n", "invalid bulk length"},
      {"a length and more", "*1\r\n$4x\r\n", "invalid bulk length"},
      {"a length with a plus", "*1\r\n$+4\r\n", "invalid bulk length"},
      {"a length with a zero in front", "*1\r\n$04\r\n", "invalid bulk length"},
      {"a length below zero", "*1\r\n$-1\r\n", "invalid bulk length"},
      {"a length of minus zero", "*1\r\n$-0\r\n", "invalid bulk length"},
      {"a length above the limit", "*1\r\n$17825793\r\n", "invalid bulk length"},
      {"a length above 2^63", "*1\r\n$9223372036854775808\r\n", "invalid bulk length"},
      {"a length above 2^64", "*1\r\n$18446744073709551620\r\n", "invalid bulk length"},
      {"the second length", "*2\r\n$4\r\nECHO\r\n$-5\r\n", "invalid bulk length"},
      {"a length that does not end", "*1\r\n$" + many, "too big bulk count string"},
      {"a length with a NUL", "*1\r\n$4\0"s + many, "too big bulk count string"},
      {"no dollar", "*1\r\nfoo\r\n", "expected '$', got 'f'"},
      {"no second dollar", "*2\r\n$4\r\nECHO\r\nfooz\r\n", "expected '$', got 'f'"},
      {"an array within", "*1\r\n*1\r\n", "expected '$', got '*'"},
      {"a number within", "*1\r\n:1\r\n", "expected '$', got ':'"},
      {"a line end within", "*1\r\n\r\n", "expected '$', got ' '"},
      {"another line end within", "*1\r\n\nfoo\r\n", "expected '$', got ' '"},
      {"an argument shorter than it says", "*2\r\n$9\r\nECHO\r\n$2\r\nhi\r\n*1\r\n",
       "expected '$', got 'i'"},
      {"a double quote that stays open", "ECHO \"a\r\n", "unbalanced quotes in request"},
      {"a single quote that stays open", "ECHO 'a\r\n", "unbalanced quotes in request"},
      {"a backslash before the end", "ECHO \"a\\\r\n", "unbalanced quotes in request"},
      {"a closing quote that is escaped", "ECHO \"a\\\"\r\n", "unbalanced quotes in request"},
      {"the same in single quotes", "ECHO 'a\\'\r\n", "unbalanced quotes in request"},
      {"letters behind a double quote", "ECHO \"a\"b\r\n", "unbalanced quotes in request"},
      {"letters behind a single quote", "ECHO 'a'b\r\n", "unbalanced quotes in request"},
      {"a quote behind a quote", "ECHO \"a\"\"b\"\r\n", "unbalanced quotes in request"},
      {"a line that does not end", many + "1", "too big inline request"},
      {"a line that ends too late", many + "1\r\n", "too big inline request"},
      {"a line with a NUL", "PING\0\r\n"s + many, "too big inline request"},
  };
  for (const auto& [name, bytes, error] : cases) {
    const Conversation heard = hear("PING\r\n" + bytes);
    EXPECT_EQ(heard.error, "Protocol error: " + error) << name;
    EXPECT_THAT(heard.requests, ElementsAre(Request{"PING"})) << name;
    if (bytes.size() < 1000) {
      EXPECT_EQ(hear_byte_by_byte("PING\r\n" + bytes), heard) << name;
    }
  }
}

TEST(Errors, AreNotFoundBeforeTheLineIsThere) {
  const std::string many(std::size_t{64} << 10, '1');
  for (const std::string& bytes :
       {"*x"s, "*x\r"s, "*1\r\nfoo"s, "*1\r\nfoo\r"s, "*1\r\n$x"s, "*1\r\n$x\r"s, "ECHO \"a\r"s,
        "PING\0\r\n"s, "*1\0\r\n"s, "*1\r\n\0\r\n"s, many, "*" + many.substr(1),
        "*1\r\n$" + many.substr(1), "*" + many.substr(1) + "\r"}) {
    const Conversation heard = hear(bytes);
    EXPECT_EQ(heard.error, "") << bytes.substr(0, 20);
    EXPECT_EQ(heard.unread, bytes.size()) << bytes.substr(0, 20);
  }
  EXPECT_EQ(hear(many + "\n").requests.size(), 1U) << "the longest line";
}

TEST(Errors, AreForEver) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*x\r\n"), Status::error);
  const std::string error{parser.error()};
  EXPECT_EQ(parser.parse("PING\r\n"), Status::error);
  EXPECT_EQ(parser.parse(""), Status::error);
  EXPECT_EQ(parser.error(), error);
}

// --- Limits

struct LimitCase {
  const char* name;
  Limits limits;
  std::string allowed;
  std::string refused;
  std::string error;
};

TEST(Parsing, CanStartOverAnywhere) {
  const std::string begun = "*2\r\n$3\r\nGET\r\n$5\r\nabcde\r\n";
  for (std::size_t size = 0; size < begun.size(); ++size) {
    for (const std::string& more : {""s, "*1\r\nx"s, "\0"s}) {
      SCOPED_TRACE(begun.substr(0, size) + more);
      RequestParser parser;
      static_cast<void>(parser.parse(begun.substr(0, size) + more));
      parser.start_over();
      EXPECT_EQ(parser.parse(begun), Status::request);
      EXPECT_EQ(parser.consumed(), begun.size());
      EXPECT_THAT(parser.arguments(), ElementsAre("GET", "abcde"));
      EXPECT_FALSE(parser.is_inline());
      EXPECT_EQ(parser.parse("PING\r\n"), Status::request);
      EXPECT_TRUE(parser.is_inline());
    }
  }
}

TEST(ALimit, AllowsWhatItSaysAndNoMore) {
  const LimitCase cases[] = {
      {"arguments", {.request_bytes_max = 63}, "*3\r\n", "*4\r\n", "invalid multibulk length"},
      {"bytes of an argument",
       {.argument_bytes_max = 100},
       "*1\r\n$100\r\n",
       "*1\r\n$101\r\n",
       "invalid bulk length"},
      {"bytes of a request, of one argument",
       {.request_bytes_max = 20},
       "*1\r\n$9\r\n",
       "*1\r\n$11\r\n",
       "too big request"},
      {"bytes of a request, of two arguments",
       {.request_bytes_max = 36},
       "*2\r\n$1\r\nx\r\n$18\r\n",
       "*2\r\n$1\r\nx\r\n$19\r\n",
       "too big request"},
      {"bytes of a line",
       {.inline_bytes_max = 100},
       std::string(100, 'x'),
       std::string(101, 'x'),
       "too big inline request"},
      {"bytes of a line, which is an array's",
       {.inline_bytes_max = 100},
       std::string(100, '*'),
       std::string(101, '*'),
       "too big mbulk count string"},
      {"bytes of a line, never too few for a length",
       {.inline_bytes_max = 0},
       std::string(64, 'x'),
       std::string(65, 'x'),
       "too big inline request"},
      {"everything that can be told",
       {.argument_bytes_max = SIZE_MAX,
        .request_bytes_max = SIZE_MAX,
        .inline_bytes_max = SIZE_MAX},
       "*1152921504606846975\r\n$9223372036854775807\r\nx",
       "*1\r\n$9223372036854775808\r\n",
       "invalid bulk length"},
  };
  for (const auto& [name, limits, allowed, refused, error] : cases) {
    Peer good;
    good.parser().set_limits(limits);
    good.send(allowed);
    EXPECT_EQ(good.heard().error, "") << name;
    Peer bad;
    bad.parser().set_limits(limits);
    bad.send(refused);
    EXPECT_EQ(bad.heard().error, "Protocol error: " + error) << name;
  }
}

TEST(ALimit, OfARequestCountsItsLastByteAndNotTheOnesBefore) {
  const std::string request = encode(Request{"ECHO", "hello, hello, hello"});
  for (const bool fits : {true, false}) {
    Peer peer;
    peer.parser().set_limits({.request_bytes_max = request.size() - (fits ? 0 : 1)});
    peer.send("\r\n*0\r\nPING\r\n\r\n" + request + request);
    EXPECT_EQ(peer.heard().requests.size(), fits ? 3U : 1U);
    EXPECT_EQ(peer.heard().error, fits ? "" : "Protocol error: too big request");
  }
}

TEST(ALimit, IsTighterForThoseWhoAreNotAuthenticated) {
  const std::string ten = encode(Request(10, "x"));
  const std::string large = encode(Request{"AUTH", std::string(16384, 'x')});
  const LimitCase cases[] = {
      {"arguments", {}, ten, encode(Request(11, "x")), "unauthenticated multibulk length"},
      {"bytes", {}, large, "*1\r\n$16385\r\n", "unauthenticated bulk length"},
      {"arguments, far too many", {}, ten, "*4194305\r\n", "invalid multibulk length"},
      {"bytes, far too many", {}, large, "*1\r\n$17825793\r\n", "invalid bulk length"},
  };
  for (const auto& [name, limits, allowed, refused, error] : cases) {
    Peer peer;
    peer.parser().set_authenticated(false);
    peer.send(allowed + refused);
    EXPECT_EQ(peer.heard().requests.size(), 1U) << name;
    EXPECT_EQ(peer.heard().error, "Protocol error: " + error) << name;
  }
}

TEST(ALimit, IsLiftedWithinAPipeline) {
  const std::string input = encode({{"AUTH", "secret"}, Request(11, "x")});
  RequestParser parser;
  parser.set_authenticated(false);
  ASSERT_EQ(parser.parse(input), Status::request);
  parser.set_authenticated(true);
  EXPECT_EQ(parser.parse(std::string_view{input}.substr(parser.consumed())), Status::request);
  EXPECT_EQ(parser.arguments().size(), 11U);
}

// --- P1: the same, however it was split

const std::string& mixed_pipeline() {
  static const std::string pipeline =
      "*3\r\n$4\r\nHGET\r\n$5\r\na\r\n b\r\n$0\r\n\r\n"
      "PING\r\n"
      "\r\n*0\r\n \n*-1\r\n"
      "ECHO \"\\x41 b\" 'c'\n" +
      encode(Request(12, "xy")) + "*2\rX$4\rYECHO??$10\r\n*1\r\n$1\r\nx\r..";
  return pipeline;
}

TEST(Splitting, AtAnyTwoPlacesChangesNothing) {
  for (const std::string& end : {""s, "*1\r\n$7\r\nabc"s, "ECHO 'x"s, "\"\r\n"s, "*1\r\nx\r\n"s}) {
    const std::string bytes = mixed_pipeline() + end;
    const Conversation whole = hear(bytes);
    ASSERT_EQ(whole.requests.size(), 5U);
    for (std::size_t first = 0; first <= bytes.size(); ++first) {
      for (std::size_t second = first; second <= bytes.size(); ++second) {
        Peer peer;
        peer.send(std::string_view{bytes}.substr(0, first));
        peer.send(std::string_view{bytes}.substr(first, second - first));
        peer.send(std::string_view{bytes}.substr(second));
        ASSERT_EQ(peer.heard(), whole) << first << " and " << second;
      }
    }
    EXPECT_EQ(hear_byte_by_byte(bytes), whole);
  }
}

RC_GTEST_PROP(Splitting, OfAnyRequestsAnywhereGivesThemBack, ()) {
  // One argument in four is longer than what one byte can tell.
  const auto any_argument = rc::gen::weightedOneOf<std::string>(
      {{3, rc::gen::arbitrary<std::string>()},
       {1, rc::gen::map(rc::gen::inRange(0, 2000), [](int size) {
          return std::string(static_cast<std::size_t>(size), '\r');
        })}});
  const auto requests = *rc::gen::container<std::vector<Request>>(
      rc::gen::nonEmpty(rc::gen::container<Request>(any_argument)));
  const std::string bytes = encode(requests);
  Peer peer;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = *rc::gen::inRange<std::size_t>(1, bytes.size() / 4 + 2);
    peer.send(std::string_view{bytes}.substr(at, size));
    at += size;
  }
  RC_ASSERT(peer.heard() == (Conversation{.requests = requests}));
}

RC_GTEST_PROP(Splitting, OfAnyBytesChangesNothing, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element(
      "*1\r\n"s, "*2\r\n"s, "*0\r\n"s, "$1\r\n"s, "$3\r\n"s, "x"s, "\r\n"s, "\r"s, "\n"s, " "s,
      "\""s, "'"s, "\\"s, "\0"s, "PING"s, "*"s, "$"s, "-"s, "0"s, "12"s));
  std::string bytes;
  Peer peer;
  for (const std::string& piece : pieces) {
    bytes += piece;
    if (peer.heard().error.empty()) peer.send(piece);
  }
  const Conversation whole = hear(bytes);
  RC_ASSERT(peer.heard() == whole);
}

// --- P2: what was understood is not looked at again

TEST(Parsing, LooksAtNothingTwice) {
  const Request request{"HSET", "sid", std::string(300, 'v'), ""};
  const std::string bytes = encode(request);
  // Where a line or an argument begins: what is before it was understood.
  std::vector<std::size_t> beginnings;
  for (std::size_t at = 0; const std::string& argument : request) {
    at = bytes.find('$', at);
    beginnings.push_back(at);
    at = bytes.find('\n', at) + 1;
    beginnings.push_back(at);
    at += argument.size();
  }
  RequestParser parser;
  std::string input;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    input = bytes.substr(0, size);
    // Were these looked at again, they would be lines, and errors.
    for (const std::size_t beginning : beginnings) {
      for (std::size_t at = 1; beginning < size && at < beginning; ++at)
        input[at] = "\r\n$"[at % 3];
    }
    ASSERT_EQ(parser.parse(input), Status::incomplete) << size;
  }
  input += bytes.back();
  ASSERT_EQ(parser.parse(input), Status::request);
  ASSERT_EQ(parser.arguments().size(), request.size());
  for (std::size_t i = 0; i < request.size(); ++i) {
    EXPECT_EQ(parser.arguments()[i].data(), input.data() + beginnings[2 * i + 1]);
    EXPECT_EQ(parser.arguments()[i].size(), request[i].size());
  }
}

TEST(Parsing, OfAMebibyteByteByByteIsQuick) {
  const Request request{"SET", "key", std::string(std::size_t{1} << 20, '\r')};
  const std::string bytes = encode(request);
  RequestParser parser;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    ASSERT_EQ(parser.parse(std::string_view{bytes}.substr(0, size)), Status::incomplete);
  }
  ASSERT_EQ(parser.parse(bytes), Status::request);
  EXPECT_EQ(copy_of(parser), request);
}

TEST(Parsing, OfManyArgumentsByteByByteIsQuick) {
  const Request request(100'000, "x");
  const std::string bytes = encode(request);
  RequestParser parser;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    ASSERT_EQ(parser.parse(std::string_view{bytes}.substr(0, size)), Status::incomplete);
  }
  ASSERT_EQ(parser.parse(bytes), Status::request);
  EXPECT_EQ(parser.arguments().size(), request.size());
}

// --- P3: memory

TEST(Memory, IsNotTakenForWhatIsOnlyAnnounced) {
  RequestParser parser;
  const std::size_t before = live_bytes;
  EXPECT_EQ(parser.parse("*4194304\r\n$17825792\r\nabc"), Status::incomplete);
  EXPECT_LE(live_bytes - before, 1000U);
  EXPECT_LE(parser.wanted(), 65536U);
}

TEST(Memory, IsTakenForArgumentsThatCame) {
  const std::string bytes = encode(Request(50'000, ""));
  RequestParser parser;
  const std::size_t before = live_bytes;
  ASSERT_EQ(parser.parse(bytes), Status::request);
  EXPECT_LE(live_bytes - before, 50'000U * 20);
}

TEST(Memory, IsTakenForArgumentsAsTheyCome) {
  const std::string bytes = encode(Request(50'000, ""));
  RequestParser parser;
  const std::size_t before = live_bytes;
  for (const std::size_t come : {40'000U, 10'000U, 1'000U}) {
    parser.start_over();
    const std::string_view part = std::string_view{bytes}.substr(0, come * 6);
    ASSERT_EQ(parser.parse(part), Status::incomplete);
    EXPECT_LE(live_bytes - before, come * 35);
  }
}

TEST(Memory, SufficesForAllArgumentsThatRedisWouldTake) {
  const std::string bytes = encode(Request(4'000'000, "k"));
  RequestParser parser;
  ASSERT_EQ(parser.parse(std::string_view{bytes}.substr(0, bytes.size() / 2)), Status::incomplete);
  ASSERT_EQ(parser.parse(bytes), Status::request);
  EXPECT_EQ(parser.arguments().size(), 4'000'000U);
  EXPECT_EQ(parser.arguments().back(), "k");
}

TEST(Memory, OfALargeRequestIsGivenBackWithTheNext) {
  const std::string many = encode(Request(50'000, ""));
  const std::string line = "ECHO '" + std::string(60'000, 'x') + "'\r\n";
  RequestParser parser;
  const std::size_t before = live_bytes;
  ASSERT_EQ(parser.parse(many), Status::request);
  ASSERT_EQ(parser.parse(line), Status::request);
  EXPECT_GE(live_bytes - before, 60'000U);
  ASSERT_EQ(parser.parse(""), Status::incomplete);
  EXPECT_LE(live_bytes - before, 20'000U);
}

// --- What to read next

TEST(Wanted, IsWhatTheArgumentLacks) {
  RequestParser parser;
  const std::string bytes = encode(Request{"ECHO", std::string(1000, 'x')});
  const std::size_t header = bytes.find('x');
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_EQ(parser.parse(std::string_view{bytes}.substr(0, size)), Status::incomplete);
    if (size >= header) {
      EXPECT_EQ(parser.wanted(), bytes.size() - size);
    } else if (size < 7 || size == header - 1) {
      EXPECT_EQ(parser.wanted(), 0U) << "within a line";
    }
  }
  ASSERT_EQ(parser.parse(bytes), Status::request);
  EXPECT_EQ(parser.wanted(), 0U);
}

TEST(Wanted, IsAtMostAsMuchAsHasCome) {
  RequestParser parser;
  std::string input = "*1\r\n$10000000\r\n";
  for (int rounds = 0; parser.parse(input) == Status::incomplete; ++rounds) {
    ASSERT_LE(rounds, 10) << "reads";
    ASSERT_GT(parser.wanted(), 0U);
    ASSERT_LE(parser.wanted(), std::max<std::size_t>(input.size(), 65536));
    input.append(parser.wanted(), 'x');
  }
  EXPECT_EQ(input.size(), 15U + 10'000'000 + 2);
}

}  // namespace
}  // namespace hybrid::testing
