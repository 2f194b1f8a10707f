#include "resp/reply_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "base/assert.hpp"

namespace hybrid::resp {
namespace {

constexpr std::size_t kHeaderBytesMax = 1 + 20 + 2;  // type, number, end of line

char* put(char* to, std::string_view text) { return to + text.copy(to, text.size()); }
char* put_line_end(char* to) { return put(to, "\r\n"); }

template <class Number>
char* put_header(char* to, char type, Number number) {
  *to++ = type;
  to = std::to_chars(to, to + kHeaderBytesMax, number).ptr;
  return put_line_end(to);
}

// Room for the longest: -2.2250738585072014e-308
using RealText = std::array<char, 32>;

std::string_view put_real(RealText& to, double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char* const end = to.data() + to.size();
  const auto written = std::to_chars(to.data(), end, value, std::chars_format::scientific);
  std::string_view text{to.data(), written.ptr};
  // %g writes the exponent if it is below -4, or not below the precision.
  constexpr int kPrecision = 17;
  const std::size_t mark = text.find('e') + 1;
  int exponent = 0;
  std::from_chars(text.data() + mark + (text[mark] == '+' ? 1 : 0), written.ptr, exponent);
  if (exponent >= -4 && exponent < kPrecision) {
    text = {to.data(), std::to_chars(to.data(), end, value, std::chars_format::fixed).ptr};
  }
  return text;
}

}  // namespace

std::string format_real(double value) {
  RealText text;
  return std::string{put_real(text, value)};
}

ReplyWriter::ReplyWriter(std::string& out, int protocol, std::size_t out_bytes_max)
    : out_(out), out_bytes_max_(out_bytes_max), protocol_(protocol) {
  HYBRID_ASSERT(protocol == 2 || protocol == 3);
}

// Appends what `write` puts at the place it is given, `bytes_max` or less; `write` returns where that ends.
template <class Write>
void ReplyWriter::append(std::size_t bytes_max, Write write) {
  const std::size_t before = out_.size();
  if (before > out_bytes_max_ || bytes_max > out_bytes_max_ - before)
    throw std::length_error{"the reply is too long"};
  out_.resize_and_overwrite(before + bytes_max, [&](char* data, std::size_t) {
    return static_cast<std::size_t>(write(data + before) - data);
  });
}

void ReplyWriter::simple(std::string_view text) { line('+', text); }
void ReplyWriter::error(std::string_view text) { line('-', text); }

void ReplyWriter::integer(std::int64_t value) {
  append(kHeaderBytesMax, [=](char* to) { return put_header(to, ':', value); });
}

void ReplyWriter::bulk(std::string_view bytes) {
  append(kHeaderBytesMax + bytes.size() + 2, [=](char* to) {
    to = put_header(to, '$', bytes.size());
    return put_line_end(put(to, bytes));
  });
}

void ReplyWriter::null() { raw(protocol_ == 2 ? "$-1\r\n" : "_\r\n"); }
void ReplyWriter::null_array() { raw(protocol_ == 2 ? "*-1\r\n" : "_\r\n"); }

void ReplyWriter::boolean(bool value) {
  if (protocol_ == 2) return integer(value ? 1 : 0);
  raw(value ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::real(double value) {
  RealText buffer;
  const std::string_view text = put_real(buffer, value);
  protocol_ == 2 ? bulk(text) : line(',', text);
}

void ReplyWriter::big_number(std::string_view digits) {
  protocol_ == 2 ? bulk(digits) : line('(', digits);
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
  HYBRID_ASSERT(format.size() == 3);
  if (protocol_ == 2) return bulk(text);
  const std::size_t bytes = format.size() + 1 + text.size();
  append(kHeaderBytesMax + bytes + 2, [=](char* to) {
    to = put(put_header(to, '=', bytes), format);
    *to++ = ':';
    return put_line_end(put(to, text));
  });
}

void ReplyWriter::array(std::size_t count) { header('*', count); }
void ReplyWriter::map(std::size_t count) {
  protocol_ == 2 ? header('*', 2 * count) : header('%', count);
}
void ReplyWriter::set(std::size_t count) { header(protocol_ == 2 ? '*' : '~', count); }
void ReplyWriter::push(std::size_t count) { header(protocol_ == 2 ? '*' : '>', count); }

void ReplyWriter::attributes(std::size_t count) {
  HYBRID_ASSERT(protocol_ == 3);
  header('|', count);
}

void ReplyWriter::raw(std::string_view bytes) {
  append(bytes.size(), [=](char* to) { return put(to, bytes); });
}

void ReplyWriter::line(char type, std::string_view text) {
  append(1 + text.size() + 2, [=](char* to) {
    *to++ = type;
    char* const end = put(to, text);
    std::replace_if(to, end, [](char c) { return c == '\r' || c == '\n'; }, ' ');
    return put_line_end(end);
  });
}

void ReplyWriter::header(char type, std::uint64_t number) {
  append(kHeaderBytesMax, [=](char* to) { return put_header(to, type, number); });
}

}  // namespace hybrid::resp
