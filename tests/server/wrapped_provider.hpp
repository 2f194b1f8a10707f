// A store in memory, of which a test replaces some calls.
#pragma once

#include <hybrid/hybrid.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace hybrid::testing {

class WrappedProvider : public Provider {
 public:
  Result<void> set_params(const Params& params) override { return inner_->set_params(params); }
  Result<Session> init(std::string_view sid) override { return inner_->init(sid); }
  Result<Session> load(std::string_view sid) override { return inner_->load(sid); }
  Result<std::optional<Session>> find(std::string_view sid) override { return inner_->find(sid); }
  Result<Session> put(std::string_view sid, std::span<const Change> changes) override {
    return inner_->put(sid, changes);
  }
  Result<void> destroy(std::string_view sid) override { return inner_->destroy(sid); }
  Result<void> change_id(std::string_view from, std::string_view to) override {
    return inner_->change_id(from, to);
  }
  bool exists(std::string_view sid) override { return inner_->exists(sid); }
  Result<std::size_t> gc(std::chrono::seconds lifetime) override { return inner_->gc(lifetime); }
  Result<std::uint64_t> scan(std::uint64_t cursor, std::size_t places,
                             const std::function<void(Session&)>& fn) override {
    return inner_->scan(cursor, places, fn);
  }

 private:
  const std::unique_ptr<Provider> inner_ = open("memory:").value();
};

}  // namespace hybrid::testing
