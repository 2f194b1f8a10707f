#include "testing/simulator/deterministic_random.hpp"

#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>

#include <cstring>

#include "base/assert.hpp"
#include "testing/simulator/random.hpp"

namespace hybrid::testing::simulator {
namespace {

Random numbers{0};

int fill(unsigned char* to, int size) {
  for (int at = 0; at < size; at += 8) {
    const std::uint64_t number = numbers.next();
    std::memcpy(to + at, &number, static_cast<std::size_t>(size - at < 8 ? size - at : 8));
  }
  return 1;
}

int status() { return 1; }

const RAND_METHOD kMethod{.seed = nullptr,
                          .bytes = fill,
                          .cleanup = nullptr,
                          .add = nullptr,
                          .pseudorand = fill,
                          .status = status};

}  // namespace

void make_random_deterministic(std::uint64_t seed) {
  numbers = Random{seed};
  const int set = RAND_set_rand_method(&kMethod);
  HYBRID_ASSERT(set == 1);
}

}  // namespace hybrid::testing::simulator
