#include "store/recovery.hpp"

#include <chrono>
#include <deque>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "store/replay.hpp"

namespace hybrid::store {
namespace {

// Large enough that handing one over costs little beside applying it, small enough to stay in a cache.
constexpr std::size_t kBatchBytes = std::size_t{512} << 10;
constexpr std::size_t kReadAheadBytes = std::size_t{4} << 20;

// Frames of the log, with a copy of what their records are views of.
class Batch {
 public:
  struct Frame {
    scf::SegmentNumber segment;
    scf::Offset at;
    scf::Lsn first_lsn;
    Millis time = 0;
    std::size_t records_end = 0;  // in records()
  };

  const std::vector<Frame>& frames() const { return frames_; }
  const std::vector<scf::Record>& records() const { return records_; }
  std::size_t bytes() const { return used_; }
  bool empty() const { return frames_.empty(); }
  bool has_room_for(const scf::Frame& frame) const {
    return used_ + frame.payload.size() <= kBatchBytes;
  }

  void add(scf::SegmentNumber segment, const scf::Frame& frame) {
    if (bytes_.size() < used_ + frame.payload.size())
      bytes_.resize(std::max(kBatchBytes, frame.payload.size()));  // the first frame: no views yet
    std::byte* const copy = bytes_.data() + used_;
    copy_bytes(copy, frame.payload);
    used_ += frame.payload.size();
    for (const scf::Record& record : frame.records) {
      records_.push_back(record);
      records_.back().data =
          ByteView{copy + (record.data.data() - frame.payload.data()), record.data.size()};
    }
    frames_.push_back({.segment = segment,
                       .at = frame.at,
                       .first_lsn = frame.header.first_lsn,
                       .time = frame.header.time,
                       .records_end = records_.size()});
  }

  void clear() {
    if (bytes_.size() > kBatchBytes) *this = {};
    frames_.clear();
    records_.clear();
    used_ = 0;
    read = 0;
    total = 0;
  }

  bool lost_start = false;  // of the log, see Replay
  // How far reading had come, of how much; 0 if nobody has said.
  std::uint64_t read = 0;
  std::uint64_t total = 0;

 private:
  std::vector<Frame> frames_;
  std::vector<scf::Record> records_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

// Applies batches, says where in the log a record stands that makes no sense, and reports how far it has come.
class Applying {
 public:
  Applying(const std::string& directory, Table& table,
           const std::function<void(const RecoveryReport&)>& on_progress,
           const RecoverOptions& options)
      : directory_(directory),
        table_(table),
        on_progress_(on_progress),
        report_every_(options.report_every),
        next_report_(start_ + options.report_after) {}

  Result<void> apply(const Batch& batch) {
    if (batch.empty()) return {};
    if (!replay_) replay_.emplace(table_, batch.lost_start);
    std::size_t i = 0;
    for (const Batch::Frame& frame : batch.frames()) {
      for (scf::Lsn lsn = frame.first_lsn; i < frame.records_end; ++i, lsn = lsn + 1) {
        if (const char* const wrong = replay_->apply(batch.records(), i, lsn, frame.time)) {
          return std::unexpected(
              Error{Errc::corrupt, directory_ + "/" + scf::segment_name(frame.segment) +
                                       ", offset " + std::to_string(frame.at.value) + ": record " +
                                       std::to_string(lsn.value) + ": " + wrong});
        }
      }
    }
    report_.records += batch.records().size();
    report_progress(batch);
    return {};
  }

