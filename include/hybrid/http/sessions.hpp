#pragma once
/// Sessions of browsers: from a request's Cookie header to a hybrid::Session, and back to a Set-Cookie header.
///
///     auto sessions = hybrid::http::Sessions::make(*store).value();
///     ...
///     hybrid::http::RequestSession session = sessions.begin(cookie_header, {.peer = "192.0.2.7"});
///     session.set("visits", session.get<int>("visits").value().value_or(0) + 1).value();
///     if (auto cookie = session.finish().value()) add_header("Set-Cookie", *cookie);
///
/// The adapters beside this file do that for a framework. What is promised:
///   H1  An id comes from us or is ignored: one that is unknown, expired, malformed or not signed by us is never adopted, and
///       writes nothing.
///   H2  Without a change there is no session: no cookie, no record. Reading never makes one.
///   H3  The changes of one request are one change of the session, made by finish(); if the handler fails there are none, but what was
///       done at once: renew(), logout() and csrf_token(), which store nothing that was set before them, and update(), take(),
///       take_flash() and set_if_version() of a session that is there, which store that too.
///   H4  After renew() the old id is dead, and so are the forms that were made with it, and requests under way with it: they neither
///       see nor change the session any more. After logout() nothing of the session comes back, whatever else is under way.
///   H5  What finish() returns is one line for a Set-Cookie header; nothing that is put into a session can get into it.
///
/// Thread-safety: Sessions may be used by all threads at once, a RequestSession by those of its request.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <hybrid/http/cookie.hpp>
#include <hybrid/provider.hpp>

namespace hybrid::http {

/// Something that whoever watches over the service wants to know. Never holds an id.
struct Event {
  enum class Kind : std::uint8_t {
    unknown_id,    ///< a cookie names no live session: it has ended, or somebody guesses
    malformed_id,  ///< a cookie that we never sent
    forged_id,     ///< its signature is by none of our keys
    forged_form,   ///< csrf_ok() said no
    created,
    renewed,
    ended,  ///< by logout()
  };
  Kind kind;
  std::string_view peer;  ///< of Request
  bool is_secure;         ///< of Request
};

/// "unknown_id" and so on.
std::string_view to_string(Event::Kind kind) noexcept;

enum class Commit : std::uint8_t {
  at_end,   ///< all changes of a request are made at once, by finish(), or none of them
  at_once,  ///< each change is made when it is asked for, as with a Session of the store
};

struct Options {
  Cookie cookie{};

  /// The cookie outlives the browser: Max-Age says how long the session has to live. Off: it is gone when the browser is closed,
  /// but for remember_me().
  bool persistent = false;

  /// A session ends after so long without a request (or up to an eighth earlier: it is kept by a write at most each eighth of that
  /// time, not by one for each request). remember_me() lasts longer. 0: by the store's own timeouts only, which hold in any case: the
  /// store's idle_timeout should be 0, or the longest that you remember anybody.
  std::chrono::seconds idle_timeout{std::chrono::hours{2}};

  /// With keys the id in the cookie is signed (HMAC-SHA-256), and one that is not costs no look-up. The first signs, all are
  /// accepted: to change keys put a new one in front, and drop the old one when its cookies have gone. At least 32 bytes each.
  std::vector<std::string> signing_keys{};

  /// Choose `at_once` where a handler runs long and others should see its changes meanwhile.
  Commit commit = Commit::at_end;

  /// Called by the request's thread, from within a call of its session: must not throw, nor call the session.
  std::function<void(const Event&)> on_event{};
};

/// What is known of a request beside its cookies.
struct Request {
  std::string_view peer{};  ///< its address; for events
  bool is_secure = true;    ///< it came by TLS; for events
};

namespace detail {
class RequestState;
}

/// A request's session: a Session that is there when the first thing is put into it.
///
/// Differences from a Session of the store: what get() has read is kept, so that it is the same each time, until update(); changes are
/// made by finish() (see Commit); update(), take() and set_if_version() make all changes until then, their own among them, at once, so
/// that they may count; destroy() is logout(); session_id() is empty while there is no session. After finish() every call is
/// `session_gone`, but is_there() and session_id(), which still answer.
class RequestSession final : public Session {
 public:
  RequestSession(RequestSession&&) noexcept = default;
  RequestSession& operator=(RequestSession&&) = delete;
  RequestSession(const RequestSession&) = delete;
  RequestSession& operator=(const RequestSession&) = delete;
  /// Without finish(): nothing is changed, but what was at once.
  ~RequestSession();

