#pragma once

#include <string>

#include "hybrid/error.hpp"

namespace hybrid::testing {

// "fine", or the error's name: so that what is expected reads the same either way.
template <class T>
std::string outcome(const Result<T>& result) {
  return std::string{result ? "fine" : to_string(result.error().code())};
}

}  // namespace hybrid::testing
