// An embedded store whose time and background work a test drives itself.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "scf/log_reader.hpp"
#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"

namespace hybrid::testing {

// In memory, on a file system in memory.
class DrivenStore {
 public:
  // Without a log if `logged` is false; then, and only then, threads may share it.
  explicit DrivenStore(Params params = {}, bool logged = true)
      : files_(logged ? std::make_unique<FaultFileSystem>() : nullptr) {
    open(std::move(params));
  }

  store::EmbeddedStore* operator->() const { return store_.get(); }
  store::EmbeddedStore& operator*() const { return *store_; }
  ManualClock& clock() { return clock_; }
  void advance(std::chrono::milliseconds by) { clock_.advance(by); }
  TimePoint now() const { return to_time_point(clock_.now()); }

  Session load(std::string_view sid) { return store_->load(sid).value(); }
  std::uint64_t records() const { return store_->stats()->records_appended; }

  void close() {
    EXPECT_TRUE(store_->close().has_value());
    store_.reset();
  }
  void reopen(Params params = {}) {
    close();
    open(std::move(params));
  }
  // As after kill -9.
  void kill_and_reopen(Params params = {}) {
    auto files = files_->restart(FaultFileSystem::Survives::everything, 1);
    store_.reset();
    files_ = std::move(files);
    open(std::move(params));
  }
  // Of the log, oldest first; once it is closed. False if it is not sound.
  bool for_each_record(const std::function<void(const scf::Record&)>& fn) {
    scf::LogVisitor visitor;
    visitor.on_frame = [&](const scf::SegmentSummary&, const scf::Frame& frame) -> Result<void> {
      for (const scf::Record& record : frame.records) fn(record);
      return {};
    };
    const auto log = scf::read_log(*files_, "sessions", visitor);
    return log && log->verdict == scf::Verdict::sound;
  }

 private:
  void open(Params params) {
    auto opened = store::EmbeddedStore::open({.params = std::move(params),
                                              .files = files_.get(),
                                              .directory = "sessions",
                                              .clock = &clock_,
                                              .background = false,
                                              .first_segment_bytes = std::uint64_t{256} << 10});
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store_ = std::move(*opened);
  }

  ManualClock clock_;
  std::unique_ptr<FaultFileSystem> files_;
  std::unique_ptr<store::EmbeddedStore> store_;
};

}  // namespace hybrid::testing
