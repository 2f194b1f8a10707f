// One client and a store that does its background work when it is told to: each crash is checked against the one state that
// the log's last LSN stands for.
#pragma once

#include "testing/simulator/explorer.hpp"
#include "testing/simulator/operation.hpp"

namespace hybrid::testing::simulator {

// A program of few operations in one durability, with a crash of each kind at every operation of the file system. `number` is below
// count_small_runs().
std::uint64_t count_small_runs(int length);
void run_small(std::uint64_t number, Findings& findings);

// A long program, a setup, and faults, all by chance.
void run_driven(std::uint64_t seed, Findings& findings);

}  // namespace hybrid::testing::simulator
