// Values: keys of type string.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "server/commands.hpp"
#include "server/lifetime.hpp"
#include "server/numbers.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

std::optional<std::string> value_of(Call& call, const Key& key) {
  const auto object = call.keys.find(key);
  if (!object) return std::nullopt;
  std::string value;
  if (!object->get_unnamed(value)) refuse_type();
  return value;
}

// Replaces the value, whatever type the key had; its deadline goes, unless `keep_deadline`.
void store(Call& call, const Key& key, const std::optional<Object>& object, std::string_view value,
           std::optional<TimePoint> deadline, bool keep_deadline = false) {
  check_value(value);
  Changes changes;
  changes.set_unnamed(value);
  if (deadline) changes.set_deadline(*deadline);
  if (object && object->type() != Type::string && !keep_deadline) {
    call.keys.replace(key, Type::string, object, changes);
  } else if (object && object->type() != Type::string) {
    const auto kept = object->deadline();
    if (kept && !deadline) changes.set_deadline(*kept);
    call.keys.replace(key, Type::string, object, changes);
  } else {
    if (object && !deadline && !keep_deadline) changes.erase_deadline();
    call.keys.write(key, Type::string, object, changes);
  }
  call.notify('$', "set", key);
  // Within EXEC and scripts, where none expires, it would live on.
  const bool is_past = deadline && deadline->time_since_epoch().count() <= now_ms();
  if (is_past && call.keys.transaction() != nullptr) call.keys.remove(key);
}

// Changes the value and leaves its deadline.
void change(Call& call, const std::optional<Object>& object, std::string_view value,
            std::string_view event) {
  check_value(value);
  Changes changes;
  changes.set_unnamed(value);
  call.keys.write(call.key(), Type::string, object, changes);
  call.notify('$', event, call.key());
}

// The key, if it is a value, and its text.
struct Current {
  std::optional<Object> object;
  std::string value;
};
Current current(Call& call) {
  Current current{.object = call.keys.find(call.key()), .value = {}};
  if (current.object && !current.object->get_unnamed(current.value)) refuse_type();
  return current;
}

void add_integer(Call& call, std::int64_t by) {
  const Current before = current(call);
  std::int64_t value = before.object ? integer_of(before.value) : 0;
  if (__builtin_add_overflow(value, by, &value))
    refuse("ERR increment or decrement would overflow");
  if (!before.object && !may_write(call, call.key())) return call.reply.integer(value);
  change(call, before.object, format_integer(value), "incrby");
  call.reply.integer(value);
}

// A range as GETRANGE takes it: from the end if negative.
std::string_view range_of(std::string_view text, std::int64_t start, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<std::int64_t>(start + size, 0);
  if (end < 0) end = std::max<std::int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (start > end || size == 0) return {};
  return text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1));
}

}  // namespace

void get(Call& call) {
  const auto object = call.keys.find(call.key());
  Text value;
  if (object && !object->get_unnamed(value)) refuse_type();
  call.client.note_look_up(object.has_value());
  if (object)
    call.reply.bulk(value.view());
  else
    call.reply.null();
}

void set(Call& call) {
  bool only_new = false;
  bool only_old = false;
  bool wants_old = false;
  bool keep = false;
  LifetimeOption lifetime;
  for (std::size_t i = 3; i < call.size(); ++i) {
    if (is(call[i], "nx") && !only_old)
      only_new = true;
    else if (is(call[i], "xx") && !only_new)
      only_old = true;
    else if (is(call[i], "get"))
      wants_old = true;
    else if (is(call[i], "keepttl") && !lifetime.is_given())
      keep = true;
    else if (!keep && lifetime.take(call, i))
      continue;
    else
      refuse_syntax();
  }
  const auto deadline = lifetime.deadline(call);
  const Key key = call.key();
  const auto object = call.keys.find(key);
  std::optional<std::string> before;
  if (wants_old && object) {
    before.emplace();
    if (!object->get_unnamed(*before)) refuse_type();
  }
  const auto reply_before = [&] {
    if (before)
      call.reply.bulk(*before);
    else
      call.reply.null();
  };
  if ((only_new && object) || (only_old && !object)) return reply_before();
  if (object || may_write(call, key)) store(call, key, object, call[2], deadline, keep);
  if (deadline) call.notify('g', "expire", key);
  if (wants_old) return reply_before();
  call.ok();
}

