// What a simulated client asks of the store, and programs of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "testing/simulator/random.hpp"
#include "testing/simulator/state.hpp"

namespace hybrid::testing::simulator {

struct Operation {
  enum class Kind : std::uint8_t {
    init,
    load,
    set,
    erase,
    update,
    destroy,
    change_id,
    clear,
    flush,
    duties,
    compact,
    close,      // and open again
    kill,       // the same without the close
    power_cut,  // the same with what it leaves
    gc,
    wait,            // time passes
    set_durability,  // to another one that syncs, or `os`
    count,
  };
  Kind kind = Kind::init;
  std::uint8_t session = 0;
  std::uint8_t other = 0;  // change_id's
  std::uint8_t key = 0;
  std::uint16_t bytes = 0;  // of a value; of `wait` the milliseconds, of `set_durability` which
};

std::string to_string(const Operation& operation);

using Program = std::vector<Operation>;

// All that programs of few operations are made of: two sessions and two keys.
const std::vector<Operation>& alphabet();
// How many programs of up to `length` operations there are, and the one of that number.
std::uint64_t count_programs(int length);
Program program_of(std::uint64_t number);

Program random_program(Random& random, std::size_t length);

}  // namespace hybrid::testing::simulator