  RecoveryReport take_report() {
    report_.sessions = table_.live.load(std::memory_order_relaxed);
    report_.seconds = seconds(Clock::now());
    return std::move(report_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  double seconds(Clock::time_point now) const {
    return std::chrono::duration<double>(now - start_).count();
  }

  void report_progress(const Batch& batch) {
    if (!on_progress_ || batch.read == 0) return;
    const auto now = Clock::now();
    if (now < next_report_) return;
    next_report_ = now + report_every_;
    report_.sessions = table_.live.load(std::memory_order_relaxed);
    report_.bytes_read = batch.read;
    report_.bytes_total = batch.total;
    report_.seconds = seconds(now);
    on_progress_(report_);
  }

  const std::string& directory_;
  Table& table_;
  const std::function<void(const RecoveryReport&)>& on_progress_;
  const std::chrono::milliseconds report_every_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_report_;
  RecoveryReport report_;
  std::optional<Replay> replay_;  // from the first segment on
};

// Reads the log into `batch`, and calls `full` when no more frame fits, which takes what is in it. An error of that ends reading, and
// is returned. What comes last is left in `batch`, also if reading ends with an error.
Result<scf::LogSummary> read_in_batches(io::FileSystem& files, const std::string& directory,
                                        std::unique_ptr<Batch>& batch,
                                        const std::function<Result<void>()>& full) {
  std::optional<bool> lost_start;
  scf::LogVisitor visitor;
  visitor.on_frame = [&](const scf::SegmentSummary& segment,
                         const scf::Frame& frame) -> Result<void> {
    if (!lost_start) lost_start = segment.header.predecessor.value != 0;
    if (frame.records.empty()) return {};
    if (!batch->empty() && !batch->has_room_for(frame)) {
      if (auto taken = full(); !taken) return taken;
    }
    batch->add(segment.number, frame);
    batch->lost_start = *lost_start;
    return {};
  };
  visitor.on_progress = [&](std::uint64_t read, std::uint64_t total) {
    batch->read = read;
    batch->total = total;
  };
  return scf::read_log(files, directory, visitor);
}

Result<scf::LogSummary> read_and_apply(io::FileSystem& files, const std::string& directory,
                                       Applying& applying) {
  auto batch = std::make_unique<Batch>();
  bool wrong = false;
  const auto apply = [&]() -> Result<void> {
    auto applied = applying.apply(*batch);
    wrong = !applied;
    batch->clear();
    return applied;
  };
  auto log = read_in_batches(files, directory, batch, apply);
  if (wrong) return log;
  // Before whatever ended reading.
  if (auto applied = apply(); !applied) return std::unexpected(applied.error());
  return log;
}

// A thread that reads ahead of the one that made it.
class Reader {
 public:
  Reader(io::FileSystem& files, const std::string& directory)
      : thread_([this, &files, &directory] { run(files, directory); }) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    {
      const MutexLock lock{mutex_};
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // In the order of the log; null at its end. Throws what the reading threw.
  std::unique_ptr<Batch> next() {
    const MutexLock lock{mutex_};
    changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) { return !full_.empty() || ended_; });
    if (!full_.empty()) {
      std::unique_ptr<Batch> batch = std::move(full_.front());
      full_.pop_front();
      return batch;
    }
    if (failure_) std::rethrow_exception(failure_);
    return nullptr;
  }

  void give_back(std::unique_ptr<Batch> batch) {
    const std::size_t bytes = batch->bytes();
    batch->clear();
    const MutexLock lock{mutex_};
    ahead_bytes_ -= bytes;
    empty_.push_back(std::move(batch));
    // Not for each: being woken costs more than a batch takes to fill.
    if (ahead_bytes_ <= kReadAheadBytes / 2) changed_.notify_all();
  }

  // Once next() was null.
  Result<scf::LogSummary> take_log() {
    const MutexLock lock{mutex_};
    return std::move(*log_);
  }

 private:
  void run(io::FileSystem& files, const std::string& directory) {
    try {
      auto batch = std::make_unique<Batch>();
      auto log = read_in_batches(files, directory, batch, [&] { return exchange(batch); });
      const MutexLock lock{mutex_};
      if (batch) put(std::move(batch));
      log_ = std::move(log);
      ended_ = true;
    } catch (...) {
      const MutexLock lock{mutex_};
      failure_ = std::current_exception();
      ended_ = true;
    }
    changed_.notify_all();
  }

  void put(std::unique_ptr<Batch> batch) HYBRID_REQUIRES(mutex_) {
    ahead_bytes_ += batch->bytes();
    full_.push_back(std::move(batch));
  }

  // A full batch for an empty one, once there is not too much ahead.
  Result<void> exchange(std::unique_ptr<Batch>& batch) {
    const MutexLock lock{mutex_};
    put(std::move(batch));
    changed_.notify_all();
    if (ahead_bytes_ > kReadAheadBytes) {
      changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) {
        return stopped_ || ahead_bytes_ <= kReadAheadBytes / 2;
      });
    }
    if (stopped_) return std::unexpected(Error{Errc::unavailable, "reading was given up"});
    if (empty_.empty()) {
      batch = std::make_unique<Batch>();
    } else {
      batch = std::move(empty_.back());
      empty_.pop_back();
    }
    return {};
  }

