// Question: how many instructions does a call take? For callgrind, by ./bench/instructions.
//   bench_instructions CALL DIR: makes a store in DIR, then does CALL 1,000 times in measured(); without CALL, lists the calls.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <hybrid/hybrid.hpp>

#include "bench/sure.hpp"

namespace {

using bench::die;
using bench::sure;
using namespace hybrid;

constexpr std::size_t kTimes = 1000;  // ./bench/instructions divides by it
constexpr std::size_t kKeys = 8;

const std::string value(100, 'v');
const std::array<std::string, kKeys> keys{"key0", "key1", "key2", "key3",
                                          "key4", "key5", "key6", "key7"};

struct Store {
  std::unique_ptr<Provider> provider;
  std::vector<std::string> sids;
  std::vector<std::string> more;  // not in use
  std::vector<Session> handles;

  explicit Store(const std::string& directory) {
    Params params;
    params.sync_interval = std::chrono::hours{1};  // so that nothing happens beside
    provider = sure(open(directory, params));
    for (std::size_t i = 0; i < kTimes; ++i) {
      // Ids as long as real ones, and the same in each run.
      std::string digits = std::to_string(i);
      sids.push_back(digits.insert(0, 32 - digits.size(), 's'));
      more.push_back("m" + sids.back().substr(1));
      handles.push_back(sure(provider->init(sids.back())));
      set_all(handles.back());
    }
  }
  void set_all(Session& session) const {
    sure(session.update([](Session& view) {
      for (const std::string& key : keys) sure(view.set(key, value));
    }));
  }
};

using Call = std::function<void(Store& store, std::size_t i)>;

const std::map<std::string_view, Call> calls{
    {"exists",
     [](Store& store, std::size_t i) {
       if (!store.provider->exists(store.sids[i])) die("a session is missing");
     }},
    {"load", [](Store& store, std::size_t i) { sure(store.provider->load(store.sids[i])); }},
    {"load + get",
     [](Store& store, std::size_t i) {
       sure(sure(store.provider->load(store.sids[i])).get<std::string>(keys[i % kKeys]));
     }},
    {"load + set",
     [](Store& store, std::size_t i) {
       sure(sure(store.provider->load(store.sids[i])).set(keys[i % kKeys], value));
     }},
    {"get",
     [](Store& store, std::size_t i) { sure(store.handles[i].get<std::string>(keys[i % kKeys])); }},
    {"set",
     [](Store& store, std::size_t i) { sure(store.handles[i].set(keys[i % kKeys], value)); }},
    {"update of 8 keys", [](Store& store, std::size_t i) { store.set_all(store.handles[i]); }},
    {"init", [](Store& store, std::size_t i) { sure(store.provider->init(store.more[i])); }},
    {"destroy", [](Store& store, std::size_t i) { sure(store.provider->destroy(store.sids[i])); }},
    {"change_id",
     [](Store& store, std::size_t i) {
       sure(store.provider->change_id(store.sids[i], store.more[i]));
     }},
};

// What callgrind counts.
[[gnu::noinline]] void measured(const Call& call, Store& store) {
  for (std::size_t i = 0; i < kTimes; ++i) call(store, i);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const auto& [name, call] : calls)
      std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
    return 0;
  }
  const auto call = calls.find(argv[1]);
  if (argc != 3 || call == calls.end()) die("usage: bench_instructions [CALL DIR]");
  Store store{argv[2]};
  measured(call->second, store);
}
