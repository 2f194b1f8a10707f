// Sets: a member is a key of the session, without a value. Small ones, as the indexes of session stores are.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "server/commands.hpp"
#include "server/random.hpp"
#include "server/scanning.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

std::optional<Object> set_of(Call& call, std::size_t argument = 1) {
  return call.keys.find(call.key(argument), Type::set);
}

// The arguments from the third on, each once, for which `wanted` is true.
template <class Wanted>
std::vector<std::string_view> distinct(Call& call, Wanted&& wanted) {
  std::vector<std::string_view> members{call.arguments.begin() + 2, call.arguments.end()};
  std::ranges::sort(members);
  members.erase(std::unique(members.begin(), members.end()), members.end());
  std::erase_if(members, [&](std::string_view member) { return !wanted(member); });
  return members;
}

using Combine = bool (*)(std::size_t sets, std::size_t found, bool in_first);

// The members of the sets of arguments `first` to before `last` that are in so many of them, and in the first or not, as `wanted` says.
std::vector<std::string> combined(Call& call, std::size_t first, std::size_t last, Combine wanted) {
  struct Found {
    std::size_t sets = 0;
    std::size_t last_set = 0;  // a C++ program may have made two members of the same text
    bool in_first = false;
  };
  std::size_t looked_at = 0;
  std::map<std::string, Found> found;
  for (std::size_t i = first; i < last; ++i) {
    const auto object = set_of(call, i);
    if (!object) continue;
    looked_at += object->size();
    if (looked_at > kElementsMax) refuse("ERR the sets have too many members to be combined");
    for (auto& [member, nothing] : object->fields()) {
      Found& where = found[std::move(member)];
      if (std::exchange(where.last_set, i) != i) ++where.sets;
      where.in_first = where.in_first || i == first;
    }
  }
  std::vector<std::string> members;
  for (const auto& [member, where] : found) {
    if (wanted(last - first, where.sets, where.in_first)) members.push_back(member);
  }
  return members;
}

bool in_all(std::size_t sets, std::size_t found, bool) { return found == sets; }
bool in_any(std::size_t, std::size_t, bool) { return true; }
bool in_first_only(std::size_t, std::size_t found, bool in_first) { return in_first && found == 1; }

void combine(Call& call, Combine wanted) {
  const auto members = combined(call, 1, call.size(), wanted);
  call.reply.set(members.size());
  for (const std::string& member : members) call.reply.bulk(member);
}

// Replaces the first key, whatever it was.
void combine_and_store(Call& call, Combine wanted, std::string_view event) {
  const auto members = combined(call, 2, call.size(), wanted);
  const Key key = call.key();
  if (members.empty()) {
    // Not buried: nobody has logged out, and it may come back.
    if (call.keys.remove(key)) {
      end_safely(call);
      call.notify('g', "del", key);
    }
  } else if (const auto object = call.keys.find(key); object || may_write(call, key)) {
    Changes changes;
    for (const std::string& member : members) changes.add_member(member);
    call.keys.replace(key, Type::set, object, changes);
    call.notify('s', event, key);
  }
  call.reply.integer(std::ssize(members));
}

}  // namespace

void sadd(Call& call) {
  const auto object = set_of(call);
  const auto added =
      distinct(call, [&](std::string_view member) { return !object || !object->contains(member); });
  Changes changes;
  for (const std::string_view member : added) {
    check_field(member);
    changes.add_member(member);
  }
  if (!added.empty() && (object || may_write(call, call.key()))) {
    call.keys.write(call.key(), Type::set, object, changes);
    call.notify('s', "sadd", call.key());
  }
  call.reply.integer(static_cast<std::int64_t>(added.size()));
}

void smove(Call& call) {
  call.keys.put_first(call.key(2));
  const auto source = set_of(call, 1);
  if (!source) return call.reply.integer(0);
  const auto target = set_of(call, 2);
  const std::string_view member = call[3];
  if (!source->contains(member)) return call.reply.integer(0);
  const Key key = call.key(2);
  if (call[1] != call[2] && (target || may_write(call, key))) {
    // In this order, so that what ends it in between leaves it in both.
    Changes added;
    if (!target || !target->contains(member)) added.add_member(member);
    call.keys.write(key, Type::set, target, added);
    Changes removed;
    const std::size_t erased = source->erase(member, removed);
    erase(call, *source, removed, erased, 's', "srem");
    if (!added.empty()) call.notify('s', "sadd", key);
  }
  call.reply.integer(1);
}

