// Random programs from several threads against the obvious implementation, each followed by reopening. RapidCheck shrinks a
// program that fails and prints the seed.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <thread>
#include <variant>

#include "hybrid/hybrid.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {
namespace {

// One thread's operation on one of its own sessions; the sessions of all threads share the table, the log and its frames.
struct Operation {
  enum class Kind : std::uint8_t {
    init,
    load,
    find,
    destroy,
    change_id,
    exists,
    set,
    get,
    erase,
    take,
    clear,
    update,
    count
  };
  Kind kind = Kind::init;
  int sid = 0;
  int other = 0;
  int key = 0;
  int value = 0;
};

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  constexpr const char* kNames[] = {"init", "load", "find",  "destroy", "change_id", "exists",
                                    "set",  "get",  "erase", "take",    "clear",     "update"};
  return out << kNames[static_cast<int>(operation.kind)] << "(session " << operation.sid
             << ", other " << operation.other << ", key " << operation.key << ", value "
             << operation.value << ")";
}

using Keys = std::map<int, int>;
using Oracle = std::map<int, Keys>;

class Thread {
 public:
  Thread(Provider& store, int number) : store_(store), number_(number) {}

  // False, with what, if the store and the oracle differ.
  bool run(const Operation& op) {
    const auto live = oracle_.find(op.sid);
    const bool alive = live != oracle_.end();
    using Kind = Operation::Kind;
    switch (op.kind) {
      case Kind::init: {
        const auto made = store_.init(name(op.sid));
        if (!alive) oracle_[op.sid] = {};
        return alive ? !made && made.error().code() == Errc::already_exists : made.has_value();
      }
      case Kind::load: {
        const auto loaded = store_.load(name(op.sid));
        oracle_[op.sid];
        return loaded.has_value();
      }
      case Kind::find: {
        const auto found = store_.find(name(op.sid));
        return found && found->has_value() == alive;
      }
      case Kind::exists: return store_.exists(name(op.sid)) == alive;
      case Kind::destroy: {
        const bool done = store_.destroy(name(op.sid)).has_value();
        oracle_.erase(op.sid);
        return done;
      }
      case Kind::change_id: {
        const auto changed = store_.change_id(name(op.sid), name(op.other));
        if (op.sid == op.other) return !changed && changed.error().code() == Errc::invalid_argument;
        if (!alive) return !changed && changed.error().code() == Errc::not_found;
        if (oracle_.contains(op.other))
          return !changed && changed.error().code() == Errc::already_exists;
        auto node = oracle_.extract(op.sid);
        node.key() = op.other;
        oracle_.insert(std::move(node));
        return changed.has_value();
      }
      default: break;
    }
    if (!alive) return true;
    auto session = store_.find(name(op.sid)).value();
    return session && run_on(*session, live->second, op);
  }

  // Whether the store holds exactly this thread's sessions, of those it might.
  bool agrees(Provider& store) const {
    for (int sid = 0; sid < kSids; ++sid) {
      auto session = store.find(name(sid)).value();
      const auto live = oracle_.find(sid);
      if (session.has_value() != (live != oracle_.end())) return false;
      if (!session) continue;
      Keys keys;
      const bool read = session
                            ->for_each([&](const Value& key, const Value& value) {
                              keys[key.as<int>().value()] =
                                  static_cast<int>(value.as<std::string>().value().size());
                            })
                            .has_value();
      if (!read || keys != live->second) return false;
    }
    return true;
  }

  std::size_t sessions() const { return oracle_.size(); }
  int counted() const { return counted_; }
  static constexpr int kSids = 6;

 private:
  std::string name(int sid) const {
    return "thread " + std::to_string(number_) + ", session " + std::to_string(sid);
  }
  // Of varying length, so that blocks move and grow.
  static std::string text(int length) { return std::string(static_cast<std::size_t>(length), 'x'); }

