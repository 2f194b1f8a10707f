#pragma once
/// Keys and values of any type, as self-describing MessagePack (https://msgpack.org, spec of 2017).
///
/// Built in: bool, every integer, enums (as their integer), float, double, strings, bytes (std::byte),
/// std::chrono durations and system times, std::optional, pair, tuple, and any range or map of these. Your own struct, in one line:
///
///     struct Item { std::string name; int count = 0; };
///     template <> inline constexpr auto hybrid::fields<Item> =
///         hybrid::field_list(hybrid::field("name", &Item::name), hybrid::field("count", &Item::count));
///
/// It is stored as a map of names to values: fields that were added later keep their defaults when an
/// older value is read, and fields that were removed are skipped.
/// For full control specialise hybrid::Codec<T> (see the built-in ones below).
///
/// Reading never guesses: numbers convert where nothing is lost (1 reads as 1.0, 300 not as int8_t),
/// everything else of another kind is `type_mismatch`. Equal numbers of integer types are equal keys;
/// `1`, `1.0`, `"1"` and `true` are four different keys.

#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <hybrid/error.hpp>

namespace hybrid {

/// Growing bytes, of which the first few hundred need no allocation.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() = default;

  void append(const void* bytes, std::size_t size) {
    char* const to = extend(size);
    if (size != 0) std::memcpy(to, bytes, size);
  }
  /// Appends `size` bytes, which the caller writes where the returned pointer says.
  char* extend(std::size_t size) {
    if (capacity_ - size_ < size) grow(size);
    char* const added = data_ + size_;
    size_ += size;
    return added;
  }
  void assign(std::string_view bytes) {
    size_ = 0;
    append(bytes.data(), bytes.size());
  }
  void clear() { size_ = 0; }
  std::string_view view() const { return {data_, size_}; }

 private:
  void grow(std::size_t more);

  std::array<char, 232> inline_;  // left uninitialised: only [0, size_) is ever read
  std::unique_ptr<char[]> heap_;
  char* data_ = inline_.data();
  std::size_t size_ = 0;
  std::size_t capacity_ = inline_.size();
};

/// Writes one MessagePack value into a Buffer. Integers and floating point take their shortest exact
/// form, so that equal keys are equal bytes.
class Encoder {
 public:
  explicit Encoder(Buffer& out) : out_(out) {}
  void nil();
  void boolean(bool value);
  void integer(std::int64_t value);
  void unsigned_integer(std::uint64_t value);
  void real(float value);
  void real(double value);
  void string(std::string_view value);
  void bytes(std::span<const std::byte> value);
  void array(std::size_t count);  ///< then encode `count` values
  void map(std::size_t count);    ///< then encode `count` pairs of key and value
  void encoded(
      std::string_view messagepack);  ///< one whole value that is encoded already, else fail()

  /// False once something could not be encoded (a string or container of 4 GiB or more).
  bool ok() const { return ok_; }
  void fail() { ok_ = false; }

 private:
  Buffer& out_;
  bool ok_ = true;
};

/// What a stored value is.
enum class Kind : std::uint8_t { nil, boolean, integer, real, string, bytes, array, map, other };

/// Reads values off encoded bytes, front to back. Each read either consumes what was asked for or
/// returns type_mismatch. The bytes must outlive the decoder and every view that it returned.
class Decoder {
 public:
  /// Malformed bytes show as Kind::other, which no read accepts.
  explicit Decoder(std::string_view encoded);

  Kind kind() const;  ///< of the next value; `other` at the end
  bool skip_nil();    ///< true, and moves on, if the next value is nil
  Result<bool> boolean();
  Result<std::int64_t> integer();  ///< also a real without a fraction
  Result<std::uint64_t> unsigned_integer();
  Result<double> real();  ///< also an integer that a double holds exactly
  Result<float> real_float();
  Result<std::string_view> string();
  Result<std::span<const std::byte>> bytes();
  Result<std::size_t> array();  ///< how many values follow
  Result<std::size_t> map();    ///< how many pairs follow
  void skip();                  ///< one whole value
  bool at_end() const;

