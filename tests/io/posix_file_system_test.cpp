// The system's files, as the store relies on them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.hpp"
#include "io/file_system.hpp"
#include "testing/outcome.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::io;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

struct PosixFileSystem : ::testing::Test {
  TempDirectory directory;
  FileSystem& files = posix_file_system();

  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
  std::unique_ptr<File> create(const std::string& name) {
    return std::move(files.open(path(name), OpenMode::create_new).value());
  }
  static std::string read(File& file, std::uint64_t at, std::size_t size) {
    std::string bytes(size, '?');
    bytes.resize(file.read_at(at, std::as_writable_bytes(std::span{bytes})).value());
    return bytes;
  }
};

TEST_F(PosixFileSystem, WritesAndReadsAnywhere) {
  const auto file = create("f");
  ASSERT_EQ(outcome(file->write_at(3, as_bytes("abc"))), "fine");
  EXPECT_EQ(file->size().value(), 6U);
  EXPECT_EQ(read(*file, 0, 6), std::string("\0\0\0abc", 6));
  EXPECT_EQ(read(*file, 4, 100), "bc") << "as much as there is";
  EXPECT_EQ(read(*file, 6, 1), "");
  EXPECT_EQ(read(*file, 1000, 1), "");
  ASSERT_EQ(outcome(file->write_at(0, {})), "fine");
  ASSERT_EQ(outcome(file->truncate(4)), "fine");
  EXPECT_EQ(read(*file, 0, 10), std::string("\0\0\0a", 4));
  ASSERT_EQ(outcome(file->truncate(6)), "fine");
  EXPECT_EQ(read(*file, 0, 10), std::string("\0\0\0a\0\0", 6));
  EXPECT_EQ(outcome(file->sync()), "fine");
}

TEST_F(PosixFileSystem, SharesAMappingWithTheFile) {
  const auto file = create("f");
  ASSERT_TRUE(file->write_at(0, as_bytes(std::string(8192, '.'))).has_value());
  auto mapping = std::move(file->map(8192).value());
  ASSERT_EQ(mapping->bytes().size(), 8192U);
  EXPECT_EQ(mapping->bytes()[8191], std::byte{'.'});
  mapping->bytes()[5000] = std::byte{'x'};
  EXPECT_EQ(read(*file, 5000, 1), "x");
  ASSERT_TRUE(file->write_at(5001, as_bytes("y")).has_value());
  EXPECT_EQ(mapping->bytes()[5001], std::byte{'y'});
  EXPECT_EQ(outcome(file->sync()), "fine");
  mapping.reset();
  EXPECT_EQ(read(*file, 5000, 2), "xy");
}

TEST_F(PosixFileSystem, KeepsWhatAMappingLetsGo) {
  constexpr std::size_t kBytes = 65536;
  const auto file = create("f");
  ASSERT_EQ(outcome(file->write_at(0, std::vector<std::byte>(kBytes))), "fine");
  const auto mapping = std::move(file->map(kBytes).value());
  std::string expected(kBytes, '\0');
  const auto write = [&](std::size_t at, std::size_t size, char byte) {
    std::ranges::fill(mapping->bytes().subspan(at, size), static_cast<std::byte>(byte));
    std::ranges::fill(std::span{expected}.subspan(at, size), byte);
  };
  write(100, 9000, 'a');
  mapping->let_go(100, 9100);
  write(9100, 1000, 'b');
  ASSERT_EQ(outcome(file->sync()), "fine");
  mapping->let_go(9100, 9100);
  write(kBytes - 10, 10, 'c');
  mapping->let_go(9100, kBytes);
  EXPECT_EQ(read(*file, 0, kBytes), expected);
  EXPECT_EQ(as_chars(mapping->bytes()), expected);
}

TEST_F(PosixFileSystem, SurvivesAWriteToAMappingThatTheDiskCannotTake) {
  const std::string path = this->path("file");
  auto file = create("file");
  ASSERT_TRUE(file->truncate(3 * 4096));
  auto mapping = file->map(3 * 4096).value();
  mapping->bytes()[0] = std::byte{1};
  EXPECT_FALSE(mapping->failed());
  std::filesystem::resize_file(path, 4096);  // as a page that cannot be had
  mapping->bytes()[8000] = std::byte{2};
  EXPECT_TRUE(mapping->failed());
  mapping.reset();
  EXPECT_FALSE(file->map(4096).value()->failed()) << "another one begins anew";
}

TEST_F(PosixFileSystem, LeavesOtherBusErrorsToOthers) {
  auto file = create("file");
  ASSERT_TRUE(file->truncate(4096));
  // By the signal, or by a sanitizer that has a handler of its own.
  EXPECT_DEATH(
      {
        auto mapping = file->map(4096);
        ::raise(SIGBUS);
      },
      "");
}

