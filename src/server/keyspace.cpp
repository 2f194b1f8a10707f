#include "server/keyspace.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/attributes.hpp"
#include "base/digest.hpp"

#include "server/transaction.hpp"

namespace hybrid::server {
namespace {

constexpr std::string_view kUnnamed = "\xc0";  // nil
constexpr auto kTypeMax = static_cast<std::uint8_t>(Type::list);

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::hash: return "hash";
    case Type::string: return "string";
    case Type::set: return "set";
    case Type::list: return "list";
  }
  return "none";
}

namespace {

bool fits(const Key& key) {
  constexpr std::size_t kPrefix = 2;
  return key.name.size() + kPrefix <= kSidBytesMax;
}

}  // namespace

bool is_plain(const Key& key) {
  return key.database == 0 && fits(key) && !key.name.empty() && key.name[0] != '\0';
}

std::string sid_of(const Key& key) {
  if (is_plain(key)) return std::string{key.name};
  std::string sid{'\0', static_cast<char>((fits(key) ? '0' : 'A') + key.database)};
  sid += fits(key) ? std::string{key.name} : to_hex(digest_of(key.name).bytes);
  return sid;
}

namespace {

// Of what Attribute::served holds, see Changes::set_served(): its last bytes are the type and the database.
std::optional<Type> type_of(std::string_view value) {
  constexpr char kArrayOf3 = '\x93';
  constexpr std::size_t kBytesMin = 4;
  if (value.size() < kBytesMin || value[0] != kArrayOf3) return std::nullopt;
  const auto type = static_cast<std::uint8_t>(value[value.size() - 2]);
  const auto database = static_cast<std::uint8_t>(value[value.size() - 1]);
  if (type > kTypeMax || database > kGraveyard) return std::nullopt;
  return static_cast<Type>(type);
}

}  // namespace

std::optional<Served> parse_served(std::string_view value) {
  Decoder in{value};
  const auto fields = decode<std::tuple<std::string, std::uint8_t, unsigned>>(in);
  if (!fields) return std::nullopt;
  const auto& [name, type, database] = *fields;
  if (type > kTypeMax || database > kGraveyard) return std::nullopt;
  return Served{.name = name, .type = static_cast<Type>(type), .database = database};
}

std::string_view to_text(std::string_view value, std::string& memory) {
  Decoder in{value};
  const auto number = [&](auto read) {
    std::array<char, 32> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), read);
    memory.assign(text.data(), end);
    return std::string_view{memory};
  };
  switch (in.kind()) {
    case Kind::string: return *in.string();
    case Kind::bytes: {
      const auto bytes = *in.bytes();
      return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    case Kind::integer: {
      if (const auto integer = in.integer()) return number(*integer);
      return number(*in.unsigned_integer());
    }
    case Kind::real: return number(*in.real());
    case Kind::boolean: return *in.boolean() ? "1" : "0";
    case Kind::nil: return "";
    case Kind::array:
    case Kind::map:
    case Kind::other: return value;
  }
  return value;
}

// --- Changes

template <class Encode>
void Changes::add(Change::Kind kind, Encode&& encode_parts) {
  Encoder out{bytes_};
  Part part{.kind = kind, .key_end = 0, .value_end = 0};
  encode_parts(out, part.key_end);
  part.value_end = bytes_.view().size();
  parts_.push_back(part);
}

void Changes::set(std::string_view field, std::string_view value) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    out.string(field);
    key_end = bytes_.view().size();
    out.string(value);
  });
}

void Changes::add_member(std::string_view member) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    out.string(member);
    key_end = bytes_.view().size();
    out.nil();
  });
}

void Changes::set_element(std::int64_t place, std::string_view value) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    out.integer(place);
    key_end = bytes_.view().size();
    out.string(value);
  });
}

void Changes::erase_element(std::int64_t place) {
  add(Change::Kind::erase, [&](Encoder& out, std::size_t& key_end) {
    out.integer(place);
    key_end = bytes_.view().size();
  });
}

void Changes::set_unnamed(std::string_view value) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    out.nil();
    key_end = bytes_.view().size();
    out.string(value);
  });
}

void Changes::set_deadline(TimePoint deadline) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    encode(out, Attribute::deadline);
    key_end = bytes_.view().size();
    encode(out, deadline);
  });
}

void Changes::erase_deadline() {
  add(Change::Kind::erase, [&](Encoder& out, std::size_t& key_end) {
    encode(out, Attribute::deadline);
    key_end = bytes_.view().size();
  });
}

void Changes::set_served(const Key& key, Type type) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    encode(out, Attribute::served);
    key_end = bytes_.view().size();
    out.array(3);
    out.string(key.name);
    out.unsigned_integer(static_cast<std::uint8_t>(type));
    out.unsigned_integer(key.database);
  });
}

