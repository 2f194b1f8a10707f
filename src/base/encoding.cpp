// MessagePack by msgpack-cxx, behind types of our own so that users need not have it.
#include <hybrid/encoding.hpp>

#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

#include <cmath>
#include <optional>

namespace hybrid {
namespace {

// msgpack-cxx's idea of a stream.
struct Sink {
  Buffer& out;
  void write(const char* bytes, std::size_t size) { out.append(bytes, size); }
};

constexpr std::size_t kLengthMax = std::numeric_limits<std::uint32_t>::max();

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

void Buffer::grow(std::size_t more) {
  std::size_t capacity = capacity_;
  while (capacity - size_ < more) capacity *= 2;
  auto heap = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(heap.get(), data_, size_);
  heap_ = std::move(heap);
  data_ = heap_.get();
  capacity_ = capacity;
}

void Encoder::nil() {
  Sink sink{out_};
  msgpack::packer{sink}.pack_nil();
}

void Encoder::boolean(bool value) {
  Sink sink{out_};
  value ? msgpack::packer{sink}.pack_true() : msgpack::packer{sink}.pack_false();
}

void Encoder::integer(std::int64_t value) {
  Sink sink{out_};
  msgpack::packer{sink}.pack_int64(value);
}

void Encoder::unsigned_integer(std::uint64_t value) {
  Sink sink{out_};
  msgpack::packer{sink}.pack_uint64(value);
}

// Not by msgpack-cxx, which stores 1.0 as the integer 1 and drops the sign of -0.0.
void Encoder::real(float value) {
  constexpr char kFloat32 = '\xca';
  const auto big_endian = std::byteswap(std::bit_cast<std::uint32_t>(value));
  out_.append(&kFloat32, 1);
  out_.append(&big_endian, sizeof big_endian);
}

void Encoder::real(double value) {
  constexpr char kFloat64 = '\xcb';
  const auto single = static_cast<float>(value);
  if (same_bits(static_cast<double>(single), value)) return real(single);
  const auto big_endian = std::byteswap(std::bit_cast<std::uint64_t>(value));
  out_.append(&kFloat64, 1);
  out_.append(&big_endian, sizeof big_endian);
}

void Encoder::string(std::string_view value) {
  if (value.size() > kLengthMax) return fail();
  if (value.size() < 32) {  // fixstr, as most keys are
    char* const to = out_.extend(1 + value.size());
    to[0] = static_cast<char>(0xa0 | value.size());
    if (!value.empty()) std::memcpy(to + 1, value.data(), value.size());
    return;
  }
  Sink sink{out_};
  const auto size = static_cast<std::uint32_t>(value.size());
  msgpack::packer{sink}.pack_str(size).pack_str_body(value.data(), size);
}

void Encoder::bytes(std::span<const std::byte> value) {
  if (value.size() > kLengthMax) return fail();
  Sink sink{out_};
  const auto size = static_cast<std::uint32_t>(value.size());
  msgpack::packer{sink}.pack_bin(size).pack_bin_body(reinterpret_cast<const char*>(value.data()),
                                                     size);
}

void Encoder::array(std::size_t count) {
  if (count > kLengthMax) return fail();
  Sink sink{out_};
  msgpack::packer{sink}.pack_array(static_cast<std::uint32_t>(count));
}

void Encoder::map(std::size_t count) {
  if (count > kLengthMax) return fail();
  Sink sink{out_};
  msgpack::packer{sink}.pack_map(static_cast<std::uint32_t>(count));
}

void Encoder::encoded(std::string_view messagepack) {
  if (Decoder{messagepack}.kind() == Kind::other) return fail();
  out_.append(messagepack.data(), messagepack.size());
}

// To be written in place: a copy of what was written in parts waits for them.
inline Decoder::Token& Decoder::add() {
  const std::size_t at = count_++;
  return at < first_.size() ? first_[at] : rest_.emplace_back();
}

// Flattens a value: a container is its token, then those of what it holds.
struct Decoder::Visitor : msgpack::null_visitor {
  Decoder& decoder;

  explicit Visitor(Decoder& to) : decoder(to) {}

