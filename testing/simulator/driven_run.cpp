#include "testing/simulator/driven_run.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "testing/simulator/history.hpp"

namespace hybrid::testing::simulator {
namespace {

using namespace std::chrono_literals;
using Kind = Operation::Kind;

constexpr std::array kDurabilities{Durability::always, Durability::interval, Durability::os,
                                   Durability::none};

class DrivenRun {
 public:
  struct Options {
    Setup setup;
    bool all_crashes = false;  // else some, by chance
    bool with_faults = false;
  };

  DrivenRun(const Options& options, std::uint64_t seed, Findings& findings)
      : options_(options),
        setup_(options.setup),
        findings_(findings),
        random_(seed),
        explorer_(setup_, history_, findings, random_.next()),
        disk_(std::make_unique<Disk>(random_.next())) {}

  void run(const Program& program) {
    arm();
    if (!start("open")) return;
    for (const Operation& operation : program) {
      step_ = findings_.tell ? to_string(operation) : "";
      const bool goes_on = step(operation) && check_live();
      if (findings_.tell) {
        findings_.tell(step_ + ": LSN " + std::to_string(last_lsn_) + ", durable " +
                       std::to_string(durable_));
      }
      crash_now();
      explore_crashes();
      if (!goes_on || !findings_.violations.empty()) break;
    }
    disk_->abandon();
  }

 private:
  // --- Faults and crashes

  void arm() {
    disk_->watch([this](Call call) {
      crash_before(findings_.tell ? "before " + std::string{to_string(call)} : "");
    });
    if (!options_.with_faults) return;
    if (random_.one_in(4)) {
      const Lie lie{.nth = random_.below(20), .misdirected = random_.one_in(2)};
      disk_->inject(lie);
      tell(std::string{"sync "} + std::to_string(lie.nth) + " from here on lies");
    } else if (random_.one_in(2)) {
      // As many calls as there are of it, now and then none.
      const Call call = static_cast<Call>(random_.below(kCalls));
      const std::uint64_t often = call == Call::read || call == Call::sync ? 40 : 12;
      const Fault fault{.call = call,
                        .nth = random_.below(often),
                        .code = random_.one_in(2) ? Errc::io : Errc::no_space,
                        .persists = random_.one_in(2)};
      disk_->inject(fault);
      tell(std::string{to_string(call)} + ' ' + std::to_string(fault.nth) + " from here on fails" +
           (fault.persists ? " and all later ones" : "") + ": " +
           std::string{to_string(fault.code)});
    }
  }
  void tell(const std::string& what) const {
    if (findings_.tell) findings_.tell(what);
  }

  void add_crash(Survives survives, const std::string& when) {
    Promise promise;
    promise.killed = setup_.durability == Durability::none ? durable_ : acknowledged_;
    promise.power = durable_;
    Crash crash{.disk = disk_->crash(survives, random_.next()), .survives = survives};
    crash.promise = promise;
    if (findings_.tell)
      crash.trail = "during " + step_ + ": " + std::string{to_string(survives)} + ' ' + when;
    crashes_.push_back(std::move(crash));
  }

  void crash_before(const std::string& when) {
    if (options_.all_crashes) {
      add_crash(Survives::everything, when);
      add_crash(Survives::only_synced, when);
      add_crash(Survives::anything, when);
    } else if (random_.one_in(3)) {
      add_crash(random_.one_in(4)   ? Survives::everything
                : random_.one_in(3) ? Survives::only_synced
                                    : Survives::anything,
                when);
    }
  }

  void crash_now() {
    if (options_.all_crashes || random_.one_in(2)) add_crash(Survives::everything, "after it");
    add_crash(Survives::only_synced, "after it");
    add_crash(Survives::anything, "after it");
  }

  void explore_crashes() {
    for (Crash& crash : std::exchange(crashes_, {})) {
      crash.promise.at_most = closing_ ? kAnyLsn : last_lsn_;
      explorer_.explore(std::move(crash), options_.all_crashes ? 0 : explorer_.any_depth());
    }
  }

