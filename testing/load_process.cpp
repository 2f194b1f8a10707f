#include "testing/load_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kSessions = 5;
constexpr int kReportTo = 3;  // the child's end of the pipe
constexpr std::size_t kBigBytes = 16000;

// What session i of a thread holds: the number of the operation that wrote it last, under each key.
using Keys = std::map<std::string, int>;
using State = std::map<int, Keys>;

std::string sid(int thread, int session) {
  return "thread " + std::to_string(thread) + ", session " + std::to_string(session);
}

// Large enough that the log goes through its segments. Begins with n, to be read back.
std::string big_value(int n) {
  std::string value = std::to_string(n) + ' ';
  value.resize(kBigBytes, static_cast<char>('a' + n % 26));
  return value;
}

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
      if (kind == 4) keys["big"] = n;
    }
  }

  Result<void> ask(Provider& store, int thread, int n, const State& before) const {
    if (kind == 0) return store.destroy(sid(thread, session));
    if (kind == 1 && renames(before))
      return store.change_id(sid(thread, session), sid(thread, other));
    // A new session and its first keys are two records: the parent allows for the state between them.
    auto loaded = store.load(sid(thread, session));
    if (!loaded) return std::unexpected(loaded.error());
    return loaded->update([&](Session& view) {
      view.set("n", n).value();
      view.set("copy", n).value();
      if (kind < 4) view.set("extra " + std::to_string(kind), n).value();
      if (kind == 4) view.set("big", big_value(n)).value();
    });
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

// load() had created the session, update() had not been done.
State halfway(const State& before, const Operation& operation) {
  State state = before;
  state.try_emplace(operation.session);
  return state;
}

int number_in(const Value& key, const Value& value) {
  if (key.as<std::string>().value() != "big") return value.as<int>().value();
  const std::string text = value.as<std::string>().value();
  const int n = std::atoi(text.c_str());
  return text == big_value(n) ? n : -1;
}

// Nothing if it cannot be read.
std::optional<State> read_thread(Provider& store, int thread) {
  State state;
  for (int session = 0; session < kSessions; ++session) {
    auto found = store.find(sid(thread, session));
    if (!found) return std::nullopt;
    if (!*found) continue;
    Keys& keys = state[session];
    const auto read = (*found)->for_each([&](const Value& key, const Value& value) {
      keys[key.as<std::string>().value()] = number_in(key, value);
    });
    if (!read) return std::nullopt;
  }
  return state;
}

// --- The child

Params params_of(Durability durability) {
  Params params;
  params.durability = durability;
  params.sync_interval = 5ms;
  params.segment_bytes = std::uint64_t{1} << 20;  // so that they change often
  return params;
}

void report(const LoadReport& what) {
  if (::write(kReportTo, &what, sizeof what) != sizeof what) ::_exit(5);
}

Result<void> ask_patiently(Provider& store, int thread, int n, const State& before,
                           std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto done = Operation{thread, n}.ask(store, thread, n, before);
    if (done || std::chrono::steady_clock::now() >= until) return done;
    std::this_thread::sleep_for(1ms);
  }
}

// A store that refuses changes still reads, and once a sync failed, goes on refusing. Before, it may have refused only for want of a
// segment, while small changes still fit into the one that there is.
void check_refusal(Provider& store, int thread, int n, const State& before) {
  const Operation refused{thread, n};
  State after = before;
  refused.apply(n, after);
  const auto found = read_thread(store, thread);
  if (!found || (*found != before && *found != after && *found != halfway(before, refused)))
    report({LoadReport::Kind::reads_are_wrong, thread, n, 0, 0});
  if (store.flush()) return;
  auto session = store.load(sid(thread, kSessions));
  if (session && session->set("n", n))
    report({LoadReport::Kind::success_after_failed_sync, thread, n, 0, 0});
}

void run_thread(Provider& store, int thread, int n, std::chrono::milliseconds patience) {
  State state = state_after(thread, n);
  for (;;) {
    ++n;
    if (auto done = ask_patiently(store, thread, n, state, patience); !done) {
      check_refusal(store, thread, n, state);
      report({LoadReport::Kind::refused, thread, n, static_cast<int>(done.error().code()), 0});
      return;
    }
    Operation{thread, n}.apply(n, state);
    report({LoadReport::Kind::acknowledged, thread, n, 0, store.stats().value().last_lsn});
  }
}

// Reports how far syncs came, and now and then asks for one.
void watch_durable(Provider& store, const std::atomic<bool>& stop) {
  std::uint64_t before = 0;
  for (int tick = 1; !stop; ++tick) {
    std::this_thread::sleep_for(2ms);
    if (tick % 10 == 0 && !store.flush()) return;
    const std::uint64_t durable = store.stats().value().durable_lsn;
    if (durable > before) report({LoadReport::Kind::durable, 0, 0, 0, durable});
    before = durable;
  }
}

