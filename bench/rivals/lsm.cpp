// LevelDB and RocksDB: the same interface, nearly.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{4} << 30;  // all of it fits
constexpr int kFilterBits = 10;

struct LevelDb {
  using Db = leveldb::DB;
  using Batch = leveldb::WriteBatch;
  using Read = leveldb::ReadOptions;
  using Write = leveldb::WriteOptions;
  static Db* open(const std::string& directory) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = std::size_t{64} << 20;
    options.block_cache = leveldb::NewLRUCache(kCacheBytes);
    options.filter_policy = leveldb::NewBloomFilterPolicy(kFilterBits);
    options.compression = leveldb::kNoCompression;
    Db* db = nullptr;
    const auto status = Db::Open(options, directory, &db);
    if (!status.ok()) die(status.ToString());
    return db;
  }
};

struct RocksDb {
  using Db = rocksdb::DB;
  using Batch = rocksdb::WriteBatch;
  using Read = rocksdb::ReadOptions;
  using Write = rocksdb::WriteOptions;
  static Db* open(const std::string& directory) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kCacheBytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBits));
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    Db* db = nullptr;
    const auto status = Db::Open(options, directory, &db);
    if (!status.ok()) die(status.ToString());
    return db;
  }
};

template <class Kind>
class Lsm final : public Rival {
 public:
  Lsm(const std::string& directory, bool sync) : db_(Kind::open(directory + "/db")) {
    write_.sync = sync;
  }
  void create(const std::string& sid, const std::string& value) override {
    typename Kind::Batch batch;
    for (const std::string& key : keys()) batch.Put(flat_key(sid, key), value);
    check(db_->Write(write_, &batch));
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    check(db_->Put(write_, flat_key(sid, key), value));
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    check(db_->Get(read_, flat_key(sid, key), &value));
  }
  void destroy(const std::string& sid) override {
    typename Kind::Batch batch;
    for (const std::string& key : keys()) batch.Delete(flat_key(sid, key));
    check(db_->Write(write_, &batch));
  }

 private:
  template <class Status>
  static void check(const Status& status) {
    if (!status.ok()) die(status.ToString());
  }
  std::unique_ptr<typename Kind::Db> db_;
  typename Kind::Read read_;
  typename Kind::Write write_;
};

template <class Kind, bool sync>
std::unique_ptr<Rival> make(const std::string& directory) {
  return std::make_unique<Lsm<Kind>>(directory, sync);
}

const Contends leveldb_unsynced{{"LevelDB", Kept::process_crash, make<LevelDb, false>}};
const Contends rocksdb_unsynced{{"RocksDB", Kept::process_crash, make<RocksDb, false>}};
const Contends leveldb_synced{{"LevelDB sync", Kept::power_cut, make<LevelDb, true>, true}};
const Contends rocksdb_synced{{"RocksDB sync", Kept::power_cut, make<RocksDb, true>, true}};

}  // namespace
}  // namespace bench
