// What a session has beside its keys (hybrid::Attribute), as the store sees it: keys like all others in the block and in the log.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/attributes.hpp"
#include "base/clock.hpp"
#include "hybrid/session.hpp"
#include "store/packed_block.hpp"

namespace hybrid::store {

std::size_t count_attributes(const PackedBlock& block);

// Nothing if it is no time that a clock may show.
std::optional<Millis> parse_deadline(std::string_view value);

}  // namespace hybrid::store
