#include "server/dump.hpp"

#include <lzf.h>

#include <bit>
#include <optional>

#include "base/bytes.hpp"
#include "base/crc64.hpp"
#include "hybrid/params.hpp"

namespace hybrid::server {
namespace {

enum class Form : std::uint8_t {
  string = 0,
  list = 1,
  set = 2,
  hash = 4,
  list_ziplist = 10,
  set_intset = 11,
  hash_ziplist = 13,
  list_ziplists = 14,
  hash_listpack = 16,
  list_listpacks = 18,
  set_listpack = 20,
};

constexpr std::uint16_t kVersion = 6;  // of the first Redis that had DUMP
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kTrailerBytes = sizeof(kVersion) + kChecksumBytes;

// How long a string is: the highest two bits of its first byte.
constexpr unsigned kLengthBits = 6;
constexpr std::uint8_t kLength6 = 0;
constexpr std::uint8_t kLength14 = 1;
constexpr std::uint8_t kLengthLong = 2;  // then the whole byte says how long
constexpr std::uint8_t kLength32 = 0x80;
constexpr std::uint8_t kLength64 = 0x81;
constexpr std::uint8_t kInteger8 = 0xc0;
constexpr std::uint8_t kInteger16 = 0xc1;
constexpr std::uint8_t kInteger32 = 0xc2;
constexpr std::uint8_t kCompressed = 0xc3;

constexpr std::uint8_t kEndOfPack = 0xff;

// --- Writing

void append_byte(std::string& out, std::uint8_t byte) { out.push_back(static_cast<char>(byte)); }

void append_length(std::string& out, std::uint64_t length) {
  if (length < 1U << kLengthBits) return append_byte(out, static_cast<std::uint8_t>(length));
  append_byte(out, kLength32);  // nothing of ours is longer than a session
  append_integer(out, std::byteswap(static_cast<std::uint32_t>(length)));
}

void append_string(std::string& out, std::string_view text) {
  append_length(out, text.size());
  out += text;
}

Form form_of(Type type) {
  switch (type) {
    case Type::string: return Form::string;
    case Type::set: return Form::set;
    case Type::hash: return Form::hash;
    case Type::list: return Form::list;
  }
  return Form::hash;
}

// --- Reading

// All of it throws this; nothing else looks at it.
struct Malformed {};

template <class T>
T sure(std::optional<T> found) {
  if (!found) throw Malformed{};
  return *std::move(found);
}

std::string text_of(std::int64_t number) { return std::to_string(number); }

template <class Integer>
Integer integer(ByteReader& in) {
  return sure(in.integer<Integer>());
}

std::int64_t integer24(ByteReader& in) {
  const auto low = integer<std::uint16_t>(in);
  return integer<std::int8_t>(in) * 65536 + low;
}

std::string characters(ByteReader& in, std::uint64_t bytes) {
  return std::string{as_chars(sure(in.take(bytes)))};
}

// Members, elements of a list, or fields and values in turn. Bounded: what is compressed may be much larger than the payload.
class Elements {
 public:
  void add(std::string element) {
    bytes_ += element.size();
    if (bytes_ > kSessionBytesMax || all_.size() == kElementsMax) throw Malformed{};
    all_.push_back(std::move(element));
  }
  void add(Elements more) {
    for (std::string& element : more.all_) add(std::move(element));
  }
  DumpedValue as_set() { return as(Type::set); }
  DumpedValue as_list() { return as(Type::list); }
  DumpedValue as_hash() {
    DumpedValue value{.type = Type::hash, .text = {}, .fields = {}};
    if (all_.size() % 2 != 0) throw Malformed{};
    for (std::size_t i = 0; i < all_.size(); i += 2)
      value.fields.emplace_back(std::move(all_[i]), std::move(all_[i + 1]));
    return value;
  }

 private:
  DumpedValue as(Type type) {
    DumpedValue value{.type = type, .text = {}, .fields = {}};
    for (std::string& element : all_) value.fields.emplace_back(std::move(element), "");
    return value;
  }

  std::vector<std::string> all_;
  std::size_t bytes_ = 0;
};

class Reader {
 public:
  explicit Reader(ByteView bytes) : in_(bytes) {}

  std::uint64_t length() { return length(integer<std::uint8_t>(in_)); }
  std::string string() {
    const auto first = integer<std::uint8_t>(in_);
    switch (first) {
      case kInteger8: return text_of(integer<std::int8_t>(in_));
      case kInteger16: return text_of(integer<std::int16_t>(in_));
      case kInteger32: return text_of(integer<std::int32_t>(in_));
      case kCompressed: return compressed();
      default: return characters(in_, length(first));
    }
  }
  bool at_end() const { return in_.at_end(); }

