// Replies of the Redis protocol, appended to a string.
//
//   ReplyWriter reply{out, 3};
//   reply.map(1);
//   reply.bulk("visits");
//   reply.integer(7);
//
// Used by the server for each reply, on the connection's thread; making one costs nothing.
//   W1  What RESP2 has no word for becomes what Redis sends instead: callers need not ask for the protocol.
//   W2  No text that is passed in can end a line early, so none can pretend to be a reply of its own.
//   W3  Each call appends whole or, when memory runs out or the replies get too long, not at all.
// Does not count: after array(), map(), set() and push() the caller writes as many replies as it said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hybrid::resp {

class ReplyWriter {
 public:
  // `protocol`: 2 or 3, as the client asked for. `out` must outlive this; no text passed in may be part of it. What would make it
  // longer than `out_bytes_max` throws std::length_error.
  ReplyWriter(std::string& out, int protocol, std::size_t out_bytes_max = SIZE_MAX);

  int protocol() const { return protocol_; }

  void simple(std::string_view text);  // "OK"
  // With its code: "ERR no such key". Line breaks in it become spaces, in simple() too.
  void error(std::string_view text);
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  void null();        // no value
  void null_array();  // no array; differs in RESP2 only
  void boolean(bool value);
  void real(double value);
  void big_number(std::string_view digits);
  // `format`: three letters, "txt" or "mkd".
  void verbatim(std::string_view format, std::string_view text);

  // What follows belongs to it: `count` replies, or twice as many in a map.
  void array(std::size_t count);
  void map(std::size_t count);
  void set(std::size_t count);
  void push(std::size_t count);
  // So many pairs about the reply that then follows. RESP3 only.
  void attributes(std::size_t count);

  // Replies that were written before.
  void raw(std::string_view bytes);

 private:
  template <class Write>
  void append(std::size_t bytes_max, Write write);
  void line(char type, std::string_view text);
  void header(char type, std::uint64_t number);

  std::string& out_;
  std::size_t out_bytes_max_;
  int protocol_;
};

// The shortest text that reads back as `value`, written as printf's %.17g would: 1.5, 1e+20, inf, -inf, nan.
std::string format_real(double value);

}  // namespace hybrid::resp