 private:
  struct Token {
    Kind kind = Kind::other;
    bool negative = false;       // integer: `bits` is an int64_t
    bool single = false;         // real: it was stored as a float
    std::uint32_t size = 0;      // string, bytes: length; array, map: how many follow
    std::uint64_t bits = 0;      // boolean, integer, real (as a double's bits, or a float's)
    const char* text = nullptr;  // string, bytes
  };
  struct Visitor;
  static bool take_scalar(std::string_view& encoded, Token& to);
  bool read_flat(std::string_view encoded);
  Token& add();
  const Token& next() const;

  // A scalar or a pair, by far the commonest values, need no allocation.
  std::array<Token, 3> first_;
  std::vector<Token> rest_;
  std::size_t position_ = 0;
  std::size_t count_ = 0;
};

/// How a type is stored. Specialise it, or `fields`, for your own types.
template <class T>
struct Codec;

/// One member of a struct and the name that it is stored under.
template <class T, class M>
struct Field {
  std::string_view name;
  M T::* member;
};
template <class T, class M>
constexpr Field<T, M> field(std::string_view name, M T::* member) {
  return {name, member};
}
template <class... F>
constexpr std::tuple<F...> field_list(F... of_struct) {
  return {of_struct...};
}
/// Specialise for your struct: see the top of this file.
template <class T>
inline constexpr std::nullptr_t fields = nullptr;

namespace detail {

template <class T>
concept HasFields = !std::same_as<std::remove_cvref_t<decltype(fields<T>)>, std::nullptr_t>;
template <class T>
concept CharacterType = std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                        std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !CharacterType<T>;
template <class T>
concept StringLike = std::convertible_to<const T&, std::string_view>;
template <class T>
concept ByteRange = std::ranges::contiguous_range<const T> && std::ranges::sized_range<const T> &&
                    std::same_as<std::ranges::range_value_t<const T>, std::byte>;
template <class T>
concept MapLike = std::ranges::sized_range<const T> && requires { typename T::mapped_type; };
template <class T>
concept RangeLike =
    std::ranges::sized_range<const T> && !MapLike<T> && !StringLike<T> && !ByteRange<T>;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;
template <class T>
concept TupleLike = !std::ranges::range<T> && requires { std::tuple_size<T>::value; };

inline std::unexpected<Error> mismatch(const char* what) {
  return std::unexpected(Error{Errc::type_mismatch, what});
}

}  // namespace detail

template <class T>
void encode(Encoder& out, const T& value) {
  Codec<T>::encode(out, value);
}
template <class T>
Result<T> decode(Decoder& in) {
  return Codec<T>::decode(in);
}

template <>
struct Codec<bool> {
  static void encode(Encoder& out, bool value) { out.boolean(value); }
  static Result<bool> decode(Decoder& in) { return in.boolean(); }
};

template <detail::Integer T>
struct Codec<T> {
  static void encode(Encoder& out, T value) {
    if constexpr (std::is_signed_v<T>) {
      out.integer(value);
    } else {
      out.unsigned_integer(value);
    }
  }
  static Result<T> decode(Decoder& in) {
    if constexpr (std::is_signed_v<T>) {
      return narrow(in.integer());
    } else {
      return narrow(in.unsigned_integer());
    }
  }

 private:
  template <class Wide>
  static Result<T> narrow(Result<Wide> wide) {
    if (!wide) return std::unexpected(wide.error());
    const T narrowed = static_cast<T>(*wide);
    if (static_cast<Wide>(narrowed) != *wide)
      return detail::mismatch("the integer does not fit the type");
    return narrowed;
  }
};

template <class T>
  requires std::is_enum_v<T> && (!std::same_as<T, std::byte>)
struct Codec<T> {
  using Underlying = std::underlying_type_t<T>;
  static void encode(Encoder& out, T value) {
    Codec<Underlying>::encode(out, static_cast<Underlying>(value));
  }
  static Result<T> decode(Decoder& in) {
    auto value = Codec<Underlying>::decode(in);
    if (!value) return std::unexpected(std::move(value.error()));
    return static_cast<T>(*value);
  }
};

template <>
struct Codec<std::byte> {
  static void encode(Encoder& out, std::byte value) {
    out.unsigned_integer(std::to_integer<unsigned>(value));
  }
  static Result<std::byte> decode(Decoder& in) {
    auto value = Codec<unsigned char>::decode(in);
    if (!value) return std::unexpected(std::move(value.error()));
    return std::byte{*value};
  }
};

