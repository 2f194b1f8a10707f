// The disk under a file system has no room for what is written back, so that a sync really fails: the store refuses all changes from
// then on, goes on reading, and after a restart serves nothing that only the page cache has.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <vector>

#include "testing/load_process.hpp"
#include "tests/real/real_fixture.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kPage = 4096;

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// The offset behind the last byte that is not zero.
std::uint64_t content_end(const OpenFile& file) {
  std::vector<char> bytes(std::size_t{1} << 20);
  std::uint64_t end = 0;
  std::uint64_t at = 0;
  for (ssize_t got = 0;
       (got = ::pread(file.fd(), bytes.data(), bytes.size(), static_cast<off_t>(at))) > 0;
       at += static_cast<std::uint64_t>(got)) {
    const auto from = std::make_reverse_iterator(bytes.begin() + got);
    const auto last = std::find_if(from, bytes.rend(), [](char byte) { return byte != 0; });
    if (last != bytes.rend()) end = at + static_cast<std::uint64_t>(bytes.rend() - last);
  }
  return end;
}

// Gives back the disk's memory for the zeros of `path` from `from` on. They still read as zeros, but cannot be written any more once
// the host of the image is full.
std::uint64_t take_disk_from(const std::string& image, const std::string& path,
                             std::uint64_t from) {
  constexpr std::uint32_t kExtents = 64;
  const OpenFile file{path, O_RDONLY};
  const OpenFile disk{image, O_RDWR};
  std::vector<fiemap> room(1 + kExtents * sizeof(fiemap_extent) / sizeof(fiemap) + 1);
  fiemap& map = room.front();
  map.fm_start = from;
  map.fm_length = FIEMAP_MAX_OFFSET;
  map.fm_flags = FIEMAP_FLAG_SYNC;
  map.fm_extent_count = kExtents;
  if (::ioctl(file.fd(), FS_IOC_FIEMAP, &map) != 0) return 0;
  std::uint64_t taken = 0;
  for (const fiemap_extent& extent : std::span{map.fm_extents, map.fm_mapped_extents}) {
    const std::uint64_t skipped =
        std::min(extent.fe_length, from > extent.fe_logical ? from - extent.fe_logical : 0);
    const std::uint64_t bytes = extent.fe_length - skipped;
    if (bytes == 0 || ::fallocate(disk.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                  static_cast<off_t>(extent.fe_physical + skipped),
                                  static_cast<off_t>(bytes)) != 0)
      continue;
    taken += bytes;
  }
  return taken;
}

struct FailedSyncCase {
  FileSystemKind kind;
  Durability durability;
  bool only_log;  // the journal can still be written
};
void PrintTo(const FailedSyncCase& row, std::ostream* out) { *out << name_of(row.durability); }

class FailedSync : public RealFaults, public ::testing::WithParamInterface<FailedSyncCase> {
 protected:
  // Loads the store until the disk has failed under it.
  LoadOutcome load_until_failure(LoopFileSystem& disk, std::optional<Ballast>& ballast,
                                 const std::string& path) {
    LoadProcess child{{.directory = path, .durability = GetParam().durability}};
    EXPECT_TRUE(child.wait_for(100));
    child.stop();
    if (GetParam().only_log) {
      std::uint64_t taken = 0;
      for (const auto& entry : std::filesystem::directory_iterator{path}) {
        if (entry.path().extension() != ".scf") continue;
        const std::uint64_t end = content_end({entry.path(), O_RDONLY});
        taken += take_disk_from(disk.image(), entry.path(), (end / kPage + 2) * kPage);
      }
      EXPECT_GT(taken, 0U);
    }
    ballast.emplace(disk.host());
    child.go_on();
    EXPECT_TRUE(child.wait_for_refusal(20s));
    return child.end();
  }
};

