// What a session has beside its keys (hybrid::Attribute), as the store sees it: keys like all others in the block and in the log.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "hybrid/session.hpp"
#include "store/packed_block.hpp"

namespace hybrid::store {

inline constexpr Attribute kAttributes[] = {Attribute::deadline, Attribute::served, Attribute::web};

// As hybrid::Codec encodes it.
constexpr std::string_view attribute_key(Attribute attribute) {
  switch (attribute) {
    case Attribute::deadline: return {"\x92\xc0\x00", 3};
    case Attribute::served: return {"\x92\xc0\x01", 3};
    case Attribute::web: return {"\x92\xc0\x02", 3};
  }
  return {};
}

std::size_t count_attributes(const PackedBlock& block);

// Nothing if it is no time that a clock may show.
std::optional<Millis> parse_deadline(std::string_view value);

}  // namespace hybrid::store
