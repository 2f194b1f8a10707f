// Makes the process's random numbers, OpenSSL's and so hybrid's, follow from a seed.
#pragma once

#include <cstdint>

namespace hybrid::testing::simulator {

void make_random_deterministic(std::uint64_t seed);

}  // namespace hybrid::testing::simulator
