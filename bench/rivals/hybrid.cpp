#include <hybrid/hybrid.hpp>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

class Hybrid final : public Rival {
 public:
  Hybrid(std::string url, hybrid::Durability durability) : url_(std::move(url)) {
    params_.durability = durability;
    store_ = value_of(hybrid::open(url_, params_));
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
  void get_many(std::span<const Wanted> wanted, std::span<std::string> values) override {
    sids_.clear();
    for (const Wanted& one : wanted) sids_.push_back(one.sid);
    const auto sessions = value_of(store_->find_many(sids_));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      values[i] = value_of(sessions[i].value().get<std::string>(*wanted[i].key)).value();
  }
  void destroy(const std::string& sid) override { check(store_->destroy(sid)); }
  bool reopen() override {
    if (params_.durability == hybrid::Durability::none) return false;
    store_.reset();
    store_ = value_of(hybrid::open(url_, params_));
    return true;
  }

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
  std::string url_;
  hybrid::Params params_;
  std::unique_ptr<hybrid::Provider> store_;
  std::vector<std::string_view> sids_;
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
const Contends always{
    {"hybrid always", Kept::power_cut, in_files<hybrid::Durability::always>, true}};

}  // namespace
}  // namespace bench