 private:
  std::uint64_t length(std::uint8_t first) {
    const std::uint8_t low = first % (1U << kLengthBits);
    switch (first >> kLengthBits) {
      case kLength6: return low;
      case kLength14: return std::uint64_t{low} << 8 | integer<std::uint8_t>(in_);
      case kLengthLong:
        if (first == kLength32) return std::byteswap(integer<std::uint32_t>(in_));
        if (first == kLength64) return std::byteswap(integer<std::uint64_t>(in_));
        break;
      default: break;
    }
    throw Malformed{};
  }
  std::string compressed() {
    const std::uint64_t packed = length();
    const std::uint64_t unpacked = length();
    const ByteView from = sure(in_.take(packed));
    if (unpacked > kSessionBytesMax || from.size() > kSessionBytesMax) throw Malformed{};
    std::string text(unpacked, '\0');
    const unsigned made = lzf_decompress(from.data(), static_cast<unsigned>(from.size()),
                                         text.data(), static_cast<unsigned>(text.size()));
    if (made != unpacked) throw Malformed{};
    return text;
  }

  ByteReader in_;
};

// --- What is packed into one string: a header, which says how many there are, entries, an end.

Elements integers_of_intset(const std::string& packed) {
  ByteReader in{as_bytes(packed)};
  const auto width = integer<std::uint32_t>(in);
  const auto count = integer<std::uint32_t>(in);
  if (in.remaining() != std::uint64_t{width} * count) throw Malformed{};
  Elements integers;
  while (!in.at_end()) {
    switch (width) {
      case sizeof(std::int16_t): integers.add(text_of(integer<std::int16_t>(in))); break;
      case sizeof(std::int32_t): integers.add(text_of(integer<std::int32_t>(in))); break;
      case sizeof(std::int64_t): integers.add(text_of(integer<std::int64_t>(in))); break;
      default: throw Malformed{};
    }
  }
  return integers;
}

// Its encoding, which has been read, says what it is by its highest bits.
std::string listpack_element(ByteReader& in, std::uint8_t encoding) {
  constexpr std::uint8_t kInteger7Max = 0x7f;
  constexpr std::uint8_t kString6Max = 0xbf;
  constexpr std::uint8_t kInteger13Max = 0xdf;
  constexpr std::uint8_t kString12Max = 0xef;
  constexpr int kSign13 = 1 << 12;
  if (encoding <= kInteger7Max) return text_of(encoding);
  if (encoding <= kString6Max) return characters(in, encoding & 0x3f);
  if (encoding <= kInteger13Max) {
    const int number = (encoding & 0x1f) << 8 | integer<std::uint8_t>(in);
    return text_of(number < kSign13 ? number : number - 2 * kSign13);
  }
  if (encoding <= kString12Max) {
    const unsigned bytes = (encoding & 0x0fU) << 8;
    return characters(in, bytes | integer<std::uint8_t>(in));
  }
  switch (encoding) {
    case 0xf0: return characters(in, integer<std::uint32_t>(in));
    case 0xf1: return text_of(integer<std::int16_t>(in));
    case 0xf2: return text_of(integer24(in));
    case 0xf3: return text_of(integer<std::int32_t>(in));
    case 0xf4: return text_of(integer<std::int64_t>(in));
    default: throw Malformed{};
  }
}

// The limits are one less than they could be but for the first, as in Redis.
std::size_t bytes_of_length(std::size_t length) {
  if (length < 1U << 7) return 1;
  if (length < (1U << 14) - 1) return 2;
  if (length < (1U << 21) - 1) return 3;
  return length < (1U << 28) - 1 ? 4 : 5;
}

Elements elements_of_listpack(const std::string& packed) {
  ByteReader in{as_bytes(packed)};
  if (integer<std::uint32_t>(in) != packed.size()) throw Malformed{};
  integer<std::uint16_t>(in);  // how many, if they are few
  Elements elements;
  for (;;) {
    const auto encoding = integer<std::uint8_t>(in);
    if (encoding == kEndOfPack) break;
    const std::size_t before = in.remaining() + 1;
    elements.add(listpack_element(in, encoding));
    // Behind each is how long it is, 7 bits a byte, to be read backwards.
    sure(in.take(bytes_of_length(before - in.remaining())));
  }
  if (!in.at_end()) throw Malformed{};
  return elements;
}

std::string ziplist_element(ByteReader& in, std::uint8_t encoding) {
  constexpr std::uint8_t kString6Max = 0x3f;
  constexpr std::uint8_t kString14Max = 0x7f;
  constexpr std::uint8_t kZero = 0xf1;
  constexpr std::uint8_t kTwelve = 0xfd;
  if (encoding <= kString6Max) return characters(in, encoding);
  if (encoding <= kString14Max) {
    const unsigned bytes = (encoding & 0x3fU) << 8;
    return characters(in, bytes | integer<std::uint8_t>(in));
  }
  if (encoding >= kZero && encoding <= kTwelve) return text_of(encoding - kZero);
  switch (encoding) {
    case 0x80: return characters(in, std::byteswap(integer<std::uint32_t>(in)));
    case 0xc0: return text_of(integer<std::int16_t>(in));
    case 0xd0: return text_of(integer<std::int32_t>(in));
    case 0xe0: return text_of(integer<std::int64_t>(in));
    case 0xf0: return text_of(integer24(in));
    case 0xfe: return text_of(integer<std::int8_t>(in));
    default: throw Malformed{};
  }
}

Elements elements_of_ziplist(const std::string& packed) {
  constexpr std::uint8_t kLongBefore = 0xfe;
  ByteReader in{as_bytes(packed)};
  if (integer<std::uint32_t>(in) != packed.size()) throw Malformed{};
  integer<std::uint32_t>(in);  // where the last one is
  integer<std::uint16_t>(in);  // how many, if they are few
  Elements elements;
  for (;;) {
    // How long the one before is.
    const auto before = integer<std::uint8_t>(in);
    if (before == kEndOfPack) break;
    if (before == kLongBefore) integer<std::uint32_t>(in);
    elements.add(ziplist_element(in, integer<std::uint8_t>(in)));
  }
  if (!in.at_end()) throw Malformed{};
  return elements;
}

// --- Values

Elements strings(Reader& in, std::size_t a_piece) {
  Elements elements;
  std::uint64_t pieces = in.length();
  for (; pieces > 0; --pieces) {
    for (std::size_t i = 0; i < a_piece; ++i) elements.add(in.string());
  }
  return elements;
}

Elements elements_of_ziplists(Reader& in) {
  Elements elements;
  for (std::uint64_t pieces = in.length(); pieces > 0; --pieces)
    elements.add(elements_of_ziplist(in.string()));
  return elements;
}

// Each with what it is in front: one element that is large, or a listpack.
Elements elements_of_listpacks(Reader& in) {
  constexpr std::uint64_t kPlain = 1;
  constexpr std::uint64_t kPacked = 2;
  Elements elements;
  for (std::uint64_t pieces = in.length(); pieces > 0; --pieces) {
    const std::uint64_t kind = in.length();
    if (kind == kPlain)
      elements.add(in.string());
    else if (kind == kPacked)
      elements.add(elements_of_listpack(in.string()));
    else
      throw Malformed{};
  }
  return elements;
}

DumpedValue read_value(Form form, Reader& in) {
  switch (form) {
    case Form::string: return {.type = Type::string, .text = in.string(), .fields = {}};
    case Form::list: return strings(in, 1).as_list();
    case Form::list_ziplist: return elements_of_ziplist(in.string()).as_list();
    case Form::list_ziplists: return elements_of_ziplists(in).as_list();
    case Form::list_listpacks: return elements_of_listpacks(in).as_list();
    case Form::set: return strings(in, 1).as_set();
    case Form::hash: return strings(in, 2).as_hash();
    case Form::set_intset: return integers_of_intset(in.string()).as_set();
    case Form::set_listpack: return elements_of_listpack(in.string()).as_set();
    case Form::hash_listpack: return elements_of_listpack(in.string()).as_hash();
    case Form::hash_ziplist: return elements_of_ziplist(in.string()).as_hash();
  }
  throw Malformed{};
}

}  // namespace

std::string to_dump(const DumpedValue& value) {
  std::string out;
  append_byte(out, static_cast<std::uint8_t>(form_of(value.type)));
  if (value.type == Type::string) {
    append_string(out, value.text);
  } else {
    append_length(out, value.fields.size());
    for (const auto& [field, text] : value.fields) {
      append_string(out, field);
      if (value.type == Type::hash) append_string(out, text);
    }
  }
  append_integer(out, kVersion);
  append_integer(out, crc64(as_bytes(out)));
  return out;
}

std::variant<DumpedValue, DumpError> parse_dump(std::string_view payload) {
  if (payload.size() < 1 + kTrailerBytes) return DumpError::checksum;
  const ByteView bytes = as_bytes(payload);
  const std::size_t checked = payload.size() - kChecksumBytes;
  if (load_le<std::uint64_t>(bytes.data() + checked) != crc64(bytes.first(checked)))
    return DumpError::checksum;
  try {
    Reader in{bytes.subspan(1, payload.size() - 1 - kTrailerBytes)};
    DumpedValue value = read_value(static_cast<Form>(bytes[0]), in);
    const bool is_empty = value.type != Type::string && value.fields.empty();
    if (is_empty || !in.at_end()) return DumpError::format;
    return value;
  } catch (const Malformed&) {
    return DumpError::format;
  }
}

}  // namespace hybrid::server
