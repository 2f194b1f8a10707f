// A process that changes a store and reports what was acknowledged, so that it may be killed, or its disk be taken away, at
// any instant; and the check of what the store holds afterwards.
//
// The program that links this is its own child: started with a variable set, it never reaches main().
//   P1  The nth operation of a thread is the same in parent and child, and depends on nothing but the thread and n.
//   P2  A report is written after the call returned, in one write: what was reported had been acknowledged.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hybrid/hybrid.hpp"

namespace hybrid::testing {

inline constexpr int kLoadThreads = 2;
using LoadPositions = std::array<int, kLoadThreads>;  // the last operation of each thread

struct LoadOptions {
  std::string directory;
  Durability durability = Durability::interval;
  LoadPositions starts{};  // what the store holds already
  // How long an operation that fails is tried again before its thread gives up.
  std::chrono::milliseconds patience{0};
  std::vector<std::string> run_by{};  // a program, and its arguments, that runs the child
};

// What the child wrote into the pipe.
struct LoadReport {
  enum class Kind : std::int32_t {
    acknowledged,     // operation n; the log ended at or after it with `lsn`
    durable,          // all up to `lsn` is: a sync was completed
    refused,          // operation n, with `code`; the thread does no more
    reads_are_wrong,  // after it was refused
    success_after_failed_sync,
  };
  Kind kind;
  std::int32_t thread;
  std::int32_t n;
  std::int32_t code;
  std::uint64_t lsn;
};

// Which acknowledged operations must be there: all, or those that were reported durable.
enum class LoadKeeps : std::uint8_t { acknowledged, durable };

struct LoadOutcome {
  LoadPositions starts{};
  std::vector<LoadReport> reports;
  std::size_t promises =
      0;           // how many of them count as promises: those before LoadProcess::end_promises()
  int status = 0;  // as waitpid() has it

  int acknowledged(int thread) const;
  // The last operation of the thread that must be there.
  int promised(int thread, LoadKeeps keeps) const;
  std::optional<Errc> refused(int thread) const;
  bool reported(LoadReport::Kind kind) const;
  std::string describe() const;
};

class LoadProcess {
 public:
  explicit LoadProcess(const LoadOptions& options);
  LoadProcess(const LoadProcess&) = delete;
  LoadProcess& operator=(const LoadProcess&) = delete;
  ~LoadProcess();  // kills it

  // Until so many operations were acknowledged. False if the child ended or `patience` ran out before.
  bool wait_for(int operations, std::chrono::milliseconds patience = std::chrono::seconds{20});
  // Until all threads of the child were refused, or it ended.
  bool wait_for_refusal(std::chrono::milliseconds patience);
  // What is reported from now on promises nothing: a power cut would have ended the child here.
  void end_promises();
  // Stopped, none of its threads runs any more.
  void stop() const;
  void go_on() const;
  // Kills it, if it has not ended, and returns all that it reported.
  LoadOutcome end();

 private:
  void read_reports();

  const LoadPositions starts_;
  pid_t pid_ = 0;
  int pipe_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<LoadReport> reports_;
  int acknowledged_ = 0;
  int refused_ = 0;
  bool at_end_ = false;
  std::optional<std::size_t> promises_;
  std::jthread reader_;
};

// Which those are after a power cut.
LoadKeeps kept_by_power_cut(Durability durability);

// Expects that the store holds what must be there, in the log's order, and nothing that was never asked for. Returns where it
// is, having completed operations that were half done; nothing after a failure.
std::optional<LoadPositions> check_load(Provider& store, const LoadOutcome& outcome,
                                        LoadKeeps keeps);

// All that the load's sessions hold, to compare.
using LoadContents = std::map<std::string, std::map<std::string, int>>;
LoadContents read_load(Provider& store);

std::string_view name_of(Durability durability);

}  // namespace hybrid::testing
