// Keys, whatever their type: existence, lifetime, names.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/commands.hpp"
#include "server/dump.hpp"
#include "server/glob.hpp"
#include "server/lifetime.hpp"
#include "server/random.hpp"
#include "server/scanning.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

constexpr std::int64_t kNoKeyReply = -2;
constexpr std::int64_t kNoDeadlineReply = -1;

std::optional<std::int64_t> deadline_ms(const Object& object) {
  const auto deadline = object.deadline();
  if (!deadline) return std::nullopt;
  return deadline->time_since_epoch().count();
}

// EXPIRE and its like: `time` of `unit` ms, from `base` on.
void expire_at(Call& call, std::int64_t unit, bool absolute) {
  const auto invalid = [&] {
    refuse("ERR invalid expire time in '" + std::string{call.command.name} + "' command");
  };
  bool nx = false;
  bool xx = false;
  bool gt = false;
  bool lt = false;
  for (std::size_t i = 3; i < call.size(); ++i) {
    if (is(call[i], "nx"))
      nx = true;
    else if (is(call[i], "xx"))
      xx = true;
    else if (is(call[i], "gt"))
      gt = true;
    else if (is(call[i], "lt"))
      lt = true;
    else
      refuse("ERR Unsupported option " + std::string{call[i]});
  }
  if (nx && (xx || gt || lt))
    refuse("ERR NX and XX, GT or LT options at the same time are not compatible");
  if (gt && lt) refuse("ERR GT and LT options at the same time are not compatible");
  std::int64_t time = integer_of(call[2]);
  if (__builtin_mul_overflow(time, unit, &time)) invalid();
  if (!absolute && __builtin_add_overflow(time, now_ms(), &time)) invalid();
  if (time > kDeadlineMax) invalid();

  const auto object = call.keys.find(call.key());
  if (!object) return call.reply.integer(0);
  if (nx || xx || gt || lt) {
    const auto before = deadline_ms(*object);
    const bool refused = (nx && before) || (xx && !before) ||
                         (gt && (!before || time <= *before)) || (lt && before && time >= *before);
    if (refused) return call.reply.integer(0);
  }
  set_deadline(call, call.key(), *object,
               TimePoint{std::chrono::milliseconds{std::max<std::int64_t>(time, 0)}}, "expire");
  call.reply.integer(1);
}

// TTL and its like.
void reply_deadline(Call& call, bool in_seconds, bool absolute) {
  const auto object = call.keys.find(call.key());
  if (!object) return call.reply.integer(kNoKeyReply);
  const auto deadline = deadline_ms(*object);
  if (!deadline) return call.reply.integer(kNoDeadlineReply);
  const std::int64_t time = absolute ? *deadline : std::max<std::int64_t>(*deadline - now_ms(), 0);
  call.reply.integer(in_seconds ? (time + (absolute ? 0 : 500)) / 1000 : time);
}

void rename_key(Call& call, bool only_if_new) {
  const Key from = call.key(1);
  const Key to = call.key(2);
  const auto object = call.keys.find(from);
  if (!object) refuse("ERR no such key");
  const bool same = from.name == to.name;
  if (!same && !call.keys.exists(to) && !may_write(call, to))
    refuse("ERR the new name was deleted a short while ago (see --protect-prefix)");
  if (only_if_new && (same || call.keys.exists(to))) return call.reply.integer(0);
  if (same) return call.ok();
  // Who still has the old name must not bring it back: it is how a session's id is changed. A transaction is made durable by
  // rename(), which then forgets what it was to bury.
  const bool is_alone = call.keys.transaction() == nullptr;
  if (is_alone) bury(call, from);
  call.keys.rename(from, to);
  if (!is_alone) bury(call, from);
  end_safely(call);
  call.notify('g', "rename_from", from);
  call.notify('g', "rename_to", to);
  if (only_if_new)
    call.reply.integer(1);
  else
    call.ok();
}

}  // namespace

void del(Call& call) {
  std::int64_t removed = 0;
  for (std::size_t i = 1; i < call.size(); ++i) {
    if (remove_key(call, call.key(i), "del")) ++removed;
  }
  call.reply.integer(removed);
}

void exists(Call& call) {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < call.size(); ++i) {
    if (call.keys.exists(call.key(i))) ++count;
  }
  call.reply.integer(count);
}

void touch(Call& call) {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < call.size(); ++i) {
    const auto object = call.keys.find(call.key(i));
    if (!object) continue;
    must(object->session().backend()->touch());
    ++count;
  }
  call.reply.integer(count);
}

