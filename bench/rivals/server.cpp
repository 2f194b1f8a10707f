#include "bench/rivals/server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "bench/sure.hpp"

namespace bench {
namespace {

// Beside what it shares with the process that it was forked from.
std::size_t private_bytes_of(const std::string& process) {
  std::ifstream in{"/proc/" + process + "/smaps_rollup"};
  std::size_t bytes = 0;
  for (std::string name; in >> name;) {
    std::size_t kilobytes = 0;
    if (name.starts_with("Private_") && in >> kilobytes) bytes += kilobytes * 1024;
  }
  return bytes;
}

}  // namespace

Server::Server(const std::vector<std::string>& command, const std::string& socket) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  process_ = ::fork();
  if (process_ < 0) die("fork failed");
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not stay if we die
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  using namespace std::chrono_literals;
  for (auto waited = 0ms; !std::filesystem::exists(socket); waited += 10ms) {
    if (waited > 10s || ::waitpid(process_, nullptr, WNOHANG) != 0)
      die(command[0] + " did not start");
    std::this_thread::sleep_for(10ms);
  }
}

Server::~Server() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

std::size_t Server::resident_bytes() const {
  const std::string process = std::to_string(process_);
  std::size_t bytes = resident_bytes_of(process);
  std::ifstream children{"/proc/" + process + "/task/" + process + "/children"};
  for (std::string child; children >> child;) bytes += private_bytes_of(child);
  return bytes;
}

double Server::processor_seconds() const {
  std::ifstream in{"/proc/" + std::to_string(process_) + "/stat"};
  std::string stat{std::istreambuf_iterator<char>{in}, {}};
  // Behind the name, which may hold anything: fields 3 to 13, then user and system time.
  std::istringstream fields{stat.substr(stat.rfind(')') + 1)};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::size_t resident_bytes_of(const std::string& process) {
  std::ifstream in{"/proc/" + process + "/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  in >> size >> resident >> shared;
  return (resident - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace bench
