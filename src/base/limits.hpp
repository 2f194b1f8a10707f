// Rule S11: what is checked before anything is written.
#pragma once

#include <string_view>

#include <hybrid/error.hpp>
#include <hybrid/session.hpp>

namespace hybrid {

// `invalid_argument` unless 1 to kSidBytesMax bytes.
Result<void> check_sid(std::string_view sid);

// `invalid_argument` if the key or the value is no bytes at all, which no encoding is. `too_large` past the key's or the value's limit.
Result<void> check_change(const Change& change);

// The bytes of a string's or byte string's content, or of the whole encoding of another value.
std::size_t content_bytes(std::string_view encoded);

}  // namespace hybrid