void sdiff(Call& call) { combine(call, in_first_only); }
void sinter(Call& call) { combine(call, in_all); }
void sunion(Call& call) { combine(call, in_any); }
void sintercard(Call& call) {
  const std::int64_t sets = natural_of(call[1], "ERR numkeys should be greater than 0");
  if (sets == 0) refuse("ERR numkeys should be greater than 0");
  if (sets > std::ssize(call.arguments) - 2)
    refuse("ERR Number of keys can't be greater than number of args");
  const std::size_t end = 2 + static_cast<std::size_t>(sets);
  std::int64_t most = 0;  // 0: no limit
  for (std::size_t i = end; i < call.size(); i += 2) {
    if (!is(call[i], "limit") || i + 1 == call.size()) refuse_syntax();
    most = natural_of(call[i + 1], "ERR LIMIT can't be negative");
  }
  const std::int64_t found = std::ssize(combined(call, 2, end, in_all));
  call.reply.integer(most == 0 ? found : std::min(found, most));
}

void sdiffstore(Call& call) { combine_and_store(call, in_first_only, "sdiffstore"); }
void sinterstore(Call& call) { combine_and_store(call, in_all, "sinterstore"); }
void sunionstore(Call& call) { combine_and_store(call, in_any, "sunionstore"); }

void srem(Call& call) {
  const auto object = set_of(call);
  const auto removed =
      distinct(call, [&](std::string_view member) { return object && object->contains(member); });
  Changes changes;
  std::size_t erased = 0;
  for (const std::string_view member : removed) erased += object->erase(member, changes);
  if (!removed.empty()) erase(call, *object, changes, erased, 's', "srem");
  call.reply.integer(static_cast<std::int64_t>(removed.size()));
}

void spop(Call& call) {
  const bool has_count = call.size() > 2;
  if (call.size() > 3) refuse_syntax();
  const std::int64_t count = has_count ? natural_of(call[2]) : 1;
  const auto object = set_of(call);
  auto members = object ? object->fields() : std::vector<std::pair<std::string, std::string>>{};
  if (members.empty()) return has_count ? call.reply.set(0) : call.reply.null();
  std::ranges::shuffle(members, this_threads_random());
  members.resize(std::min(members.size(), static_cast<std::size_t>(count)));
  Changes changes;
  std::size_t erased = 0;
  for (const auto& [member, nothing] : members) erased += object->erase(member, changes);
  if (!members.empty()) erase(call, *object, changes, erased, 's', "spop");
  if (has_count) call.reply.set(members.size());
  for (const auto& [member, nothing] : members) call.reply.bulk(member);
}

void srandmember(Call& call) {
  const bool has_count = call.size() > 2;
  if (call.size() > 3) refuse_syntax();
  const std::int64_t count = has_count ? integer_of(call[2]) : 1;
  if (count < -std::numeric_limits<std::int64_t>::max() / 2) refuse("ERR value is out of range");
  const auto object = set_of(call);
  auto members = object ? object->fields() : std::vector<std::pair<std::string, std::string>>{};
  if (members.empty()) return has_count ? call.reply.array(0) : call.reply.null();
  auto& random = this_threads_random();
  if (!has_count) return call.reply.bulk(pick(members, random).first);
  // Negative: so many, and any of them more than once.
  const auto wanted = static_cast<std::uint64_t>(count < 0 ? -count : count);
  const std::uint64_t given = count < 0 ? wanted : std::min<std::uint64_t>(wanted, members.size());
  check_reply_size(given);
  std::ranges::shuffle(members, random);
  call.reply.array(given);
  for (std::uint64_t i = 0; i < given; ++i)
    call.reply.bulk(count < 0 ? pick(members, random).first : members[i].first);
}

void smembers(Call& call) {
  const auto object = set_of(call);
  const auto members =
      object ? object->fields() : std::vector<std::pair<std::string, std::string>>{};
  call.reply.set(members.size());
  for (const auto& [member, nothing] : members) call.reply.bulk(member);
}

void sismember(Call& call) {
  const auto object = set_of(call);
  call.reply.integer(object && object->contains(call[2]) ? 1 : 0);
}

void smismember(Call& call) {
  const auto object = set_of(call);
  call.reply.array(call.size() - 2);
  for (std::size_t i = 2; i < call.size(); ++i)
    call.reply.integer(object && object->contains(call[i]) ? 1 : 0);
}

void scard(Call& call) {
  const auto object = set_of(call);
  call.reply.integer(object ? static_cast<std::int64_t>(object->size()) : 0);
}

void sscan(Call& call) {
  parse_cursor(call[2]);  // all come at once, wherever it is
  const auto object = set_of(call);
  std::vector<std::string> found;
  if (object) {
    const ScanOptions options = parse_scan_options(call, 3);
    for (auto& [member, nothing] : object->fields()) {
      if (options.matches(member)) found.push_back(std::move(member));
    }
  }
  call.reply.array(2);
  call.reply.bulk("0");
  call.reply.array(found.size());
  for (const std::string& member : found) call.reply.bulk(member);
}

}  // namespace hybrid::server
