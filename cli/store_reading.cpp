#include "cli/store_reading.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <thread>

#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "scf/log_snapshot.hpp"

namespace hybrid::cli {
namespace {

constexpr int kReadAgainMax = 5;
// Longer than a writer is likely to be kept from its processor between two halves of a change.
constexpr auto kReadAgainAfter = std::chrono::milliseconds{50};

// Hands each record on once: a later reading skips what an earlier one has shown.
class OnceOnly {
 public:
  explicit OnceOnly(const OnFrame& on_frame) : on_frame_(on_frame) {}

  Result<void> operator()(const scf::SegmentSummary& segment, const scf::Frame& frame) {
    if (frame.records.empty() || frame.last_lsn() < next_) return {};
    auto shown = frame.header.first_lsn < next_ ? on_frame_(segment, rest_of(frame))
                                                : on_frame_(segment, frame);
    next_ = frame.last_lsn() + 1;
    refused_ = !shown;
    return shown;
  }
  // Whether on_frame ended it.
  bool refused() const { return refused_; }

 private:
  // The frame has grown since it was shown.
  scf::Frame rest_of(const scf::Frame& frame) const {
    const auto shown = static_cast<std::ptrdiff_t>(next_.value - frame.header.first_lsn.value);
    scf::Frame rest = frame;
    rest.records.erase(rest.records.begin(), rest.records.begin() + shown);
    rest.header.first_lsn = next_;
    return rest;
  }

  const OnFrame& on_frame_;
  scf::Lsn next_{0};
  bool refused_ = false;
};

// Equal for two readings that found the same trouble.
std::string trouble(const Result<scf::LogSummary>& log) {
  if (!log) return log.error().message();
  if (log->verdict == scf::Verdict::sound) return {};
  return fmt::format("{}; {} bytes after LSN {}", log->describe(), log->bytes_cut,
                     log->next_lsn.value);
}

scf::LogVisitor visitor_of(const OnFrame& on_frame, ProgressLine& progress) {
  return {.on_frame = on_frame,
          .on_progress = [&progress](std::uint64_t bytes, std::uint64_t total) {
            progress.show(bytes, total);
          }};
}

Result<scf::LogSummary> read_snapshot(const std::string& directory,
                                      const scf::LogVisitor& visitor) {
  const auto snapshot = scf::LogSnapshot::take(io::posix_file_system(), directory);
  if (!snapshot) return std::unexpected(snapshot.error());
  return scf::read_log(**snapshot, directory, visitor);
}

}  // namespace

// Source: proc_locks(5)
bool known_to_be_open(const std::string& directory) {
  struct stat lock{};
  if (::stat((directory + "/lock").c_str(), &lock) != 0) return false;
  const std::string held =
      fmt::format(" {:02x}:{:02x}:{} ", major(lock.st_dev), minor(lock.st_dev), lock.st_ino);
  std::ifstream locks{"/proc/locks"};
  for (std::string line; std::getline(locks, line);) {
    if (line.contains("FLOCK") && !line.contains("->") && line.contains(held)) return true;
  }
  return false;
}

Result<Reading> read_store(const std::string& directory, const OnFrame& on_frame) {
  OnceOnly once{on_frame};
  ProgressLine progress;
  const scf::LogVisitor visitor =
      visitor_of(on_frame ? OnFrame{std::ref(once)} : OnFrame{}, progress);

  std::string before;
  for (int again = 0;; ++again) {
    auto log = again < 2 ? scf::read_log(io::posix_file_system(), directory, visitor)
                         : read_snapshot(directory, visitor);
    if (!log && once.refused()) return std::unexpected(log.error());
    const std::string found = trouble(log);
    // What looks torn is on its way.
    if (log && log->verdict == scf::Verdict::torn && known_to_be_open(directory)) {
      log->verdict = scf::Verdict::sound;
      return Reading{.log = std::move(*log), .changing = true};
    }
    // A file that went or was cut while it was read says nothing of what is there now, however often it happens.
    const bool missed = !log && log.error().code() != Errc::corrupt;
    const bool settled = found.empty() || (found == before && !missed);
    if (!settled && again < kReadAgainMax) {
      before = found;
      std::this_thread::sleep_for(kReadAgainAfter);
      continue;
    }
    if (!log) return std::unexpected(log.error());
    if (!settled && log->verdict == scf::Verdict::damaged) {
      return std::unexpected(
          Error{Errc::unavailable, "'" + directory +
                                       "' changes too fast to be judged while it is in use; try "
                                       "again, or try a copy"});
    }
    if (!settled) log->verdict = scf::Verdict::sound;
    return Reading{.log = std::move(*log), .changing = !settled || again >= 2};
  }
}

Result<StoreSnapshot> StoreSnapshot::take(const std::string& directory) {
  auto files = scf::LogSnapshot::take(io::posix_file_system(), directory);
  if (!files) return std::unexpected(files.error());
  return StoreSnapshot{directory, std::move(*files)};
}

Result<Reading> StoreSnapshot::read(const OnFrame& on_frame) {
  ProgressLine progress;
  auto log = scf::read_log(*files_, directory_, visitor_of(on_frame, progress));
  if (!log) return std::unexpected(log.error());
  return Reading{.log = std::move(*log)};
}

int conclude(const Result<Reading>& reading) {
  if (!reading) return complain(reading.error());
  const scf::LogSummary& log = reading->log;
  if (log.verdict == scf::Verdict::damaged) {
    return complain(kAnswerIsNo, describe_damage(log.describe()));
  }
  if (log.verdict == scf::Verdict::torn) {
    complain(kFine, fmt::format("the log ends torn by a crash, in {}; opening the store cuts {}",
                                log.describe(), counted(log.bytes_cut, "byte")));
  }
  return kFine;
}

std::string describe_damage(const std::string& what) {
  return "damaged: " + what +
         ". Nothing was changed; copy the directory before anything else, then restore a backup";
}

}  // namespace hybrid::cli