namespace {

void set_with_lifetime(Call& call, std::int64_t unit) {
  const TimePoint deadline = deadline_in(call, call[2], unit);
  const auto object = call.keys.find(call.key());
  if (object || may_write(call, call.key())) store(call, call.key(), object, call[3], deadline);
  call.notify('g', "expire", call.key());
  call.ok();
}

}  // namespace

void setex(Call& call) { set_with_lifetime(call, 1000); }
void psetex(Call& call) { set_with_lifetime(call, 1); }

void setnx(Call& call) {
  if (call.keys.exists(call.key())) return call.reply.integer(0);
  if (may_write(call, call.key())) store(call, call.key(), std::nullopt, call[2], std::nullopt);
  call.reply.integer(1);
}

void getset(Call& call) {
  const Current before = current(call);
  if (before.object || may_write(call, call.key()))
    store(call, call.key(), before.object, call[2], std::nullopt);
  if (before.object)
    call.reply.bulk(before.value);
  else
    call.reply.null();
}

void getdel(Call& call) {
  const auto value = value_of(call, call.key());
  if (!value) return call.reply.null();
  remove_key(call, call.key(), "del");
  call.reply.bulk(*value);
}

void getex(Call& call) {
  LifetimeOption lifetime;
  bool persists = false;
  for (std::size_t i = 2; i < call.size(); ++i) {
    if (is(call[i], "persist") && !lifetime.is_given())
      persists = true;
    else if (persists || !lifetime.take(call, i))
      refuse_syntax();
  }
  const Current now = current(call);
  if (!now.object) return call.reply.null();
  const auto deadline = lifetime.deadline(call);
  if (deadline) {
    set_deadline(call, call.key(), *now.object, *deadline, "expire");
  } else if (persists && now.object->deadline()) {
    Changes changes;
    changes.erase_deadline();
    call.keys.write(call.key(), Type::string, now.object, changes);
    call.notify('g', "persist", call.key());
  }
  call.reply.bulk(now.value);
}

void mget(Call& call) {
  call.reply.array(call.size() - 1);
  Text value;
  for (std::size_t i = 1; i < call.size(); ++i) {
    const auto object = call.keys.find(call.key(i));
    if (object && object->get_unnamed(value))
      call.reply.bulk(value.view());
    else
      call.reply.null();
  }
}

namespace {

void check_pairs(Call& call) {
  if (call.size() % 2 == 0) refuse_arity(call);
}

void set_all(Call& call) {
  // All of them or none.
  for (std::size_t i = 1; i < call.size(); i += 2) {
    check_value(call[i + 1]);
    if (call[i].size() > kKeyBytesMax) refuse("ERR the key is longer than 64 KiB");
    if (!call.keys.exists(call.key(i))) may_write(call, call.key(i));
  }
  for (std::size_t i = 1; i < call.size(); i += 2) {
    const Key key = call.key(i);
    const auto object = call.keys.find(key);
    if (object || may_write(call, key)) store(call, key, object, call[i + 1], std::nullopt);
  }
}

}  // namespace

void mset(Call& call) {
  check_pairs(call);
  set_all(call);
  call.ok();
}

void msetnx(Call& call) {
  check_pairs(call);
  for (std::size_t i = 1; i < call.size(); i += 2) {
    if (call.keys.exists(call.key(i))) return call.reply.integer(0);
  }
  set_all(call);
  call.reply.integer(1);
}

void append(Call& call) {
  Current now = current(call);
  now.value += call[2];
  if (now.object || may_write(call, call.key())) change(call, now.object, now.value, "append");
  call.reply.integer(static_cast<std::int64_t>(now.value.size()));
}