void type(Call& call) {
  const auto object = call.keys.find(call.key());
  call.reply.simple(object ? to_string(object->type()) : "none");
}

void expire(Call& call) { expire_at(call, 1000, false); }
void pexpire(Call& call) { expire_at(call, 1, false); }
void expireat(Call& call) { expire_at(call, 1000, true); }
void pexpireat(Call& call) { expire_at(call, 1, true); }

void ttl(Call& call) { reply_deadline(call, true, false); }
void pttl(Call& call) { reply_deadline(call, false, false); }
void expiretime(Call& call) { reply_deadline(call, true, true); }
void pexpiretime(Call& call) { reply_deadline(call, false, true); }

void persist(Call& call) {
  const auto object = call.keys.find(call.key());
  if (!object || !object->deadline()) return call.reply.integer(0);
  Changes changes;
  changes.erase_deadline();
  call.keys.write(call.key(), object->type(), object, changes);
  call.notify('g', "persist", call.key());
  call.reply.integer(1);
}

void rename(Call& call) { rename_key(call, false); }
void renamenx(Call& call) { rename_key(call, true); }

namespace {

// All of `object` but its name, under another key, which is replaced.
void put_copy(Call& call, const Object& object, const Key& to) {
  Changes changes;
  const auto entries = object.entries();
  for (const auto& [key, value] : entries) {
    if (!detail::is_attribute(key)) changes.set_encoded(key, value);
  }
  if (const auto deadline = object.deadline()) changes.set_deadline(*deadline);
  call.service.note_use_of(to.database);
  call.keys.replace(to, object.type(), call.keys.find(to), changes);
}

}  // namespace

void move(Call& call) {
  const Key from = call.key();
  const Key to{.database = database_of(call[2]), .name = call[1]};
  if (to.database == from.database) refuse("ERR source and destination objects are the same");
  call.keys.put_first(to);
  const auto object = call.keys.find(from);
  if (!object || call.keys.exists(to) || !may_write(call, to)) return call.reply.integer(0);
  put_copy(call, *object, to);
  bury(call, from);
  call.keys.remove(from);
  end_safely(call);
  call.notify('g', "move_from", from);
  call.notify('g', "move_to", to);
  call.reply.integer(1);
}

void copy(Call& call) {
  bool replaces = false;
  Key to = call.key(2);
  for (std::size_t i = 3; i < call.size(); ++i) {
    if (is(call[i], "replace")) {
      replaces = true;
    } else if (is(call[i], "db") && i + 1 < call.size()) {
      to.database = database_of(call[++i]);
    } else {
      refuse_syntax();
    }
  }
  const Key from = call.key(1);
  if (from.name == to.name && from.database == to.database)
    refuse("ERR source and destination objects are the same");
  const auto object = call.keys.find(from);
  const bool is_there = call.keys.exists(to);
  if (!object || (is_there ? !replaces : !may_write(call, to))) return call.reply.integer(0);
  put_copy(call, *object, to);
  call.notify('g', "copy_to", to);
  call.reply.integer(1);
}

void dump(Call& call) {
  const auto object = call.keys.find(call.key());
  if (!object) return call.reply.null();
  DumpedValue value{.type = object->type(), .text = {}, .fields = {}};
  if (value.type == Type::string) {
    object->get_unnamed(value.text);
  } else if (value.type == Type::list) {
    for (Element& element : object->elements())
      value.fields.emplace_back(std::move(element.text), "");
  } else {
    value.fields = object->fields();
    const auto field_of = [](const auto& field) -> std::string_view { return field.first; };
    std::ranges::sort(value.fields);
    const auto same = std::ranges::unique(value.fields, {}, field_of);
    value.fields.erase(same.begin(), same.end());
  }
  // A C++ program may have made a session without keys, or with some of the same text: Redis takes neither.
  if (value.type != Type::string && value.fields.empty()) return call.reply.null();
  call.reply.bulk(to_dump(value));
}

