#include "testing/simulator/threaded_run.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/thread.hpp"
#include "testing/simulator/operation.hpp"
#include "testing/simulator/scheduler.hpp"

namespace hybrid::testing::simulator {
namespace {

using namespace std::chrono_literals;
using Kind = Operation::Kind;

constexpr std::size_t kClients = 3;
constexpr std::size_t kOwn = kSids / kClients;  // sessions of one client
using Own = std::array<SessionState, kOwn>;
using Counts = std::array<std::size_t, kClients>;

Own own_of(const State& state, std::size_t client) {
  Own own;
  std::copy_n(state.sessions.begin() + static_cast<std::ptrdiff_t>(client * kOwn), kOwn,
              own.begin());
  return own;
}

// What a client did, one entry for each change that it asked for; the first is nothing.
struct Change {
  Own after{};
  Counts needs{};  // what all clients had been told of when it was asked for
};

struct ClientsProgress final : Progress {
  Counts asked{};
  Counts acknowledged{};
  Counts durable{};
};

class Clients final : public Oracle {
 public:
  std::array<std::vector<Change>, kClients> changes{};
  ClientsProgress now{};

  Clients() {
    for (auto& of_client : changes) of_client.emplace_back();
  }

  std::optional<std::string> judge(const Seen& seen, const Promise& promise) const override {
    const bool killed = seen.killed && !promise.power_was_cut;
    if (seen.last_lsn < (killed ? promise.killed : promise.power))
      return "changes are lost: the log ends at LSN " + std::to_string(seen.last_lsn);
    if (seen.last_lsn > promise.at_most)
      return "the log ends at LSN " + std::to_string(seen.last_lsn) + ", which is too new";
    if (promise.since) {
      if (seen.state == *promise.since) return std::nullopt;
      return "opening again changed the sessions: it shows " + to_string(seen.state) +
             ", expected " + to_string(*promise.since);
    }
    const auto& progress = static_cast<const ClientsProgress&>(*promise.progress);
    return fit(seen.state, killed ? progress.acknowledged : progress.durable, progress.asked);
  }

 private:
  // The least numbers of changes that explain the state and fit together, if there are any: needs only grow with them.
  std::optional<std::string> fit(const State& state, Counts counts, const Counts& asked) const {
    for (bool settled = false; !settled;) {
      settled = true;
      for (std::size_t client = 0; client < kClients; ++client) {
        const Own own = own_of(state, client);
        std::size_t& count = counts[client];
        while (count <= asked[client] && changes[client][count].after != own) ++count;
        if (count > asked[client]) {
          return "client " + std::to_string(client) +
                 " lost changes, or shows what never was: " + to_string(state);
        }
        for (std::size_t other = 0; other < kClients; ++other) {
          const std::size_t needed = changes[client][count].needs[other];
          if (counts[other] >= needed) continue;
          counts[other] = needed;
          settled = false;
        }
      }
    }
    return std::nullopt;
  }
};

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(const Scheduler& scheduler) : scheduler_(scheduler) {}
  Millis now() const override { return 1'700'000'000'000 + scheduler_.now() / 1ms; }

 private:
  const Scheduler& scheduler_;
};

class ThreadedRun {
 public:
  ThreadedRun(const Setup& setup, std::uint64_t seed, Findings& findings)
      : setup_(setup),
        findings_(findings),
        random_(seed),
        explorer_(setup_, clients_, findings, random_.next()),
        disk_(random_.next()) {}

  void run() {
    disk_.watch([this](Call call) {
      if (random_.one_in(3)) crash(findings_.tell ? "before " + std::string{to_string(call)} : "");
    });
    {
      Scheduler scheduler{random_.next()};
      const VirtualClock clock{scheduler};
      auto options = options_for(setup_, disk_, clock);
      options.background = true;
      options.params.sync_interval = std::chrono::milliseconds{1 + random_.below(50)};
      auto opened = store::EmbeddedStore::open(options);
      if (opened) {
        store_ = std::move(*opened);
        run_clients();
        crash("after all");
        if (const auto closed = store_->close(); !closed)
          violation("close: " + closed.error().message());
        // Whatever the durability.
        clients_.now.durable = clients_.now.acknowledged;
        crash("after the close");
        store_.reset();
      } else {
        violation("it does not open: " + opened.error().message());
      }
    }
    disk_.abandon();
    for (Crash& crash : crashes_) {
      if (!findings_.violations.empty()) break;
      explorer_.explore(std::move(crash), explorer_.any_depth());
    }
  }

