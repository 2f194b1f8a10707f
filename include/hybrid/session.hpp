#pragma once
/// One session: typed keys and values.
///
///     hybrid::Session session = store->load(sid).value();
///     session.set("visits", session.get<int>("visits").value().value_or(0) + 1).value();
///     auto done = session.update([](hybrid::Session& s) {  // several changes, all or nothing
///       s.set("user", "ada").value();                  // throws on an error, and nothing is changed
///       s.erase("guest").value();
///     });
///
/// Thread-safety: every call of every handle may come from any thread.
/// Errors common to all calls: `session_gone` once the session was destroyed or has expired (rule S4),
/// `unavailable` once the store is closed. Changes add `no_space`, `io`, `too_large`.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <hybrid/encoding.hpp>
#include <hybrid/error.hpp>

namespace hybrid {

/// Wall time, in whole milliseconds (rule S10).
using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// What a session has beside its keys: set, read and erased as a key is, also in update(), but neither listed by keys() and
/// for_each() nor erased by clear().
///
///     session.set(hybrid::Attribute::deadline, hybrid::TimePoint{...}).value();
enum class Attribute : std::uint8_t {
  deadline =
      0,  ///< a TimePoint: the session is gone then, however busy, if no timeout of the store ends it before
  served = 1,  ///< of the server: the name that its clients know the session by, and as what
  web =
      2,  ///< of hybrid::http: whose cookie the session is of, and when and for how long it was renewed
};

/// The pair of nil and the attribute's number, which no key of yours should be.
template <>
struct Codec<Attribute> {
  static void encode(Encoder& out, Attribute attribute) {
    out.array(2);
    out.nil();
    out.unsigned_integer(static_cast<std::uint8_t>(attribute));
  }
};

/// What is known of a session beside its keys. Times are of the system's last tick: up to 10 ms too early.
struct SessionInfo {
  std::uint64_t version = 0;  ///< how many changes it has seen; 0 when just created
  TimePoint created_at{};
  TimePoint last_access{};
  std::optional<TimePoint> expires_at;  ///< none: it does not expire by itself
  std::size_t keys = 0;                 ///< without attributes
  std::size_t bytes = 0;                ///< of its encoded keys and values, and its attributes
};

/// One change of a session; key and value are MessagePack.
struct Change {
  enum class Kind : std::uint8_t { set, erase, clear };
  Kind kind = Kind::set;
  std::string_view key{};    ///< empty for clear
  std::string_view value{};  ///< only for set
};

/// What a Session handle stands for. Implement it, with Provider, to keep sessions elsewhere or to
/// wrap another provider; examples/counting_provider shows how. Must be thread-safe.
class SessionBackend {
 public:
  virtual ~SessionBackend() = default;

  virtual std::string session_id() const = 0;
  /// Whether session_id() is `sid`, for those who can tell without making a string.
  virtual bool has_id(std::string_view sid) const { return session_id() == sid; }
  /// False if there is no such key; else the value replaces what `value` held.
  virtual Result<bool> get(std::string_view key, Buffer& value) = 0;
  /// All of `changes`, in order, or none of them. With `if_version`, `conflict` if the session is no
  /// longer at that version.
  virtual Result<void> apply(std::span<const Change> changes,
                             std::optional<std::uint64_t> if_version) = 0;
  /// apply(), but only if the session still has that id, else `session_gone`: for those who must change nothing once it has got
  /// another (rule S5). No change of the id comes between. By update(), unless a backend knows better.
  virtual Result<void> apply_if_id(std::string_view sid, std::span<const Change> changes,
                                   std::optional<std::uint64_t> if_version);
  /// Calls `fn` with a view of this session; what it changed there is applied at once when it returns
  /// a value, and dropped when it returns an error or throws. No other change of the session comes
  /// between what `fn` reads and what it writes.
  virtual Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) = 0;
  /// Every key and value, attributes among them, from one point in time.
  virtual Result<std::vector<std::pair<std::string, std::string>>> entries() = 0;
  virtual Result<SessionInfo> info() = 0;
  virtual Result<void> touch() = 0;
  /// Succeeds if the session is gone already.
  virtual Result<void> destroy() = 0;
};

namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

/// A key or value on its way into a call.
template <class T>
class Encoded {
 public:
  explicit Encoded(const T& value) {
    Encoder out{buffer_};
    encode(out, value);
    ok_ = out.ok();
  }
  std::string_view view() const { return buffer_.view(); }
  bool ok() const { return ok_; }

 private:
  Buffer buffer_;
  bool ok_;
};

/// Whether an encoded key is an Attribute.
inline bool is_attribute(std::string_view key) {
  return key.size() == 3 && key.starts_with("\x92\xc0");
}

inline std::unexpected<Error> not_encodable() {
  return std::unexpected(
      Error{Errc::invalid_argument,
            "what was given is no value: a null pointer, malformed MessagePack, or 4 GiB"});
}

}  // namespace detail

/// A cheap handle; copies are the same session. It stays with the session through change_id().
class Session {
 public:
  /// For implementers of providers. `backend` must not be null.
  explicit Session(std::shared_ptr<SessionBackend> backend) : backend_(std::move(backend)) {}

  /// The id that the session has now. Empty for handles that Provider::for_each() hands out, since the
  /// store keeps digests of ids only.
  std::string session_id() const { return backend_->session_id(); }

  /// Creates or replaces. `too_large` past kKeyBytesMax, kValueBytesMax or kSessionBytesMax.
  template <class K, class V>
  [[nodiscard]] Result<void> set(const K& key, const V& value) {
    return set_if(key, value, std::nullopt);
  }

  /// The value, or nothing if there is no such key. `type_mismatch` if it cannot be a V.
  template <class V, class K>
  [[nodiscard]] Result<std::optional<V>> get(const K& key) const {
    const detail::Encoded<K> encoded_key{key};
    if (!encoded_key.ok()) return detail::not_encodable();
    Buffer bytes;
    auto found = backend_->get(encoded_key.view(), bytes);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return std::optional<V>{};
    if constexpr (std::same_as<V, Value>) {
      return Value{bytes.view()};
    } else {
      Decoder in{bytes.view()};
      auto value = decode<V>(in);
      if (!value) return std::unexpected(std::move(value.error()));
      return std::optional<V>{std::move(*value)};
    }
  }

  /// Erasing what is absent succeeds and changes nothing.
  template <class K>
  [[nodiscard]] Result<void> erase(const K& key) {
    const detail::Encoded<K> encoded_key{key};
    if (!encoded_key.ok()) return detail::not_encodable();
    const Change change{.kind = Change::Kind::erase, .key = encoded_key.view()};
    return backend_->apply({&change, 1}, std::nullopt);
  }

  template <class K>
  [[nodiscard]] Result<bool> contains(const K& key) const {
    const detail::Encoded<K> encoded_key{key};
    if (!encoded_key.ok()) return detail::not_encodable();
    Buffer ignored;
    return backend_->get(encoded_key.view(), ignored);
  }

  /// Gets and erases in one step: for flash messages and one-time tokens. If the value cannot be a V it
  /// stays.
  template <class V, class K>
  [[nodiscard]] Result<std::optional<V>> take(const K& key) {
    return update([&](Session& session) -> Result<std::optional<V>> {
      auto value = session.get<V>(key);
      if (value && *value) {
        if (auto erased = session.erase(key); !erased)
          return std::unexpected(std::move(erased.error()));
      }
      return value;
    });
  }

  /// Erases every key; the session lives on.
  [[nodiscard]] Result<void> clear() {
    const Change change{.kind = Change::Kind::clear};
    return backend_->apply({&change, 1}, std::nullopt);
  }