// Runs each thread from where the store is until it is refused, and does not end by itself otherwise.
[[noreturn]] void run_child(const char* directory) {
  const auto number = [](const std::string& name) {
    return std::atoi(std::getenv(("HYBRID_LOAD_" + name).c_str()));
  };
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto store = open(directory, params_of(static_cast<Durability>(number("DURABILITY"))));
  if (!store) ::_exit(3);
  const std::chrono::milliseconds patience{number("PATIENCE")};
  std::atomic<bool> stop = false;
  std::jthread watcher{[&] { watch_durable(**store, stop); }};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    const int start = number("START_" + std::to_string(thread));
    threads.emplace_back(
        [&store, thread, start, patience] { run_thread(**store, thread, start, patience); });
  }
  threads.clear();
  stop = true;
  watcher.join();
  ::_exit(0);
}

[[maybe_unused]] const bool kIsParent = [] {
  if (const char* const directory = std::getenv("HYBRID_LOAD_DIRECTORY")) run_child(directory);
  return true;
}();

}  // namespace

// --- What it reported

int LoadOutcome::acknowledged(int thread) const {
  int last = starts[static_cast<std::size_t>(thread)];
  for (const LoadReport& report : reports) {
    if (report.kind == LoadReport::Kind::acknowledged && report.thread == thread) last = report.n;
  }
  return last;
}

int LoadOutcome::promised(int thread, LoadKeeps keeps) const {
  const std::span told{reports.data(), promises};
  std::uint64_t durable = 0;
  for (const LoadReport& report : told) {
    if (report.kind == LoadReport::Kind::durable) durable = std::max(durable, report.lsn);
  }
  int last = starts[static_cast<std::size_t>(thread)];
  for (const LoadReport& report : told) {
    if (report.kind == LoadReport::Kind::acknowledged && report.thread == thread &&
        (keeps == LoadKeeps::acknowledged || report.lsn <= durable))
      last = report.n;
  }
  return last;
}

std::optional<Errc> LoadOutcome::refused(int thread) const {
  for (const LoadReport& report : reports) {
    if (report.kind == LoadReport::Kind::refused && report.thread == thread)
      return static_cast<Errc>(report.code);
  }
  return std::nullopt;
}

bool LoadOutcome::reported(LoadReport::Kind kind) const {
  return std::ranges::find(reports, kind, &LoadReport::kind) != reports.end();
}

std::string LoadOutcome::describe() const {
  std::string text;
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    text += "thread " + std::to_string(thread) + ": operation " +
            std::to_string(acknowledged(thread)) + " acknowledged, " +
            std::to_string(promised(thread, LoadKeeps::durable)) + " durable";
    if (const auto code = refused(thread)) text += ", then " + std::string{to_string(*code)};
    text += "; ";
  }
  if (WIFSIGNALED(status)) return text + "ended by signal " + std::to_string(WTERMSIG(status));
  return text + "ended with " + std::to_string(WEXITSTATUS(status));
}

// --- The parent

LoadProcess::LoadProcess(const LoadOptions& options) : starts_(options.starts) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  std::vector<std::string> variables{
      "HYBRID_LOAD_DIRECTORY=" + options.directory,
      "HYBRID_LOAD_DURABILITY=" + std::to_string(static_cast<int>(options.durability)),
      "HYBRID_LOAD_PATIENCE=" + std::to_string(options.patience.count()),
  };
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    variables.push_back("HYBRID_LOAD_START_" + std::to_string(i) + "=" +
                        std::to_string(starts_[i]));
  }
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  std::vector<std::string> words = options.run_by;
  words.push_back(std::filesystem::read_symlink("/proc/self/exe").string());

  const auto pointers = [](std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], kReportTo);
  if (::posix_spawnp(&pid_, words.front().c_str(), &actions, nullptr, pointers(words).data(),
                     pointers(variables).data()) != 0)
    std::abort();
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  pipe_ = pipe[0];
  reader_ = std::jthread{[this] { read_reports(); }};
}

LoadProcess::~LoadProcess() { static_cast<void>(end()); }

void LoadProcess::read_reports() {
  LoadReport report{};
  while (::read(pipe_, &report, sizeof report) == sizeof report) {
    const std::lock_guard lock{mutex_};
    reports_.push_back(report);
    if (report.kind == LoadReport::Kind::acknowledged) ++acknowledged_;
    if (report.kind == LoadReport::Kind::refused) ++refused_;
    changed_.notify_all();
  }
  const std::lock_guard lock{mutex_};
  at_end_ = true;
  changed_.notify_all();
}

bool LoadProcess::wait_for(int operations, std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, patience, [&] { return acknowledged_ >= operations || at_end_; });
  return acknowledged_ >= operations;
}

bool LoadProcess::wait_for_refusal(std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] { return refused_ == kLoadThreads || at_end_; });
}

