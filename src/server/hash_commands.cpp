// Sessions as hashes: a field is a key of the session.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "server/commands.hpp"
#include "server/glob.hpp"
#include "server/numbers.hpp"
#include "server/random.hpp"
#include "server/scanning.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

std::optional<Object> hash_of(Call& call) { return call.keys.find(call.key(), Type::hash); }

void write(Call& call, const std::optional<Object>& object, Changes& changes,
           std::string_view event) {
  call.keys.write(call.key(), Type::hash, object, changes);
  call.notify('h', event, call.key());
}

// Sets all pairs; how many of the fields are new.
std::int64_t set_pairs(Call& call) {
  if (call.size() % 2 != 0) refuse_arity(call);
  const auto object = hash_of(call);
  Changes changes;
  std::int64_t made = 0;
  for (std::size_t i = 2; i < call.size(); i += 2) {
    check_field(call[i]);
    check_value(call[i + 1]);
    // One that is named twice is new once.
    bool named = false;
    for (std::size_t j = 2; j < i && call.size() <= 64; j += 2) named |= call[j] == call[i];
    if (!named && !(object && object->contains(call[i]))) ++made;
    changes.set(call[i], call[i + 1]);
  }
  if (object || may_write(call, call.key())) write(call, object, changes, "hset");
  return made;
}

bool ends_with_digit(std::string_view text) {
  return !text.empty() && text.back() >= '0' && text.back() <= '9';
}

void reply_fields(Call& call, bool fields, bool values) {
  const auto object = hash_of(call);
  const auto all = object ? object->fields() : std::vector<std::pair<std::string, std::string>>{};
  if (fields && values)
    call.reply.map(all.size());
  else
    call.reply.array(all.size());
  for (const auto& [field, value] : all) {
    if (fields) call.reply.bulk(field);
    if (values) call.reply.bulk(value);
  }
}

}  // namespace

void hset(Call& call) { call.reply.integer(set_pairs(call)); }

void hmset(Call& call) {
  set_pairs(call);
  call.ok();
}

void hsetnx(Call& call) {
  const auto object = hash_of(call);
  if (object && object->contains(call[2])) return call.reply.integer(0);
  check_field(call[2]);
  check_value(call[3]);
  Changes changes;
  changes.set(call[2], call[3]);
  if (object || may_write(call, call.key())) write(call, object, changes, "hset");
  call.reply.integer(1);
}

void hget(Call& call) {
  const auto object = call.keys.find(call.key());
  Text value;
  const bool found = object && object->get(call[2], value);
  // A key of another type has no fields with values, but a list, whose elements go by integers.
  const bool is_surely_hash = found && !value.view().empty() && !ends_with_digit(call[2]);
  if (object && !is_surely_hash && object->type() != Type::hash) refuse_type();
  if (!found) return call.reply.null();
  call.reply.bulk(value.view());
}

void hmget(Call& call) {
  const auto object = hash_of(call);
  call.reply.array(call.size() - 2);
  Text value;
  for (std::size_t i = 2; i < call.size(); ++i) {
    if (object && object->get(call[i], value))
      call.reply.bulk(value.view());
    else
      call.reply.null();
  }
}

void hgetall(Call& call) { reply_fields(call, true, true); }
void hkeys(Call& call) { reply_fields(call, true, false); }
void hvals(Call& call) { reply_fields(call, false, true); }

void hdel(Call& call) {
  const auto object = hash_of(call);
  Changes changes;
  std::size_t found = 0;
  std::size_t erased = 0;
  std::vector<std::string_view> fields{call.arguments.begin() + 2, call.arguments.end()};
  std::ranges::sort(fields);
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  for (const std::string_view field : fields) {
    const std::size_t keys = object ? object->erase(field, changes) : 0;
    if (keys > 0) ++found;
    erased += keys;
  }
  if (found > 0) erase(call, *object, changes, erased, 'h', "hdel");
  call.reply.integer(static_cast<std::int64_t>(found));
}

void hexists(Call& call) {
  const auto object = hash_of(call);
  call.reply.integer(object && object->contains(call[2]) ? 1 : 0);
}

