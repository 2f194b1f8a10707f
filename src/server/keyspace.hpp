// Keys of the protocol and the sessions behind them, over any Provider.
//
// A key is a session, whose id is the key's name: a hash's fields are its keys, a string is its one unnamed value (of the key
// nil), a set's members are its keys, with nil for values, a list's elements its values, under integers that say in which order. Beside
// them it has its name and type (Attribute::served), since clients ask for both, and when it expires (Attribute::deadline).
//   K1  Whoever calls holds the locks of the keys concerned (key_locks.hpp): what was read stays so until what depends on it
//       is written, as far as other clients go.
//   K2  A change of one key is one record of the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hybrid/provider.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {

enum class Type : std::uint8_t { hash = 0, string = 1, set = 2, list = 3 };
std::string_view to_string(Type type);

inline constexpr unsigned kDatabases = 16;
inline constexpr unsigned kGraveyard =
    kDatabases;  // a database that clients do not see: BuriedKeys

// Of a list, of a reply that a client asks for by a count, of sets that are combined (together), and of what RESTORE takes: members,
// elements, or fields and values.
inline constexpr std::size_t kElementsMax = std::size_t{1} << 20;

struct Key {
  unsigned database = 0;
  std::string_view name;
};

// The id of the session behind a key: its name, if it is in database 0, and no id of another database.
std::string sid_of(const Key& key);
// Whether it is its name.
bool is_plain(const Key& key);

// What Attribute::served holds.
struct Served {
  std::string name;
  Type type = Type::hash;
  unsigned database = 0;
};
std::optional<Served> parse_served(std::string_view encoded);

// A stored value as the text that clients see: strings and bytes as they are, numbers in decimal, true as 1, false as 0, nil as
// nothing; of lists and maps their MessagePack. The text may point into `encoded` or `memory`.
std::string_view to_text(std::string_view encoded, std::string& memory);

// A value and its text.
class Text {
 public:
  std::string_view view() const { return view_; }

 private:
  friend class Object;
  void read() { view_ = to_text(encoded_.view(), memory_); }

  Buffer encoded_;
  std::string memory_;
  std::string_view view_;
};

// Changes of one session in the making.
class Changes {
 public:
  void set(std::string_view field, std::string_view value);
  void add_member(std::string_view member);
  void set_element(std::int64_t place, std::string_view value);
  void erase_element(std::int64_t place);
  void set_unnamed(std::string_view value);
  void set_deadline(TimePoint deadline);
  void erase_deadline();
  void set_served(const Key& key, Type type);
  void clear();
  // Of another session, as they are stored.
  void set_encoded(std::string_view key, std::string_view value);
  void erase_encoded(std::string_view key);

  bool empty() const { return parts_.empty(); }
  // Valid until the next change is added.
  std::vector<Change> view() const;

 private:
  struct Part {
    Change::Kind kind;
    std::size_t key_end;
    std::size_t value_end;
  };
  template <class Encode>
  void add(Change::Kind kind, Encode&& encode);

  Buffer bytes_;
  std::vector<Part> parts_;
};

// Of a list.
struct Element {
  std::int64_t place = 0;
  std::string text;
};

// One key that lives.
class Object {
 public:
  explicit Object(Session session) : session_(std::move(session)) {}

  Type type() const;
  std::optional<Served> served() const;
  // False if there is no such field.
  bool get(std::string_view field, Text& value) const;
  bool get_unnamed(Text& value) const;
  bool get(std::string_view field, std::string& value) const;
  bool get_unnamed(std::string& value) const;
  bool contains(std::string_view field) const;
  // Lets `changes` erase the field, or member. How many keys of the session that takes: none if there is no such field, and two if a C++
  // program has set the integer of that name as well.
  std::size_t erase(std::string_view field, Changes& changes) const;
  std::size_t size() const { return must(session_.info()).keys; }
  SessionInfo info() const { return must(session_.info()); }
  // Whether it is a field of a hash, or a member of a set: what integers and the like are called, see to_text().
  std::vector<std::pair<std::string, std::string>> fields() const;
  // Of a list, in their order. What a C++ program added under another key is none of them.
  std::vector<Element> elements() const;
  // As they are stored, attributes among them.
  std::vector<std::pair<std::string, std::string>> entries() const {
    return must(session_.backend()->entries());
  }
  std::optional<TimePoint> deadline() const;
  const Session& session() const { return session_; }

 private:
  bool get_field(std::string_view field, Buffer& value) const;

  Session session_;
};

// Changes that are kept back until all of them are made: those of EXEC.
class Transaction;

class Keyspace {
 public:
  explicit Keyspace(Provider& provider) : provider_(provider) {}
  // What goes through it goes into `transaction` first.
  Keyspace(Provider& provider, Transaction& transaction)
      : provider_(provider), transaction_(&transaction) {}

  // What was found for `sid` before its key was locked. If that is still so find() need not look again.
  void offer(std::string_view sid, Session&& session, bool may_have_ended) {
    offered_sid_ = sid;
    offered_may_have_ended_ = may_have_ended;
    offered_.emplace(std::move(session));
  }

  // These throw ReplyError.
  std::optional<Object> find(const Key& key);
  // Refuses if it is of another type.
  std::optional<Object> find(const Key& key, Type type);
  bool exists(const Key& key);
  // What is written to `key` is to be made before what is written to others. For a transaction that has not looked at it yet; else the
  // order is that of the writes anyway.
  void put_first(const Key& key);
  // Changes `object`, which find() returned for `key`, or makes one of `type`.
  void write(const Key& key, Type type, const std::optional<Object>& object, Changes& changes);
  // Whatever was there is replaced, with its deadline.
  void replace(const Key& key, Type type, const std::optional<Object>& object, Changes& changes);
  bool remove(const Key& key);
  // `from` must be there; `to` is replaced.
  void rename(const Key& from, const Key& to);

  // Calls fn(served, object) for those of `database`; see Provider::scan().
  using Visit = std::function<void(const Served&, const Object&)>;
  std::uint64_t scan(unsigned database, std::uint64_t cursor, std::size_t places,
                     const Visit& visit);
  void for_each(unsigned database, const Visit& visit);

  // Destroys all sessions but the graveyard's, or those of one database. Calls fn(key) for each that has a name.
  void flush(std::optional<unsigned> database, const std::function<void(const Key&)>& fn);

  // What a command threw KeyGone for is not there when it is called again.
  void forget_gone();

  Provider& provider() { return provider_; }
  // Null outside EXEC and scripts.
  Transaction* transaction() { return transaction_; }

 private:
  std::optional<Session> find_session(std::string_view sid);

  Provider& provider_;
  Transaction* transaction_ = nullptr;
  std::string_view offered_sid_;
  bool offered_may_have_ended_ = false;
  std::optional<Session> offered_;
};

}  // namespace hybrid::server
