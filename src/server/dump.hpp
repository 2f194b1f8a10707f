// What DUMP gives and RESTORE takes: one value in Redis's RDB format (its source: rdb.c, cluster.c), so that keys move between Redis
// and hybrid with the tools that there are.
//
// Layout: type, 1 byte | value | version of the format, 2 bytes | CRC-64 (Jones) of all before. Strings have their length in front, and
// may be compressed (LZF); small hashes and sets of Redis are one string, and lists some strings, packed in ways that changed over the years.
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/keyspace.hpp"

namespace hybrid::server {

struct DumpedValue {
  Type type = Type::string;
  std::string text;  // of a string
  std::vector<std::pair<std::string, std::string>>
      fields;  // of a hash; a set's members and a list's elements, with nothing for values
};

// In the plainest form, which every Redis that has RESTORE takes.
std::string to_dump(const DumpedValue& value);

enum class DumpError : std::uint8_t {
  checksum,  // it is not what DUMP gave
  format,  // it is no string, hash, set or list, or it is larger than any session, or of more elements than that
};
std::variant<DumpedValue, DumpError> parse_dump(std::string_view payload);

}  // namespace hybrid::server
