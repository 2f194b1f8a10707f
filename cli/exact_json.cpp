#include "cli/exact_json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "hybrid/encoding.hpp"

namespace hybrid::cli {
namespace {

// --- Writing

// An object is searched for each of its members when it is read.
constexpr std::size_t kObjectMembersMax = 32;

void append_hex(std::string& out, std::string_view form, std::string_view bytes) {
  out.append("{\"").append(form).append("\":\"").append(to_hex(as_bytes(bytes))).append("\"}");
}

// False if it is not UTF-8.
bool append_text(std::string& out, std::string_view text) {
  try {
    out += Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

bool append_value(std::string& out, Decoder& in, int depth);

void append_real(std::string& out, double real) {
  if (std::isnan(real)) {
    out += R"({"$float":"nan"})";
  } else if (std::isinf(real)) {
    out += real > 0 ? R"({"$float":"inf"})" : R"({"$float":"-inf"})";
  } else {
    out += Json(real).dump();
  }
}

bool append_array(std::string& out, Decoder& in, int depth) {
  out += '[';
  for (std::size_t left = *in.array(); left > 0; --left) {
    if (!append_value(out, in, depth + 1)) return false;
    if (left > 1) out += ',';
  }
  out += ']';
  return true;
}

// Whether an object can tell the keys apart, and cannot be taken for a form of our own.
bool is_plain(Decoder in, std::size_t pairs) {
  if (pairs > kObjectMembersMax) return false;
  std::vector<std::string_view> keys;
  for (; pairs > 0; --pairs) {
    if (in.kind() != Kind::string) return false;
    const std::string_view key = *in.string();
    std::string ignored;
    if (key.starts_with('$') || std::ranges::find(keys, key) != keys.end() ||
        !append_text(ignored, key)) {
      return false;
    }
    keys.push_back(key);
    in.skip();
  }
  return true;
}

bool append_map(std::string& out, Decoder& in, int depth) {
  const std::size_t pairs = *in.map();
  // A copy of the decoder is a copy of all its tokens: only worth it for a few.
  const bool plain = pairs <= kObjectMembersMax && is_plain(in, pairs);
  out += plain ? "{" : R"({"$map":[)";
  for (std::size_t left = pairs; left > 0; --left) {
    if (!plain) out += '[';
    if (!append_value(out, in, depth + 1)) return false;
    out += plain ? ':' : ',';
    if (!append_value(out, in, depth + 1)) return false;
    if (!plain) out += ']';
    if (left > 1) out += ',';
  }
  out += plain ? "}" : "]}";
  return true;
}

bool append_value(std::string& out, Decoder& in, int depth) {
  if (depth > kDepthMax) return false;
  switch (in.kind()) {
    case Kind::nil:
      in.skip_nil();
      out += "null";
      return true;
    case Kind::boolean: out += *in.boolean() ? "true" : "false"; return true;
    case Kind::integer: {
      const auto number = in.unsigned_integer();
      out += number ? std::to_string(*number) : std::to_string(*in.integer());
      return true;
    }
    case Kind::real: append_real(out, *in.real()); return true;
    case Kind::string: {
      const std::string_view text = *in.string();
      if (!append_text(out, text)) append_hex(out, "$string", text);
      return true;
    }
    case Kind::bytes: append_hex(out, "$bytes", as_chars(*in.bytes())); return true;
    case Kind::array: return append_array(out, in, depth);
    case Kind::map: return append_map(out, in, depth);
    case Kind::other: break;
  }
  return false;
}

// --- Reading

std::unexpected<Error> wrong(const char* what) {
  return std::unexpected(Error{Errc::invalid_argument, what});
}

Result<void> encode(Encoder& to, const Json& json, int depth);

Result<void> encode_map(Encoder& to, const Json& pairs, int depth) {
  if (!pairs.is_array()) return wrong("$map is no list of pairs");
  to.map(pairs.size());
  for (const Json& pair : pairs) {
    if (!pair.is_array() || pair.size() != 2) return wrong("$map is no list of pairs");
    for (const Json& part : pair) {
      if (auto encoded = encode(to, part, depth + 1); !encoded) return encoded;
    }
  }
  return {};
}

Result<void> encode_float(Encoder& to, const Json& name) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (name == "nan") {
    to.real(std::numeric_limits<double>::quiet_NaN());
  } else if (name == "inf" || name == "-inf") {
    to.real(name == "inf" ? kInfinity : -kInfinity);
  } else {
    return wrong("$float is none of nan, inf and -inf");
  }
  return {};
}

// An object with one member whose name begins with '$'.
Result<void> encode_form(Encoder& to, const std::string& form, const Json& content, int depth) {
  if (form == "$map") return encode_map(to, content, depth);
  if (form == "$float") return encode_float(to, content);
  const bool known = form == "$bytes" || form == "$string" || form == "$messagepack";
  if (!known) return wrong("an object has a member that begins with $, and is none of the forms");
  const auto bytes = content.is_string() ? from_hex(content.get_ref<const std::string&>())
                                         : std::optional<std::string>{};
  if (!bytes) return wrong("hexadecimal digits are wanted");
  if (form == "$bytes") {
    to.bytes(as_bytes(*bytes));
  } else if (form == "$string") {
    to.string(*bytes);
  } else {
    to.encoded(*bytes);
    if (!to.ok()) return wrong("$messagepack is not one MessagePack value");
  }
  return {};
}

Result<void> encode_object(Encoder& to, const Json& json, int depth) {
  for (const auto& [name, value] : json.items()) {
    if (!name.starts_with('$')) continue;
    if (json.size() == 1) return encode_form(to, name, value, depth);
    return wrong("an object has a member that begins with $, and others");
  }
  to.map(json.size());
  for (const auto& [name, value] : json.items()) {
    to.string(name);
    if (auto encoded = encode(to, value, depth + 1); !encoded) return encoded;
  }
  return {};
}

Result<void> encode(Encoder& to, const Json& json, int depth) {
  if (depth > kDepthMax) return wrong("nested more than 100 deep");
  switch (json.type()) {
    case Json::value_t::null: to.nil(); return {};
    case Json::value_t::boolean: to.boolean(json.get<bool>()); return {};
    case Json::value_t::number_integer: to.integer(json.get<std::int64_t>()); return {};
    case Json::value_t::number_unsigned: to.unsigned_integer(json.get<std::uint64_t>()); return {};
    case Json::value_t::number_float: to.real(json.get<double>()); return {};
    case Json::value_t::string: to.string(json.get_ref<const std::string&>()); return {};
    case Json::value_t::array:
      to.array(json.size());
      for (const Json& element : json) {
        if (auto encoded = encode(to, element, depth + 1); !encoded) return encoded;
      }
      return {};
    case Json::value_t::object: return encode_object(to, json, depth);
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
  }
  return wrong("no JSON");
}

}  // namespace

void append_exact_json(std::string& out, std::string_view messagepack) {
  const std::size_t before = out.size();
  Decoder in{messagepack};
  if (append_value(out, in, 0)) {
    const Json json = Json::parse(std::string_view{out}.substr(before), nullptr, false);
    const auto back = messagepack_of(json);
    if (back && *back == messagepack) return;
  }
  out.resize(before);
  append_hex(out, "$messagepack", messagepack);
}

Result<std::string> messagepack_of(const Json& json) {
  Buffer buffer;
  Encoder to{buffer};
  if (auto encoded = encode(to, json, 0); !encoded) return std::unexpected(encoded.error());
  if (!to.ok()) return wrong("too large to be encoded");
  return std::string{buffer.view()};
}

std::optional<std::string> from_hex(std::string_view hex) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

}  // namespace hybrid::cli