 private:
  void violation(const std::string& what) {
    findings_.violations.push_back(what);
    if (findings_.tell) findings_.tell("VIOLATION: " + what);
  }

  void crash(const std::string& when) {
    Crash crash;
    crash.survives = random_.one_in(3)   ? Survives::everything
                     : random_.one_in(3) ? Survives::only_synced
                                         : Survives::anything;
    crash.disk = disk_.crash(crash.survives, random_.next());
    auto progress = std::make_shared<ClientsProgress>(clients_.now);
    if (setup_.durability == Durability::none) progress->acknowledged = progress->durable;
    crash.promise.progress = std::move(progress);
    if (findings_.tell) {
      crash.trail = std::string{to_string(crash.survives)} + ' ' + when;
      findings_.tell("thread " + std::to_string(Scheduler::current()->this_thread()) + ": crash " +
                     when);
    }
    crashes_.push_back(std::move(crash));
  }

  void run_clients() {
    std::array<Random, kClients> randoms{Random{random_.next()}, Random{random_.next()},
                                         Random{random_.next()}};
    const std::uint64_t steps = 4 + random_.below(24);
    std::vector<Thread> threads;
    for (std::size_t client = 0; client < kClients; ++client) {
      threads.emplace_back([this, client, steps, &random = randoms[client]] {
        for (std::uint64_t i = 0; i < steps && findings_.violations.empty(); ++i)
          step(client, random);
      });
    }
    for (Thread& thread : threads) thread.join();
  }

  void step(std::size_t client, Random& random) {
    Operation op = random_program(random, 1).front();
    op.session = static_cast<std::uint8_t>(client * kOwn + op.session % kOwn);
    op.other = static_cast<std::uint8_t>(client * kOwn + op.other % kOwn);
    op.bytes = static_cast<std::uint16_t>(op.bytes % 800);
    if (findings_.tell) findings_.tell("client " + std::to_string(client) + ": " + to_string(op));
    switch (op.kind) {
      case Kind::init:
      case Kind::load: load(client, op); break;
      case Kind::set:
      case Kind::erase:
      case Kind::update:
      case Kind::clear: change(client, op); break;
      case Kind::destroy: destroy(client, op); break;
      case Kind::change_id: change_id(client, op); break;
      case Kind::flush:
      case Kind::duties: {
        const Counts before = clients_.now.acknowledged;
        if (!check(store_->flush())) return;
        for (std::size_t i = 0; i < kClients; ++i)
          clients_.now.durable[i] = std::max(clients_.now.durable[i], before[i]);
        break;
      }
      case Kind::compact: {
        // Two at once is one too many.
        if (const auto done = store_->compact(); done || done.error().code() != Errc::locked)
          check(done);
        break;
      }
      default:
        Scheduler::current()->wait(
            this, Scheduler::current()->now() + std::chrono::milliseconds{random.below(40)});
    }
    look(client);
  }

  bool check(const Result<void>& result) {
    if (!result) violation("failed: " + result.error().message());
    return result.has_value();
  }

  // Before the call: what comes of it if it is done.
  void ask(std::size_t client, const Own& after) {
    clients_.changes[client].push_back({.after = after, .needs = clients_.now.acknowledged});
    ++clients_.now.asked[client];
  }
  void told(std::size_t client, const Result<void>& result, bool security = false) {
    if (!check(result)) return;
    clients_.now.acknowledged[client] = clients_.now.asked[client];
    if (setup_.durability == Durability::always ||
        (security && setup_.sync_security_ops && setup_.durability == Durability::interval))
      clients_.now.durable[client] = clients_.now.asked[client];
  }

