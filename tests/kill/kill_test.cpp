// A process that writes is killed with SIGKILL at random instants, again and again on the same store. Whatever it had reported
// done is there after reopening, and nothing that it had not been asked for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "hybrid/hybrid.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

constexpr int kThreads = 2;
constexpr int kSessions = 5;
constexpr int kReportTo = 3;  // the child's end of the pipe

// What session i of a thread holds: the number of the operation that wrote it last, twice.
using Keys = std::map<std::string, int>;
using State = std::map<int, Keys>;

std::string sid(int thread, int session) {
  return "thread " + std::to_string(thread) + ", session " + std::to_string(session);
}

// The nth operation of a thread, the same in parent and child: applied to a state, and asked of a store.
struct Operation {
  int session;
  int other;
  unsigned kind;
  Operation(int thread, int n) {
    std::minstd_rand random{static_cast<unsigned>(thread * 1'000'003 + n)};
    random.discard(3);
    session = static_cast<int>(random() % kSessions);
    other = static_cast<int>(random() % kSessions);
    kind = static_cast<unsigned>(random() % 10);
  }

  void apply(int n, State& state) const {
    if (kind == 0) {
      state.erase(session);
    } else if (kind == 1 && renames(state)) {
      auto node = state.extract(session);
      node.key() = other;
      state.insert(std::move(node));
    } else {
      Keys& keys = state[session];
      keys["n"] = n;
      keys["copy"] = n;
      if (kind < 4) keys["extra " + std::to_string(kind)] = n;
    }
  }

  bool ask(Provider& store, int thread, int n, const State& before) const {
    if (kind == 0) return store.destroy(sid(thread, session)).has_value();
    if (kind == 1 && renames(before))
      return store.change_id(sid(thread, session), sid(thread, other)).has_value();
    // A new session and its first keys are two records: the parent allows for the state between them.
    auto loaded = store.load(sid(thread, session));
    return loaded && loaded
                         ->update([&](Session& view) {
                           view.set("n", n).value();
                           view.set("copy", n).value();
                           if (kind < 4) view.set("extra " + std::to_string(kind), n).value();
                         })
                         .has_value();
  }

 private:
  bool renames(const State& state) const {
    return session != other && state.contains(session) && !state.contains(other);
  }
};

State state_after(int thread, int n) {
  State state;
  for (int i = 1; i <= n; ++i) Operation{thread, i}.apply(i, state);
  return state;
}

Params params_of(int durability) {
  Params params;
  params.durability = static_cast<Durability>(durability);
  params.sync_interval = std::chrono::milliseconds{5};
  return params;
}

struct Report {
  int thread;
  int n;
};

// The child: runs each thread from where the store is, reports each operation that was acknowledged, and never ends.
[[noreturn]] void run_child(const char* directory) {
  const int durability = std::atoi(std::getenv("HYBRID_KILL_DURABILITY"));
  const std::array<int, kThreads> starts{std::atoi(std::getenv("HYBRID_KILL_START_0")),
                                         std::atoi(std::getenv("HYBRID_KILL_START_1"))};
  auto store = open(directory, params_of(durability));
  if (!store) _exit(3);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      int n = starts[static_cast<std::size_t>(thread)];
      State state = state_after(thread, n);
      for (;;) {
        ++n;
        const Operation operation{thread, n};
        if (!operation.ask(**store, thread, n, state)) _exit(4);
        operation.apply(n, state);
        const Report report{thread, n};
        if (::write(kReportTo, &report, sizeof report) != sizeof report) _exit(5);
      }
    });
  }
  threads.clear();
  _exit(6);
}

// This program is its own child: started with the variable set, it never reaches main().
[[maybe_unused]] const bool kIsParent = [] {
  if (const char* const directory = std::getenv("HYBRID_KILL_DIRECTORY")) run_child(directory);
  return true;
}();

