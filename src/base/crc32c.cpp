#include "base/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <limits>

namespace hybrid {

std::uint32_t crc32c_extend(std::uint32_t crc, ByteView more) {
  // ISA-L leaves the inversions to its caller, takes an int for the length and forgets a const.
  constexpr std::size_t kAtOnceMax = std::numeric_limits<int>::max() / 2;
  std::uint32_t state = ~crc;
  while (!more.empty()) {
    const ByteView part = more.first(std::min(more.size(), kAtOnceMax));
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
    state = crc32_iscsi(bytes, static_cast<int>(part.size()), state);
    more = more.subspan(part.size());
  }
  return ~state;
}

}  // namespace hybrid
