#include "tests/cli/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <hybrid/hybrid.hpp>
#include <sstream>
#include <thread>

#include "base/digest.hpp"
#include "scf/log_reader.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

// Descriptors that the program gets as 0, 1 and 2.
int spawn_and_wait(const Arguments& arguments, const std::array<int, 3>& descriptors) {
  std::vector<std::string> words{HYBRID_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (int to = 0; to < 3; ++to) {
    ::posix_spawn_file_actions_adddup2(&actions, descriptors[static_cast<std::size_t>(to)], to);
  }
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, HYBRID_BINARY, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(failed, 0) << "cannot run " << HYBRID_BINARY;
  int status = 0;
  if (failed != 0 || ::waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Opened {
 public:
  Opened(const std::string& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    EXPECT_GE(descriptor_, 0) << path;
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { ::close(descriptor_); }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

std::vector<nlohmann::json> Outcome::lines() const {
  std::vector<nlohmann::json> parsed;
  std::istringstream text{out};
  for (std::string line; std::getline(text, line);) parsed.push_back(nlohmann::json::parse(line));
  return parsed;
}

nlohmann::json Outcome::json() const {
  const auto parsed = lines();
  EXPECT_EQ(parsed.size(), 1U) << out;
  return parsed.empty() ? nlohmann::json{} : parsed.front();
}

Outcome run_program(const Arguments& arguments, const std::string& input) {
  const TempDirectory temporary;
  const std::string in = temporary.path() + "/in";
  const std::string out = temporary.path() + "/out";
  const std::string err = temporary.path() + "/err";
  write_file(in, input);
  Outcome outcome;
  {
    const Opened from{in, O_RDONLY};
    const Opened to{out, O_CREAT | O_WRONLY};
    const Opened errors{err, O_CREAT | O_WRONLY};
    outcome.code = spawn_and_wait(arguments, {from.get(), to.get(), errors.get()});
  }
  outcome.out = read_file(out);
  outcome.err = read_file(err);
  return outcome;
}

int run_program_into(const Arguments& arguments, const std::string& path) {
  const Opened null{"/dev/null", O_RDWR};
  const Opened to{path, O_WRONLY};
  return spawn_and_wait(arguments, {null.get(), to.get(), null.get()});
}

int run_program_unread(const Arguments& arguments) {
  const Opened null{"/dev/null", O_RDWR};
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::close(ends[0]);
  const int code = spawn_and_wait(arguments, {null.get(), ends[1], null.get()});
  ::close(ends[1]);
  return code;
}

std::string hex_digest(const std::string& sid) { return to_hex(digest_of(sid).bytes); }

void make_sample_store(const std::string& directory) {
  auto store = open(directory).value();
  auto ada = store->init(kAda).value();
  ada.set("user", "ada").value();
  auto guest = store->init(kGuest).value();
  guest.set("theme", "dark").value();
  store->change_id(kGuest, kBob).value();
  guest.set("user", "bob").value();
  store->destroy(kBob).value();
  auto bob = store->init(kBob).value();
  // So that what follows is in another frame, however busy the machine.
  store->flush().value();
  ada.update([](Session& view) {
       view.set("password", kSecret).value();
       view.set("user", "Ada").value();
       view.set(7, std::vector<std::byte>{std::byte{0xAB}}).value();
       view.erase(7).value();
     })
      .value();
  ada.clear().value();
  bob.set("again", 1.5).value();
  // So that the access is later than the last change, and is logged when the store closes. A tick of the clock is up to 10 ms.
  std::this_thread::sleep_for(std::chrono::milliseconds{12});
  static_cast<void>(ada.get<int>("user").value());
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary}.write(bytes.data(),
                                              static_cast<std::streamsize>(bytes.size()));
}

void flip_bit(const std::string& path, std::size_t offset) {
  std::string bytes = read_file(path);
  bytes.at(offset) ^= 1;
  write_file(path, bytes);
}

LogEnd end_of_log(const std::string& directory) {
  const auto log = scf::read_log(io::posix_file_system(), directory, {}).value();
  const scf::SegmentSummary& last = log.segments.at(log.last.value());
  return {last.path, static_cast<std::size_t>(last.end.value)};
}

}  // namespace hybrid::testing
