// Replies that wait for the disk, and what happens when it fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/served_store.hpp"
#include "tests/server/wrapped_provider.hpp"

namespace hybrid::testing {
namespace {

// Its flush() waits until it is let through.
class GatedProvider final : public WrappedProvider {
 public:
  Result<void> flush() override {
    ++flushes;
    flushes.notify_all();
    is_open_.wait(false);
    if (fails) return std::unexpected(Error{Errc::io, "the disk is gone"});
    return {};
  }

  void let_through() {
    is_open_ = true;
    is_open_.notify_all();
  }
  std::atomic<int> flushes{0};
  std::atomic<bool> fails{false};

 private:
  std::atomic<bool> is_open_{false};
};

struct GatedStore {
  GatedProvider* gate;
  ServedStore served;

  explicit GatedStore(server::ServiceOptions options = {.durability = Durability::always})
      : GatedStore(std::move(options), std::make_unique<GatedProvider>()) {}

 private:
  GatedStore(server::ServiceOptions options, std::unique_ptr<GatedProvider> provider)
      : gate(provider.get()), served(std::move(options), std::move(provider)) {}
};

TEST(InAlways, RepliesToWritesWaitForTheDiskAndOthersDoNot) {
  GatedStore store;
  TestClient writer = store.served.client();
  TestClient reader = store.served.client();
  writer.request({"SET", "a", "1"});
  store.gate->flushes.wait(0);
  EXPECT_FALSE(writer.hears_something(50));
  EXPECT_EQ(reader("PING"), "PONG") << "who has written nothing need not wait";
  writer.request({"GET", "a"});
  EXPECT_FALSE(writer.hears_something(50)) << "its replies come in order";
  store.gate->let_through();
  EXPECT_EQ(writer.reply(), "OK");
  EXPECT_EQ(writer.reply(), "\"1\"");
}

TEST(InAlways, OneSyncIsForAllThatWait) {
  GatedStore store;
  std::vector<std::unique_ptr<TestClient>> clients;
  TestClient first = store.served.client();
  first.request({"SET", "a", "1"});
  store.gate->flushes.wait(0);
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TestClient>(store.served.path()));
    clients.back()->request({"SET", "b" + std::to_string(i), "1"});
  }
  // They have come when they are seen.
  TestClient reader = store.served.client();
  for (int i = 0; i < 20; ++i) {
    while (reader({"EXISTS", "b" + std::to_string(i)}) != "1") std::this_thread::yield();
  }
  store.gate->let_through();
  EXPECT_EQ(first.reply(), "OK");
  for (const auto& client : clients) EXPECT_EQ(client->reply(), "OK");
  EXPECT_LE(store.gate->flushes, 10);
}

TEST(InAlways, AFailedSyncDisconnectsWhoseChangesMayBeLost) {
  GatedStore store;
  TestClient writer = store.served.client();
  TestClient reader = store.served.client();
  store.gate->fails = true;
  store.gate->let_through();
  EXPECT_EQ(writer("SET a 1"), "(closed)");
  EXPECT_EQ(reader("PING"), "PONG");
}

TEST(SecurityOps, WaitForTheDiskIfSoConfiguredAndOthersDoNot) {
  for (const char* const request :
       {"DEL a", "UNLINK a", "RENAME a b", "GETDEL a", "EXPIRE a -1", "MOVE a 1", "FLUSHALL"}) {
    SCOPED_TRACE(request);
    GatedStore store{{.sync_security_ops = true}};
    TestClient client = store.served.client();
    EXPECT_EQ(client("SET a 1"), "OK");
    EXPECT_EQ(client("DEL b"), "0");
    client.send(std::string{request} + "\r\n");
    store.gate->flushes.wait(0);
    EXPECT_FALSE(client.hears_something(20));
    store.gate->let_through();
    EXPECT_NE(client.reply(), "(closed)");
    EXPECT_EQ(client("EXISTS a"), "0");
  }
}

TEST(SecurityOps, WaitForTheDiskAlsoIfTheLastFieldIsErased) {
  GatedStore store{{.sync_security_ops = true}};
  TestClient client = store.served.client();
  EXPECT_EQ(client("HSET h a 1 b 2"), "2");
  EXPECT_EQ(client("HDEL h a"), "1");
  client.request({"HDEL", "h", "b"});
  store.gate->flushes.wait(0);
  store.gate->let_through();
  EXPECT_EQ(client.reply(), "1");
}

}  // namespace
}  // namespace hybrid::testing