  const Own& own(std::size_t client) const { return clients_.changes[client].back().after; }
  static SessionState& mine(Own& own, std::size_t session) { return own[session % kOwn]; }

  std::optional<Session> load(std::size_t client, const Operation& op) {
    Own after = own(client);
    const bool creates = !mine(after, op.session).lives;
    mine(after, op.session).lives = true;
    if (creates) ask(client, after);
    auto loaded = store_->load(sid_of(op.session));
    const Result<void> result = loaded ? Result<void>{} : std::unexpected(loaded.error());
    if (creates) {
      told(client, result);
    } else {
      check(result);
    }
    return loaded ? std::optional{*loaded} : std::nullopt;
  }

  void change(std::size_t client, const Operation& op) {
    auto session = load(client, op);
    if (!session) return;
    Own after = own(client);
    auto& values = mine(after, op.session).values;
    const std::size_t other = (op.key + 1U) % kKeys;
    if (op.kind == Kind::erase) values[op.key] = 0;
    if (op.kind == Kind::clear) values = {};
    if (op.kind == Kind::set || op.kind == Kind::update)
      values[op.key] = make_tag(++numbers_, op.bytes);
    if (op.kind == Kind::update) values[other] = make_tag(++numbers_, 10);
    if (after == own(client)) return;
    ask(client, after);
    const std::uint64_t key = op.key;
    if (op.kind == Kind::erase) return told(client, session->erase(key));
    if (op.kind == Kind::clear) return told(client, session->clear());
    if (op.kind == Kind::set) return told(client, session->set(key, value_of(values[op.key])));
    told(client, session->update([&](Session& view) -> Result<void> {
      if (auto set = view.set(key, value_of(values[op.key])); !set) return set;
      return view.set(std::uint64_t{other}, value_of(values[other]));
    }));
  }

  void destroy(std::size_t client, const Operation& op) {
    Own after = own(client);
    if (!mine(after, op.session).lives) return;
    mine(after, op.session) = {};
    ask(client, after);
    told(client, store_->destroy(sid_of(op.session)), true);
  }

  void change_id(std::size_t client, const Operation& op) {
    Own after = own(client);
    if (op.session == op.other || !mine(after, op.session).lives || mine(after, op.other).lives)
      return;
    std::swap(mine(after, op.session), mine(after, op.other));
    ask(client, after);
    told(client, store_->change_id(sid_of(op.session), sid_of(op.other)), true);
  }

  // Its own sessions are as it left them.
  void look(std::size_t client) {
    for (std::size_t i = 0; i < kOwn && findings_.violations.empty(); ++i) {
      auto session = store_->find(sid_of(client * kOwn + i));
      if (!session) return violation("find: " + session.error().message());
      SessionState seen;
      if (*session) {
        const auto read = read_session(**session);
        if (!read) return violation(read.error());
        seen = *read;
      }
      if (seen != own(client)[i]) return violation("a client does not see its own change");
    }
  }

  Setup setup_;
  Findings& findings_;
  Random random_;
  Clients clients_;
  Explorer explorer_;
  Disk disk_;
  std::unique_ptr<store::EmbeddedStore> store_;
  std::vector<Crash> crashes_;
  std::uint64_t numbers_ = 0;
};

}  // namespace

void run_threaded(std::uint64_t seed, Findings& findings) {
  Random random{seed};
  constexpr std::array kDurabilities{Durability::always, Durability::interval, Durability::os,
                                     Durability::none};
  Setup setup;
  setup.durability = kDurabilities[random.below(kDurabilities.size())];
  setup.sync_security_ops = random.one_in(3);
  setup.segment_bytes = std::uint64_t{2048} << random.below(3);
  setup.clean_slice_bytes = 100 + random.below(1000);
  if (findings.tell) findings.tell("threads, setup: " + to_string(setup));
  ThreadedRun{setup, random.next(), findings}.run();
}

}  // namespace hybrid::testing::simulator
