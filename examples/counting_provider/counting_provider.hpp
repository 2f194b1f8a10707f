// A provider of your own: it wraps any other one and counts what is asked of it.
//
// It shows all that there is to implement: Provider, and the SessionBackend that its Session handles stand for.
// Handles may outlive the provider, so what both need is shared.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <hybrid/hybrid.hpp>

namespace counting {

struct Counts {
  std::atomic<std::uint64_t> lookups{0};  // init, load, find, exists
  std::atomic<std::uint64_t> reads{0};    // of keys, values and times
  std::atomic<std::uint64_t> changes{0};  // of a session's keys; an update() is one
  std::atomic<std::uint64_t> id_changes{0};
  std::atomic<std::uint64_t> destroyed{0};
};

class CountingSession final : public hybrid::SessionBackend {
 public:
  CountingSession(std::shared_ptr<hybrid::SessionBackend> inner, std::shared_ptr<Counts> counts)
      : inner_(std::move(inner)), counts_(std::move(counts)) {}

  std::string session_id() const override { return inner_->session_id(); }
  hybrid::Result<bool> get(std::string_view key, hybrid::Buffer& value) override {
    ++counts_->reads;
    return inner_->get(key, value);
  }
  hybrid::Result<void> apply(std::span<const hybrid::Change> changes,
                             std::optional<std::uint64_t> if_version) override {
    ++counts_->changes;
    return inner_->apply(changes, if_version);
  }
  // What `fn` does to the view that the inner provider makes is part of this one change.
  hybrid::Result<void> update(
      const std::function<hybrid::Result<void>(std::shared_ptr<hybrid::SessionBackend>)>& fn)
      override {
    ++counts_->changes;
    return inner_->update(fn);
  }
  hybrid::Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    ++counts_->reads;
    return inner_->entries();
  }
  hybrid::Result<hybrid::SessionInfo> info() override {
    ++counts_->reads;
    return inner_->info();
  }
  hybrid::Result<void> touch() override { return inner_->touch(); }
  hybrid::Result<void> destroy() override {
    ++counts_->destroyed;
    return inner_->destroy();
  }

 private:
  const std::shared_ptr<hybrid::SessionBackend> inner_;
  const std::shared_ptr<Counts> counts_;
};

class CountingProvider final : public hybrid::Provider {
 public:
  explicit CountingProvider(std::unique_ptr<hybrid::Provider> inner) : inner_(std::move(inner)) {}

  const Counts& counts() const { return *counts_; }

  hybrid::Result<void> set_params(const hybrid::Params& params) override {
    return inner_->set_params(params);
  }
  hybrid::Result<hybrid::Session> init(std::string_view sid) override {
    ++counts_->lookups;
    auto session = inner_->init(sid);
    if (session) *session = counted(*session);
    return session;
  }
  hybrid::Result<hybrid::Session> load(std::string_view sid) override {
    ++counts_->lookups;
    auto session = inner_->load(sid);
    if (session) *session = counted(*session);
    return session;
  }
  hybrid::Result<std::optional<hybrid::Session>> find(std::string_view sid) override {
    ++counts_->lookups;
    auto found = inner_->find(sid);
    if (found && *found) *found = counted(**found);
    return found;
  }
  hybrid::Result<void> destroy(std::string_view sid) override {
    ++counts_->destroyed;
    return inner_->destroy(sid);
  }
  hybrid::Result<void> change_id(std::string_view old_sid, std::string_view new_sid) override {
    ++counts_->id_changes;
    return inner_->change_id(old_sid, new_sid);
  }
  bool exists(std::string_view sid) override {
    ++counts_->lookups;
    return inner_->exists(sid);
  }
  hybrid::Result<std::size_t> gc(std::chrono::seconds max_lifetime) override {
    return inner_->gc(max_lifetime);
  }

  // A provider may leave these out; then they are `unsupported`.
  hybrid::Result<std::size_t> size() override { return inner_->size(); }
  hybrid::Result<void> for_each(const std::function<bool(hybrid::Session&)>& fn) override {
    return inner_->for_each([&](hybrid::Session& session) {
      hybrid::Session wrapped = counted(session);
      return fn(wrapped);
    });
  }
  hybrid::Result<hybrid::Stats> stats() override { return inner_->stats(); }
  hybrid::Result<std::uint64_t> memory_bytes() override { return inner_->memory_bytes(); }
  hybrid::Result<void> flush() override { return inner_->flush(); }
  hybrid::Result<void> on_event(std::function<void(const hybrid::Event&)> fn) override {
    return inner_->on_event(std::move(fn));
  }

 private:
  hybrid::Session counted(const hybrid::Session& session) const {
    return hybrid::Session{std::make_shared<CountingSession>(session.backend(), counts_)};
  }

  const std::unique_ptr<hybrid::Provider> inner_;
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace counting