  bool violation(const std::string& what) {
    findings_.violations.push_back(what);
    if (findings_.tell) findings_.tell("VIOLATION: during " + step_ + ": " + what);
    return false;
  }

  // --- The store's life

  // Opens the store, with faults or, at the second attempt, without.
  bool start(const char* what) {
    if (step_.empty()) step_ = what;
    const std::uint64_t faults = disk_->faults();
    auto opened = store::EmbeddedStore::open(options_for(setup_, *disk_, clock_));
    if (!opened && disk_->faults() > faults && opened.error().code() != Errc::corrupt) {
      disk_->mend();
      opened = store::EmbeddedStore::open(options_for(setup_, *disk_, clock_));
    }
    if (!opened) {
      if (disk_->doubtful() && opened.error().code() == Errc::corrupt) {
        ++findings_.refused;
        return false;
      }
      return violation("it does not open: " + opened.error().message());
    }
    store_ = std::move(*opened);
    const auto state = read_state(*store_);
    if (!state) return violation(state.error());
    Promise promise{.killed = setup_.durability == Durability::none ? durable_ : acknowledged_,
                    .power = durable_};
    const Seen seen{.last_lsn = store_->stats()->last_lsn,
                    .state = *state,
                    .killed = !after_power_cut_,
                    .trusted = !disk_->doubtful()};
    if (const auto wrong = history_.judge(seen, promise)) return violation(*wrong);
    closing_ = false;
    history_.cut_after(seen.last_lsn);
    state_ = *state;
    history_.add(seen.last_lsn, state_);
    last_lsn_ = acknowledged_ = durable_ = seen.last_lsn;
    return true;
  }

  bool restart(Survives survives) {
    auto next = disk_->crash(survives, random_.next());
    disk_->abandon();
    store_.reset();
    disk_ = std::move(next);
    after_power_cut_ = survives != Survives::everything;
    if (after_power_cut_) acknowledged_ = durable_;
    arm();
    return start("restart");
  }

  bool close() {
    closing_ = true;  // it may log touches
    const auto closed = store_->close();
    if (!closed && disk_->faults() == 0) return violation("close: " + closed.error().message());
    if (!closed) return restart(Survives::everything);
    durable_ = acknowledged_ = last_lsn_;
    crash_now();
    store_.reset();
    after_power_cut_ = false;
    failed_ = false;
    return start("reopen");
  }

  bool check_live() {
    if (!store_) return true;
    const auto state = read_state(*store_);
    if (!state) return violation(state.error());
    if (*state != state_)
      return violation("it shows " + to_string(*state) + ", expected " + to_string(state_));
    const auto stats = store_->stats();
    last_lsn_ = stats->last_lsn;
    // What it says of itself must hold, too.
    durable_ = std::max(durable_, stats->durable_lsn);
    return true;
  }

  // --- Operations

  // A call that makes `after` of the state, by one record or, if it changes nothing, none.
  bool settle(const Result<void>& result, const State& after, bool security = false) {
    const std::uint64_t before = last_lsn_;
    last_lsn_ = store_->stats()->last_lsn;
    if (!result && disk_->faults() == 0) return violation("failed: " + result.error().message());
    if (!result && result.error().code() == Errc::io) failed_ = true;
    const bool changes = after != state_;
    if (last_lsn_ > before + (changes ? 1 : 0) || (result && changes && last_lsn_ == before))
      return violation("it logged " + std::to_string(last_lsn_ - before) + " records");
    if (last_lsn_ > before) {
      state_ = after;
      history_.add(last_lsn_, state_);
    }
    if (result) {
      acknowledged_ = last_lsn_;
      const bool at_once =
          setup_.durability == Durability::always ||
          (security && setup_.sync_security_ops && setup_.durability == Durability::interval);
      if (at_once && last_lsn_ > before) durable_ = last_lsn_;
    }
    return true;
  }

