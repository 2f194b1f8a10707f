// Requests of the Redis protocol out of a connection's bytes: arrays of strings, as programs send them, and *inline* requests,
// lines as people type them. RESP2 and RESP3 are the same in this direction.
//
//   RequestParser parser;
//   while (parser.parse(unread) == RequestParser::Status::request) {
//     answer(parser.arguments());
//     unread.remove_prefix(parser.consumed());
//   }
//   unread.remove_prefix(parser.consumed());  // empty requests, which nobody answers
//   // incomplete: read parser.wanted() bytes or more; error: reply "ERR " and parser.error(), then close
//
// One for each connection, used by one thread at a time. It does as Redis 7.0 does, to the texts of the errors; but where Redis
// notices a line that is too long only if the end has not come yet, see P1.
//   P1  The answers depend neither on how the bytes were split nor on where in memory they lie.
//   P2  A request takes time linear in its bytes, however they were split; what is within an argument is never looked at.
//   P3  It holds memory for arguments that have come, at most 50 bytes for each, and for none that was only announced. There are
//       no more of them than that 16 bytes for each are within the limit of a request.
//   P4  After an error every answer is that error.
//   P5  No more is waited for than Limits allows: who announces more is refused at once.
// Copies no argument, but those of inline requests; knows no command; does no input or output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hybrid::resp {

// What a peer may send. Larger values let it take more memory; the defaults suffice for the largest value that hybrid keeps.
struct Limits {
  std::size_t argument_bytes_max = std::size_t{17} << 20;
  // With all that tells the arguments apart; of the memory for its arguments(), too. Inline requests have the next limit only.
  std::size_t request_bytes_max = std::size_t{64} << 20;
  // Before the end of the line; also of a line that tells a length. At least kInlineBytesMaxMin.
  std::size_t inline_bytes_max = std::size_t{64} << 10;
};
inline constexpr std::size_t kInlineBytesMaxMin = 64;

// What a peer may send before it said who it is.
inline constexpr std::size_t kUnauthenticatedArgumentsMax = 10;
inline constexpr std::size_t kUnauthenticatedArgumentBytesMax = 16384;

class RequestParser {
 public:
  enum class Status : std::uint8_t {
    request,     // arguments() has it, at least one
    incomplete,  // there is no whole request; come back with more
    error,       // the peer does not speak the protocol: tell it error() and close the connection
  };

  RequestParser() = default;
  RequestParser(const RequestParser&) = delete;  // arguments() may refer into this object
  RequestParser& operator=(const RequestParser&) = delete;

  // `input` begins behind what was consumed. After `incomplete` it is what was left then, at any address, and what has come since.
  Status parse(std::string_view input);

  // Forgets what was understood of a request that has not come whole: the next input begins with a request.
  void start_over() {
    error_.clear();
    begin_request();
  }

  // How much of the last input is done with, after any answer: the request, and the empty ones before it that were skipped.
  // After `incomplete` it is nearly always 0, but not always.
  std::size_t consumed() const { return consumed_; }

  // After `request`. Good until the next parse(). Its arguments refer into that input, those of inline requests into this parser.
  std::span<const std::string_view> arguments() const { return arguments_; }

  bool is_inline() const { return is_inline_; }

  // After `incomplete`: so many bytes must come before there can be a request; 0 if that is not known. At most as many as have
  // come, or 64 KiB, so that a peer which announces much has to send it before anybody makes room for it.
  std::size_t wanted() const { return wanted_; }

  // After `error`: what Redis says after "ERR ". One line.
  std::string_view error() const { return error_; }

  // For lengths that are read from now on.
  void set_limits(const Limits& limits);
  // True at first, as for a server without a password.
  void set_authenticated(bool authenticated) { authenticated_ = authenticated; }

 private:
  enum class Step : std::uint8_t { done, empty, incomplete, error };
  // "$5\r\n"
  struct LengthLine {
    bool is_there = false;
    bool is_number = false;
    char kind = 0;  // its first byte
    std::int64_t number = 0;
  };

  void begin_request();
  Step fail(std::string_view text);

  // `request`: from its first byte on, as much as is there.
  Step parse_inline(std::string_view request);
  Step parse_array(std::string_view request);
  Step read_count(std::string_view request);
  Step read_argument_length(std::string_view request);
  Step wait_for_argument(std::string_view request);
  void add_argument(std::string_view argument);
  void find_arguments(std::string_view request);

  // The line at position_ up to its `end`. Nothing: see no_line().
  std::optional<std::string_view> find_line(std::string_view request, char end,
                                            std::string_view too_long);
  // Takes the line at position_, with its end. Not there: see no_line().
  LengthLine take_length_line(std::string_view request, std::string_view too_long);
  // The line is not all there; or it never will be, and that is an error.
  Step no_line() const { return error_.empty() ? Step::incomplete : Step::error; }

  Limits limits_;
  bool authenticated_ = true;

  // The request being read. Offsets count from its first byte.
  bool whole_ = false;  // the last answer was `request`
  bool is_inline_ = false;
  std::size_t position_ = 0;   // first byte that is not understood yet
  std::size_t line_seen_ = 0;  // so many bytes of the line at position_ are known not to end it
  std::uint64_t arguments_left_ = 0;  // 0 before their count was read, too
  // Of the argument at position_, once its length was read.
  std::optional<std::size_t> argument_bytes_;

  // The answer. While the request is incomplete only the arguments' sizes are known to be right: the input may move.
  std::vector<std::string_view> arguments_;
  bool may_have_moved_ = false;
  std::string words_;  // arguments of an inline request, without their quotes
  std::size_t consumed_ = 0;
  std::size_t wanted_ = 0;
  std::string error_;
};

}  // namespace hybrid::resp