void hlen(Call& call) {
  const auto object = hash_of(call);
  call.reply.integer(object ? static_cast<std::int64_t>(object->size()) : 0);
}

void hstrlen(Call& call) {
  const auto object = hash_of(call);
  std::string value;
  const bool found = object && object->get(call[2], value);
  call.reply.integer(found ? static_cast<std::int64_t>(value.size()) : 0);
}

void hincrby(Call& call) {
  const std::int64_t by = integer_of(call[3]);
  const auto object = hash_of(call);
  std::string text;
  std::int64_t value = 0;
  if (object && object->get(call[2], text)) {
    const auto before = parse_integer(text);
    if (!before) refuse("ERR hash value is not an integer");
    value = *before;
  }
  if (__builtin_add_overflow(value, by, &value))
    refuse("ERR increment or decrement would overflow");
  check_field(call[2]);
  Changes changes;
  changes.set(call[2], format_integer(value));
  if (object || may_write(call, call.key())) write(call, object, changes, "hincrby");
  call.reply.integer(value);
}

void hincrbyfloat(Call& call) {
  const auto by = parse_real(call[3]);
  if (!by) refuse("ERR value is not a valid float");
  if (std::isinf(*by)) refuse("ERR value is NaN or Infinity");
  const auto object = hash_of(call);
  std::string text;
  long double value = 0;
  if (object && object->get(call[2], text)) {
    const auto before = parse_real(text);
    if (!before) refuse("ERR hash value is not a float");
    value = *before;
  }
  value += *by;
  if (std::isnan(value) || std::isinf(value)) refuse("ERR increment would produce NaN or Infinity");
  check_field(call[2]);
  const std::string sum = format_real(value);
  Changes changes;
  changes.set(call[2], sum);
  if (object || may_write(call, call.key())) write(call, object, changes, "hincrbyfloat");
  call.reply.bulk(sum);
}

void hrandfield(Call& call) {
  const bool has_count = call.size() > 2;
  const std::int64_t count = has_count ? integer_of(call[2]) : 1;
  const bool with_values = call.size() == 4 && is(call[3], "withvalues");
  if (call.size() > 4 || (call.size() == 4 && !with_values)) refuse_syntax();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
  if (count < -kMost || (with_values && count > kMost)) refuse("ERR value is out of range");
  const auto object = hash_of(call);
  auto fields = object ? object->fields() : std::vector<std::pair<std::string, std::string>>{};
  if (fields.empty()) {
    if (!has_count) return call.reply.null();
    return call.reply.array(0);
  }
  auto& random = this_threads_random();
  if (!has_count) return call.reply.bulk(pick(fields, random).first);

  const bool nested = with_values && call.reply.protocol() == 3;
  const auto put = [&](const std::pair<std::string, std::string>& entry) {
    if (nested) call.reply.array(2);
    call.reply.bulk(entry.first);
    if (with_values) call.reply.bulk(entry.second);
  };
  // Negative: so many, and any of them more than once.
  const auto wanted = static_cast<std::uint64_t>(count < 0 ? -count : count);
  const std::uint64_t given = count < 0 ? wanted : std::min<std::uint64_t>(wanted, fields.size());
  check_reply_size(given);
  if (count > 0) std::ranges::shuffle(fields, random);
  call.reply.array(given * (with_values && !nested ? 2 : 1));
  for (std::uint64_t i = 0; i < given; ++i) put(count < 0 ? pick(fields, random) : fields[i]);
}

void hscan(Call& call) {
  parse_cursor(call[2]);  // all come at once, wherever it is
  const auto object = hash_of(call);
  std::vector<std::pair<std::string, std::string>> found;
  if (object) {
    const ScanOptions options = parse_scan_options(call, 3);
    for (auto& entry : object->fields()) {
      if (options.matches(entry.first)) found.push_back(std::move(entry));
    }
  }
  // All at once: a session is no larger than a reply may be.
  call.reply.array(2);
  call.reply.bulk("0");
  call.reply.array(2 * found.size());
  for (const auto& [field, value] : found) {
    call.reply.bulk(field);
    call.reply.bulk(value);
  }
}

}  // namespace hybrid::server
