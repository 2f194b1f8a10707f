#include "store/recovery.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "store/recovery_share.hpp"

namespace hybrid::store {
namespace {

constexpr std::size_t kReadAheadBytes = std::size_t{4} << 20;

// Reports how far recovery has come.
class Progress {
 public:
  Progress(Table& table, const std::function<void(const RecoveryReport&)>& on_progress,
           const RecoverOptions& options)
      : table_(table),
        on_progress_(on_progress),
        report_every_(options.report_every),
        next_report_(start_ + options.report_after) {}

  // A share of it was, at least.
  void applied(const Batch& batch) {
    report_.records += batch.records();
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

  Table& table_;
  const std::function<void(const RecoveryReport&)>& on_progress_;
  const std::chrono::milliseconds report_every_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_report_;
  RecoveryReport report_;
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
                                       Table& table, Progress& progress) {
  FirstFault fault;
  RecoveryShare share{directory, table, {}, fault};
  auto batch = std::make_unique<Batch>(1);
  const auto apply = [&]() -> Result<void> {
    if (!share.apply(*batch)) return fault.take();
    progress.applied(*batch);
    batch->clear();
    return {};
  };
  auto log = read_in_batches(files, directory, batch, apply);
  if (fault.is_there()) return log;
  // Before whatever ended reading.
  if (auto applied = apply(); !applied) return std::unexpected(applied.error());
  return log;
}

// A thread that reads ahead of those who apply.
class Reader {
 public:
  Reader(io::FileSystem& files, const std::string& directory, std::size_t shares)
      : shares_(shares), thread_([this, &files, &directory] { run(files, directory); }) {}
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

  void give_back(std::unique_ptr<Batch> batch) noexcept {
    const std::size_t bytes = batch->bytes();
    batch->clear();
    const MutexLock lock{mutex_};
    ahead_bytes_ -= bytes;
    try {
      empty_.push_back(std::move(batch));
    } catch (const std::bad_alloc&) {
      // Another one will be made.
    }
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
      auto batch = std::make_unique<Batch>(shares_);
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
      batch = std::make_unique<Batch>(shares_);
    } else {
      batch = std::move(empty_.back());
      empty_.pop_back();
    }
    return {};
  }

  const std::size_t shares_;
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

// A thread that applies one share of all batches.
class Helper {
 public:
  Helper(RecoveryShare share, FirstFault& fault)
      : share_(std::move(share)), fault_(fault), thread_([this] { run(); }) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() { end(); }

  void apply(std::shared_ptr<Batch> batch) {
    {
      const MutexLock lock{mutex_};
      batches_.push_back(std::move(batch));
    }
    changed_.notify_all();
  }
  // Returns when all was applied, or need not be.
  void end() {
    {
      const MutexLock lock{mutex_};
      ended_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // To the end, whatever is wrong: the reader waits for batches to come back.
  void run() {
    while (const auto batch = next()) {
      try {
        static_cast<void>(share_.apply(*batch));
      } catch (...) {
        fault_.note(std::current_exception());
      }
    }
  }

  std::shared_ptr<Batch> next() {
    const MutexLock lock{mutex_};
    changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) { return !batches_.empty() || ended_; });
    if (batches_.empty()) return nullptr;
    auto batch = std::move(batches_.front());
    batches_.pop_front();
    return batch;
  }

  RecoveryShare share_;
  FirstFault& fault_;
  Mutex mutex_;
  Condition changed_;
  std::deque<std::shared_ptr<Batch>> batches_ HYBRID_GUARDED_BY(mutex_);
  bool ended_ HYBRID_GUARDED_BY(mutex_) = false;
  Thread thread_;  // last: it uses the others
};

Result<scf::LogSummary> read_ahead_and_apply(io::FileSystem& files, const std::string& directory,
                                             Table& table, Progress& progress, std::size_t shares) {
  FirstFault fault;
  Reader reader{files, directory, shares};
  RecoveryShare own{directory, table, {.index = 0, .of = shares}, fault};
  std::deque<Helper> helpers;
  const struct GiveUp {  // the helpers, unless they have ended
    FirstFault& fault;
    ~GiveUp() { fault.give_up(); }
  } give_up{fault};
  for (std::size_t i = 1; i < shares; ++i)
    helpers.emplace_back(RecoveryShare{directory, table, {.index = i, .of = shares}, fault}, fault);

  while (auto read = reader.next()) {
    const std::shared_ptr<Batch> batch{
        read.release(), [&](Batch* done) { reader.give_back(std::unique_ptr<Batch>{done}); }};
    for (Helper& helper : helpers) helper.apply(batch);
    if (!own.apply(*batch)) break;
    progress.applied(*batch);
  }
  for (Helper& helper : helpers) helper.end();
  if (auto right = fault.take(); !right) return std::unexpected(right.error());
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

std::size_t shares(const RecoverOptions& options) {
  constexpr std::size_t kSharesMax = 4;  // more would wait for the reader
  if (options.shares != 0) return options.shares;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kSharesMax);
}

}  // namespace

Result<Recovered> recover(io::FileSystem& files, const std::string& directory, Table& table,
                          const std::function<void(const RecoveryReport&)>& on_progress,
                          const RecoverOptions& options) {
  Progress progress{table, on_progress, options};
  auto log = reads_ahead(options.read_ahead, files, directory)
                 ? read_ahead_and_apply(files, directory, table, progress, shares(options))
                 : read_and_apply(files, directory, table, progress);
  if (!log) return std::unexpected(log.error());
  if (log->verdict == scf::Verdict::damaged) {
    return std::unexpected(Error{
        Errc::corrupt, "the store is damaged: " + log->describe() +
                           ". Nothing was changed. Copy the directory, then see 'hybrid verify " +
                           directory + "'"});
  }

  Recovered recovered{.log = std::move(*log), .report = progress.take_report()};
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
