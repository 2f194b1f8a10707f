#include "resp/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.hpp"

namespace hybrid::resp {
namespace {

constexpr std::size_t kLineEndBytes = 2;
// Larger requests are rare, and the memory for them is not kept.
constexpr std::size_t kArgumentsKept = 256;
constexpr std::size_t kWordBytesKept = 1024;
constexpr std::size_t kWantedBytes = std::size_t{64} << 10;

template <class Container>
void make_empty(Container& container, std::size_t kept) {
  container.clear();
  if (container.capacity() > kept) container.shrink_to_fit();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A number as Redis takes it: no plus, no zeros in front, no minus zero.
std::optional<std::int64_t> parse_number(std::string_view text) {
  if (text == "0") return 0;
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || !is_digit(digits[0]) || digits[0] == '0') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct PlainLine {
  std::size_t bytes;  // 0: it is not plain
  std::int64_t number;
};

// The line at the beginning of `text`, if it tells a length as nearly all do: a kind, a few digits, the end, and that is there.
// Whatever else it is takes longer. Most of a request's time is spent here.
PlainLine parse_plain_line(std::string_view text) {
  constexpr PlainLine kNotPlain{.bytes = 0, .number = 0};
  constexpr std::size_t kDigitsMax = 9;
  if (text.size() < 4 || (text[0] != '$' && text[0] != '*') || !is_digit(text[1])) return kNotPlain;
  if (text[1] == '0' && text[2] != '\r') return kNotPlain;
  std::int64_t number = text[1] - '0';
  std::size_t at = 2;
  const std::size_t digits_end = std::min(text.size() - kLineEndBytes, 1 + kDigitsMax);
  for (; at < digits_end && is_digit(text[at]); ++at) number = number * 10 + (text[at] - '0');
  if (text[at] != '\r') return kNotPlain;
  return {.bytes = at + kLineEndBytes, .number = number};
}

// Of "$5\r\n": a length has one form, and its line ends with any two bytes.
std::size_t length_line_bytes(std::size_t length) {
  std::size_t bytes = 2 + kLineEndBytes;
  for (; length >= 10; length /= 10) ++bytes;
  return bytes;
}

// --- Inline requests

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

char unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Takes a line apart into words, as a shell does but with the rules of Redis.
class WordReader {
 public:
  // `decoded`: where the words go; it has room for the whole line, so that it does not move.
  WordReader(std::string_view line, std::string& decoded) : rest_(line), decoded_(decoded) {}

  bool at_end() {
    while (!rest_.empty() && is_space(rest_[0])) take(1);
    return rest_.empty();
  }

  // Nothing if a quote is not closed, or closed in the middle of a word.
  std::optional<std::string_view> word() {
    const std::size_t start = decoded_.size();
    while (!rest_.empty()) {
      const char c = take(1);
      if (c == '"' || c == '\'') {
        // A word ends with the first quote that closes.
        if (!(c == '"' ? double_quoted() : single_quoted())) return std::nullopt;
        if (!rest_.empty() && !is_space(rest_[0])) return std::nullopt;
        break;
      }
      // Not is_space(): vertical tabs and form feeds are skipped before a word, and belong to it inside.
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t') break;
      decoded_ += c;
    }
    return std::string_view{decoded_}.substr(start);
  }

 private:
  char take(std::size_t count) {
    const char first = rest_[0];
    rest_.remove_prefix(count);
    return first;
  }

  bool double_quoted() {
    while (!rest_.empty()) {
      const char c = take(1);
      if (c == '"') return true;
      if (c != '\\' || rest_.empty()) {
        decoded_ += c;
      } else if (const auto byte = hex_escape()) {
        decoded_ += static_cast<char>(*byte);
        take(3);
      } else {
        decoded_ += unescaped(take(1));
      }
    }
    return false;
  }

  bool single_quoted() {
    while (!rest_.empty()) {
      const char c = take(1);
      if (c == '\'') return true;
      decoded_ += c == '\\' && rest_.starts_with('\'') ? take(1) : c;
    }
    return false;
  }

  // The byte that "xHH" stands for, if that is next.
  std::optional<unsigned> hex_escape() const {
    if (rest_.size() < 3 || rest_[0] != 'x') return std::nullopt;
    const auto high = hex_digit(rest_[1]);
    const auto low = hex_digit(rest_[2]);
    if (!high || !low) return std::nullopt;
    return *high << 4 | *low;
  }

  std::string_view rest_;
  std::string& decoded_;
};

}  // namespace

void RequestParser::set_limits(const Limits& limits) {
  limits_ = limits;
  // Lines that tell a length shall fit, else P1 would not hold.
  limits_.inline_bytes_max = std::max(limits.inline_bytes_max, kInlineBytesMaxMin);
}

RequestParser::Status RequestParser::parse(std::string_view input) {
  consumed_ = 0;
  wanted_ = 0;
  if (!error_.empty()) return Status::error;
  if (whole_) begin_request();
  for (;;) {
    // The caller did not drop the beginning of an incomplete request.
    HYBRID_ASSERT(input.size() >= position_);
    if (input.empty()) return Status::incomplete;
    is_inline_ = input[0] != '*';
    switch (is_inline_ ? parse_inline(input) : parse_array(input)) {
      case Step::done:
        consumed_ += position_;
        whole_ = true;
        return Status::request;
      case Step::empty:
        consumed_ += position_;
        input.remove_prefix(position_);
        begin_request();
        break;
      case Step::incomplete: return Status::incomplete;
      case Step::error: return Status::error;
    }
  }
}

void RequestParser::begin_request() {
  whole_ = false;
  position_ = 0;
  line_seen_ = 0;
  arguments_left_ = 0;
  argument_bytes_.reset();
  may_have_moved_ = false;
  make_empty(arguments_, kArgumentsKept);
  make_empty(words_, kWordBytesKept);
}

RequestParser::Step RequestParser::fail(std::string_view text) {
  error_ = "Protocol error: ";
  error_ += text;
  return Step::error;
}

RequestParser::Step RequestParser::parse_inline(std::string_view request) {
  auto line = find_line(request, '\n', "too big inline request");
  if (!line) return no_line();
  position_ = line->size() + 1;
  if (line->ends_with('\r')) line->remove_suffix(1);

  words_.reserve(line->size());
  WordReader reader{*line, words_};
  while (!reader.at_end()) {
    const auto word = reader.word();
    if (!word) return fail("unbalanced quotes in request");
    arguments_.push_back(*word);
  }
  return arguments_.empty() ? Step::empty : Step::done;
}

RequestParser::Step RequestParser::parse_array(std::string_view request) {
  if (arguments_left_ == 0) {
    if (const Step step = read_count(request); step != Step::done) return step;
  }
  may_have_moved_ = may_have_moved_ || !arguments_.empty();
  while (arguments_left_ != 0) {
    if (!argument_bytes_) {
      if (const Step step = read_argument_length(request); step != Step::done) return step;
    }
    // Redis does not look at the two bytes behind an argument.
    const std::size_t bytes = *argument_bytes_ + kLineEndBytes;
    if (request.size() - position_ < bytes) return wait_for_argument(request);
    add_argument(request.substr(position_, *argument_bytes_));
    position_ += bytes;
    argument_bytes_.reset();
    --arguments_left_;
  }
  if (may_have_moved_) find_arguments(request);
  return Step::done;
}

void RequestParser::add_argument(std::string_view argument) {
  constexpr std::size_t kAtLeast = 16;
  if (arguments_.size() == arguments_.capacity()) {
    // As many again as have come, but no more than will.
    const std::size_t more = std::max(arguments_.size(), kAtLeast);
    arguments_.reserve(arguments_.size() + std::min<std::uint64_t>(more, arguments_left_));
  }
  arguments_.push_back(argument);
}

void RequestParser::find_arguments(std::string_view request) {
  std::size_t at = length_line_bytes(arguments_.size());
  for (std::string_view& argument : arguments_) {
    at += length_line_bytes(argument.size());
    argument = request.substr(at, argument.size());
    at += argument.size() + kLineEndBytes;
  }
}

RequestParser::Step RequestParser::read_count(std::string_view request) {
  const LengthLine line = take_length_line(request, "too big mbulk count string");
  if (!line.is_there) return no_line();
  const std::size_t count_max = limits_.request_bytes_max / sizeof(std::string_view);
  if (!line.is_number || std::cmp_greater(line.number, count_max)) {
    return fail("invalid multibulk length");
  }
  if (line.number <= 0) return Step::empty;
  const auto count = static_cast<std::size_t>(line.number);
  if (count > kUnauthenticatedArgumentsMax && !authenticated_) {
    return fail("unauthenticated multibulk length");
  }
  arguments_left_ = count;
  return Step::done;
}

RequestParser::Step RequestParser::read_argument_length(std::string_view request) {
  const LengthLine line = take_length_line(request, "too big bulk count string");
  if (!line.is_there) return no_line();
  if (line.kind != '$') {
    const bool breaks_line = line.kind == '\r' || line.kind == '\n';
    return fail(std::string{"expected '$', got '"} + (breaks_line ? ' ' : line.kind) + "'");
  }
  if (!line.is_number || line.number < 0 ||
      std::cmp_greater(line.number, limits_.argument_bytes_max)) {
    return fail("invalid bulk length");
  }
  const auto bytes = static_cast<std::size_t>(line.number);
  if (bytes > kUnauthenticatedArgumentBytesMax && !authenticated_) {
    return fail("unauthenticated bulk length");
  }
  if (position_ + bytes + kLineEndBytes > limits_.request_bytes_max) {
    return fail("too big request");
  }
  argument_bytes_ = bytes;
  return Step::done;
}

RequestParser::Step RequestParser::wait_for_argument(std::string_view request) {
  const std::size_t missing = position_ + *argument_bytes_ + kLineEndBytes - request.size();
  wanted_ = std::min(missing, std::max(request.size(), kWantedBytes));
  return Step::incomplete;
}

RequestParser::LengthLine RequestParser::take_length_line(std::string_view request,
                                                          std::string_view too_long) {
  LengthLine line;
  const std::string_view rest{request.data() + position_, request.size() - position_};
  if (const PlainLine plain = parse_plain_line(rest); plain.bytes != 0) {
    line = {.is_there = true, .is_number = true, .kind = rest[0], .number = plain.number};
    position_ += plain.bytes;
  } else {
    const auto text = find_line(request, '\r', too_long);
    // Something must follow '\r', but Redis does not look what.
    if (!text || rest.size() < text->size() + kLineEndBytes) return line;
    const auto number = text->empty() ? std::nullopt : parse_number(text->substr(1));
    line = {.is_there = true,
            .is_number = number.has_value(),
            .kind = rest[0],
            .number = number.value_or(0)};
    position_ += text->size() + kLineEndBytes;
  }
  line_seen_ = 0;
  return line;
}

std::optional<std::string_view> RequestParser::find_line(std::string_view request, char end,
                                                         std::string_view too_long) {
  std::string_view line = request.substr(position_);
  const bool may_be_too_long = line.size() > limits_.inline_bytes_max;
  if (may_be_too_long) line = line.substr(0, limits_.inline_bytes_max + 1);
  const std::string_view unseen = line.substr(std::min(line_seen_, line.size()));
  // A string of Redis ends with NUL: a line that has one never ends, until it is too long.
  std::size_t seen = 0;
  if (!unseen.starts_with('\0')) {
    seen = std::min(unseen.find(end), unseen.size());
    seen = std::min(unseen.substr(0, seen).find('\0'), seen);
  }
  line_seen_ = line.size() - unseen.size() + seen;
  if (seen != unseen.size() && unseen[seen] == end) return line.substr(0, line_seen_);
  if (may_be_too_long) fail(too_long);
  return std::nullopt;
}

}  // namespace hybrid::resp
