#pragma once
/// How a store behaves: durability, timeouts, limits.
///
///     hybrid::Params params;
///     params.idle_timeout = std::chrono::minutes{30};
///     auto store = hybrid::open("sessions/", params);

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace hybrid {

/// What an acknowledged change survives. See docs/durability.md for the exact promises.
enum class Durability : std::uint8_t {
  always,    ///< power loss: each change waits for a sync that it shares with all that wait
  interval,  ///< kill -9 at any instant; power loss but for the last Params::sync_interval
  os,        ///< kill -9; what power loss takes is up to the kernel
  none,      ///< a clean close
};

/// How far opening a store has come, and at its end what it found.
struct RecoveryReport {
  std::uint64_t sessions = 0;           ///< live sessions after recovery
  std::uint64_t records = 0;            ///< log records applied
  std::uint64_t segments = 0;           ///< segment files read
  std::uint64_t bytes_read = 0;         ///< log bytes verified and kept
  std::uint64_t bytes_total = 0;        ///< bytes of all segment files
  std::uint64_t bytes_cut = 0;          ///< bytes of a crash's torn tail, dropped
  std::uint64_t records_rewritten = 0;  ///< kept, but not provably on disk: logged again
  std::string cut_reason;               ///< why bytes were cut; empty if none were
  bool clean_close = true;              ///< the store had been closed, not killed
  double seconds = 0;                   ///< how long recovery took
};

/// Each field may be set at open; those marked *running* may also be changed by set_params().
struct Params {
  /// Running, but not to or from `none`. Choose `always` when losing the last second at a power cut
  /// is not acceptable; `os` when even that does not matter.
  Durability durability = Durability::interval;

  /// Running. How often `interval` syncs: 1 ms to 1 h. Longer means fewer syncs and more to lose.
  std::chrono::milliseconds sync_interval{1000};

  /// Running. A session not accessed for longer than this is gone; 0: never. Up to 100 years.
  std::chrono::seconds idle_timeout{0};

  /// Running. A session older than this is gone, however busy; 0: never. Up to 100 years.
  std::chrono::seconds absolute_timeout{0};

  /// Running. In `interval`, make destroy() and change_id() wait until they are durable: a power cut
  /// then cannot undo a logout. Costs one sync each.
  bool sync_security_ops = false;

  /// Open only. The log grows in files of at most this size (one large change may exceed it):
  /// 1 MiB to 1 GiB. Smaller files are reclaimed in finer steps, larger ones mean fewer of them.
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;

  /// Open only. Called from the opening thread a few times a second while a long recovery runs.
  std::function<void(const RecoveryReport&)> on_recovery_progress;
};

/// Rule S11. Sizes of strings and bytes count their content, of other values their MessagePack form.
inline constexpr std::size_t kSidBytesMax = 1024;
inline constexpr std::size_t kKeyBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kValueBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kSessionBytesMax = std::size_t{64} << 20;

}  // namespace hybrid