class Child {
 public:
  Child(const std::string& directory, Durability durability,
        const std::array<int, kThreads>& starts) {
    if (::pipe2(pipe_.data(), O_CLOEXEC) != 0) std::abort();
    std::vector<std::string> variables{
        "HYBRID_KILL_DIRECTORY=" + directory,
        "HYBRID_KILL_DURABILITY=" + std::to_string(static_cast<int>(durability)),
        "HYBRID_KILL_START_0=" + std::to_string(starts[0]),
        "HYBRID_KILL_START_1=" + std::to_string(starts[1]),
    };
    for (char** variable = environ; *variable != nullptr; ++variable)
      variables.emplace_back(*variable);
    std::vector<char*> environment;
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    std::string program = "/proc/self/exe";
    std::array<char*, 2> arguments{program.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_[1], kReportTo);
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(),
                      environment.data()) != 0)
      std::abort();
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { ::close(pipe_[0]); }

  // Kills it when it has reported `reports` operations, wherever it is in those after them, and returns the last n that each
  // thread had reported; nothing if it had ended by itself.
  std::optional<std::array<int, kThreads>> kill_after(int reports, std::array<int, kThreads> last) {
    Report report{};
    while (::read(pipe_[0], &report, sizeof report) == sizeof report) {
      last[static_cast<std::size_t>(report.thread)] = report.n;
      if (--reports == 0) ::kill(pid_, SIGKILL);  // what it reports until it is dead is still read
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the child ended by itself, status " << WEXITSTATUS(status);
    if (!WIFSIGNALED(status)) return std::nullopt;
    return last;
  }

 private:
  std::array<int, 2> pipe_{};
  pid_t pid_ = 0;
};

State read_thread(Provider& store, int thread) {
  State state;
  for (int session = 0; session < kSessions; ++session) {
    auto found = store.find(sid(thread, session)).value();
    if (!found) continue;
    Keys& keys = state[session];
    found
        ->for_each([&](const Value& key, const Value& value) {
          keys[key.as<std::string>().value()] = value.as<int>().value();
        })
        .value();
  }
  return state;
}

class Kill : public ::testing::TestWithParam<Durability> {};

TEST_P(Kill, LosesNothingAcknowledgedAndInventsNothing) {
  constexpr int kRounds = 12;
  const TempDirectory directory;
  const std::string path = directory.path() + "/store";
  std::mt19937 random{20240517};
  std::array<int, kThreads> at{};  // how far each thread's operations are in the store
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Child child{path, GetParam(), at};
    const auto last = child.kill_after(static_cast<int>(random() % 500) + 1, at);
    ASSERT_TRUE(last);

    const auto store = open(path, params_of(static_cast<int>(GetParam())));
    ASSERT_TRUE(store) << store.error().message();
    for (int thread = 0; thread < kThreads; ++thread) {
      const auto i = static_cast<std::size_t>(thread);
      const State found = read_thread(**store, thread);
      const int acknowledged = (*last)[i];
      const State there = state_after(thread, acknowledged);
      State next = there;
      const Operation under_way{thread, acknowledged + 1};
      under_way.apply(acknowledged + 1, next);
      State halfway = there;  // load() had created the session, update() had not been done
      halfway.try_emplace(under_way.session);
      ASSERT_TRUE(found == there || found == next || found == halfway)
          << "thread " << thread << " after operation " << acknowledged;
      // Where only the session was created, doing the operation once more leads to the same state.
      at[i] = found == next ? acknowledged + 1 : acknowledged;
      if (found == halfway && found != there && found != next) {
        ASSERT_TRUE(under_way.ask(**store, thread, acknowledged + 1, there));
        at[i] = acknowledged + 1;
      }
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Durability>& mode) {
  constexpr std::array kNames{"always", "interval", "os", "none"};
  return kNames[static_cast<std::size_t>(mode.param)];
}

INSTANTIATE_TEST_SUITE_P(Modes, Kill,
                         ::testing::Values(Durability::always, Durability::interval, Durability::os,
                                           Durability::none),
                         name_of);

}  // namespace
}  // namespace hybrid::testing
