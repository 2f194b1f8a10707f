#include "tests/real/mounts.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

namespace hybrid::testing {
namespace {

// XFS_IOC_GOINGDOWN, which ext4 has, too.
constexpr unsigned long kShutDown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kLogFlush = 1;
constexpr std::uint32_t kNoLogFlush = 2;

std::uint64_t smallest(FileSystemKind kind) {
  return (kind == FileSystemKind::xfs ? 300 : 48) * kMiB;
}

void make_file(const std::string& path, std::uint64_t bytes, bool sparse) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) std::abort();
  if (!sparse && ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)) != 0) std::abort();
  ::close(fd);
}

}  // namespace

std::optional<std::string> run_program(const std::vector<std::string>& words) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  std::string said;
  std::array<char, 512> part{};
  for (ssize_t got = 0; (got = ::read(pipe[0], part.data(), part.size())) > 0;)
    said.append(part.data(), static_cast<std::size_t>(got));
  ::close(pipe[0]);
  if (error != 0) return words[0] + ": " + std::strerror(error);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  return words[0] + " failed: " + said;
}

std::optional<std::string> unshare_mounts() {
  const auto failed = [](const char* what) {
    return std::string{"it needs root and mounts of its own: "} + what + ": " +
           std::strerror(errno);
  };
  static bool done = false;
  if (done) return std::nullopt;
  if (::unshare(CLONE_NEWNS) != 0) return failed("unshare");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount");
  const TempDirectory probe;
  if (::mount("tmpfs", probe.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    return failed("mount of a tmpfs");
  ::umount2(probe.path().c_str(), MNT_DETACH);
  done = true;
  return std::nullopt;
}

std::string_view name_of(FileSystemKind kind) {
  return kind == FileSystemKind::ext4 ? "ext4" : "xfs";
}

SmallTmpfs::SmallTmpfs(std::uint64_t bytes) {
  const std::string options = "mode=0755,size=" + std::to_string(bytes);
  if (::mount("tmpfs", path().c_str(), "tmpfs", 0, options.c_str()) != 0) std::abort();
}

SmallTmpfs::~SmallTmpfs() { ::umount2(path().c_str(), MNT_DETACH); }

LoopFileSystem::LoopFileSystem(Options options)
    : host_(options.host_bytes != 0 ? options.host_bytes : 512 * kMiB), kind_(options.kind) {
  const std::string kind{name_of(kind_)};
  make_file(image(), options.bytes != 0 ? options.bytes : smallest(kind_), options.sparse);
  std::vector<std::string> format{"mkfs." + kind, "-q", image()};
  // Nothing in the background that would write by itself, and no discarding of what was allocated on purpose.
  if (kind_ == FileSystemKind::ext4) {
    format.insert(format.end() - 1, {"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"});
  } else {
    format.insert(format.end() - 1, "-K");
  }
  if (const auto failed = run_program(format)) {
    error_ = *failed;
    return;
  }
  ::mkdir(path().c_str(), 0755);
  if (!mount() && error_.empty()) error_ = "the loop device cannot be set to write single pages";
}

LoopFileSystem::~LoopFileSystem() {
  if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
}

bool LoopFileSystem::shut_down(bool log_flushed) const {
  const int fd = ::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::uint32_t flag = log_flushed ? kLogFlush : kNoLogFlush;
  const bool done = fd >= 0 && ::ioctl(fd, kShutDown, &flag) == 0;
  if (fd >= 0) ::close(fd);
  return done;
}

bool LoopFileSystem::unmount() {
  using namespace std::chrono_literals;
  // A process that was just killed may not have let go of its files yet.
  for (int attempt = 0; attempt < 200; ++attempt) {
    if (::umount2(path().c_str(), 0) == 0) {
      mounted_ = false;
      return true;
    }
    if (errno != EBUSY) return false;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

bool LoopFileSystem::mount() {
  const auto failed = run_program(
      {"mount", "-t", std::string{name_of(kind_)}, "-o", "loop,noatime", image(), path()});
  if (failed) error_ = *failed;
  mounted_ = !failed;
  return mounted_ && write_by_pages();
}

// A loop device takes a write of which its image took only the first part for a success; one page is taken or not.
bool LoopFileSystem::write_by_pages() const {
  struct stat status{};
  if (::stat(path().c_str(), &status) != 0) return false;
  const std::string setting = "/sys/dev/block/" + std::to_string(major(status.st_dev)) + ":" +
                              std::to_string(minor(status.st_dev)) + "/queue/max_sectors_kb";
  std::ofstream file{setting};
  file << 4 << std::flush;
  return file.good();
}

bool LoopFileSystem::remount(const std::string& options) const {
  return !run_program({"mount", "-o", "remount," + options, path()});
}

Ballast::Ballast(const std::string& directory)
    : path_(directory + "/ballast"),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {
  fill();
}

void Ballast::fill() {
  static constexpr std::array<char, 4096> kBytes{'x'};
  while (::write(fd_, kBytes.data(), kBytes.size()) > 0) {
  }
  ::fsync(fd_);
}

void Ballast::remove() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
}

}  // namespace hybrid::testing
