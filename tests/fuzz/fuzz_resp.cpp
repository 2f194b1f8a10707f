// Any bytes as what a peer sends, cut in any way: the same requests and the same error as in one piece.
//
// Input: flags u8 | number of cuts u8 | for each: bytes of a piece u8, used in turn | what the peer sends. With flag 1 the peer is not
// authenticated; with flag 2 the limits are small.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "resp/reply_writer.hpp"
#include "resp/request_parser.hpp"

namespace {

using hybrid::resp::RequestParser;
using Request = std::vector<std::string>;

// What came of it.
struct Conversation {
  std::vector<Request> requests;
  std::string error;
  std::size_t unread = 0;
  std::size_t wanted = 0;
  friend bool operator==(const Conversation&, const Conversation&) = default;
};

class Peer {
 public:
  explicit Peer(std::uint8_t flags) {
    parser_.set_authenticated((flags & 1) == 0);
    if ((flags & 2) != 0) {
      parser_.set_limits(
          {.argument_bytes_max = 200, .request_bytes_max = 500, .inline_bytes_max = 64});
    }
  }

  // False after an error.
  bool send(std::string_view bytes) {
    unread_ += bytes;
    // Of its exact size, so that the sanitizer sees who reads past it or keeps a view of it.
    const auto memory = std::make_unique<char[]>(unread_.size());
    std::memcpy(memory.get(), unread_.data(), unread_.size());
    std::string_view input{memory.get(), unread_.size()};
    for (;;) {
      const auto status = parser_.parse(input);
      if (status == RequestParser::Status::error) {
        heard_.error = parser_.error();
        if (heard_.error.empty()) std::abort();
        return false;
      }
      if (parser_.consumed() > input.size()) std::abort();
      input.remove_prefix(parser_.consumed());
      if (status == RequestParser::Status::incomplete) break;
      if (parser_.arguments().empty()) std::abort();
      heard_.requests.emplace_back(parser_.arguments().begin(), parser_.arguments().end());
    }
    unread_ = input;
    heard_.unread = unread_.size();
    heard_.wanted = parser_.wanted();
    return true;
  }

  const Conversation& heard() const { return heard_; }

 private:
  RequestParser parser_;
  std::string unread_;
  Conversation heard_;
};

// Without cuts: in one piece.
Conversation hear_in_pieces(std::uint8_t flags, std::string_view bytes, hybrid::ByteView cuts) {
  Peer peer{flags};
  for (std::size_t turn = 0; !bytes.empty(); ++turn) {
    const std::size_t cut =
        cuts.empty() ? bytes.size() : 1 + std::to_integer<std::size_t>(cuts[turn % cuts.size()]);
    const std::string_view piece = bytes.substr(0, cut);
    bytes.remove_prefix(piece.size());
    if (!peer.send(piece)) break;
  }
  Conversation heard = peer.heard();
  if (!heard.error.empty()) heard.unread = heard.wanted = 0;
  return heard;
}

// A reply has the form of a request: what was heard can be said, and is heard again.
void say_again(const Request& request) {
  std::string bytes;
  hybrid::resp::ReplyWriter writer{bytes, 2};
  writer.array(request.size());
  for (const std::string& argument : request) writer.bulk(argument);
  RequestParser parser;
  if (parser.parse(bytes) != RequestParser::Status::request) std::abort();
  if (parser.consumed() != bytes.size()) std::abort();
  if (!std::ranges::equal(parser.arguments(), request)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hybrid::ByteReader in{std::as_bytes(std::span{data, size})};
  const auto flags = in.integer<std::uint8_t>();
  const auto count = in.integer<std::uint8_t>();
  if (!flags || !count) return 0;
  const auto cuts = in.take(*count);
  if (!cuts) return 0;
  const std::string_view bytes = hybrid::as_chars(*in.take(in.remaining()));

  const Conversation whole = hear_in_pieces(*flags, bytes, {});
  if (hear_in_pieces(*flags, bytes, *cuts) != whole) std::abort();
  for (const Request& request : whole.requests) say_again(request);
  return 0;
}