void strlen_(Call& call) {
  const auto value = value_of(call, call.key());
  call.reply.integer(value ? static_cast<std::int64_t>(value->size()) : 0);
}

void getrange(Call& call) {
  const std::int64_t start = integer_of(call[2]);
  const std::int64_t end = integer_of(call[3]);
  const auto value = value_of(call, call.key());
  call.reply.bulk(value ? range_of(*value, start, end) : std::string_view{});
}

void setrange(Call& call) {
  const std::int64_t offset = integer_of(call[2]);
  if (offset < 0) refuse("ERR offset is out of range");
  Current now = current(call);
  if (call[3].empty()) return call.reply.integer(static_cast<std::int64_t>(now.value.size()));
  const auto at = static_cast<std::uint64_t>(offset);
  if (at > kValueBytesMax || at + call[3].size() > kValueBytesMax)
    refuse("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  if (now.value.size() < at + call[3].size()) now.value.resize(at + call[3].size(), '\0');
  std::ranges::copy(call[3], now.value.begin() + static_cast<std::ptrdiff_t>(at));
  if (now.object || may_write(call, call.key())) change(call, now.object, now.value, "setrange");
  call.reply.integer(static_cast<std::int64_t>(now.value.size()));
}

namespace {

// Of SETBIT and GETBIT: which byte, and how far its bit is from the right.
struct BitPlace {
  std::size_t byte;
  unsigned shift;
};
BitPlace bit_place(Call& call) {
  const auto offset = parse_integer(call[2]);
  if (!offset || *offset < 0 || static_cast<std::uint64_t>(*offset) / 8 >= kValueBytesMax)
    refuse("ERR bit offset is not an integer or out of range");
  return {.byte = static_cast<std::size_t>(*offset / 8),
          .shift = 7 - static_cast<unsigned>(*offset % 8)};
}

}  // namespace

void getbit(Call& call) {
  const BitPlace place = bit_place(call);
  const auto value = value_of(call, call.key());
  const bool is_there = value && place.byte < value->size();
  call.reply.integer(is_there ? static_cast<unsigned char>((*value)[place.byte]) >> place.shift & 1
                              : 0);
}

void setbit(Call& call) {
  const BitPlace place = bit_place(call);
  if (call[3] != "0" && call[3] != "1") refuse("ERR bit is not an integer or out of range");
  Current now = current(call);
  const bool grows = now.value.size() <= place.byte;
  if (grows) now.value.resize(place.byte + 1, '\0');
  auto byte = static_cast<unsigned char>(now.value[place.byte]);
  const int before = byte >> place.shift & 1;
  const int after = call[3] == "1" ? 1 : 0;
  if (before != after) byte = static_cast<unsigned char>(byte ^ (1U << place.shift));
  now.value[place.byte] = static_cast<char>(byte);
  const bool changes = grows || before != after;
  if (changes && (now.object || may_write(call, call.key())))
    change(call, now.object, now.value, "setbit");
  call.reply.integer(before);
}

void incr(Call& call) { add_integer(call, 1); }
void decr(Call& call) { add_integer(call, -1); }
void incrby(Call& call) { add_integer(call, integer_of(call[2])); }

void decrby(Call& call) {
  const std::int64_t by = integer_of(call[2]);
  if (by == std::numeric_limits<std::int64_t>::min()) refuse("ERR decrement would overflow");
  add_integer(call, -by);
}

void incrbyfloat(Call& call) {
  const Current before = current(call);
  const auto value = before.object ? parse_real(before.value) : 0.0L;
  const auto by = parse_real(call[2]);
  if (!value || !by) refuse("ERR value is not a valid float");
  const long double sum = *value + *by;
  if (std::isnan(sum) || std::isinf(sum)) refuse("ERR increment would produce NaN or Infinity");
  const std::string text = format_real(sum);
  if (before.object || may_write(call, call.key()))
    change(call, before.object, text, "incrbyfloat");
  call.reply.bulk(text);
}

}  // namespace hybrid::server
