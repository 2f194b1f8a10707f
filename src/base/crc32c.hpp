// CRC32C (Castagnoli, RFC 3720), by ISA-L, which picks the processor's instruction at run time.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace hybrid {

// extend(extend(0, a), b) is the CRC of a followed by b.
std::uint32_t crc32c_extend(std::uint32_t crc, ByteView more);
inline std::uint32_t crc32c(ByteView bytes) { return crc32c_extend(0, bytes); }

}  // namespace hybrid
