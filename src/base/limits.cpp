#include "base/limits.hpp"

#include <algorithm>

#include <hybrid/params.hpp>

namespace hybrid {

Result<void> check_sid(std::string_view sid) {
  if (sid.empty()) return std::unexpected(Error{Errc::invalid_argument, "the session id is empty"});
  if (sid.size() > kSidBytesMax) {
    return std::unexpected(
        Error{Errc::invalid_argument, "the session id is longer than 1024 bytes"});
  }
  return {};
}

std::size_t content_bytes(std::string_view encoded) {
  if (encoded.empty()) return 0;
  const auto without_header = [&](std::size_t header) {
    return encoded.size() - std::min(header, encoded.size());
  };
  // The first byte of MessagePack's str and bin formats tells how long the header is.
  switch (static_cast<unsigned char>(encoded[0])) {
    case 0xc4:  // bin 8
    case 0xd9:  // str 8
      return without_header(2);
    case 0xc5:  // bin 16
    case 0xda:  // str 16
      return without_header(3);
    case 0xc6:  // bin 32
    case 0xdb:  // str 32
      return without_header(5);
    default: return encoded.size();
  }
}

Result<void> check_change(const Change& change) {
  const bool has_key = change.kind != Change::Kind::clear;
  const bool has_value = change.kind == Change::Kind::set;
  if ((has_key && change.key.empty()) || (has_value && change.value.empty())) {
    return std::unexpected(
        Error{Errc::invalid_argument, "the key or the value was encoded to nothing"});
  }
  if (change.key.size() <= kKeyBytesMax && change.value.size() <= kValueBytesMax) return {};
  if (content_bytes(change.key) > kKeyBytesMax) {
    return std::unexpected(Error{Errc::too_large, "the key is larger than 64 KiB"});
  }
  if (content_bytes(change.value) > kValueBytesMax) {
    return std::unexpected(Error{Errc::too_large, "the value is larger than 16 MiB"});
  }
  return {};
}

}  // namespace hybrid