TEST_F(PosixFileSystem, MakesWhatOnlyItsOwnerReads) {
  ASSERT_EQ(outcome(files.make_directory(path("d"))), "fine");
  EXPECT_EQ(mode_of(path("d")), mode_t{0700});
  create("f");
  EXPECT_EQ(mode_of(path("f")), mode_t{0600});
  const auto lock = files.lock(path("d"));
  EXPECT_EQ(mode_of(path("d/lock")), mode_t{0600});
}

TEST_F(PosixFileSystem, LeavesADirectoryThatIsThereAsItIs) {
  ASSERT_EQ(outcome(files.make_directory(path("d"))), "fine");
  std::ofstream{path("d/f")} << "x";
  ASSERT_EQ(::chmod(path("d").c_str(), 0750), 0);
  EXPECT_EQ(outcome(files.make_directory(path("d"))), "fine");
  EXPECT_EQ(mode_of(path("d")), mode_t{0750});
  EXPECT_TRUE(std::filesystem::exists(path("d/f")));
}

TEST_F(PosixFileSystem, MakesADirectoryByARelativeName) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  EXPECT_EQ(outcome(files.make_directory("relative")), "fine");
  EXPECT_EQ(outcome(files.make_directory("./relative/inner")), "fine");
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::is_directory(path("relative/inner")));
}

TEST_F(PosixFileSystem, ListsNames) {
  create("a");
  create(".hidden");
  ASSERT_TRUE(files.make_directory(path("d")).has_value());
  EXPECT_THAT(files.list(directory.path()).value(), UnorderedElementsAre("a", ".hidden", "d"));
}

TEST_F(PosixFileSystem, RemovesAndIsContentIfThereWasNothing) {
  create("f");
  EXPECT_EQ(outcome(files.remove(path("f"))), "fine");
  EXPECT_FALSE(std::filesystem::exists(path("f")));
  EXPECT_EQ(outcome(files.remove(path("f"))), "fine");
  EXPECT_EQ(outcome(files.sync_directory(directory.path())), "fine");
}

TEST_F(PosixFileSystem, GivesADirectoryToOneOnly) {
  auto lock = files.lock(directory.path());
  ASSERT_TRUE(lock.has_value());
  const auto second = files.lock(directory.path());
  ASSERT_EQ(outcome(second), "locked");
  EXPECT_THAT(second.error().message(), HasSubstr(directory.path()));
  lock->reset();
  EXPECT_EQ(outcome(files.lock(directory.path())), "fine");
}

TEST_F(PosixFileSystem, SaysWhatIsWrong) {
  create("file");
  ASSERT_TRUE(files.make_directory(path("directory")).has_value());
  std::filesystem::create_symlink(path("file"), path("link"));
  const std::string long_name(300, 'x');
  const struct {
    const char* name;
    std::string got, expected;
  } cases[] = {
      {"read what is not there", outcome(files.open(path("x"), OpenMode::read)), "not_found"},
      {"write what is not there", outcome(files.open(path("x"), OpenMode::read_write)),
       "not_found"},
      {"create what is there", outcome(files.open(path("file"), OpenMode::create_new)), "io"},
      {"open in a file", outcome(files.open(path("file/x"), OpenMode::read)), "invalid_argument"},
      {"write a directory", outcome(files.open(path("directory"), OpenMode::read_write)),
       "invalid_argument"},
      {"open a link", outcome(files.open(path("link"), OpenMode::read_write)), "invalid_argument"},
      {"a name too long", outcome(files.open(path(long_name), OpenMode::create_new)),
       "invalid_argument"},
      {"list a file", outcome(files.list(path("file"))), "invalid_argument"},
      {"list what is not there", outcome(files.list(path("x"))), "not_found"},
      {"make a directory of a file", outcome(files.make_directory(path("file"))),
       "invalid_argument"},
      {"make a directory in nothing", outcome(files.make_directory(path("x/y"))), "not_found"},
      {"sync a directory that is not there", outcome(files.sync_directory(path("x"))), "not_found"},
  };
  for (const auto& [name, got, expected] : cases) EXPECT_EQ(got, expected) << name;
  EXPECT_THAT(files.open(path("x"), OpenMode::read).error().message(),
              HasSubstr("'" + path("x") + "': No such file or directory"));
}

TEST_F(PosixFileSystem, ReportsAFullDisk) {
  auto full = files.open("/dev/full", OpenMode::read_write);
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(outcome((*full)->write_at(0, as_bytes("x"))), "no_space");
}

TEST_F(PosixFileSystem, ReportsWhatItMayNotTouch) {
  if (::geteuid() == 0) {
    // Root may touch anything, but for what the kernel keeps to itself.
    EXPECT_THAT(outcome(files.open("/proc/1/map_files/x", OpenMode::create_new)),
                ::testing::Ne("fine"));
    return;
  }
  create("f");
  ASSERT_EQ(::chmod(path("f").c_str(), 0), 0);
  EXPECT_EQ(outcome(files.open(path("f"), OpenMode::read)), "permission_denied");
}

}  // namespace
}  // namespace hybrid::testing
