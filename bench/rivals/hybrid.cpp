#include <hybrid/hybrid.hpp>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

class Hybrid final : public Rival {
 public:
  Hybrid(const std::string& url, hybrid::Durability durability) {
    hybrid::Params params;
    params.durability = durability;
    store_ = value_of(hybrid::open(url, params));
  }
  void create(const std::string& sid, const std::string& value) override {
    auto session = value_of(store_->init(sid));
    check(session.update([&](hybrid::Session& view) -> hybrid::Result<void> {
      for (const std::string& key : keys()) {
        if (auto done = view.set(key, value); !done) return done;
      }
      return {};
    }));
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    check(value_of(store_->load(sid)).set(key, value));
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    auto found = value_of(value_of(store_->load(sid)).get<std::string>(key));
    if (!found) die("a key is not there");
    value = std::move(*found);
  }
  void destroy(const std::string& sid) override { check(store_->destroy(sid)); }

 private:
  template <class T>
  static void check(const T& result) {
    if (!result) die(result.error().message());
  }
  template <class T>
  static T value_of(hybrid::Result<T> result) {
    check(result);
    return std::move(*result);
  }
  std::unique_ptr<hybrid::Provider> store_;
};

template <hybrid::Durability durability>
std::unique_ptr<Rival> in_files(const std::string& directory) {
  return std::make_unique<Hybrid>(directory, durability);
}
std::unique_ptr<Rival> in_memory(const std::string&) {
  return std::make_unique<Hybrid>("memory:", hybrid::Durability::none);
}

const Contends memory{{"hybrid memory:", Kept::no_crash, in_memory}};
const Contends interval{{"hybrid", Kept::process_crash, in_files<hybrid::Durability::interval>}};
const Contends always{{"hybrid always", Kept::power_cut, in_files<hybrid::Durability::always>}};

}  // namespace
}  // namespace bench