  bool add(const Token& token) {
    decoder.add() = token;
    return true;
  }
  bool visit_nil() { return add({.kind = Kind::nil}); }
  bool visit_boolean(bool value) { return add({.kind = Kind::boolean, .bits = value ? 1U : 0U}); }
  bool visit_positive_integer(std::uint64_t value) {
    return add({.kind = Kind::integer, .bits = value});
  }
  bool visit_negative_integer(std::int64_t value) {
    return add(
        {.kind = Kind::integer, .negative = value < 0, .bits = static_cast<std::uint64_t>(value)});
  }
  bool visit_float32(float value) {
    return add({.kind = Kind::real, .single = true, .bits = std::bit_cast<std::uint32_t>(value)});
  }
  bool visit_float64(double value) {
    return add({.kind = Kind::real, .bits = std::bit_cast<std::uint64_t>(value)});
  }
  bool visit_str(const char* text, std::uint32_t size) {
    return add({.kind = Kind::string, .size = size, .text = text});
  }
  bool visit_bin(const char* text, std::uint32_t size) {
    return add({.kind = Kind::bytes, .size = size, .text = text});
  }
  bool visit_ext(const char*, std::uint32_t) { return add({.kind = Kind::other}); }
  bool start_array(std::uint32_t count) { return add({.kind = Kind::array, .size = count}); }
  bool start_map(std::uint32_t count) { return add({.kind = Kind::map, .size = count}); }
  void parse_error(std::size_t, std::size_t) {}
  void insufficient_bytes(std::size_t, std::size_t) {}
};

// Takes a scalar off the front; false, and `encoded` may have lost some of it, if there is none that is whole.
bool Decoder::take_scalar(std::string_view& encoded, Token& to) {
  if (encoded.empty()) return false;
  const auto header = static_cast<std::uint8_t>(encoded[0]);
  encoded.remove_prefix(1);
  // Big-endian, in 1, 2, 4 or 8 bytes.
  const auto take_number = [&encoded](std::size_t bytes) -> std::optional<std::uint64_t> {
    if (encoded.size() < bytes) return std::nullopt;
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      bits = bits << 8 | static_cast<std::uint8_t>(encoded[i]);
    encoded.remove_prefix(bytes);
    return bits;
  };
  const auto take_text = [&](Kind kind, std::optional<std::uint64_t> size) {
    if (!size || encoded.size() < *size) return false;
    to = {.kind = kind, .size = static_cast<std::uint32_t>(*size), .text = encoded.data()};
    encoded.remove_prefix(static_cast<std::size_t>(*size));
    return true;
  };
  const auto integer = [&to](std::int64_t value) {
    to = {.kind = Kind::integer, .negative = value < 0, .bits = static_cast<std::uint64_t>(value)};
    return true;
  };
  if (header <= 0x7f || header >= 0xe0) return integer(static_cast<std::int8_t>(header));
  if ((header & 0xe0) == 0xa0) return take_text(Kind::string, header & 0x1f);
  if (header >= 0xd9 && header <= 0xdb)  // str 8 to 32
    return take_text(Kind::string, take_number(std::size_t{1} << (header - 0xd9)));
  if (header >= 0xc4 && header <= 0xc6)  // bin 8 to 32
    return take_text(Kind::bytes, take_number(std::size_t{1} << (header - 0xc4)));
  if (header >= 0xcc && header <= 0xd3) {  // uint 8 to 64, int 8 to 64
    const std::size_t bytes = std::size_t{1} << (header & 3);
    const auto bits = take_number(bytes);
    if (!bits) return false;
    const std::size_t sign_shift = 64 - 8 * bytes;
    if (header >= 0xd0)
      return integer(static_cast<std::int64_t>(*bits << sign_shift) >> sign_shift);
    to = {.kind = Kind::integer, .bits = *bits};
    return true;
  }
  if (header == 0xca || header == 0xcb) {  // float 32 and 64
    const bool is_single = header == 0xca;
    const auto bits = take_number(is_single ? 4 : 8);
    if (!bits) return false;
    to = {.kind = Kind::real, .single = is_single, .bits = *bits};
    return true;
  }
  if (header == 0xc2 || header == 0xc3)
    to = {.kind = Kind::boolean, .bits = header == 0xc3 ? 1U : 0U};
  else if (header == 0xc0)
    to = {.kind = Kind::nil};
  else
    return false;
  return true;
}

// A scalar, or a few in a list, and nothing else: most values are that, and the parser, which allocates a stack for nesting, would take
// a third of a get.
bool Decoder::read_flat(std::string_view encoded) {
  const bool is_list = !encoded.empty() && (static_cast<std::uint8_t>(encoded[0]) & 0xf0) == 0x90;
  const std::size_t size = is_list ? static_cast<std::uint8_t>(encoded[0]) & 0x0fU : 1;
  if (is_list) {
    if (size >= first_.size()) rest_.reserve(size + 1 - first_.size());
    add() = {.kind = Kind::array, .size = static_cast<std::uint32_t>(size)};
    encoded.remove_prefix(1);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (!take_scalar(encoded, add())) return false;
  }
  return encoded.empty();
}

Decoder::Decoder(std::string_view encoded) {
  const auto begin_again = [this] {
    rest_.clear();
    count_ = 0;
  };
  if (read_flat(encoded)) return;
  begin_again();
  Visitor visitor{*this};
  std::size_t used = 0;
  bool whole = false;
  try {
    whole = msgpack::parse(encoded.data(), encoded.size(), used, visitor) && used == encoded.size();
  } catch (const msgpack::unpack_error&) {
    // Nesting or sizes past msgpack-cxx's own limits: as unreadable as any other malformed bytes.
  }
  if (!whole) {
    begin_again();
    add() = {};
  }
}

const Decoder::Token& Decoder::next() const {
  static constexpr Token kNothing{};
  if (position_ >= count_) return kNothing;
  return position_ < first_.size() ? first_[position_] : rest_[position_ - first_.size()];
}

Kind Decoder::kind() const { return next().kind; }

bool Decoder::at_end() const { return position_ >= count_; }

bool Decoder::skip_nil() {
  if (next().kind != Kind::nil) return false;
  ++position_;
  return true;
}

void Decoder::skip() {
  for (std::uint64_t left = 1; left > 0 && !at_end(); --left) {
    const Token& token = next();
    if (token.kind == Kind::array) left += token.size;
    if (token.kind == Kind::map) left += std::uint64_t{token.size} * 2;
    ++position_;
  }
}

Result<bool> Decoder::boolean() {
  if (next().kind != Kind::boolean) return detail::mismatch("the stored value is not a bool");
  const bool value = next().bits != 0;
  ++position_;
  return value;
}

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

// The integer that a real is, if it is one; -0.0 is not 0, its sign would be lost.
template <class T>
Result<T> whole_number(double real, double below) {
  const double least = std::is_signed_v<T> ? -kTwoTo63 : 0.0;
  const bool fits = real >= least && real < below && std::trunc(real) == real;  // false for NaN
  if (!fits || (real == 0 && std::signbit(real))) {
    return detail::mismatch("the stored number is not an integer of this type");
  }
  return static_cast<T>(real);
}

}  // namespace

Result<std::int64_t> Decoder::integer() {
  const Token& token = next();
  if (token.kind == Kind::real) {
    auto value = whole_number<std::int64_t>(
        token.single ? std::bit_cast<float>(static_cast<std::uint32_t>(token.bits))
                     : std::bit_cast<double>(token.bits),
        kTwoTo63);
    if (value) ++position_;
    return value;
  }
  if (token.kind != Kind::integer) return detail::mismatch("the stored value is not an integer");
  if (!token.negative &&
      token.bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return detail::mismatch("the integer does not fit the type");
  }
  ++position_;
  return static_cast<std::int64_t>(token.bits);
}

Result<std::uint64_t> Decoder::unsigned_integer() {
  const Token& token = next();
  if (token.kind == Kind::real) {
    auto value = whole_number<std::uint64_t>(
        token.single ? std::bit_cast<float>(static_cast<std::uint32_t>(token.bits))
                     : std::bit_cast<double>(token.bits),
        2 * kTwoTo63);
    if (value) ++position_;
    return value;
  }
  if (token.kind != Kind::integer) return detail::mismatch("the stored value is not an integer");
  if (token.negative) return detail::mismatch("the integer is negative");
  ++position_;
  return token.bits;
}

Result<double> Decoder::real() {
  const Token& token = next();
  if (token.kind == Kind::real) {
    ++position_;
    return token.single
               ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(token.bits)))
               : std::bit_cast<double>(token.bits);
  }
  if (token.kind != Kind::integer) return detail::mismatch("the stored value is not a number");
  // An integer converts if it comes back unchanged; the comparison keeps the cast back in range.
  const double value = token.negative ? static_cast<double>(static_cast<std::int64_t>(token.bits))
                                      : static_cast<double>(token.bits);
  const bool exact = token.negative
                         ? static_cast<std::int64_t>(value) == static_cast<std::int64_t>(token.bits)
                         : value < 2 * kTwoTo63 && static_cast<std::uint64_t>(value) == token.bits;
  if (!exact)
    return detail::mismatch("the integer is too large for a floating-point number to hold exactly");
  ++position_;
  return value;
}

