// Random choices where nothing depends on their being unforeseeable.
#pragma once

#include <cstddef>
#include <random>

namespace hybrid::server {

std::mt19937_64& this_threads_random();

// `from` must not be empty.
template <class Range>
const auto& pick(const Range& from, std::mt19937_64& random) {
  return from[std::uniform_int_distribution<std::size_t>{0, from.size() - 1}(random)];
}

}  // namespace hybrid::server
