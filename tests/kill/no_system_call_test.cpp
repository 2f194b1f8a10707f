// In `interval` a set makes no system call: many are done under a seccomp filter that lets the kernel kill the process at the
// thread's first call.
//
// A lock that the background thread happens to hold costs a call, too: that is luck, and nothing that a set needs. So the
// test is done again if it meets one; a call that every hundredth set made would be met each time.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>

#include "hybrid/hybrid.hpp"
#include "testing/sanitized.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

enum Exit : int { kFine = 0, kOpenFailed, kSetFailed, kNoFilter };

// From now on the calling thread may exit the process and nothing else.
bool forbid_system_calls() {
  std::array filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// In a process of its own. The first sets have the segment mapped and the thread's buffers made.
Exit set_without_system_calls(const std::string& directory) {
  Params params;
  params.sync_interval = std::chrono::hours{1};
  auto store = open(directory, params);
  if (!store) return kOpenFailed;
  auto session = (*store)->load("a session");
  const auto set_many = [&](int count) {
    bool done = session.has_value();
    for (int i = 0; i < count; ++i) done = done && session->set("n", i) && session->get<int>("n");
    return done;
  };
  if (!set_many(100)) return kSetFailed;
  if (!forbid_system_calls()) return kNoFilter;
  const Exit result = set_many(5000) ? kFine : kSetFailed;
  ::syscall(SYS_exit_group, result);  // nothing may be cleaned up any more
  return result;
}

TEST(DefaultMode, SetMakesNoSystemCall) {
  if (kSanitized) {
    SUCCEED() << "measured in the builds without a sanitizer";
    return;
  }
  constexpr int kAttempts = 10;
  int status = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const TempDirectory directory;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(set_without_system_calls(directory.path() + "/store"));
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) break;
    ASSERT_EQ(WTERMSIG(status), SIGSYS);
  }
  ASSERT_FALSE(WIFSIGNALED(status)) << "sets made system calls in all attempts";
  EXPECT_EQ(WEXITSTATUS(status), kFine);
}

}  // namespace
}  // namespace hybrid::testing
