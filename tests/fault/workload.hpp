// A seeded run of store operations on a FaultFileSystem, and what a reopened store may hold after it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"

namespace hybrid::testing {

using State = std::map<std::string, std::map<std::string, int>>;  // sid, key, value

// What was promised: the state after each change, oldest first.
struct History {
  std::vector<State> states{State{}};
  std::size_t acknowledged = 0;  // the newest state that a caller was told of
  std::size_t durable = 0;       // the newest that a sync was told to have made durable
  std::string failed_with;       // the first error, if any

  // The index of `state`, at least `from`.
  std::optional<std::size_t> find(const State& state, std::size_t from) const {
    for (std::size_t i = states.size(); i-- > from;) {
      if (states[i] == state) return i;
    }
    return std::nullopt;
  }
};

inline std::string sid(int i) { return "session-" + std::to_string(i); }
inline constexpr int kSids = 5;

inline store::EmbeddedStore::Options options_for(FaultFileSystem& files, const Clock& clock,
                                                 Durability durability) {
  store::EmbeddedStore::Options options;
  options.params.durability = durability;
  options.params.sync_interval = std::chrono::milliseconds{1000};
  options.files = &files;
  options.directory = "/store";
  options.clock = &clock;
  options.background = false;
  options.first_segment_bytes = 4096;
  options.clean_bytes_min = 1;
  options.clean_slice_bytes = 200;
  return options;
}

inline Result<State> read_state(Provider& store) {
  State state;
  for (int i = 0; i < kSids; ++i) {
    auto session = store.find(sid(i));
    if (!session) return std::unexpected(session.error());
    if (!*session) continue;
    auto& keys = state[sid(i)];
    auto read = (*session)->for_each([&](const Value& key, const Value& value) {
      keys[key.as<std::string>().value()] = value.as<int>().value();
    });
    if (!read) return std::unexpected(read.error());
  }
  return state;
}

// One change: what to ask of the store, and the state after it. Each writes one record or none.
struct Step {
  State after;
  std::function<Result<void>(Provider&)> ask;
};

inline Step plan_step(std::mt19937_64& random, const State& state) {
  const std::string id = sid(static_cast<int>(random() % kSids));
  const std::string key = "key-" + std::to_string(random() % 4);
  const int value = static_cast<int>(random() % 100000);
  Step step{.after = state, .ask = {}};
  const bool lives = state.contains(id);
  const auto kind = random() % 12;
  if (kind < 2) {
    step.after.erase(id);
    step.ask = [=](Provider& store) { return store.destroy(id); };
    return step;
  }
  if (!lives) {
    step.after[id] = {};
    step.ask = [=](Provider& store) -> Result<void> {
      auto made = store.init(id);
      if (!made) return std::unexpected(made.error());
      return {};
    };
    return step;
  }
  const auto on_session = [id](auto change) {
    return [id, change](Provider& store) -> Result<void> {
      auto session = store.load(id);
      if (!session) return std::unexpected(session.error());
      return change(*session);
    };
  };
  auto& keys = step.after[id];
  switch (kind) {
    case 2: {
      std::string to = sid(static_cast<int>(random() % kSids));
      if (state.contains(to)) to = id + "-unused";
      if (!to.ends_with("unused")) {
        auto node = step.after.extract(id);
        node.key() = to;
        step.after.insert(std::move(node));
        step.ask = [=](Provider& store) { return store.change_id(id, to); };
        return step;
      }
      [[fallthrough]];
    }
    case 3:
      keys.erase(key);
      step.ask = on_session([=](Session& session) { return session.erase(key); });
      return step;
    case 4:
      keys.clear();
      step.ask = on_session([](Session& session) { return session.clear(); });
      return step;
    case 5:
    case 6: {
      for (int i = 0; i < 3; ++i) keys["key-" + std::to_string(i)] = value + i;
      step.ask = on_session([=](Session& session) {
        return session.update([=](Session& view) -> Result<void> {
          for (int i = 0; i < 3; ++i) {
            if (auto set = view.set("key-" + std::to_string(i), value + i); !set) return set;
          }
          return {};
        });
      });
      return step;
    }
    default:
      keys[key] = value;
      step.ask = on_session([=](Session& session) { return session.set(key, value); });
      return step;
  }
}

struct Workload {
  std::uint64_t seed = 1;
  Durability durability = Durability::interval;
  int steps = 60;
  bool close = true;  // at the end
};

// Runs until the end or the first error. What was under way then may or may not have been done, so the state with it is in the
// history, too, but not as acknowledged.
inline History run(const Workload& workload, FaultFileSystem& files, ManualClock& clock) {
  History history;
  std::mt19937_64 random{workload.seed};
  State state;
  std::unique_ptr<store::EmbeddedStore> store;
  const auto stop = [&](const Error& error) {
    history.failed_with = error.message();
    files.kill([&] { store.reset(); });
    return history;
  };
  const auto reopen = [&]() -> Result<void> {
    auto opened = store::EmbeddedStore::open(options_for(files, clock, workload.durability));
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
    return {};
  };
  if (auto opened = reopen(); !opened) return stop(opened.error());
  for (int step = 0; step < workload.steps; ++step) {
    clock.advance(std::chrono::milliseconds{random() % 3});
    switch (random() % 18) {
      case 16: {
        if (auto compacted = store->compact(); !compacted) return stop(compacted.error());
        history.durable = history.acknowledged;
        break;
      }
      case 0: {
        if (auto flushed = store->flush(); !flushed) return stop(flushed.error());
        history.durable = history.acknowledged;
        break;
      }
      case 1:
      case 2: {
        const int syncs = files.syncs();
        store->run_duties();
        const auto stats = store->stats().value();
        if (files.syncs() > syncs && stats.durable_lsn == stats.last_lsn)
          history.durable = history.acknowledged;
        break;
      }
      case 3: {
        // A close or a kill, and a new start.
        if (random() % 2 == 0) {
          if (auto closed = store->close(); !closed) return stop(closed.error());
          history.durable = history.acknowledged;
        }
        files.kill([&] { store.reset(); });
        if (auto opened = reopen(); !opened) return stop(opened.error());
        break;
      }
      default: {
        const Step planned = plan_step(random, state);
        if (planned.after != state) history.states.push_back(planned.after);
        if (auto done = planned.ask(*store); !done) return stop(done.error());
        state = planned.after;
        history.acknowledged = history.states.size() - 1;
        if (workload.durability == Durability::always) history.durable = history.acknowledged;
        break;
      }
    }
  }
  if (workload.close) {
    if (auto closed = store->close(); !closed) return stop(closed.error());
    history.durable = history.acknowledged;
  }
  files.kill([&] { store.reset(); });
  return history;
}

}  // namespace hybrid::testing
