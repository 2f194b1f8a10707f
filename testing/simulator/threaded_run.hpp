// Several clients and the store's own threads, in an order that a seed decides; see scheduler.hpp.
//
// Each client has sessions of its own, so that what the store shows of them tells how many of the client's changes it holds. The
// log is one, so these numbers must fit together: a change that is there brings all that was acknowledged before it was asked for.
#pragma once

#include "testing/simulator/explorer.hpp"

namespace hybrid::testing::simulator {

void run_threaded(std::uint64_t seed, Findings& findings);

}  // namespace hybrid::testing::simulator