void Changes::clear() {
  add(Change::Kind::clear, [&](Encoder&, std::size_t& key_end) { key_end = bytes_.view().size(); });
}

void Changes::set_encoded(std::string_view key, std::string_view value) {
  add(Change::Kind::set, [&](Encoder& out, std::size_t& key_end) {
    out.encoded(key);
    key_end = bytes_.view().size();
    out.encoded(value);
  });
}

void Changes::erase_encoded(std::string_view key) {
  add(Change::Kind::erase, [&](Encoder& out, std::size_t& key_end) {
    out.encoded(key);
    key_end = bytes_.view().size();
  });
}

std::vector<Change> Changes::view() const {
  std::vector<Change> changes;
  changes.reserve(parts_.size());
  std::size_t at = 0;
  const std::string_view bytes = bytes_.view();
  for (const Part& part : parts_) {
    changes.push_back({.kind = part.kind,
                       .key = bytes.substr(at, part.key_end - at),
                       .value = bytes.substr(part.key_end, part.value_end - part.key_end)});
    at = part.value_end;
  }
  return changes;
}

// --- Object

// Calls fn(key) with what the field may be stored as until that is true. A C++ program may have used integers for keys: they go by
// their decimal text.
template <class Fn>
bool any_key_of(std::string_view field, Fn&& fn) {
  Buffer key;
  Encoder out{key};
  out.string(field);
  if (fn(key.view())) return true;
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), integer);
  if (error != std::errc{} || end != field.data() + field.size()) return false;
  key.clear();
  out.integer(integer);
  return fn(key.view());
}

bool Object::get_field(std::string_view field, Buffer& value) const {
  return any_key_of(
      field, [&](std::string_view key) { return must(session_.backend()->get(key, value)); });
}

std::size_t Object::erase(std::string_view field, Changes& changes) const {
  std::size_t erased = 0;
  Buffer ignored;
  any_key_of(field, [&](std::string_view key) {
    if (must(session_.backend()->get(key, ignored))) {
      changes.erase_encoded(key);
      ++erased;
    }
    return false;
  });
  return erased;
}

bool Object::get(std::string_view field, Text& value) const {
  if (!get_field(field, value.encoded_)) return false;
  value.read();
  return true;
}

bool Object::get_unnamed(Text& value) const {
  if (!must(session_.backend()->get(kUnnamed, value.encoded_))) return false;
  value.read();
  return true;
}

bool Object::get(std::string_view field, std::string& value) const {
  Text found;
  if (!get(field, found)) return false;
  value.assign(found.view());
  return true;
}

bool Object::get_unnamed(std::string& value) const {
  Text found;
  if (!get_unnamed(found)) return false;
  value.assign(found.view());
  return true;
}

bool Object::contains(std::string_view field) const {
  Buffer ignored;
  return get_field(field, ignored);
}

std::optional<Served> Object::served() const {
  Buffer value;
  if (!must(session_.backend()->get(attribute_key(Attribute::served), value))) return std::nullopt;
  return parse_served(value.view());
}

Type Object::type() const {
  Buffer value;
  if (must(session_.backend()->get(attribute_key(Attribute::served), value))) {
    if (const auto type = type_of(value.view())) return *type;
  }
  // Made by a C++ program.
  return must(session_.backend()->get(kUnnamed, value)) ? Type::string : Type::hash;
}

std::optional<TimePoint> Object::deadline() const {
  return must(session_.get<TimePoint>(Attribute::deadline));
}

std::vector<std::pair<std::string, std::string>> Object::fields() const {
  auto entries = this->entries();
  std::erase_if(entries, [](const auto& entry) { return detail::is_attribute(entry.first); });
  std::string memory;
  for (auto& [field, value] : entries) {
    field = std::string{to_text(field, memory)};
    value = std::string{to_text(value, memory)};
  }
  return entries;
}

std::vector<Element> Object::elements() const {
  std::vector<Element> elements;
  std::string memory;
  for (const auto& [key, value] : entries()) {
    Decoder in{key};
    if (in.kind() != Kind::integer) continue;
    if (const auto place = in.integer())
      elements.push_back({.place = *place, .text = std::string{to_text(value, memory)}});
  }
  std::ranges::sort(elements, {}, &Element::place);
  return elements;
}

// --- Keyspace

std::optional<Session> Keyspace::find_session(std::string_view sid) {
  if (transaction_ != nullptr) return transaction_->find(std::string{sid});
  if (offered_ && offered_sid_ == sid) {
    const Session offered = std::move(*offered_);
    offered_.reset();
    // It may have got another name since. If it has ended, whoever reads it is told (KeyGone), which is dear: not where that is likely.
    const bool is_good =
        offered.backend()->has_id(sid) && (!offered_may_have_ended_ || offered.backend()->touch());
    if (is_good) return offered;
  }
  return must(provider_.find(sid));
}

