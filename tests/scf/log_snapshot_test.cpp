// Whatever a store does while a snapshot of its log is taken: the snapshot is sound, a prefix of the log, and holds all that was
// acknowledged before.
#include "scf/log_snapshot.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "scf/log_reader.hpp"
#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::scf;

const std::string kStore = "sessions";

// A file system in which something happens before the call to open() of that number.
class Interrupted final : public io::FileSystem {
 public:
  Interrupted(io::FileSystem& files, int at, std::function<void()> happens)
      : files_(files), left_(at), happens_(std::move(happens)) {}

  Result<std::vector<std::string>> list(const std::string& directory) override {
    return files_.list(directory);
  }
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    if (left_-- == 0) happens_();
    return files_.open(path, mode);
  }
  bool has_happened() const { return left_ < 0; }

  Result<void> make_directory(const std::string&) override { return nothing_else(); }
  Result<void> remove(const std::string&) override { return nothing_else(); }
  Result<void> remove_directory(const std::string&) override { return nothing_else(); }
  Result<void> rename(const std::string&, const std::string&) override { return nothing_else(); }
  Result<void> sync_directory(const std::string&) override { return nothing_else(); }
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string&) override {
    return nothing_else();
  }

 private:
  static std::unexpected<Error> nothing_else() {
    ADD_FAILURE() << "a snapshot only reads";
    return std::unexpected(Error{Errc::unsupported, "only read here"});
  }

  io::FileSystem& files_;
  int left_;
  const std::function<void()> happens_;
};

using Records = std::vector<std::string>;

Records records_of(io::FileSystem& files) {
  Records records;
  LogVisitor visitor;
  visitor.on_frame = [&](const SegmentSummary&, const Frame& frame) -> Result<void> {
    for (const Record& record : frame.records) {
      records.emplace_back();
      append_record(records.back(), record.op, record.sid, as_chars(record.data));
    }
    return {};
  };
  const auto log = read_log(files, kStore, visitor);
  EXPECT_TRUE(log.has_value()) << log.error().message();
  if (!log) return records;
  EXPECT_EQ(log->verdict, Verdict::sound) << log->describe();
  return records;
}

bool is_prefix(const Records& start, const Records& all) {
  return start.size() <= all.size() && std::equal(start.begin(), start.end(), all.begin());
}

// A store that is opened, written to, and closed, step by step.
class Life {
 public:
  FaultFileSystem& files() { return files_; }

  static constexpr int kSteps = 9;
  void step(int number) {
    switch (number) {
      case 0:
      case 4:
      case 7: open(); break;
      case 1:
      case 5: change(3); break;
      case 2: fill_a_segment(); break;
      case 3:
      case 6:
      case 8: store_.reset(); break;
      default: FAIL();
    }
  }
  void steps(int from, int to) {
    for (int i = from; i < to; ++i) step(i);
  }

 private:
  void open() {
    auto store = store::EmbeddedStore::open(
        {.params = {.durability = Durability::interval, .segment_bytes = 1 << 20},
         .files = &files_,
         .directory = kStore,
         .clock = &clock_,
         .background = false,
         .first_segment_bytes = std::uint64_t{64} << 10});
    ASSERT_TRUE(store.has_value()) << store.error().message();
    store_ = std::move(*store);
    store_->run_duties();
  }
  void change(int times) {
    Session session = store_->load("s").value();
    for (int i = 0; i < times; ++i) ASSERT_TRUE(session.set(changes_++, "v").has_value());
    store_->run_duties();
  }
  void fill_a_segment() {
    Session session = store_->load("s").value();
    const std::string value(7000, 'v');
    const auto before = store_->stats()->segments;
    while (store_->stats()->segments == before) {
      ASSERT_TRUE(session.set(changes_++, value).has_value());
      store_->run_duties();
    }
  }

  FaultFileSystem files_;
  ManualClock clock_;
  std::unique_ptr<store::EmbeddedStore> store_;
  int changes_ = 0;
};

TEST(LogSnapshot, IsSoundWhateverHappensWhileItIsTaken) {
  for (int before = 0; before <= Life::kSteps; ++before) {
    for (int after = before; after <= Life::kSteps; ++after) {
      bool happened = true;
      for (int at = 0; happened; ++at) {
        SCOPED_TRACE("after step " + std::to_string(before) + ", up to step " +
                     std::to_string(after) + ", at call " + std::to_string(at));
        Life life;
        ASSERT_TRUE(life.files().make_directory(kStore).has_value());
        life.steps(0, before);
        const Records acknowledged = records_of(life.files());
        Interrupted files{life.files(), at, [&] { life.steps(before, after); }};
        const auto snapshot = LogSnapshot::take(files, kStore);
        ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message();
        happened = files.has_happened();
        const Records seen = records_of(**snapshot);
        EXPECT_TRUE(is_prefix(acknowledged, seen));
        EXPECT_TRUE(is_prefix(seen, records_of(life.files())));
        // What happens afterwards changes nothing in it.
        life.steps(happened ? after : before, Life::kSteps);
        EXPECT_EQ(records_of(**snapshot), seen);
        if (HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace hybrid::testing
