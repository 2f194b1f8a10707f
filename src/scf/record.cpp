#include "scf/record.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/assert.hpp"

namespace hybrid::scf {
namespace {

enum class ImageTag : std::uint8_t { created = 1, last_access = 2, version = 3, entry = 4 };

std::size_t sized_bytes(std::string_view bytes) {
  return varint_bytes(bytes.size()) + bytes.size();
}

std::byte* store_sized(std::byte* to, std::string_view bytes) {
  return copy_bytes(store_varint(to, bytes.size()), as_bytes(bytes));
}

std::byte* store_field(std::byte* to, ImageTag tag, std::uint64_t value) {
  *to++ = static_cast<std::byte>(tag);
  to = store_varint(to, sizeof value);
  store_le(to, value);
  return to + sizeof value;
}

std::size_t entry_field_bytes(std::string_view key, std::string_view value) {
  return varint_bytes(key.size()) + key.size() + value.size();
}

Digest to_digest(ByteView bytes) {
  Digest digest;
  copy_bytes(digest.bytes.data(), bytes.first(kSidBytes));
  return digest;
}

}  // namespace

std::string_view to_string(Op op) {
  switch (op) {
    case Op::create: return "create";
    case Op::destroy: return "destroy";
    case Op::change_id: return "change_id";
    case Op::modify: return "modify";
    case Op::touch: return "touch";
  }
  return "unknown";
}

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::create: return "create";
    case ChangeKind::erase: return "delete";
    case ChangeKind::update: return "update";
    case ChangeKind::clear: return "clear";
  }
  return "unknown";
}

void append_record(std::string& out, Op op, const Digest& sid, std::string_view data) {
  out.push_back(static_cast<char>(op));
  out.append(as_chars(sid.bytes));
  out.append(data);
  append_integer(out, static_cast<std::uint32_t>(data.size()));
}

void begin_record(std::string& out, Op op, const Digest& sid) {
  HYBRID_ASSERT(out.empty());
  out.push_back(static_cast<char>(op));
  out.append(as_chars(sid.bytes));
}

void end_record(std::string& out) {
  append_integer(out, static_cast<std::uint32_t>(out.size() - 1 - kSidBytes));
}

std::optional<std::vector<Record>> split_payload(ByteView payload) {
  std::vector<Record> records;
  while (!payload.empty()) {
    if (payload.size() < kRecordOverheadBytes) return std::nullopt;
    const auto length = load_le<std::uint32_t>(payload.data() + payload.size() - 4);
    if (length > payload.size() - kRecordOverheadBytes) return std::nullopt;
    const ByteView bytes = payload.last(kRecordOverheadBytes + length);
    const auto op = std::to_integer<std::uint8_t>(bytes[0]);
    if (op > kOpMax) return std::nullopt;
    records.push_back({.op = static_cast<Op>(op),
                       .sid = to_digest(bytes.subspan(1)),
                       .data = bytes.subspan(1 + kSidBytes, length)});
    payload = payload.first(payload.size() - bytes.size());
  }
  std::ranges::reverse(records);
  return records;
}

void append_change(std::string& out, const ChangeView& change) {
  const bool has_key = change.kind != ChangeKind::clear;
  const bool has_value = has_key && change.kind != ChangeKind::erase;
  const std::size_t before = out.size();
  const std::size_t bytes = before + 1 + (has_key ? sized_bytes(change.key) : 0) +
                            (has_value ? sized_bytes(change.value) : 0);
  // One look at what room there is. (The size that g++ 12 calls the function with may be the capacity.)
  out.resize_and_overwrite(bytes, [&](char* chars, std::size_t) {
    auto* to = reinterpret_cast<std::byte*>(chars + before);
    *to++ = static_cast<std::byte>(change.kind);
    if (has_key) to = store_sized(to, change.key);
    if (has_value) store_sized(to, change.value);
    return bytes;
  });
}

std::optional<std::vector<ChangeView>> parse_changes(ByteView data) {
  std::vector<ChangeView> changes;
  if (!parse_changes(data, changes)) return std::nullopt;
  return changes;
}

bool parse_changes(ByteView data, std::vector<ChangeView>& changes) {
  changes.clear();
  ByteReader in{data};
  while (!in.at_end()) {
    const auto kind = in.integer<std::uint8_t>();
    if (!kind || *kind > static_cast<std::uint8_t>(ChangeKind::clear)) return false;
    ChangeView& change = changes.emplace_back(ChangeView{.kind = static_cast<ChangeKind>(*kind)});
    if (change.kind == ChangeKind::clear) continue;
    const auto key = in.sized();
    if (!key || key->empty()) return false;
    change.key = as_chars(*key);
    if (change.kind == ChangeKind::erase) continue;
    const auto value = in.sized();
    if (!value || value->empty()) return false;
    change.value = as_chars(*value);
  }
  return !changes.empty();
}

