#include "base/crc64.hpp"

#include <isa-l/crc64.h>

namespace hybrid {

std::uint64_t crc64(ByteView bytes) {
  // ISA-L inverts before and after.
  constexpr std::uint64_t kFromZero = ~std::uint64_t{0};
  return ~crc64_jones_refl(kFromZero, reinterpret_cast<const unsigned char*>(bytes.data()),
                           bytes.size());
}

}  // namespace hybrid
