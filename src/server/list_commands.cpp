// Lists: an element is a value of the session, and its key the integer by which it has its place among the others; there may be gaps.
// Small ones: each command looks at the whole list. Nobody can wait for an element (BLPOP).
#include <algorithm>
#include <limits>
#include <string>

#include "server/commands.hpp"
#include "server/scanning.hpp"
#include "server/writing.hpp"

namespace hybrid::server {
namespace {

enum class End : std::uint8_t { left, right };

struct List {
  std::optional<Object> object;
  std::vector<Element> elements;
};

List list_of(Call& call, const Key& key) {
  List list{.object = call.keys.find(key, Type::list), .elements = {}};
  if (list.object) list.elements = list.object->elements();
  return list;
}

void check_count(std::size_t elements) {
  if (elements > kElementsMax)
    refuse("ERR a list has at most " + std::to_string(kElementsMax) + " elements");
}

// The place beside `place`, away from the middle.
std::int64_t beyond(std::int64_t place, End end) {
  if (__builtin_add_overflow(place, end == End::left ? -1 : 1, &place))
    refuse("ERR the list has no place at this end");
  return place;
}

std::int64_t place_at(const List& list, End end) {
  if (list.elements.empty()) return 0;
  return beyond(end == End::left ? list.elements.front().place : list.elements.back().place, end);
}

// Elements from `first` to before `last`.
struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
};

// As LRANGE takes it, its end included; from the end of the list if negative.
Range range_of(std::int64_t start, std::int64_t stop, std::size_t elements) {
  const auto count = static_cast<std::int64_t>(elements);
  if (start < 0) start = std::max<std::int64_t>(start + count, 0);
  if (stop < 0) stop += count;
  stop = std::min(stop, count - 1);
  if (start > stop) return {};
  return {static_cast<std::size_t>(start), static_cast<std::size_t>(stop + 1)};
}

// As LINDEX takes it; none: out of range.
std::optional<std::size_t> index_of(std::int64_t index, std::size_t elements) {
  if (index < 0) index += static_cast<std::int64_t>(elements);
  if (index < 0 || index >= static_cast<std::int64_t>(elements)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

void push(Call& call, End end, bool may_make, std::string_view event) {
  const List list = list_of(call, call.key());
  if (!list.object && !may_make) return call.reply.integer(0);
  Changes changes;
  std::int64_t place = place_at(list, end);
  check_count(list.elements.size() + call.size() - 2);
  for (const std::string_view element : call.arguments.subspan(2)) {
    check_value(element);
    if (!changes.empty()) place = beyond(place, end);
    changes.set_element(place, element);
  }
  if (list.object || may_write(call, call.key())) {
    call.keys.write(call.key(), Type::list, list.object, changes);
    call.notify('l', event, call.key());
  }
  call.reply.integer(static_cast<std::int64_t>(list.elements.size() + call.size() - 2));
}

void pop(Call& call, End end, std::string_view event) {
  const bool has_count = call.size() > 2;
  if (call.size() > 3) refuse_arity(call);
  const std::int64_t count = has_count ? natural_of(call[2]) : 1;
  List list = list_of(call, call.key());
  if (!list.object) return has_count ? call.reply.null_array() : call.reply.null();
  auto& elements = list.elements;
  if (end == End::right) std::ranges::reverse(elements);
  elements.resize(std::min(elements.size(), static_cast<std::size_t>(count)));
  Changes changes;
  for (const Element& element : elements) changes.erase_element(element.place);
  if (!elements.empty()) erase(call, *list.object, changes, elements.size(), 'l', event);
  if (!has_count) return elements.empty() ? call.reply.null() : call.reply.bulk(elements[0].text);
  call.reply.array(elements.size());
  for (const Element& element : elements) call.reply.bulk(element.text);
}

// From one end of the first list to one of the second, which may be the same.
void move(Call& call, End from, End to) {
  const Key source_key = call.key(1);
  const Key target_key = call.key(2);
  call.keys.put_first(target_key);
  const List source = list_of(call, source_key);
  if (!source.object) return call.reply.null();
  const bool rotates = call[1] == call[2];
  const List target = rotates ? List{} : list_of(call, target_key);
  if (source.elements.empty()) return call.reply.null();
  const Element& moved = from == End::left ? source.elements.front() : source.elements.back();
  Changes put;
  put.set_element(place_at(rotates ? source : target, to), moved.text);
  const std::string_view pushed = to == End::left ? "lpush" : "rpush";
  const std::string_view popped = from == End::left ? "lpop" : "rpop";
  if (rotates) {
    put.erase_element(moved.place);
    call.keys.write(source_key, Type::list, source.object, put);
    call.notify('l', pushed, target_key);
    call.notify('l', popped, source_key);
  } else if (target.object || may_write(call, target_key)) {
    check_count(target.elements.size() + 1);
    // In this order, so that what ends it in between leaves it in both.
    call.keys.write(target_key, Type::list, target.object, put);
    call.notify('l', pushed, target_key);
    Changes taken;
    taken.erase_element(moved.place);
    erase(call, *source.object, taken, 1, 'l', popped);
  }
  call.reply.bulk(moved.text);
}

End end_of(std::string_view word) {
  if (is(word, "left")) return End::left;
  if (is(word, "right")) return End::right;
  refuse_syntax();
}

}  // namespace

void lpush(Call& call) { push(call, End::left, true, "lpush"); }
void rpush(Call& call) { push(call, End::right, true, "rpush"); }
void lpushx(Call& call) { push(call, End::left, false, "lpush"); }
void rpushx(Call& call) { push(call, End::right, false, "rpush"); }
void lpop(Call& call) { pop(call, End::left, "lpop"); }
void rpop(Call& call) { pop(call, End::right, "rpop"); }
void lmove(Call& call) {
  const End from = end_of(call[3]);
  const End to = end_of(call[4]);
  move(call, from, to);
}
void rpoplpush(Call& call) { move(call, End::right, End::left); }

void llen(Call& call) { call.reply.integer(std::ssize(list_of(call, call.key()).elements)); }

void lindex(Call& call) {
  const List list = list_of(call, call.key());
  if (!list.object) return call.reply.null();
  const auto index = index_of(integer_of(call[2]), list.elements.size());
  if (!index) return call.reply.null();
  call.reply.bulk(list.elements[*index].text);
}

void lrange(Call& call) {
  const std::int64_t start = integer_of(call[2]);
  const std::int64_t stop = integer_of(call[3]);
  const List list = list_of(call, call.key());
  const Range range = range_of(start, stop, list.elements.size());
  call.reply.array(range.last - range.first);
  for (std::size_t i = range.first; i < range.last; ++i) call.reply.bulk(list.elements[i].text);
}

void lset(Call& call) {
  const List list = list_of(call, call.key());
  if (!list.object) refuse("ERR no such key");
  const auto index = index_of(integer_of(call[2]), list.elements.size());
  if (!index) refuse("ERR index out of range");
  check_value(call[3]);
  Changes changes;
  changes.set_element(list.elements[*index].place, call[3]);
  call.keys.write(call.key(), Type::list, list.object, changes);
  call.notify('l', "lset", call.key());
  call.ok();
}

void linsert(Call& call) {
  const bool after = is(call[2], "after");
  if (!after && !is(call[2], "before")) refuse_syntax();
  const List list = list_of(call, call.key());
  if (!list.object) return call.reply.integer(0);
  const auto& elements = list.elements;
  const auto pivot = std::ranges::find(elements, call[3], &Element::text);
  if (pivot == elements.end()) return call.reply.integer(-1);
  check_value(call[4]);
  check_count(elements.size() + 1);
  Changes changes;
  auto next = after ? pivot + 1 : pivot;
  // Those of the shorter side make room, as far as they stand close.
  const bool to_left = next - elements.begin() < elements.end() - next;
  const End end = to_left ? End::left : End::right;
  std::int64_t place = beyond(to_left ? next->place : next[-1].place, end);
  changes.set_element(place, call[4]);
  const auto make_room = [&](const Element& element) {
    place = beyond(place, end);
    changes.set_element(place, element.text);
  };
  if (to_left) {
    for (; next != elements.begin() && next[-1].place == place; --next) make_room(next[-1]);
  } else {
    for (; next != elements.end() && next->place == place; ++next) make_room(*next);
  }
  call.keys.write(call.key(), Type::list, list.object, changes);
  call.notify('l', "linsert", call.key());
  call.reply.integer(static_cast<std::int64_t>(elements.size() + 1));
}

void lrem(Call& call) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::int64_t count = integer_of(call[2]);
  List list = list_of(call, call.key());
  if (!list.object) return call.reply.integer(0);
  if (count < 0) std::ranges::reverse(list.elements);
  const std::int64_t most = count == 0 || count < -kMost ? kMost : std::abs(count);
  Changes changes;
  std::int64_t removed = 0;
  for (const Element& element : list.elements) {
    if (element.text != call[3]) continue;
    if (removed == most) break;
    changes.erase_element(element.place);
    ++removed;
  }
  if (removed != 0)
    erase(call, *list.object, changes, static_cast<std::size_t>(removed), 'l', "lrem");
  call.reply.integer(removed);
}

void ltrim(Call& call) {
  const std::int64_t start = integer_of(call[2]);
  const std::int64_t stop = integer_of(call[3]);
  const List list = list_of(call, call.key());
  if (!list.object) return call.ok();
  const Range kept = range_of(start, stop, list.elements.size());
  Changes changes;
  for (std::size_t i = 0; i < list.elements.size(); ++i) {
    if (i < kept.first || i >= kept.last) changes.erase_element(list.elements[i].place);
  }
  erase(call, *list.object, changes, list.elements.size() - (kept.last - kept.first), 'l', "ltrim");
  call.ok();
}

void lpos(Call& call) {
  std::int64_t rank = 1;
  std::optional<std::int64_t> count;
  std::int64_t looked_at_max = 0;  // 0: all
  for (std::size_t i = 3; i < call.size(); i += 2) {
    if (i + 1 == call.size()) refuse_syntax();
    if (is(call[i], "rank")) {
      rank = integer_of(call[i + 1]);
      if (rank == std::numeric_limits<std::int64_t>::min()) refuse("ERR value is out of range");
      if (rank == 0) {
        refuse(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or "
            "use negative to start from the end of the list");
      }
    } else if (is(call[i], "count")) {
      count = natural_of(call[i + 1], "ERR COUNT can't be negative");
    } else if (is(call[i], "maxlen")) {
      looked_at_max = natural_of(call[i + 1], "ERR MAXLEN can't be negative");
    } else {
      refuse_syntax();
    }
  }
  const auto elements = list_of(call, call.key()).elements;
  const auto size = static_cast<std::int64_t>(elements.size());
  const std::int64_t looked_at = looked_at_max == 0 ? size : std::min(looked_at_max, size);
  const std::int64_t wanted = !count ? 1 : *count == 0 ? size : *count;
  std::vector<std::int64_t> found;
  std::int64_t to_skip = std::abs(rank) - 1;
  for (std::int64_t i = 0; i < looked_at && std::ssize(found) < wanted; ++i) {
    const std::int64_t index = rank > 0 ? i : size - 1 - i;
    if (elements[static_cast<std::size_t>(index)].text != call[2]) continue;
    if (to_skip > 0)
      --to_skip;
    else
      found.push_back(index);
  }
  if (!count) return found.empty() ? call.reply.null() : call.reply.integer(found[0]);
  call.reply.array(found.size());
  for (const std::int64_t index : found) call.reply.integer(index);
}

}  // namespace hybrid::server