void LoadProcess::end_promises() {
  const std::lock_guard lock{mutex_};
  promises_ = reports_.size();
}

void LoadProcess::stop() const {
  ::kill(pid_, SIGSTOP);
  siginfo_t what{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &what, WSTOPPED | WEXITED | WNOWAIT);
}

void LoadProcess::go_on() const { ::kill(pid_, SIGCONT); }

LoadOutcome LoadProcess::end() {
  LoadOutcome outcome{.starts = starts_, .reports = {}, .promises = 0, .status = 0};
  if (pid_ == 0) return outcome;
  ::kill(pid_, SIGKILL);
  reader_.join();  // what it reported until it was dead is still read
  ::close(pipe_);
  ::waitpid(std::exchange(pid_, 0), &outcome.status, 0);
  outcome.reports = std::move(reports_);
  outcome.promises = promises_.value_or(outcome.reports.size());
  return outcome;
}

// --- The check

namespace {

// Where a thread is, by what the store holds of it.
struct Position {
  int least = 0;     // the first operation after which the state is the one found
  int greatest = 0;  // the last one
  bool halfway = false;
};

std::optional<Position> find_position(const State& found, int thread, int from, int to) {
  std::optional<Position> position;
  State state = state_after(thread, from);
  for (int n = from; n <= to; ++n) {
    if (n > from) Operation{thread, n}.apply(n, state);
    const bool whole = found == state;
    if (!whole && (n == to || found != halfway(state, Operation{thread, n + 1}))) continue;
    // States come again: a session that is created and destroyed leaves none.
    position = Position{.least = position ? position->least : n, .greatest = n, .halfway = !whole};
  }
  return position;
}

// The operation that the other threads had been told of when `thread` was told of its nth.
LoadPositions told_before(const LoadOutcome& outcome, int thread, int n) {
  LoadPositions told = outcome.starts;
  for (const LoadReport& report : outcome.reports) {
    if (report.kind != LoadReport::Kind::acknowledged) continue;
    told[static_cast<std::size_t>(report.thread)] = report.n;
    if (report.thread == thread && report.n == n) break;
  }
  return told;
}

}  // namespace

LoadKeeps kept_by_power_cut(Durability durability) {
  return durability == Durability::always ? LoadKeeps::acknowledged : LoadKeeps::durable;
}

std::optional<LoadPositions> check_load(Provider& store, const LoadOutcome& outcome,
                                        LoadKeeps keeps) {
  LoadPositions at{};
  std::array<Position, kLoadThreads> positions{};
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    const int acknowledged = outcome.acknowledged(thread);
    const int promised = outcome.promised(thread, keeps);
    const auto found = read_thread(store, thread);
    if (!found) {
      ADD_FAILURE() << "thread " << thread << ": the store cannot be read";
      return std::nullopt;
    }
    const auto position = find_position(*found, thread, promised, acknowledged + 1);
    if (!position) {
      ADD_FAILURE() << "thread " << thread << ": what is there is no state from operation "
                    << promised << " to " << acknowledged + 1 << ". " << outcome.describe();
      return std::nullopt;
    }
    positions[static_cast<std::size_t>(thread)] = *position;
  }
  // An operation that is there was asked for after the one before it had been reported, and after all that had been reported
  // by then: those are there, too.
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    const int last = positions[static_cast<std::size_t>(thread)].least;
    if (last <= outcome.starts[static_cast<std::size_t>(thread)] + 1) continue;
    const LoadPositions told = told_before(outcome, thread, last - 1);
    for (std::size_t other = 0; other < told.size(); ++other) {
      EXPECT_GE(positions[other].greatest, told[other])
          << "operation " << last << " of thread " << thread << " is there, but not all of thread "
          << other << " that is before it. " << outcome.describe();
    }
  }
  if (::testing::Test::HasFailure()) return std::nullopt;
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    const auto [least, greatest, is_halfway] = positions[static_cast<std::size_t>(thread)];
    int& n = at[static_cast<std::size_t>(thread)];
    n = greatest;
    if (!is_halfway) continue;
    ++n;
    const auto done = Operation{thread, n}.ask(store, thread, n, state_after(thread, greatest));
    if (!done) {
      ADD_FAILURE() << "cannot complete an operation: " << done.error().message();
      return std::nullopt;
    }
  }
  return at;
}

LoadContents read_load(Provider& store) {
  LoadContents contents;
  for (int thread = 0; thread < kLoadThreads; ++thread) {
    const auto state = read_thread(store, thread);
    if (!state) ADD_FAILURE() << "the store cannot be read";
    for (const auto& [session, keys] : state.value_or(State{}))
      contents[sid(thread, session)] = keys;
  }
  return contents;
}

std::string_view name_of(Durability durability) {
  constexpr std::array<std::string_view, 4> kNames{"always", "interval", "os", "none"};
  return kNames[static_cast<std::size_t>(durability)];
}

}  // namespace hybrid::testing