  // A call that must be refused.
  bool refused(const auto& result, Errc code) {
    if (result) return violation("it was not refused");
    if (result.error().code() != code && disk_->faults() == 0)
      return violation("refused with: " + result.error().message());
    return settle({}, state_);
  }

  bool load(std::size_t session, std::optional<Session>& handle) {
    State after = state_;
    if (!after.sessions[session].lives) after.sessions[session] = {.lives = true};
    auto loaded = store_->load(sid_of(session));
    if (loaded) handle = *loaded;
    return settle(loaded ? Result<void>{} : std::unexpected(loaded.error()), after);
  }

  bool init(const Operation& op) {
    State after = state_;
    const auto made = store_->init(sid_of(op.session));
    if (after.sessions[op.session].lives) return refused(made, Errc::already_exists);
    after.sessions[op.session] = {.lives = true};
    return settle(made ? Result<void>{} : std::unexpected(made.error()), after);
  }

  bool change(const Operation& op) {
    std::optional<Session> session;
    if (!load(op.session, session)) return false;
    if (!session) return true;
    State after = state_;
    auto& values = after.sessions[op.session].values;
    switch (op.kind) {
      case Kind::set: {
        values[op.key] = next_tag(op.bytes);
        return settle(session->set(std::uint64_t{op.key}, value_of(values[op.key])), after);
      }
      case Kind::erase:
        values[op.key] = 0;
        return settle(session->erase(std::uint64_t{op.key}), after);
      case Kind::clear: values = {}; return settle(session->clear(), after);
      default: break;
    }
    // Two keys at once.
    const std::size_t other = (op.key + 1U) % kKeys;
    values[op.key] = next_tag(op.bytes);
    values[other] = next_tag(10);
    return settle(session->update([&](Session& view) -> Result<void> {
      if (auto set = view.set(std::uint64_t{op.key}, value_of(values[op.key])); !set) return set;
      return view.set(std::uint64_t{other}, value_of(values[other]));
    }),
                  after);
  }

  bool change_id(const Operation& op) {
    const auto changed = store_->change_id(sid_of(op.session), sid_of(op.other));
    if (op.session == op.other) return refused(changed, Errc::invalid_argument);
    if (!state_.sessions[op.session].lives) return refused(changed, Errc::not_found);
    if (state_.sessions[op.other].lives) return refused(changed, Errc::already_exists);
    State after = state_;
    std::swap(after.sessions[op.session], after.sessions[op.other]);
    return settle(changed, after, true);
  }

  bool destroy(const Operation& op) {
    State after = state_;
    after.sessions[op.session] = {};
    return settle(store_->destroy(sid_of(op.session)), after, true);
  }

  // All sessions are older than that.
  bool gc() {
    const std::uint64_t before = last_lsn_;
    clock_.advance(1h);
    const auto removed = store_->gc(1800s);
    if (!removed && disk_->faults() == 0) return violation("gc: " + removed.error().message());
    last_lsn_ = store_->stats()->last_lsn;
    const auto state = read_state(*store_);
    if (!state) return violation(state.error());
    if (removed && *state != State{}) return violation("gc left sessions");
    state_ = *state;
    history_.add_removals(before + 1, last_lsn_, state_);
    if (removed) acknowledged_ = last_lsn_;
    if (removed && setup_.durability == Durability::always && last_lsn_ > before)
      durable_ = last_lsn_;
    return true;
  }