template <>
struct Codec<float> {
  static void encode(Encoder& out, float value) { out.real(value); }
  static Result<float> decode(Decoder& in) { return in.real_float(); }
};

template <>
struct Codec<double> {
  static void encode(Encoder& out, double value) { out.real(value); }
  static Result<double> decode(Decoder& in) { return in.real(); }
};

/// As its number of ticks; read it back as the type that it was stored as.
template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static void encode(Encoder& out, Duration value) { Codec<Rep>::encode(out, value.count()); }
  static Result<Duration> decode(Decoder& in) {
    auto ticks = Codec<Rep>::decode(in);
    if (!ticks) return std::unexpected(std::move(ticks.error()));
    return Duration{*ticks};
  }
};

/// As the time since 1970-01-01 UTC, in ticks of its duration.
template <class Duration>
struct Codec<std::chrono::time_point<std::chrono::system_clock, Duration>> {
  using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;
  static void encode(Encoder& out, Time value) {
    Codec<Duration>::encode(out, value.time_since_epoch());
  }
  static Result<Time> decode(Decoder& in) {
    auto since = Codec<Duration>::decode(in);
    if (!since) return std::unexpected(std::move(since.error()));
    return Time{*since};
  }
};

template <>
struct Codec<std::string> {
  static void encode(Encoder& out, const std::string& value) { out.string(value); }
  static Result<std::string> decode(Decoder& in) {
    auto view = in.string();
    if (!view) return std::unexpected(std::move(view.error()));
    return std::string{*view};
  }
};

/// Other string types can be written; they are read back as std::string.
template <class T>
  requires detail::StringLike<T> && (!std::same_as<T, std::string>)
struct Codec<T> {
  static void encode(Encoder& out, const T& value) {
    if constexpr (std::is_pointer_v<T>) {
      if (value == nullptr) return out.fail();
    }
    if constexpr (std::is_array_v<T>) {  // a literal, or a char buffer that may lack its NUL
      out.string({value, strnlen(value, std::extent_v<T>)});
    } else {
      out.string(std::string_view{value});
    }
  }
};

template <detail::ByteRange T>
struct Codec<T> {
  static void encode(Encoder& out, const T& value) {
    out.bytes({std::ranges::data(value), std::ranges::size(value)});
  }
  static Result<T> decode(Decoder& in) {
    static_assert(!std::ranges::borrowed_range<T>,
                  "read bytes as std::vector<std::byte>: a span would dangle");
    auto bytes = in.bytes();
    if (!bytes) return std::unexpected(bytes.error());
    if constexpr (detail::is_std_array<T>) {
      T value{};
      if (bytes->size() != value.size())
        return detail::mismatch("the stored bytes have another length");
      std::ranges::copy(*bytes, value.begin());
      return value;
    } else {
      return T(bytes->begin(), bytes->end());
    }
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static void encode(Encoder& out, const std::optional<T>& value) {
    if (value) {
      Codec<T>::encode(out, *value);
    } else {
      out.nil();
    }
  }
  static Result<std::optional<T>> decode(Decoder& in) {
    if (in.skip_nil()) return std::optional<T>{};
    auto value = Codec<T>::decode(in);
    if (!value) return std::unexpected(value.error());
    return std::optional<T>{std::move(*value)};
  }
};

template <>
struct Codec<std::nullopt_t> {
  static void encode(Encoder& out, std::nullopt_t) { out.nil(); }
};

template <detail::MapLike T>
struct Codec<T> {
  static void encode(Encoder& out, const T& value) {
    out.map(std::ranges::size(value));
    for (const auto& [key, mapped] : value) {
      hybrid::encode(out, key);
      hybrid::encode(out, mapped);
    }
  }
  static Result<T> decode(Decoder& in) {
    auto count = in.map();
    if (!count) return std::unexpected(count.error());
    T value;
    for (std::size_t i = 0; i < *count; ++i) {
      auto key = hybrid::decode<typename T::key_type>(in);
      if (!key) return std::unexpected(key.error());
      auto mapped = hybrid::decode<typename T::mapped_type>(in);
      if (!mapped) return std::unexpected(mapped.error());
      value.emplace(std::move(*key), std::move(*mapped));
    }
    return value;
  }
};

template <detail::RangeLike T>
  requires(!detail::HasFields<T>)
struct Codec<T> {
  using Element = std::remove_cv_t<std::ranges::range_value_t<const T>>;
  static void encode(Encoder& out, const T& value) {
    out.array(std::ranges::size(value));
    for (auto&& element : value) Codec<Element>::encode(out, element);
  }
  static Result<T> decode(Decoder& in) {
    static_assert(!std::ranges::borrowed_range<T>,
                  "read a container that owns its elements: a view would dangle");
    auto count = in.array();
    if (!count) return std::unexpected(count.error());
    T value{};
    if constexpr (detail::is_std_array<T>) {
      if (*count != value.size()) return detail::mismatch("the stored array has another length");
    }
    for (std::size_t i = 0; i < *count; ++i) {
      auto element = hybrid::decode<Element>(in);
      if (!element) return std::unexpected(element.error());
      if constexpr (detail::is_std_array<T>) {
        value[i] = std::move(*element);
      } else {
        value.insert(value.end(), std::move(*element));
      }
    }
    return value;
  }
};

/// std::pair and std::tuple are arrays of their elements.
template <detail::TupleLike T>
  requires(!detail::HasFields<T>)
struct Codec<T> {
  static void encode(Encoder& out, const T& value) {
    out.array(std::tuple_size_v<T>);
    std::apply([&](const auto&... element) { (hybrid::encode(out, element), ...); }, value);
  }
  static Result<T> decode(Decoder& in) {
    auto count = in.array();
    if (!count) return std::unexpected(count.error());
    if (*count != std::tuple_size_v<T>)
      return detail::mismatch("the stored array has another length");
    T value{};
    std::optional<Error> error;
    std::apply([&](auto&... element) { (read(in, element, error), ...); }, value);
    if (error) return std::unexpected(*error);
    return value;
  }