  Mutex mutex_;
  Condition changed_;
  std::deque<std::unique_ptr<Batch>> full_ HYBRID_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Batch>> empty_ HYBRID_GUARDED_BY(mutex_);
  std::size_t ahead_bytes_ HYBRID_GUARDED_BY(mutex_) =
      0;  // in those that are full or being applied
  std::optional<Result<scf::LogSummary>> log_ HYBRID_GUARDED_BY(mutex_);
  std::exception_ptr failure_ HYBRID_GUARDED_BY(mutex_);
  bool ended_ HYBRID_GUARDED_BY(mutex_) = false;    // reading has, and nothing more will be full
  bool stopped_ HYBRID_GUARDED_BY(mutex_) = false;  // nobody wants any more
  Thread thread_;                                   // last: it uses the others
};

Result<scf::LogSummary> read_ahead_and_apply(io::FileSystem& files, const std::string& directory,
                                             Applying& applying) {
  Reader reader{files, directory};
  while (auto batch = reader.next()) {
    if (auto applied = applying.apply(*batch); !applied) return std::unexpected(applied.error());
    reader.give_back(std::move(batch));
  }
  return reader.take_log();
}

// What a thread costs is far less than what it saves with a log from here on.
bool is_large(io::FileSystem& files, const std::string& directory) {
  constexpr std::uint64_t kLargeBytes = std::uint64_t{16} << 20;
  const auto names = files.list(directory);
  if (!names) return false;  // read_log() will say so
  std::uint64_t bytes = 0;
  for (const std::string& name : *names) {
    if (!scf::parse_segment_name(name)) continue;
    const auto file = files.open(directory + "/" + name, io::OpenMode::read);
    const auto size = file ? (*file)->size() : std::unexpected(file.error());
    bytes += size.value_or(0);
    if (bytes >= kLargeBytes) return true;
  }
  return false;
}

bool reads_ahead(ReadAhead read_ahead, io::FileSystem& files, const std::string& directory) {
  switch (read_ahead) {
    case ReadAhead::never: return false;
    case ReadAhead::always: return true;
    case ReadAhead::if_worth_it: break;
  }
  return is_large(files, directory) && std::thread::hardware_concurrency() > 1;
}

}  // namespace

Result<Recovered> recover(io::FileSystem& files, const std::string& directory, Table& table,
                          const std::function<void(const RecoveryReport&)>& on_progress,
                          const RecoverOptions& options) {
  Applying applying{directory, table, on_progress, options};
  auto log = reads_ahead(options.read_ahead, files, directory)
                 ? read_ahead_and_apply(files, directory, applying)
                 : read_and_apply(files, directory, applying);
  if (!log) return std::unexpected(log.error());
  if (log->verdict == scf::Verdict::damaged) {
    return std::unexpected(Error{
        Errc::corrupt, "the store is damaged: " + log->describe() +
                           ". Nothing was changed. Copy the directory, then see 'hybrid verify " +
                           directory + "'"});
  }

  Recovered recovered{.log = std::move(*log), .report = applying.take_report()};
  RecoveryReport& report = recovered.report;
  report.segments = recovered.log.segments.size();
  report.bytes_read = recovered.log.bytes_kept;
  report.bytes_total = 0;
  for (const scf::SegmentSummary& segment : recovered.log.segments)
    report.bytes_total += segment.file_bytes;
  report.clean_close = recovered.log.closed || recovered.log.segments.empty();
  if (recovered.log.verdict == scf::Verdict::torn) {
    report.bytes_cut = recovered.log.bytes_cut;
    report.cut_reason = recovered.log.describe();
  }
  return recovered;
}

}  // namespace hybrid::store