  bool run_on(Session& session, Keys& keys, const Operation& op) {
    using Kind = Operation::Kind;
    switch (op.kind) {
      case Kind::set:
        keys[op.key] = op.value;
        return session.set(op.key, text(op.value)).has_value();
      case Kind::get: {
        const auto value = session.get<std::string>(op.key);
        const auto expected = keys.find(op.key);
        if (!value || value->has_value() != (expected != keys.end())) return false;
        return !*value || static_cast<int>((*value)->size()) == expected->second;
      }
      case Kind::erase: keys.erase(op.key); return session.erase(op.key).has_value();
      case Kind::take: {
        const auto value = session.take<std::string>(op.key);
        return value && value->has_value() == (keys.erase(op.key) == 1);
      }
      case Kind::clear: keys.clear(); return session.clear().has_value();
      case Kind::update: {
        const bool fails = op.value % 5 == 0;
        const auto updated = session.update([&](Session& view) -> Result<void> {
          view.set(op.key, text(op.value)).value();
          view.erase(op.other).value();
          view.set(op.key + 1, text(op.value + 1)).value();
          if (fails) return std::unexpected(Error{Errc::conflict, "a change of mind"});
          return {};
        });
        if (fails) return !updated;
        keys[op.key] = op.value;
        keys.erase(op.other);
        keys[op.key + 1] = op.value + 1;
        return updated.has_value();
      }
      case Kind::count: {
        auto shared = store_.load("shared counter");
        if (!shared) return false;
        ++counted_;
        return shared
            ->update([](Session& view) {
              view.set("n", view.get<int>("n").value().value_or(0) + 1).value();
            })
            .has_value();
      }
      default: return false;
    }
  }

  Provider& store_;
  int number_;
  Oracle oracle_;
  int counted_ = 0;
};

rc::Gen<Operation> any_operation() {
  using Kind = Operation::Kind;
  return rc::gen::build<Operation>(
      rc::gen::set(&Operation::kind,
                   rc::gen::map(rc::gen::inRange(0, static_cast<int>(Kind::count) + 1),
                                [](int kind) { return static_cast<Kind>(kind); })),
      rc::gen::set(&Operation::sid, rc::gen::inRange(0, Thread::kSids)),
      rc::gen::set(&Operation::other, rc::gen::inRange(0, Thread::kSids)),
      rc::gen::set(&Operation::key, rc::gen::inRange(0, 8)),
      rc::gen::set(&Operation::value, rc::gen::inRange(0, 300)));
}

using Program = std::vector<std::vector<Operation>>;  // for each thread

void check_program(const Program& program, Durability durability, bool in_memory) {
  const TempDirectory directory;
  Params params;
  params.durability = durability;
  params.sync_interval = std::chrono::milliseconds{1};
  const std::string url = in_memory ? "memory:" : directory.path() + "/store";
  auto store = open(url, params).value();
  std::vector<Thread> threads;
  for (std::size_t i = 0; i < program.size(); ++i)
    threads.emplace_back(*store, static_cast<int>(i));
  std::vector<std::optional<std::size_t>> differed(program.size());
  {
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < program.size(); ++i) {
      running.emplace_back([&, i] {
        for (std::size_t step = 0; step < program[i].size() && !differed[i]; ++step) {
          if (!threads[i].run(program[i][step])) differed[i] = step;
        }
      });
    }
  }
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (differed[i])
      RC_FAIL("thread " + std::to_string(i) + " differs at step " + std::to_string(*differed[i]));
  }
  const auto check = [&] {
    std::size_t sessions = 0;
    int counted = 0;
    for (const Thread& thread : threads) {
      RC_ASSERT(thread.agrees(*store));
      sessions += thread.sessions();
      counted += thread.counted();
    }
    if (counted > 0) {
      ++sessions;
      RC_ASSERT(store->find("shared counter").value()->get<int>("n").value().value() == counted);
    }
    RC_ASSERT(store->size().value() == sessions);
  };
  check();
  if (in_memory) return;
  store.reset();
  store = open(url, params).value();
  check();
}

RC_GTEST_PROP(Model, MemoryAgreesWithTheOracle, ()) {
  check_program(
      *rc::gen::container<Program>(3, rc::gen::container<std::vector<Operation>>(any_operation())),
      Durability::none, true);
}

RC_GTEST_PROP(Model, DirectoryAgreesWithTheOracleAlsoAfterReopening, ()) {
  check_program(
      *rc::gen::container<Program>(3, rc::gen::container<std::vector<Operation>>(any_operation())),
      *rc::gen::element(Durability::interval, Durability::os, Durability::none), false);
}

RC_GTEST_PROP(Model, AlwaysDurableAgreesWithTheOracleAlsoAfterReopening, ()) {
  const auto few = rc::gen::scale(0.3, rc::gen::container<std::vector<Operation>>(any_operation()));
  check_program(*rc::gen::container<Program>(2, few), Durability::always, false);
}

}  // namespace
}  // namespace hybrid::testing