void ImageRecord::announce(std::string_view key, std::string_view value) {
  const std::size_t field = entry_field_bytes(key, value);
  data_bytes_ += 1 + varint_bytes(field) + field;
}

void ImageRecord::begin(std::span<std::byte> to, const Digest& sid, const Image& image) {
  HYBRID_ASSERT(to.size() == bytes());
  at_ = to.data();
  end_ = to.data() + to.size();
  *at_++ = static_cast<std::byte>(Op::create);
  at_ = copy_bytes(at_, sid.bytes);
  at_ = store_field(at_, ImageTag::created, static_cast<std::uint64_t>(image.created));
  at_ = store_field(at_, ImageTag::last_access, static_cast<std::uint64_t>(image.last_access));
  at_ = store_field(at_, ImageTag::version, image.version);
}

void ImageRecord::put(std::string_view key, std::string_view value) {
  *at_++ = static_cast<std::byte>(ImageTag::entry);
  at_ = store_varint(at_, entry_field_bytes(key, value));
  at_ = store_varint(at_, key.size());
  at_ = copy_bytes(at_, as_bytes(key));
  at_ = copy_bytes(at_, as_bytes(value));
}

void ImageRecord::end() {
  HYBRID_ASSERT(at_ + sizeof(std::uint32_t) == end_);
  store_le(at_, static_cast<std::uint32_t>(data_bytes_));
}

std::string image_record(const Digest& sid, const Image& image) {
  ImageRecord record;
  for (const auto& [key, value] : image.entries) record.announce(key, value);
  std::string bytes(record.bytes(), '\0');
  record.begin(std::as_writable_bytes(std::span{bytes}), sid, image);
  for (const auto& [key, value] : image.entries) record.put(key, value);
  record.end();
  return bytes;
}

std::optional<Image> parse_image(ByteView data) {
  Image image;
  if (!parse_image(data, image)) return std::nullopt;
  return image;
}

namespace {

bool are_distinct(std::span<const std::pair<std::string_view, std::string_view>> entries) {
  constexpr std::size_t kComparedMax = 32;  // each with all others
  if (entries.size() > kComparedMax) {
    std::unordered_set<std::string_view> keys(entries.size());
    return std::ranges::all_of(entries,
                               [&](const auto& entry) { return keys.insert(entry.first).second; });
  }
  for (std::size_t i = 1; i < entries.size(); ++i) {
    const auto is_same = [&](const auto& other) {
      return is_same_key(other.first, entries[i].first);
    };
    if (std::ranges::any_of(entries.first(i), is_same)) return false;
  }
  return true;
}

}  // namespace

bool parse_image(ByteView data, Image& image) {
  image.entries.clear();
  unsigned seen = 0;  // bit `tag`
  ByteReader in{data};
  while (!in.at_end()) {
    const auto tag = in.integer<std::uint8_t>();
    const auto bytes = in.sized();
    if (!tag || !bytes) return false;
    ByteReader field{*bytes};
    if (*tag == static_cast<std::uint8_t>(ImageTag::entry)) {
      const auto key = field.sized();
      if (!key || key->empty() || field.at_end()) return false;
      image.entries.emplace_back(as_chars(*key), as_chars(*field.take(field.remaining())));
      continue;
    }
    const auto number = field.integer<std::uint64_t>();
    const unsigned bit = 1U << (*tag & 7U);
    if (!number || !field.at_end() || (seen & bit) != 0) return false;
    seen |= bit;
    switch (*tag) {
      case static_cast<std::uint8_t>(ImageTag::created):
        image.created = static_cast<Millis>(*number);
        break;
      case static_cast<std::uint8_t>(ImageTag::last_access):
        image.last_access = static_cast<Millis>(*number);
        break;
      case static_cast<std::uint8_t>(ImageTag::version): image.version = *number; break;
      default: return false;
    }
  }
  constexpr unsigned kAll = 1U << 1 | 1U << 2 | 1U << 3;
  return seen == kAll && are_distinct(image.entries);
}

std::optional<Digest> parse_new_sid(ByteView data) {
  if (data.size() != kSidBytes) return std::nullopt;
  return to_digest(data);
}

void append_touch(std::string& out, const Touch& touch) {
  out.append(as_chars(touch.sid.bytes));
  append_integer(out, touch.last_access);
}

std::optional<std::vector<Touch>> parse_touches(ByteView data) {
  if (data.empty() || data.size() % kTouchBytes != 0) return std::nullopt;
  std::vector<Touch> touches;
  touches.reserve(data.size() / kTouchBytes);
  for (; !data.empty(); data = data.subspan(kTouchBytes)) {
    touches.push_back(
        {.sid = to_digest(data), .last_access = load_le<Millis>(data.data() + kSidBytes)});
  }
  return touches;
}

}  // namespace hybrid::scf
