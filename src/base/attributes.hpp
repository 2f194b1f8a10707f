// The attributes that a session may have (hybrid::Attribute), and the keys that they are kept under.
#pragma once

#include <string_view>

#include "hybrid/session.hpp"

namespace hybrid {

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

}  // namespace hybrid
