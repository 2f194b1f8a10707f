#include <lmdb.h>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

class Lmdb final : public Rival {
 public:
  Lmdb(const std::string& directory, bool sync) {
    constexpr std::size_t kMapBytes = std::size_t{8} << 30;
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, kMapBytes));
    check(mdb_env_open(env_, directory.c_str(), sync ? 0 : MDB_NOSYNC | MDB_WRITEMAP, 0600));
    write([&](MDB_txn* transaction) {
      check(mdb_dbi_open(transaction, nullptr, MDB_CREATE, &table_));
    });
    check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reader_));
    mdb_txn_reset(reader_);
  }
  ~Lmdb() override {
    mdb_txn_abort(reader_);
    mdb_env_close(env_);
  }
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;

  void create(const std::string& sid, const std::string& value) override {
    write([&](MDB_txn* transaction) {
      for (const std::string& key : keys()) put(transaction, flat_key(sid, key), value);
    });
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    write([&](MDB_txn* transaction) { put(transaction, flat_key(sid, key), value); });
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    std::string flat = flat_key(sid, key);
    MDB_val k{flat.size(), flat.data()};
    MDB_val v{};
    check(mdb_txn_renew(reader_));
    check(mdb_get(reader_, table_, &k, &v));
    value.assign(static_cast<const char*>(v.mv_data), v.mv_size);
    mdb_txn_reset(reader_);
  }
  void destroy(const std::string& sid) override {
    write([&](MDB_txn* transaction) {
      for (const std::string& key : keys()) {
        std::string flat = flat_key(sid, key);
        MDB_val k{flat.size(), flat.data()};
        check(mdb_del(transaction, table_, &k, nullptr));
      }
    });
  }

 private:
  static void check(int code) {
    if (code != 0) die(std::string{"LMDB: "} + mdb_strerror(code));
  }
  template <class F>
  void write(F&& fn) {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &transaction));
    fn(transaction);
    check(mdb_txn_commit(transaction));
  }
  void put(MDB_txn* transaction, std::string key, std::string value) {
    MDB_val k{key.size(), key.data()};
    MDB_val v{value.size(), value.data()};
    check(mdb_put(transaction, table_, &k, &v, 0));
  }

  MDB_env* env_ = nullptr;
  MDB_dbi table_ = 0;
  MDB_txn* reader_ = nullptr;
};

template <bool sync>
std::unique_ptr<Rival> make(const std::string& directory) {
  return std::make_unique<Lmdb>(directory, sync);
}

const Contends unsynced{{"LMDB", Kept::process_crash, make<false>}};
const Contends synced{{"LMDB sync", Kept::power_cut, make<true>}};

}  // namespace
}  // namespace bench
