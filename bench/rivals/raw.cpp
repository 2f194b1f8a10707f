// The least that a log must do to keep a change over a power cut: write it into a file that is allocated already, and sync.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

class Raw final : public Rival {
 public:
  explicit Raw(const std::string& directory)
      : fd_(::open((directory + "/log").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    const std::string zeros(std::size_t{1} << 20, '\0');
    for (off_t at = 0; at < kBytes; at += static_cast<off_t>(zeros.size())) write(zeros, at);
    check(::fsync(fd_) == 0);
  }
  ~Raw() override { ::close(fd_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  void create(const std::string&, const std::string&) override {}
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    const std::string record = sid + key + value;
    if (at_ + static_cast<off_t>(record.size()) > kBytes) at_ = 0;
    write(record, at_);
    at_ += static_cast<off_t>(record.size());
    check(::fdatasync(fd_) == 0);
  }
  void get(const std::string&, const std::string&, std::string&) override { die("cannot read"); }
  void destroy(const std::string&) override {}

 private:
  static constexpr off_t kBytes = off_t{64} << 20;
  static void check(bool done) {
    if (!done) die(std::strerror(errno));
  }
  void write(const std::string& bytes, off_t at) const {
    check(::pwrite(fd_, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()));
  }

  int fd_;
  off_t at_ = 0;
};

std::unique_ptr<Rival> make(const std::string& directory) {
  return std::make_unique<Raw>(directory);
}

const Contends raw{{"pwrite+fdatasync", Kept::power_cut, make}};

}  // namespace
}  // namespace bench