Result<float> Decoder::real_float() {
  const Token& token = next();
  if (token.kind == Kind::real && token.single) {
    ++position_;
    return std::bit_cast<float>(static_cast<std::uint32_t>(token.bits));
  }
  const std::size_t before = position_;
  const auto wide = real();
  if (!wide) return std::unexpected(wide.error());
  const auto narrow = static_cast<float>(*wide);
  if (!same_bits(static_cast<double>(narrow), *wide)) {
    position_ = before;
    return detail::mismatch("the stored number is not exact as a float");
  }
  return narrow;
}

Result<std::string_view> Decoder::string() {
  const Token& token = next();
  if (token.kind != Kind::string) return detail::mismatch("the stored value is not a string");
  ++position_;
  return std::string_view{token.text, token.size};
}

Result<std::span<const std::byte>> Decoder::bytes() {
  const Token& token = next();
  if (token.kind != Kind::bytes) return detail::mismatch("the stored value is not bytes");
  ++position_;
  return std::as_bytes(std::span{token.text, token.size});
}

Result<std::size_t> Decoder::array() {
  const Token& token = next();
  if (token.kind != Kind::array) return detail::mismatch("the stored value is not an array");
  ++position_;
  return token.size;
}

Result<std::size_t> Decoder::map() {
  const Token& token = next();
  if (token.kind != Kind::map) return detail::mismatch("the stored value is not a map");
  ++position_;
  return token.size;
}

}  // namespace hybrid
