#include "store/recovery.hpp"

#include <chrono>
#include <optional>

#include "store/replay.hpp"

namespace hybrid::store {
namespace {

// Says where in the log a record stands that makes no sense.
class CheckedReplay {
 public:
  explicit CheckedReplay(Table& table) : table_(table) {}

  Result<void> apply(const scf::SegmentSummary& segment, const scf::Frame& frame) {
    if (!replay_) replay_.emplace(table_, segment.header.predecessor.value != 0);
    scf::Lsn lsn = frame.header.first_lsn;
    for (const scf::Record& record : frame.records) {
      if (const char* const wrong = replay_->apply(record, lsn, frame.header.time)) {
        return std::unexpected(
            Error{Errc::corrupt, segment.path + ", offset " + std::to_string(frame.at.value) +
                                     ": record " + std::to_string(lsn.value) + ": " + wrong});
      }
      lsn = lsn + 1;
    }
    return {};
  }

 private:
  Table& table_;
  std::optional<Replay> replay_;  // from the first segment on
};

}  // namespace

Result<Recovered> recover(io::FileSystem& files, const std::string& directory, Table& table,
                          const std::function<void(const RecoveryReport&)>& on_progress) {
  using std::chrono::steady_clock;
  constexpr auto kReportAfter = std::chrono::seconds{1};
  constexpr auto kReportEvery = std::chrono::milliseconds{250};
  const auto start = steady_clock::now();
  auto next_report = start + kReportAfter;

  CheckedReplay replay{table};
  Recovered recovered;
  RecoveryReport& report = recovered.report;
  const auto seconds = [&] {
    return std::chrono::duration<double>(steady_clock::now() - start).count();
  };

  scf::LogVisitor visitor;
  visitor.on_frame = [&](const scf::SegmentSummary& segment, const scf::Frame& frame) {
    report.records += frame.records.size();
    return replay.apply(segment, frame);
  };
  if (on_progress) {
    visitor.on_progress = [&](std::uint64_t read, std::uint64_t total) {
      const auto now = steady_clock::now();
      if (now < next_report) return;
      next_report = now + kReportEvery;
      report.sessions = table.live.load(std::memory_order_relaxed);
      report.bytes_read = read;
      report.bytes_total = total;
      report.seconds = seconds();
      on_progress(report);
    };
  }
  auto log = scf::read_log(files, directory, visitor);
  if (!log) return std::unexpected(log.error());
  if (log->verdict == scf::Verdict::damaged) {
    return std::unexpected(Error{
        Errc::corrupt, "the store is damaged: " + log->describe() +
                           ". Nothing was changed. Copy the directory, then see 'hybrid verify " +
                           directory + "'"});
  }

  report.sessions = table.live.load(std::memory_order_relaxed);
  report.segments = log->segments.size();
  report.bytes_read = log->bytes_kept;
  report.bytes_total = 0;
  for (const scf::SegmentSummary& segment : log->segments) report.bytes_total += segment.file_bytes;
  report.clean_close = log->closed || log->segments.empty();
  if (log->verdict == scf::Verdict::torn) {
    report.bytes_cut = log->bytes_cut;
    report.cut_reason = log->describe();
  }
  report.seconds = seconds();
  recovered.log = std::move(*log);
  return recovered;
}

}  // namespace hybrid::store
