// CRC-64 of Jones, as Redis has it: polynomial 0xad93d23594c935a9, reflected, from 0.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace hybrid {

std::uint64_t crc64(ByteView bytes);

}  // namespace hybrid
