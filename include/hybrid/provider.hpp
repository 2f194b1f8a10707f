#pragma once
/// The store of sessions.
///
///     auto store = hybrid::open("sessions/").value();       // or "memory:"
///     const std::string sid = hybrid::make_session_id();
///     hybrid::Session session = store->init(sid).value();
///     ...
///     store->destroy(sid).value();                           // log out
///
/// Thread-safety: every call may come from any thread. Rules S1..S11 are in docs/durability.md.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hybrid/error.hpp>
#include <hybrid/params.hpp>
#include <hybrid/session.hpp>

namespace hybrid {

/// Counters of a store, since it was opened unless said otherwise.
struct Stats {
  std::uint64_t sessions = 0;  ///< alive now
  std::uint64_t deadlines =
      0;  ///< of them, how many have an Attribute::deadline; those just past it may be counted
  /// What the sessions take in memory now, and what finds them, about: with glibc the heap is a few percent larger, and it keeps
  /// much of what sessions that have ended took.
  std::uint64_t memory_bytes = 0;
  std::uint64_t segments = 0;     ///< log files now
  std::uint64_t log_bytes = 0;    ///< log bytes in use now
  std::uint64_t last_lsn = 0;     ///< the newest record's log sequence number
  std::uint64_t durable_lsn = 0;  ///< records up to this one survive power loss
  std::uint64_t records_appended = 0;
  std::uint64_t syncs = 0;    ///< fdatasync calls
  std::uint64_t expired = 0;  ///< sessions removed because a timeout passed
  RecoveryReport recovery;
};

/// Something that happened to a session.
struct Event {
  enum class Kind : std::uint8_t { created, destroyed, expired, id_changed };
  Kind kind;
  /// SHA-256 of the session's id (the new one, for id_changed): never the id itself.
  std::array<std::byte, 32> sid_digest;
  /// Of an `expired` session, what it had as Attribute::served, encoded; else empty. Valid during the call.
  std::string_view served{};
};

/// How far a long call has come: bytes done, and bytes in all as far as it is known. Called from the calling thread.
using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Keeps sessions. `open` makes the ones that come with hybrid; you may write your own by implementing
/// the pure calls (and SessionBackend). One that keeps no Attribute::deadline ends no session of hybrid::http by itself.
///
/// A session id is 1 to kSidBytesMax bytes of any kind, else `invalid_argument`. Changes return
/// `no_space`, `io` or `unavailable` when they could not be logged; nothing was changed then.
/// But after `io` from a sync that failed (durability `always`, sync_security_ops, flush) the change may or may not survive;
/// reads show it, and reopening the store tells.
class Provider {
 public:
  virtual ~Provider() = default;

  /// On an open store, changes what can change while running (Params says which); any other difference
  /// is `invalid_argument` and nothing changes.
  [[nodiscard]] virtual Result<void> set_params(const Params& params) = 0;

  /// Creates. `already_exists` if the id is alive (rule S1).
  [[nodiscard]] virtual Result<Session> init(std::string_view sid) = 0;
  /// The live session, or a new one (rule S2).
  [[nodiscard]] virtual Result<Session> load(std::string_view sid) = 0;
  /// The live session, or nothing; never creates (rule S3).
  [[nodiscard]] virtual Result<std::optional<Session>> find(std::string_view sid) = 0;
  /// What find() says of each of `sids`, in their order. The embedded store does it faster for 8 and more at a time, since it
  /// waits for the memory of all of them at once; there up to 16 of the handles share a piece of memory, which goes with the
  /// last of them. An error if one of the ids is `invalid_argument`, or if one cannot be looked up.
  [[nodiscard]] virtual Result<std::vector<std::optional<Session>>> find_many(
      std::span<const std::string_view> sids);
  /// load(), then all of `changes`, in one step: after a crash there is no session without them. Without changes it is load().
  /// By load() and SessionBackend::apply(), unless a provider knows better: if the second fails, the session is there without them.
  [[nodiscard]] virtual Result<Session> put(std::string_view sid, std::span<const Change> changes);
  /// After it returns nothing can bring the session back (rule S4). Destroying what is absent succeeds.
  [[nodiscard]] virtual Result<void> destroy(std::string_view sid) = 0;
  /// Keeps all data; handles follow. `not_found`, `already_exists`, `invalid_argument` by rule S5.
  [[nodiscard]] virtual Result<void> change_id(std::string_view old_sid,
                                               std::string_view new_sid) = 0;
  /// Never creates, and is no access. False for ids that could not exist.
  [[nodiscard]] virtual bool exists(std::string_view sid) = 0;
  /// Removes the sessions not accessed for longer than `max_lifetime` (at least 0) and says how many
  /// (rule S6).
  [[nodiscard]] virtual Result<std::size_t> gc(std::chrono::seconds max_lifetime) = 0;