namespace {

struct RestoreOptions {
  bool replaces = false;
  bool is_absolute = false;
};

// What says how it was used is checked, and not kept.
RestoreOptions parse_restore(const Call& call) {
  constexpr std::int64_t kFrequencyMax = 255;
  RestoreOptions options;
  bool has_idle_time = false;
  bool has_frequency = false;
  for (std::size_t i = 4; i < call.size(); ++i) {
    const bool has_more = i + 1 < call.size();
    if (is(call[i], "replace")) {
      options.replaces = true;
    } else if (is(call[i], "absttl")) {
      options.is_absolute = true;
    } else if (is(call[i], "idletime") && has_more && !has_frequency) {
      has_idle_time = true;
      if (integer_of(call[++i]) < 0) refuse("ERR Invalid IDLETIME value, must be >= 0");
    } else if (is(call[i], "freq") && has_more && !has_idle_time) {
      has_frequency = true;
      const std::int64_t frequency = integer_of(call[++i]);
      if (frequency < 0 || frequency > kFrequencyMax)
        refuse("ERR Invalid FREQ value, must be >= 0 and <= 255");
    } else {
      refuse_syntax();
    }
  }
  return options;
}

void add(const DumpedValue& value, Changes& changes) {
  std::int64_t place = 0;
  for (const auto& [field, text] : value.fields) {
    if (value.type == Type::list) {
      check_value(field);
      changes.set_element(place++, field);
      continue;
    }
    check_field(field);
    if (value.type == Type::set)
      changes.add_member(field);
    else
      changes.set(field, text);
  }
  if (value.type == Type::string) changes.set_unnamed(value.text);
}

}  // namespace

void restore(Call& call) {
  const RestoreOptions options = parse_restore(call);
  const Key key = call.key();
  const auto object = call.keys.find(key);
  if (object && !options.replaces) refuse("BUSYKEY Target key name already exists.");
  std::int64_t deadline = integer_of(call[2]);
  if (deadline < 0) refuse("ERR Invalid TTL value, must be >= 0");
  const bool expires = deadline != 0;
  const auto parsed = parse_dump(call[3]);
  if (const auto* const error = std::get_if<DumpError>(&parsed)) {
    refuse(*error == DumpError::checksum ? "ERR DUMP payload version or checksum are wrong"
                                         : "ERR Bad data format");
  }
  const auto& value = std::get<DumpedValue>(parsed);
  if (expires && !options.is_absolute && __builtin_add_overflow(deadline, now_ms(), &deadline))
    deadline = kDeadlineMax;
  deadline = std::min(deadline, kDeadlineMax);
  if (expires && deadline <= now_ms()) {
    if (object) remove_key(call, key, "del");
    return call.ok();
  }
  if (object || may_write(call, key)) {
    Changes changes;
    add(value, changes);
    if (expires) changes.set_deadline(TimePoint{std::chrono::milliseconds{deadline}});
    call.keys.replace(key, value.type, object, changes);
    call.notify('g', "restore", key);
  }
  call.ok();
}

void scan(Call& call) {
  const std::uint64_t cursor = parse_cursor(call[1]);
  const ScanOptions options = parse_scan_options(call, 2);
  std::vector<std::string> names;
  const std::uint64_t next = call.keys.scan(
      call.client.database(), cursor, options.count, [&](const Served& served, const Object&) {
        const bool is_of_type = !options.type || is(*options.type, to_string(served.type));
        if (is_of_type && options.matches(served.name)) names.push_back(served.name);
      });
  call.reply.array(2);
  call.reply.bulk(std::to_string(next));
  call.reply.array(names.size());
  for (const std::string& name : names) call.reply.bulk(name);
}

void keys(Call& call) {
  check_pattern(call[1]);
  constexpr std::size_t kPerName = 6;  // "$1\r\n" and "\r\n"
  std::vector<std::string> names;
  std::size_t bytes = 0;
  call.keys.for_each(call.client.database(), [&](const Served& served, const Object&) {
    if (call[1] != "*" && !glob_matches(call[1], served.name)) return;
    bytes += served.name.size() + kPerName;
    if (bytes > kReplyBytesMax) throw std::length_error{"the reply is too long"};
    names.push_back(served.name);
  });
  call.reply.array(names.size());
  for (const std::string& name : names) call.reply.bulk(name);
}

void randomkey(Call& call) {
  // Goes on from a place at random to the first key.
  constexpr std::size_t kPlaces = 64;
  const std::uint64_t places = 2 * call.service.counts()[call.client.database()] + kPlaces;
  std::uint64_t cursor = this_threads_random()() % places;
  std::vector<std::string> names;
  for (int rounds = 0; names.empty() && rounds < 2;) {
    cursor =
        call.keys.scan(call.client.database(), cursor, kPlaces,
                       [&](const Served& served, const Object&) { names.push_back(served.name); });
    if (cursor == 0) ++rounds;
  }
  if (names.empty()) return call.reply.null();
  call.reply.bulk(pick(names, this_threads_random()));
}

}  // namespace hybrid::server
