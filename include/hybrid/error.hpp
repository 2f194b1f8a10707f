#pragma once
/// Errors and results.
///
///     auto session = store->init(sid);
///     if (!session && session.error().code() == hybrid::Errc::already_exists) ...
///     auto sure = store->init(sid).value();      // throws std::bad_expected_access if you prefer
///
/// The library throws nothing of its own; std::bad_alloc and what your own callbacks throw may pass.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace hybrid {

/// One entry for each decision that a caller can take.
enum class Errc : std::uint8_t {
  not_found,          ///< no live session has this id
  already_exists,     ///< a live session has this id
  session_gone,       ///< the handle's session was destroyed or has expired: log the user out
  type_mismatch,      ///< the stored value cannot be read as the type asked for
  invalid_argument,   ///< the call is wrong: fix the caller
  too_large,          ///< past a limit (rule S11): nothing was written
  conflict,           ///< set_if_version: somebody changed the session first; read again and retry
  locked,             ///< another opener has the store, or this thread is already inside update()
  corrupt,            ///< the log is damaged: nothing was changed; see `hybrid verify`
  unsupported,        ///< written by a newer hybrid, or the provider does not offer the call
  permission_denied,  ///< the system refuses access to the path
  no_space,           ///< the disk is full: reads go on, changes work again when there is room
  read_only,          ///< the disk is mounted read-only
  io,                 ///< the disk failed; after a failed sync no change is accepted until reopened
  unavailable,        ///< the store is closed (or, for a networked provider, out of reach)
  timeout,            ///< gave up waiting for another update of the same session
};

/// The entry's name, as in `not_found`.
std::string_view to_string(Errc code) noexcept;

/// What went wrong. Making one with a string literal does not allocate; only errors of opening and
/// of tools carry a made-up detail (a path, an offset).
class Error {
 public:
  /// `what` must outlive the error: a string literal. `system_error` is an errno, or 0.
  explicit Error(Errc code, const char* what = "", int system_error = 0) noexcept
      : what_(what), system_error_(system_error), code_(code) {}
  /// As above, with a detail of its own (where it happened, what to do).
  Error(Errc code, std::string detail, int system_error = 0);

  Errc code() const noexcept { return code_; }
  /// The errno behind it, or 0.
  int system_error() const noexcept { return system_error_; }
  /// One line: what, where, and what to do. Never holds a session id or a value.
  std::string message() const;

 private:
  std::shared_ptr<const std::string> detail_;
  const char* what_ = "";
  int system_error_ = 0;
  Errc code_;
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace hybrid