std::optional<Object> Keyspace::find(const Key& key) {
  auto session = is_plain(key) ? find_session(key.name) : find_session(sid_of(key));
  if (!session) return std::nullopt;
  return Object{std::move(*session)};
}

std::optional<Object> Keyspace::find(const Key& key, Type type) {
  auto object = find(key);
  if (object && object->type() != type)
    refuse("WRONGTYPE Operation against a key holding the wrong kind of value");
  return object;
}

bool Keyspace::exists(const Key& key) {
  const std::string sid = sid_of(key);
  return transaction_ != nullptr ? transaction_->find(sid).has_value() : provider_.exists(sid);
}

void Keyspace::put_first(const Key& key) {
  if (transaction_ != nullptr) transaction_->find(sid_of(key));
}

void Keyspace::write(const Key& key, Type type, const std::optional<Object>& object,
                     Changes& changes) {
  if (changes.empty()) return;
  const std::string sid = sid_of(key);
  if (!object) {
    if (key.name.size() > kKeyBytesMax) refuse("ERR the key is longer than 64 KiB");
    changes.set_served(key, type);
  }
  const std::vector<Change> view = changes.view();
  if (transaction_ != nullptr) return transaction_->put(sid, view);
  if (object) {
    must(object->session().backend()->apply(view, std::nullopt));
  } else {
    must(provider_.put(sid, view));
  }
}

void Keyspace::replace(const Key& key, Type type, const std::optional<Object>& object,
                       Changes& changes) {
  Changes all;
  if (object) {
    all.clear();
    all.erase_deadline();
    all.set_served(key, type);
  }
  for (const Change& change : changes.view()) {
    if (change.kind == Change::Kind::set) all.set_encoded(change.key, change.value);
  }
  write(key, type, object, all);
}

bool Keyspace::remove(const Key& key) {
  const std::string sid = sid_of(key);
  if (transaction_ != nullptr) return transaction_->remove(sid);
  if (!provider_.exists(sid)) return false;
  must(provider_.destroy(sid));
  return true;
}

// The name first: a crash in between leaves a session under the old id, whose rename was not acknowledged, and which is listed
// under no name until it is written to again.
void Keyspace::rename(const Key& from, const Key& to) {
  const std::string from_sid = sid_of(from);
  const std::string to_sid = sid_of(to);
  if (from_sid == to_sid) return;
  if (to.name.size() > kKeyBytesMax) refuse("ERR the key is longer than 64 KiB");
  if (transaction_ != nullptr) transaction_->commit();
  const auto object = Keyspace{provider_}.find(from);
  if (!object) refuse("ERR no such key");
  const Type type = object->type();
  Changes named;
  named.set_served(to, type);
  must(object->session().backend()->apply(named.view(), std::nullopt));
  auto moved = provider_.destroy(to_sid);
  if (moved) moved = provider_.change_id(from_sid, to_sid);
  // It has expired since, as if after it was renamed.
  if (moved || moved.error().code() == Errc::not_found) return;
  Changes as_before;
  as_before.set_served(from, type);
  static_cast<void>(object->session().backend()->apply(as_before.view(), std::nullopt));
  refuse(moved.error());
}

std::uint64_t Keyspace::scan(unsigned database, std::uint64_t cursor, std::size_t places,
                             const Visit& visit) {
  return must(provider_.scan(cursor, places, [&](Session& session) {
    const Object object{session};
    try {
      const auto served = object.served();
      if (served && served->database == database) visit(*served, object);
    } catch (const KeyGone&) {
    }
  }));
}

void Keyspace::flush(std::optional<unsigned> database, const std::function<void(const Key&)>& fn) {
  if (transaction_ != nullptr) transaction_->commit();
  constexpr std::size_t kPlaces = 4096;
  std::uint64_t cursor = 0;
  do {
    std::vector<Session> sessions;
    cursor = must(
        provider_.scan(cursor, kPlaces, [&](Session& session) { sessions.push_back(session); }));
    for (Session& session : sessions) {
      try {
        // What a C++ program has made has no name, and is of database 0.
        const auto served = Object{session}.served();
        const unsigned its_database = served ? served->database : 0;
        if (database ? its_database != *database : its_database == kGraveyard) continue;
        must(session.destroy());
        if (served) fn({.database = served->database, .name = served->name});
      } catch (const KeyGone&) {
      }
    }
  } while (cursor != 0);
}

void Keyspace::forget_gone() {
  if (transaction_ != nullptr) transaction_->forget_gone();
}

void Keyspace::for_each(unsigned database, const Visit& visit) {
  constexpr std::size_t kPlaces = 4096;
  std::uint64_t cursor = 0;
  do cursor = scan(database, cursor, kPlaces, visit);
  while (cursor != 0);
}

}  // namespace hybrid::server
