// The changes of one EXEC: each session's are kept in an UpdateView over it, where the commands that follow see them, and made as
// one record when the transaction is committed. As in Redis no key expires meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/update_view.hpp"
#include "hybrid/provider.hpp"
#include "server/buried_keys.hpp"

namespace hybrid::server {

// A session as it was when it was first touched.
class Snapshot;

class Transaction {
 public:
  Transaction(Provider& provider, BuriedKeys& buried) : provider_(provider), buried_(buried) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  std::optional<Session> find(const std::string& sid);
  void put(const std::string& sid, std::span<const Change> changes);
  bool remove(const std::string& sid);
  // If it is not there once all changes are made, it is buried.
  void bury(const std::string& sid) { touch(sid).is_to_bury = true; }
  // Sessions that have expired since they were touched are not there any more, nor what was changed in them.
  void forget_gone();
  // Makes all changes, in the order in which their sessions were first touched; after it the transaction is empty. Throws
  // In the order in which the sessions were first asked for. At the first that cannot be changed it ends, with its ReplyError: nothing
  // that depends on that, such as the other half of a move, is done.
  void commit();

 private:
  struct Touched {
    std::string sid;
    bool existed = false;
    bool exists = false;
    bool was_removed = false;  // on the way
    bool is_to_bury = false;
    std::shared_ptr<SessionBackend> session{};  // of the store, if it existed
    std::shared_ptr<Snapshot> snapshot{};       // of it, if it may expire meanwhile
    std::shared_ptr<UpdateView> view{};         // over one of these, or over nothing
  };
  Touched& touch(const std::string& sid);
  static void see_nothing(Touched& touched);
  Result<void> commit(Touched& touched);

  Provider& provider_;
  BuriedKeys& buried_;
  std::map<std::string, std::size_t, std::less<>> places_;  // in touched_
  std::vector<Touched> touched_;
};

}  // namespace hybrid::server