TEST_P(FailedSync, EndsChangesButNotReadsAndServesNothingThatIsNotOnTheDisk) {
  const FailedSyncCase& row = GetParam();
  const std::uint64_t bytes = row.kind == FileSystemKind::xfs ? 300 * kMiB : 32 * kMiB;
  // A log that comes to the end of its segment before its sync fails is refused the next one, which proves nothing here: once more
  // then, from the start.
  constexpr int kTriesMax = 5;
  std::optional<LoopFileSystem> made;
  std::optional<Ballast> ballast;
  LoadOutcome outcome;
  const auto refused_by = [&](std::initializer_list<Errc> codes) {
    for (int thread = 0; thread < kLoadThreads; ++thread) {
      const auto code = outcome.refused(thread);
      if (!code || std::ranges::find(codes, *code) == codes.end()) return false;
    }
    return true;
  };
  for (int i = 0; i < kTriesMax && !made; ++i) {
    made.emplace(LoopFileSystem::Options{.kind = row.kind,
                                         .bytes = bytes,
                                         .host_bytes = row.only_log ? bytes + 4 * kMiB : bytes / 2,
                                         .sparse = !row.only_log});
    if (!made->error().empty()) GTEST_SKIP() << made->error();
    outcome = load_until_failure(*made, ballast, made->path() + "/store");
    const bool without_segment =
        !refused_by({Errc::io}) && refused_by({Errc::io, Errc::no_space, Errc::read_only});
    if (row.only_log && without_segment && i + 1 < kTriesMax) {
      ballast.reset();
      made.reset();
    }
  }
  LoopFileSystem& disk = *made;
  const std::string path = disk.path() + "/store";
  for (int thread = 0; thread < kLoadThreads; ++thread)
    EXPECT_TRUE(outcome.refused(thread)) << outcome.describe();
  if (row.only_log) {
    EXPECT_TRUE(refused_by({Errc::io})) << outcome.describe();
  }
  EXPECT_FALSE(outcome.reported(LoadReport::Kind::reads_are_wrong)) << outcome.describe();
  EXPECT_FALSE(outcome.reported(LoadReport::Kind::success_after_failed_sync)) << outcome.describe();

  ballast->remove();
  const Params params{.durability = row.durability};
  std::optional<LoadContents> served;
  if (row.only_log) {
    // The kernel still shows what it could not write, as if it were on the disk.
    const auto store = open(path, params);
    if (store) {
      ASSERT_TRUE(check_load(**store, outcome, kept_by_power_cut(row.durability)));
      ASSERT_TRUE((*store)->flush());
      served = read_load(**store);
      ASSERT_TRUE(disk.shut_down(false));
    } else {
      // ext4 gives up if what it could not write was a new file's.
      ASSERT_EQ(store.error().code(), Errc::read_only) << store.error().message();
    }
  }
  static_cast<void>(disk.shut_down(false));  // unless it did so itself
  ASSERT_TRUE(disk.remount_after_shut_down()) << disk.error();
  const auto store = open(path, params);
  ASSERT_TRUE(store) << store.error().message();
  if (served) {
    EXPECT_EQ(read_load(**store), *served) << "what was served was not on the disk";
  } else {
    EXPECT_TRUE(check_load(**store, outcome, kept_by_power_cut(row.durability)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    On, FailedSync,
    ::testing::Values(FailedSyncCase{FileSystemKind::ext4, Durability::always, true},
                      FailedSyncCase{FileSystemKind::ext4, Durability::interval, true},
                      FailedSyncCase{FileSystemKind::xfs, Durability::interval, true},
                      FailedSyncCase{FileSystemKind::ext4, Durability::always, false},
                      FailedSyncCase{FileSystemKind::ext4, Durability::interval, false},
                      FailedSyncCase{FileSystemKind::xfs, Durability::always, false}),
    [](const auto& row) {
      return std::string{name_of(row.param.kind)} + "_" +
             std::string{name_of(row.param.durability)} + (row.param.only_log ? "_log" : "_all");
    });

}  // namespace
}  // namespace hybrid::testing