  /// Calls fn(Session& view): reads through the view see its own changes, nobody else sees any until fn
  /// returns; then all of them are applied as one (rule S8). If fn returns an error, or throws, nothing
  /// is changed. Returns what fn returned, as a Result.
  /// Within fn use the view only: a change of the same session through another handle is `locked`. The
  /// view is `session_gone` after fn. The embedded store calls fn once; networked providers may repeat it.
  template <class F>
  [[nodiscard]] auto update(F&& fn) {
    using Returned = std::invoke_result_t<F&, Session&>;
    if constexpr (std::is_void_v<Returned>) {
      return backend_->update([&](std::shared_ptr<SessionBackend> backend) -> Result<void> {
        Session view{std::move(backend)};
        fn(view);
        return {};
      });
    } else if constexpr (detail::is_result<Returned>) {
      return update_returning<typename Returned::value_type>(fn);
    } else {
      return update_returning<Returned>(fn);
    }
  }

  /// Rises by one with every change (an update of several keys is one change).
  [[nodiscard]] Result<std::uint64_t> version() const { return field(&SessionInfo::version); }

  /// Sets only if the session is still at `version`, else `conflict`.
  template <class K, class V>
  [[nodiscard]] Result<void> set_if_version(const K& key, const V& value, std::uint64_t version) {
    return set_if(key, value, version);
  }

  /// In no particular order.
  [[nodiscard]] Result<std::vector<Value>> keys() const {
    auto entries = backend_->entries();
    if (!entries) return std::unexpected(std::move(entries.error()));
    std::vector<Value> keys;
    keys.reserve(entries->size());
    for (const auto& [key, value] : *entries) {
      if (!detail::is_attribute(key)) keys.emplace_back(key);
    }
    return keys;
  }

  /// Calls fn(const Value& key, const Value& value) for each key of one point in time. fn may change the
  /// session.
  template <class F>
  [[nodiscard]] Result<void> for_each(F&& fn) const {
    auto entries = backend_->entries();
    if (!entries) return std::unexpected(std::move(entries.error()));
    for (const auto& [key, value] : *entries) {
      if (!detail::is_attribute(key)) fn(Value{key}, Value{value});
    }
    return {};
  }

  [[nodiscard]] Result<TimePoint> created_at() const { return field(&SessionInfo::created_at); }
  [[nodiscard]] Result<TimePoint> last_access() const { return field(&SessionInfo::last_access); }
  /// The earliest of its deadline and the store's timeouts; nothing if it has none of them.
  [[nodiscard]] Result<std::optional<TimePoint>> expires_at() const {
    return field(&SessionInfo::expires_at);
  }
  [[nodiscard]] Result<SessionInfo> info() const { return backend_->info(); }

  /// Moves the last access time to now, as get() does (rule S9).
  [[nodiscard]] Result<void> touch() { return backend_->touch(); }

  /// Ends this session, whatever its id is by now: where another request may change the id meanwhile,
  /// Provider::destroy() with the old one would miss it. Succeeds if it is gone already.
  [[nodiscard]] Result<void> destroy() { return backend_->destroy(); }

  /// For implementers of providers.
  const std::shared_ptr<SessionBackend>& backend() const { return backend_; }

 private:
  template <class K, class V>
  Result<void> set_if(const K& key, const V& value, std::optional<std::uint64_t> version) {
    const detail::Encoded<K> encoded_key{key};
    const detail::Encoded<V> encoded_value{value};
    if (!encoded_key.ok() || !encoded_value.ok()) return detail::not_encodable();
    const Change change{
        .kind = Change::Kind::set, .key = encoded_key.view(), .value = encoded_value.view()};
    return backend_->apply({&change, 1}, version);
  }

  template <class T, class F>
  Result<T> update_returning(F& fn) {
    std::optional<Result<T>> returned;
    auto done = backend_->update([&](std::shared_ptr<SessionBackend> backend) -> Result<void> {
      Session view{std::move(backend)};
      returned.emplace(fn(view));
      if (!*returned) return std::unexpected(returned->error());
      return {};
    });
    if (!done) return std::unexpected(std::move(done.error()));
    return std::move(*returned);
  }

  template <class T>
  Result<T> field(T SessionInfo::* member) const {
    auto info = backend_->info();
    if (!info) return std::unexpected(std::move(info.error()));
    return (*info).*member;
  }

  std::shared_ptr<SessionBackend> backend_;
};

}  // namespace hybrid
