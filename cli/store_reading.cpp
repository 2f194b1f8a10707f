#include "cli/store_reading.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "cli/output.hpp"
#include "cli/progress.hpp"

namespace hybrid::cli {
namespace {

constexpr int kReadAgainMax = 5;
constexpr auto kReadAgainAfter = std::chrono::milliseconds{5};

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

}  // namespace

Result<Reading> read_store(const std::string& directory, const OnFrame& on_frame) {
  OnceOnly once{on_frame};
  ProgressLine progress;
  scf::LogVisitor visitor;
  if (on_frame) visitor.on_frame = std::ref(once);
  visitor.on_progress = [&](std::uint64_t bytes, std::uint64_t total) {
    progress.show(bytes, total);
  };

  std::string before;
  for (int again = 0;; ++again) {
    auto log = scf::read_log(io::posix_file_system(), directory, visitor);
    if (!log && once.refused()) return std::unexpected(log.error());
    const std::string found = trouble(log);
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
    return Reading{.log = std::move(*log), .changing = !settled};
  }
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
