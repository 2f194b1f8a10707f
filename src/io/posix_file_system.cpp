// FileSystem by Linux system calls.

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "io/bus_errors.hpp"
#include "io/file_system.hpp"

namespace hybrid::io {
namespace {

std::unexpected<Error> failed(const char* doing, const std::string& path, int error) {
  const auto code = [error] {
    switch (error) {
      case ENOSPC:
      case EDQUOT: return Errc::no_space;
      case EROFS: return Errc::read_only;
      case EACCES:
      case EPERM: return Errc::permission_denied;
      case ENOENT: return Errc::not_found;
      case ENOTDIR:
      case EISDIR:
      case ELOOP:
      case ENAMETOOLONG: return Errc::invalid_argument;
      default: return Errc::io;
    }
  }();
  return std::unexpected(Error{code, std::string{"cannot "} + doing + " '" + path + "'", error});
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixMapping final : public Mapping {
 public:
  explicit PosixMapping(std::span<std::byte> bytes) : bytes_(bytes), watch_(std::in_place, bytes) {}
  ~PosixMapping() override {
    watch_.reset();  // before somebody else can have the addresses
    ::munmap(bytes_.data(), bytes_.size());
  }
  std::span<std::byte> bytes() override { return bytes_; }
  // Else the kernel takes the write permission from each page in turn, and interrupts all processors each time.
  void let_go(std::uint64_t begin, std::uint64_t end) override {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    begin -= begin % page;
    ::madvise(bytes_.data() + begin, end - begin, MADV_DONTNEED);
  }
  bool failed() const override { return watch_->failed(); }

 private:
  std::span<std::byte> bytes_;
  std::optional<BusErrorWatch> watch_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return failed("write to", path_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = ::pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return failed("read", path_, errno);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return failed("stat", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
      return failed("set the size of", path_, errno);
    return {};
  }

  Result<void> sync() override {
    // Not repeated on EINTR either: after any failure the kernel may have dropped the dirty pages.
    if (::fdatasync(fd_.get()) != 0) return failed("sync", path_, errno);
    return {};
  }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t size) override {
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) return failed("map", path_, errno);
    return std::make_unique<PosixMapping>(std::span{static_cast<std::byte*>(at), size});
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixDirectoryLock final : public DirectoryLock {
 public:
  explicit PosixDirectoryLock(Descriptor fd) : fd_(std::move(fd)) {}
  // Not by closing alone: a child that another thread is just about to exec has the descriptor, too.
  ~PosixDirectoryLock() override { ::flock(fd_.get(), LOCK_UN); }

 private:
  Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<void> make_directory(const std::string& directory) override {
    if (::mkdir(directory.c_str(), 0700) == 0) {
      const std::string parent =
          std::filesystem::path{directory + "/.."}.lexically_normal().string();
      return sync_directory(parent.empty() ? "." : parent);
    }
    if (errno != EEXIST) return failed("make the directory", directory, errno);
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) return failed("stat", directory, errno);
    if (!S_ISDIR(status.st_mode)) {
      return std::unexpected(
          Error{Errc::invalid_argument,
                "'" + directory + "' is not a directory; a store is a directory"});
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* const open_directory = ::opendir(directory.c_str());
    if (open_directory == nullptr) return failed("read the directory", directory, errno);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer{open_directory, &::closedir};
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(open_directory);
      if (entry == nullptr) break;
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    if (errno != 0) return failed("read the directory", directory, errno);
    return names;
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int flags = mode == OpenMode::read         ? O_RDONLY
                      : mode == OpenMode::read_write ? O_RDWR
                                                     : O_RDWR | O_CREAT | O_EXCL;
    Descriptor fd{::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (fd.get() < 0) return failed(mode == OpenMode::create_new ? "create" : "open", path, errno);
    return std::make_unique<PosixFile>(std::move(fd), path);
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path, errno);
    return {};
  }

  Result<void> remove_directory(const std::string& directory) override {
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT)
      return failed("remove the directory", directory, errno);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("put a directory at", to, errno);
    return {};
  }

  Result<void> sync_directory(const std::string& directory) override {
    const Descriptor fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (fd.get() < 0) return failed("open the directory", directory, errno);
    if (::fsync(fd.get()) != 0) return failed("sync the directory", directory, errno);
    return {};
  }

  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    const std::string path = directory + "/lock";
    Descriptor fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (fd.get() < 0) return failed("open", path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return failed("lock", path, errno);
      return std::unexpected(
          Error{Errc::locked, "the store '" + directory +
                                  "' is open elsewhere; close it there, or share one open store"});
    }
    return std::make_unique<PosixDirectoryLock>(std::move(fd));
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace hybrid::io