  /// Whether the browser has a session, or has got one by now.
  [[nodiscard]] bool is_there() const;

  /// A new id for the same session: at each change of rights, log-in above all (session fixation). At once, before what follows is
  /// stored; what was set before stays for finish(). Makes a session if there is none, also if another request has ended it, or renewed
  /// it, meanwhile: who is logged in already, and gets other rights, may be nobody after it. Look.
  [[nodiscard]] Result<void> renew();

  /// Ends the session at once, and the cookie with finish(). What was set before goes with it, what is set after goes into a new session.
  [[nodiscard]] Result<void> logout();

  /// The browser keeps the cookie, and the session lives, for so long after its last request (1 second to 400 days), however short
  /// idle_timeout is. 0: no longer. Holds for the session until it is said again: say it at each log-in, also if it is 0.
  [[nodiscard]] Result<void> remember_me(std::chrono::seconds duration);

  /// For the next page: "Your order has been placed." Stays until it is taken by one of those that look, which happens at once and stores
  /// what was set before, too. As all that is in the session, flash values are listed by keys() and erased by clear().
  template <class V>
  [[nodiscard]] Result<void> flash(std::string_view name, const V& value) {
    return set(flash_key(name), value);
  }
  template <class V>
  [[nodiscard]] Result<std::optional<V>> take_flash(std::string_view name) {
    auto value = get<V>(flash_key(name));
    if (!value || !*value) return value;
    return take<V>(flash_key(name));
  }

  /// To be put into each form, as a hidden field, and sent by scripts in a header. Different each time, valid as long as the session
  /// has its id. Makes a session at once if there is none; what was set before stays for finish().
  [[nodiscard]] Result<std::string> csrf_token();
  /// Whether `token` is one of this session's. Ask before each POST, PUT, PATCH and DELETE is acted on.
  [[nodiscard]] bool csrf_ok(std::string_view token) const;

  /// Makes the changes, and says what Set-Cookie header the response must have, if any. Call it once, when the handler is done and
  /// before headers are sent. If the session has ended meanwhile the changes go with it, and that is no error. After an error call
  /// give_up().
  [[nodiscard]] Result<std::optional<std::string>> finish();

  /// Instead of finish(), or after it has failed: makes no changes, and says what Set-Cookie header the response must have all the
  /// same, since what renew() and logout() did is done.
  std::optional<std::string> give_up();

 private:
  friend class Sessions;
  explicit RequestSession(std::shared_ptr<detail::RequestState> state);
  static std::tuple<std::string_view, std::string_view> flash_key(std::string_view name) {
    return {"hybrid.flash", name};
  }

  std::shared_ptr<detail::RequestState> state_;
};

class Sessions {
 public:
  /// `provider` must outlive this and all its RequestSessions. `invalid_argument` if browsers would not take the cookie, or if a
  /// key is too short.
  [[nodiscard]] static Result<Sessions> make(Provider& provider, Options options = {});

  /// Finds the session that the cookies name. `cookie_header`: the request's Cookie header; if it has several, joined by "; ".
  /// A store that cannot be asked is an error of each later call.
  [[nodiscard]] RequestSession begin(std::string_view cookie_header,
                                     const Request& request = {}) const;

  const Options& options() const { return *options_; }

 private:
  Sessions(Provider& provider, std::shared_ptr<const Options> options)
      : provider_(&provider), options_(std::move(options)) {}

  Provider* provider_;
  std::shared_ptr<const Options> options_;
};

}  // namespace hybrid::http
