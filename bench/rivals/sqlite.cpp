#include <sqlite3.h>

#include "bench/rivals/rival.hpp"

namespace bench {
namespace {

class Sqlite final : public Rival {
 public:
  Sqlite(const std::string& directory, const char* synchronous) {
    check(sqlite3_open((directory + "/sessions.db").c_str(), &db_));
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA cache_size=-4000000");
    run("PRAGMA mmap_size=8000000000");
    run(std::string{"PRAGMA synchronous="} + synchronous);
    run("CREATE TABLE session (sid TEXT, key TEXT, value BLOB, PRIMARY KEY (sid, key)) WITHOUT "
        "ROWID");
    put_ = prepare("INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3)");
    get_ = prepare("SELECT value FROM session WHERE sid = ?1 AND key = ?2");
    erase_ = prepare("DELETE FROM session WHERE sid = ?1");
  }
  ~Sqlite() override {
    for (sqlite3_stmt* const statement : {put_, get_, erase_}) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void create(const std::string& sid, const std::string& value) override {
    run("BEGIN");
    for (const std::string& key : keys()) set(sid, key, value);
    run("COMMIT");
  }
  void set(const std::string& sid, const std::string& key, const std::string& value) override {
    bind(put_, 1, sid);
    bind(put_, 2, key);
    check(sqlite3_bind_blob(put_, 3, value.data(), static_cast<int>(value.size()), SQLITE_STATIC));
    step(put_, SQLITE_DONE);
    sqlite3_reset(put_);
  }
  void get(const std::string& sid, const std::string& key, std::string& value) override {
    bind(get_, 1, sid);
    bind(get_, 2, key);
    step(get_, SQLITE_ROW);
    value.assign(static_cast<const char*>(sqlite3_column_blob(get_, 0)),
                 static_cast<std::size_t>(sqlite3_column_bytes(get_, 0)));
    sqlite3_reset(get_);
  }
  void destroy(const std::string& sid) override {
    bind(erase_, 1, sid);
    step(erase_, SQLITE_DONE);
    sqlite3_reset(erase_);
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) die(std::string{"SQLite: "} + sqlite3_errmsg(db_));
  }
  void run(const std::string& sql) {
    check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr));
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr));
    return statement;
  }
  void bind(sqlite3_stmt* statement, int at, const std::string& text) {
    check(sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC));
  }
  void step(sqlite3_stmt* statement, int wanted) {
    if (sqlite3_step(statement) != wanted) die(std::string{"SQLite: "} + sqlite3_errmsg(db_));
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* erase_ = nullptr;
};

// In a WAL, OFF survives a killed process as the others here do; NORMAL syncs at checkpoints only, too.
std::unique_ptr<Rival> off(const std::string& directory) {
  return std::make_unique<Sqlite>(directory, "OFF");
}
std::unique_ptr<Rival> full(const std::string& directory) {
  return std::make_unique<Sqlite>(directory, "FULL");
}

const Contends unsynced{{"SQLite", Kept::process_crash, off}};
const Contends synced{{"SQLite FULL", Kept::power_cut, full}};

}  // namespace
}  // namespace bench