 private:
  template <class E>
  static void read(Decoder& in, E& element, std::optional<Error>& error) {
    if (error) return;
    auto read = hybrid::decode<E>(in);
    if (read) {
      element = std::move(*read);
    } else {
      error = read.error();
    }
  }
};

template <detail::HasFields T>
struct Codec<T> {
  static void encode(Encoder& out, const T& value) {
    constexpr auto list = fields<T>;
    out.map(std::tuple_size_v<std::remove_const_t<decltype(list)>>);
    std::apply(
        [&](const auto&... field) {
          ((out.string(field.name), hybrid::encode(out, value.*field.member)), ...);
        },
        list);
  }
  static Result<T> decode(Decoder& in) {
    auto count = in.map();
    if (!count) return std::unexpected(count.error());
    T value{};
    for (std::size_t i = 0; i < *count; ++i) {
      auto name = in.string();
      if (!name) return std::unexpected(name.error());
      bool known = false;
      std::optional<Error> error;
      std::apply(
          [&](const auto&... field) { ((known |= read(in, *name, field, value, error)), ...); },
          fields<T>);
      if (error) return std::unexpected(*error);
      if (!known) in.skip();
    }
    return value;
  }

 private:
  template <class F>
  static bool read(Decoder& in, std::string_view name, const F& field, T& value,
                   std::optional<Error>& error) {
    if (name != field.name || error) return false;
    using Member = std::remove_cvref_t<decltype(value.*field.member)>;
    auto read = hybrid::decode<Member>(in);
    if (read) {
      value.*field.member = std::move(*read);
    } else {
      error = read.error();
    }
    return true;
  }
};

/// One stored key or value whose type is not known beforehand, as Session::keys() returns them.
class Value {
 public:
  explicit Value(std::string_view encoded) : encoded_(encoded) {}
  Kind kind() const { return Decoder{encoded_}.kind(); }
  /// `type_mismatch` if it cannot be a T.
  template <class T>
  Result<T> as() const {
    Decoder in{encoded_};
    return decode<T>(in);
  }
  /// Its MessagePack bytes.
  std::string_view encoded() const { return encoded_; }
  friend auto operator<=>(const Value&, const Value&) = default;

 private:
  std::string encoded_;
};

/// A Value can be used as a key or stored again; Session::get<Value> reads one of any type.
template <>
struct Codec<Value> {
  static void encode(Encoder& out, const Value& value) { out.encoded(value.encoded()); }
};

}  // namespace hybrid
