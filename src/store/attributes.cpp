#include "store/attributes.hpp"

#include <algorithm>

#include "hybrid/encoding.hpp"

namespace hybrid::store {

std::size_t count_attributes(const PackedBlock& block) {
  return static_cast<std::size_t>(std::ranges::count_if(kAttributes, [&](Attribute attribute) {
    return block.find(attribute_key(attribute)).has_value();
  }));
}

std::optional<Millis> parse_deadline(std::string_view value) {
  Decoder in{value};
  const auto time = decode<Millis>(in);
  if (!time || !is_time(*time)) return std::nullopt;
  return *time;
}

}  // namespace hybrid::store
