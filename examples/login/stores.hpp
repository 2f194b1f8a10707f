#pragma once
// Opens the example's two stores, and says what was found in them.

#include <memory>

#include <hybrid/hybrid.hpp>

#include "options.hpp"

namespace example {

struct Stores {
  std::unique_ptr<hybrid::Provider> sessions;  // end after 60 days at the latest
  std::unique_ptr<hybrid::Provider> users;     // last for ever
};

hybrid::Result<Stores> open_stores(const Options& options);

void print_recovery(Stores& stores, const Options& options);

}  // namespace example
