// Any bytes as the value in a payload of RESTORE: refused, or something that DUMP gives again, no larger than a session.
//
// Input: the payload without what is at its end, version and checksum, which are put there.
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/crc64.hpp"
#include "hybrid/params.hpp"
#include "server/dump.hpp"

namespace {

using hybrid::server::DumpedValue;
using hybrid::server::parse_dump;

void require(bool holds) {
  if (!holds) std::abort();
}

std::size_t bytes_of(const DumpedValue& value) {
  std::size_t bytes = value.text.size();
  for (const auto& [field, text] : value.fields) bytes += field.size() + text.size();
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string payload{reinterpret_cast<const char*>(data), size};
  hybrid::append_integer(payload, std::uint16_t{10});
  hybrid::append_integer(payload, hybrid::crc64(hybrid::as_bytes(payload)));
  const auto parsed = parse_dump(payload);
  if (const auto* const value = std::get_if<DumpedValue>(&parsed)) {
    require(bytes_of(*value) <= std::max(hybrid::kSessionBytesMax, size));
    const auto again = parse_dump(to_dump(*value));
    require(std::holds_alternative<DumpedValue>(again));
    const auto& same = std::get<DumpedValue>(again);
    require(same.type == value->type && same.text == value->text && same.fields == value->fields);
  }
  return 0;
}