  // Work that changes no session, after which all is durable if it succeeded.
  bool work(const Operation& op) {
    const std::uint64_t faults = disk_->faults();
    Result<void> result{};
    if (op.kind == Kind::flush) result = store_->flush();
    if (op.kind == Kind::compact) result = store_->compact();
    if (op.kind == Kind::duties) store_->run_duties();
    if (!result && disk_->faults() == 0)
      return violation(to_string(op) + ": " + result.error().message());
    const bool syncs = op.kind != Kind::duties || (setup_.durability == Durability::interval &&
                                                   disk_->faults() == faults && !failed_);
    if (!result && result.error().code() == Errc::io) failed_ = true;
    if (disk_->faults() != faults) failed_ = true;  // nobody may have been told
    if (result && syncs) durable_ = std::max(durable_, acknowledged_);
    last_lsn_ = store_->stats()->last_lsn;
    return true;
  }

  bool set_durability(const Operation& op) {
    if (setup_.durability == Durability::none) return true;
    Params params;
    params.durability = kDurabilities[op.bytes % 3];
    params.sync_security_ops = setup_.sync_security_ops;
    const auto set = store_->set_params(params);
    if (!set && disk_->faults() == 0) return violation("set_params: " + set.error().message());
    if (set) setup_.durability = params.durability;
    return true;
  }

  bool step(const Operation& op) {
    clock_.advance(std::chrono::milliseconds{random_.below(3)});
    switch (op.kind) {
      case Kind::init: return init(op);
      case Kind::load: {
        std::optional<Session> session;
        return load(op.session, session);
      }
      case Kind::set:
      case Kind::erase:
      case Kind::update:
      case Kind::clear: return change(op);
      case Kind::destroy: return destroy(op);
      case Kind::change_id: return change_id(op);
      case Kind::flush:
      case Kind::duties:
      case Kind::compact: return work(op);
      case Kind::close: return close();
      case Kind::kill: failed_ = false; return restart(Survives::everything);
      case Kind::power_cut: failed_ = false; return restart(Survives::anything);
      case Kind::gc: return gc();
      case Kind::wait: clock_.advance(std::chrono::milliseconds{op.bytes}); return true;
      case Kind::set_durability: return set_durability(op);
      case Kind::count: break;
    }
    return true;
  }

  Tag next_tag(std::uint64_t bytes) { return make_tag(++changes_, bytes); }

  const Options options_;
  Setup setup_;  // its durability may change
  Findings& findings_;
  Random random_;
  History history_;
  Explorer explorer_;
  ManualClock clock_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<store::EmbeddedStore> store_;
  std::vector<Crash> crashes_;  // not explored yet
  std::string step_;

  State state_{};
  std::uint64_t last_lsn_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t changes_ = 0;
  bool closing_ = false;
  bool failed_ = false;  // a sync did, perhaps
  bool after_power_cut_ = false;
};

void run(const DrivenRun::Options& options, const Program& program, std::uint64_t seed,
         Findings& findings) {
  if (findings.tell) {
    findings.tell("setup: " + to_string(options.setup));
    for (const Operation& operation : program) findings.tell("  " + to_string(operation));
  }
  DrivenRun{options, seed, findings}.run(program);
}

}  // namespace

std::uint64_t count_small_runs(int length) { return count_programs(length) * kDurabilities.size(); }

void run_small(std::uint64_t number, Findings& findings) {
  DrivenRun::Options options{.all_crashes = true};
  options.setup.durability = kDurabilities[number % kDurabilities.size()];
  options.setup.segment_bytes = 2048;
  run(options, program_of(number / kDurabilities.size()), number, findings);
}

void run_driven(std::uint64_t seed, Findings& findings) {
  Random random{seed};
  DrivenRun::Options options{.with_faults = random.one_in(2)};
  options.setup.durability = kDurabilities[random.below(kDurabilities.size())];
  options.setup.sync_security_ops = random.one_in(3);
  options.setup.segment_bytes = std::uint64_t{2048} << random.below(3);
  options.setup.clean_bytes_min = random.one_in(4) ? std::uint64_t{1} << 20 : 1;
  options.setup.clean_slice_bytes = 100 + random.below(1000);
  const std::size_t length = 4 + random.below(40);
  run(options, random_program(random, length), random.next(), findings);
}

}  // namespace hybrid::testing::simulator