  // Offered by the embedded store; `unsupported` unless a provider overrides them.

  /// How many sessions are alive.
  [[nodiscard]] virtual Result<std::size_t> size();
  /// Calls fn for each session that is alive throughout; those that come or go meanwhile may be missed.
  /// fn returns false to stop. Reading through these handles is no access.
  [[nodiscard]] virtual Result<void> for_each(const std::function<bool(Session&)>& fn);
  /// A part of for_each(): goes on from `cursor`, 0 to begin, looks at about `places` places for sessions, and returns where to
  /// go on, 0 at the end. Any number is a cursor, and none is ever out of date.
  [[nodiscard]] virtual Result<std::uint64_t> scan(std::uint64_t cursor, std::size_t places,
                                                   const std::function<void(Session&)>& fn);
  [[nodiscard]] virtual Result<Stats> stats();
  /// Stats::memory_bytes. Costs no more than a size(), so that who has to bound it may ask before each change.
  [[nodiscard]] virtual Result<std::uint64_t> memory_bytes();
  /// Returns when all changes before it survive power loss.
  [[nodiscard]] virtual Result<void> flush();
  /// Makes the log as short as it can be: every session is written once, and what was before is removed. Needs room for
  /// that. The store does as much by itself as is worth it; other calls go on meanwhile, but it waits for an update() that
  /// is under way. `locked` from within an update() or beside another compact().
  [[nodiscard]] virtual Result<void> compact(const OnProgress& on_progress = {});
  /// Copies the log into `directory`, which must not be there or be empty: a store that is cleanly closed, consistent at one
  /// log sequence number, with all that was acknowledged before the call. To restore, open it, or a copy of it. Other calls go
  /// on meanwhile and never wait for it. The directory is there whole, on the disk and verified, or not at all; a process that
  /// is killed meanwhile leaves `DIRECTORY.unfinished-...` beside it. `corrupt` if the log is damaged.
  [[nodiscard]] virtual Result<void> backup(const std::string& directory,
                                            const OnProgress& on_progress = {});
  /// `fn` is called after each event, from the thread that caused it, and must not throw. Replaces the
  /// one before, of which a call may still be under way; empty to stop.
  [[nodiscard]] virtual Result<void> on_event(std::function<void(const Event&)> fn);
};

/// Opens a store. `url`: a directory or `file:DIR` (made if absent, with mode 0700), or `memory:`.
/// Destroying the provider closes the store; handles that outlive it are `unavailable`.
/// Errors: `locked` if it is open elsewhere, also in this process; `corrupt` with segment and offset if
/// the log is damaged; `unsupported`, `permission_denied`, `read_only`, `io`, `invalid_argument`.
[[nodiscard]] Result<std::unique_ptr<Provider>> open(std::string_view url, Params params = {});

/// A new session id: 24 bytes of the system's CSPRNG as 32 characters of base64url (RFC 4648).
/// Throws std::runtime_error if the system has no randomness to give, so that no weak id ever exists.
[[nodiscard]] std::string make_session_id();

}  // namespace hybrid
