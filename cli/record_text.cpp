#include "cli/record_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/attributes.hpp"
#include "cli/output.hpp"
#include "hybrid/encoding.hpp"

namespace hybrid::cli {
namespace {

constexpr std::size_t kTouchesShown = 4;

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string hex_of(std::string_view bytes) { return to_hex(as_bytes(bytes)); }

std::optional<Json> next_value(Decoder& in, int depth);

std::optional<Json> next_array(Decoder& in, int depth) {
  Json array = Json::array();
  for (std::size_t left = *in.array(); left > 0; --left) {
    auto element = next_value(in, depth + 1);
    if (!element) return std::nullopt;
    array.push_back(std::move(*element));
  }
  return array;
}

// Pairs as an object if it can tell them apart, and cannot be taken for one of our own.
Json map_json(std::vector<std::pair<Json, Json>> pairs) {
  Json object = Json::object();
  for (auto& [key, value] : pairs) {
    const bool plain = key.is_string() && !key.get_ref<const std::string&>().starts_with('$');
    if (!plain || object.contains(key.get_ref<const std::string&>())) {
      Json list = Json::array();
      for (auto& [k, v] : pairs) list.push_back(Json::array({k, v}));
      return {{"$map", std::move(list)}};
    }
    object[key.get_ref<const std::string&>()] = value;
  }
  return object;
}

std::optional<Json> next_map(Decoder& in, int depth) {
  std::vector<std::pair<Json, Json>> pairs;
  for (std::size_t left = *in.map(); left > 0; --left) {
    auto key = next_value(in, depth + 1);
    auto value = key ? next_value(in, depth + 1) : std::nullopt;
    if (!value) return std::nullopt;
    pairs.emplace_back(std::move(*key), std::move(*value));
  }
  return map_json(std::move(pairs));
}

Json real_json(double real) {
  if (std::isnan(real)) return {{"$float", "nan"}};
  if (std::isinf(real)) return {{"$float", real > 0 ? "inf" : "-inf"}};
  return real;
}

std::optional<Json> next_value(Decoder& in, int depth) {
  if (depth > kDepthMax) return std::nullopt;
  switch (in.kind()) {
    case Kind::nil: in.skip_nil(); return Json(nullptr);
    case Kind::boolean: return Json(*in.boolean());
    case Kind::integer: {
      if (const auto number = in.unsigned_integer()) return Json(*number);
      return Json(*in.integer());
    }
    case Kind::real: return real_json(*in.real());
    case Kind::string: {
      std::string text{*in.string()};
      if (is_utf8(text)) return Json(std::move(text));
      return Json{{"$string", hex_of(text)}};
    }
    case Kind::bytes: return Json{{"$bytes", to_hex(*in.bytes())}};
    case Kind::array: return next_array(in, depth);
    case Kind::map: return next_map(in, depth);
    case Kind::other: break;
  }
  return std::nullopt;
}

std::string_view type_name(std::string_view messagepack) {
  switch (Decoder{messagepack}.kind()) {
    case Kind::nil: return "nil";
    case Kind::boolean: return "boolean";
    case Kind::integer: return "integer";
    case Kind::real: return "float";
    case Kind::string: return "string";
    case Kind::bytes: return "bytes";
    case Kind::array: return "array";
    case Kind::map: return "map";
    case Kind::other: break;
  }
  return "unreadable";
}

// A value that may not be shown.
Json outline_json(std::string_view messagepack) {
  return {{"type", type_name(messagepack)}, {"bytes", messagepack.size()}};
}

// The name by which clients of the server know a session is mostly its id: a secret, not a value.
bool may_show(std::string_view key, bool values) {
  return values && key != attribute_key(Attribute::served);
}

bool has_value(scf::ChangeKind kind) {
  return kind == scf::ChangeKind::create || kind == scf::ChangeKind::update;
}

// --- JSON

Json change_json(const scf::ChangeView& change, bool values) {
  Json json{{"change", to_string(change.kind)}};
  if (change.kind != scf::ChangeKind::clear) json["key"] = value_json(change.key);
  if (!has_value(change.kind)) return json;
  if (may_show(change.key, values)) {
    json["value"] = value_json(change.value);
  } else {
    json.update(outline_json(change.value));
  }
  return json;
}

Json image_json(const scf::Image& image, bool values) {
  std::vector<std::pair<Json, Json>> entries;
  for (const auto& [key, value] : image.entries) {
    entries.emplace_back(value_json(key),
                         may_show(key, values) ? value_json(value) : outline_json(value));
  }
  return {{"created", image.created},
          {"last_access", image.last_access},
          {"version", image.version},
          {"entries", map_json(std::move(entries))}};
}

std::string sid_text(const Digest& sid) { return to_hex(sid.bytes); }

bool shown(const RecordStyle& style, const scf::Touch& touch) {
  return !style.shows_touch_of || style.shows_touch_of(touch.sid);
}

void add_data(Json& json, const scf::Record& record, const RecordStyle& style) {
  switch (record.op) {
    case scf::Op::create:
      if (!record.data.empty())
        json["image"] = image_json(*scf::parse_image(record.data), style.values);
      break;
    case scf::Op::destroy: break;
    case scf::Op::change_id: json["new_sid"] = sid_text(*scf::parse_new_sid(record.data)); break;
    case scf::Op::modify: {
      const auto parsed = scf::parse_changes(record.data);
      Json& changes = json["changes"] = Json::array();
      for (const scf::ChangeView& change : *parsed) {
        changes.push_back(change_json(change, style.values));
      }
      break;
    }
    case scf::Op::touch: {
      const auto parsed = scf::parse_touches(record.data);
      Json& touches = json["touches"] = Json::array();
      for (const scf::Touch& touch : *parsed) {
        if (!shown(style, touch)) continue;
        touches.push_back({{"sid", sid_text(touch.sid)}, {"last_access", touch.last_access}});
      }
      break;
    }
  }
}

Json record_json(const RecordPlace& place, const RecordStyle& style) {
  const scf::Record& record = place.record;
  Json json{{"lsn", place.lsn.value},
            {"time", place.frame.header.time},
            {"op", to_string(record.op)},
            {"sid", sid_text(record.sid)}};
  if (const char* const wrong = what_is_malformed(record)) {
    json["malformed"] = wrong;
  } else {
    add_data(json, record, style);
  }
  json["segment"] = scf::segment_name(place.segment.number);
  json["offset"] = place.frame.at.value;
  return json;
}

// --- Lines for people

std::string short_sid(const Digest& sid) { return sid_text(sid).substr(0, kSidDigitsShown); }

std::string value_text(std::string_view messagepack, bool values) {
  if (values) return "= " + json_text(value_json(messagepack));
  return fmt::format("({}, {})", type_name(messagepack), counted(messagepack.size(), "byte"));
}

std::string changes_text(const scf::Record& record, bool values) {
  const auto changes = scf::parse_changes(record.data);
  std::string text;
  for (const scf::ChangeView& change : *changes) {
    if (!text.empty()) text += ", ";
    text += to_string(change.kind);
    if (change.kind != scf::ChangeKind::clear) text += " " + json_text(value_json(change.key));
    if (has_value(change.kind))
      text += " " + value_text(change.value, may_show(change.key, values));
  }
  return text;
}

std::string image_text(const scf::Record& record, bool values) {
  if (record.data.empty()) return {};
  const scf::Image image = *scf::parse_image(record.data);
  std::string text = fmt::format("image of version {}, created {}, last access {}", image.version,
                                 time_text(image.created), time_text(image.last_access));
  for (const auto& [key, value] : image.entries) {
    text += ", " + json_text(value_json(key)) + " " + value_text(value, may_show(key, values));
  }
  return text;
}

std::string touches_text(const scf::Record& record, const RecordStyle& style) {
  const auto touches = scf::parse_touches(record.data);
  std::string text;
  std::size_t count = 0;
  for (const scf::Touch& touch : *touches) {
    if (!shown(style, touch) || ++count > kTouchesShown) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} last access {}", short_sid(touch.sid), time_text(touch.last_access));
  }
  if (count > kTouchesShown) text += fmt::format(" and {} more", count - kTouchesShown);
  return text;
}

std::string data_text(const scf::Record& record, const RecordStyle& style) {
  if (const char* const wrong = what_is_malformed(record)) return wrong;
  switch (record.op) {
    case scf::Op::create: return image_text(record, style.values);
    case scf::Op::destroy: return {};
    case scf::Op::change_id: return "to " + short_sid(*scf::parse_new_sid(record.data));
    case scf::Op::modify: return changes_text(record, style.values);
    case scf::Op::touch: return touches_text(record, style);
  }
  return {};
}

std::string record_line(const RecordPlace& place, const RecordStyle& style) {
  const scf::Record& record = place.record;
  std::string line = fmt::format("{:>8}  {}  {:<9}  {:<{}}  {}", place.lsn.value,
                                 time_text(place.frame.header.time), to_string(record.op),
                                 record.op == scf::Op::touch ? "-" : short_sid(record.sid),
                                 kSidDigitsShown, data_text(record, style));
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Json value_json(std::string_view messagepack) {
  Decoder in{messagepack};
  auto json = next_value(in, 0);
  if (!json) return {{"$messagepack", hex_of(messagepack)}};
  return std::move(*json);
}

std::string json_text(const Json& json) { return printable(json.dump()); }

const char* what_is_malformed(const scf::Record& record) {
  switch (record.op) {
    case scf::Op::create:
      return record.data.empty() || scf::parse_image(record.data) ? nullptr : "a malformed image";
    case scf::Op::destroy: return record.data.empty() ? nullptr : "a malformed destroy";
    case scf::Op::change_id:
      return scf::parse_new_sid(record.data) ? nullptr : "a malformed change of id";
    case scf::Op::modify: return scf::parse_changes(record.data) ? nullptr : "malformed changes";
    case scf::Op::touch:
      return record.sid == Digest{} && scf::parse_touches(record.data) ? nullptr
                                                                       : "malformed touches";
  }
  return "an unknown operation";
}

std::string describe_malformed(const RecordPlace& place) {
  return fmt::format("{}, offset {}, LSN {}: {}", place.segment.path, place.frame.at.value,
                     place.lsn.value, what_is_malformed(place.record));
}

std::string record_text(const RecordPlace& place, const RecordStyle& style) {
  return style.json ? json_text(record_json(place, style)) : record_line(place, style);
}

}  // namespace hybrid::cli
