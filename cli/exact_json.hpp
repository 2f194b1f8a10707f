// Keys and values as JSON that can be turned back into the very same MessagePack bytes. The forms are those of record_text.hpp;
// where they would not give the same bytes back (integers in a longer form, a NaN with a payload) the bytes themselves are written, as
// {"$messagepack": hex}. docs/tools.md says what users may rely on.
//   J1  messagepack_of(parse(exact_json(x))) == x, for all bytes x that are one MessagePack value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/record_text.hpp"
#include "hybrid/error.hpp"

namespace hybrid::cli {

// Appends JSON text. Not yet harmless for a terminal: see printable().
void append_exact_json(std::string& out, std::string_view messagepack);

// `invalid_argument` says what is wrong, without repeating it.
Result<std::string> messagepack_of(const Json& json);

// Nothing unless it is pairs of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view hex);

}  // namespace hybrid::cli
