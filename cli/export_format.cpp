#include "cli/export_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "base/limits.hpp"
#include "cli/exact_json.hpp"
#include "cli/output.hpp"
#include "hybrid/params.hpp"

namespace hybrid::cli {
namespace {

std::unexpected<Error> wrong(std::string what) {
  return std::unexpected(Error{Errc::invalid_argument, std::move(what)});
}

constexpr std::string_view kMembers[] = {"sid", "created", "last_access", "version", "entries"};

Result<void> check_members(const Json& json) {
  if (!json.is_object()) return wrong("it is no JSON object");
  for (const std::string_view member : kMembers) {
    if (!json.contains(member)) return wrong(fmt::format("it has no \"{}\"", member));
  }
  if (json.size() != std::size(kMembers)) return wrong("it has a member that no session has");
  return {};
}

Result<Digest> parse_sid(const Json& json) {
  const auto bytes = json.is_string() ? from_hex(json.get_ref<const std::string&>())
                                      : std::optional<std::string>{};
  if (!bytes || bytes->size() != scf::kSidBytes)
    return wrong("\"sid\" is not the 64 hexadecimal digits of a digest");
  Digest digest;
  std::ranges::copy(as_bytes(*bytes), digest.bytes.begin());
  return digest;
}

// In milliseconds, or a version: what fits into the log.
template <class T>
Result<T> parse_number(const Json& json, const char* member) {
  const Json& number = json.at(member);
  const bool fits =
      std::is_signed_v<T>
          ? number.is_number_integer() && (!number.is_number_unsigned() ||
                                           number.get<std::uint64_t>() <= std::uint64_t{INT64_MAX})
          : number.is_number_unsigned();
  if (!fits) return wrong(fmt::format("\"{}\" is no integer that it can be", member));
  return number.get<T>();
}

Result<std::string> parse_part(const Json& json, std::size_t entry, const char* part) {
  auto bytes = messagepack_of(json);
  if (!bytes)
    return wrong(fmt::format("the {} of entry {}: {}", part, entry, message_of(bytes.error())));
  return bytes;
}

}  // namespace

std::string session_line(const Digest& sid, const scf::Image& image) {
  std::string line =
      fmt::format(R"({{"sid":"{}","created":{},"last_access":{},"version":{},"entries":[)",
                  to_hex(sid.bytes), image.created, image.last_access, image.version);
  bool first = true;
  for (const auto& [key, value] : image.entries) {
    line += first ? "[" : ",[";
    first = false;
    append_exact_json(line, key);
    line += ',';
    append_exact_json(line, value);
    line += ']';
  }
  line += "]}";
  return printable(line);
}

Result<ExportedSession> parse_session(const Json& json) {
  if (auto checked = check_members(json); !checked) return std::unexpected(checked.error());
  const auto sid = parse_sid(json.at("sid"));
  const auto created = parse_number<Millis>(json, "created");
  const auto last_access = parse_number<Millis>(json, "last_access");
  const auto version = parse_number<std::uint64_t>(json, "version");
  if (!sid) return std::unexpected(sid.error());
  if (!created) return std::unexpected(created.error());
  if (!last_access) return std::unexpected(last_access.error());
  if (!version) return std::unexpected(version.error());
  if (!is_time(*created) || !is_time(*last_access))
    return wrong("\"created\" or \"last_access\" is no time of the years 1970 to 9999");
  const Json& entries = json.at("entries");
  if (!entries.is_array()) return wrong("\"entries\" is no list");

  ExportedSession session{
      .sid = *sid,
      .image = {
          .created = *created, .last_access = *last_access, .version = *version, .entries = {}}};
  std::size_t bytes = 0;
  for (const Json& entry : entries) {
    const std::size_t number = session.bytes.size() / 2 + 1;
    if (!entry.is_array() || entry.size() != 2)
      return wrong(fmt::format("entry {} is no pair of key and value", number));
    auto key = parse_part(entry[0], number, "key");
    if (!key) return std::unexpected(key.error());
    auto value = parse_part(entry[1], number, "value");
    if (!value) return std::unexpected(value.error());
    if (auto checked = check_change({.kind = Change::Kind::set, .key = *key, .value = *value});
        !checked)
      return wrong(fmt::format("entry {}: {}", number, message_of(checked.error())));
    bytes += key->size() + value->size();
    if (bytes > kSessionBytesMax) return wrong("the session is larger than 64 MiB");
    session.bytes.push_back(std::move(*key));
    session.bytes.push_back(std::move(*value));
  }
  std::unordered_set<std::string_view> keys;
  for (std::size_t i = 0; i < session.bytes.size(); i += 2) {
    if (!keys.insert(session.bytes[i]).second)
      return wrong(fmt::format("entry {} has a key that was there before", i / 2 + 1));
    session.image.entries.emplace_back(session.bytes[i], session.bytes[i + 1]);
  }
  return session;
}

}  // namespace hybrid::cli
