// Many threads share a sync, and none is forgotten (L7 of CommitLog).
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "testing/forwarding_file_system.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

// Where a sync of the first segment waits until it is told how it ends, once it is to.
class HeldSyncs final : public ForwardingFileSystem {
 public:
  enum class Ends : std::uint8_t { at_once, not_yet, well, badly };

  HeldSyncs() : ForwardingFileSystem(io::posix_file_system()) {}
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    if (!file || !path.ends_with("/0000000000000001.scf")) return file;
    return std::make_unique<HeldFile>(std::move(*file), *this);
  }
  std::atomic<Ends> ends{Ends::at_once};
  std::atomic<bool> has_begun{false};

 private:
  class HeldFile final : public ForwardingFile {
   public:
    HeldFile(std::unique_ptr<io::File> file, HeldSyncs& held)
        : ForwardingFile(std::move(file)), held_(held) {}
    Result<void> sync() override {
      if (held_.ends == Ends::not_yet) held_.has_begun = true;
      held_.ends.wait(Ends::not_yet);
      if (held_.ends == Ends::badly) return std::unexpected(Error{Errc::io, "a test says so"});
      return ForwardingFile::sync();
    }

   private:
    HeldSyncs& held_;
  };
};

// Ends the program if it does not: who sleeps for ever cannot be joined.
template <class Condition>
void wait_until(const char* what, Condition condition) {
  for (int waited = 0; waited < 1000 && !condition(); ++waited) std::this_thread::sleep_for(10ms);
  if (condition()) return;
  ADD_FAILURE() << "not within 10 s: " << what;
  std::abort();
}

class GroupCommit : public ::testing::TestWithParam<HeldSyncs::Ends> {};

// One is in its sync; the others have come too late for that, and nobody comes after them.
TEST_P(GroupCommit, ForgetsNobodyWhoComesDuringASync) {
  constexpr int kWriters = 8;
  const TempDirectory temporary;
  HeldSyncs files;
  store::EmbeddedStore::Options options{.files = &files,
                                        .directory = temporary.path() + "/sessions"};
  options.params.durability = Durability::always;
  auto store = store::EmbeddedStore::open(std::move(options)).value();
  std::vector<Session> sessions;
  for (int i = 0; i < kWriters; ++i) sessions.push_back(store->init(std::to_string(i)).value());
  const std::uint64_t before = store->stats()->records_appended;

  files.ends = HeldSyncs::Ends::not_yet;
  std::atomic<int> done{0};
  std::atomic<int> succeeded{0};
  std::vector<std::jthread> writers;
  for (Session& session : sessions) {
    writers.emplace_back([&] {
      if (session.set("n", 1)) ++succeeded;
      ++done;
    });
    if (writers.size() == 1) wait_until("a sync", [&] { return files.has_begun.load(); });
  }
  wait_until("all records", [&] { return store->stats()->records_appended == before + kWriters; });
  std::this_thread::sleep_for(50ms);  // until they sleep
  files.ends = GetParam();
  files.ends.notify_all();

  wait_until("all are told", [&] { return done == kWriters; });
  EXPECT_EQ(succeeded, GetParam() == HeldSyncs::Ends::well ? kWriters : 0);
}

INSTANTIATE_TEST_SUITE_P(Ends, GroupCommit,
                         ::testing::Values(HeldSyncs::Ends::well, HeldSyncs::Ends::badly),
                         [](const auto& ends) {
                           return ends.param == HeldSyncs::Ends::well ? "well" : "badly";
                         });

// Nobody comes after those whom a sync has found on their way.
TEST(GroupCommits, ForgetNobodyWhoComesJustBeforeASync) {
  constexpr int kWriters = 4;
  constexpr int kChanges = 2000;
  const TempDirectory temporary;
  Params params;
  params.durability = Durability::always;
  auto store = open(temporary.path() + "/sessions", params).value();
  std::atomic<int> done{0};
  std::barrier together{kWriters};
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      Session session = store->init(std::to_string(writer)).value();
      for (int i = 0; i < kChanges; ++i, ++done) {
        together.arrive_and_wait();
        session.set("n", i).value();
      }
    });
  }
  for (int before = -1; done < kWriters * kChanges; before = done)
    wait_until("any change", [&] { return done > before; });
}

}  // namespace
}  // namespace hybrid::testing
