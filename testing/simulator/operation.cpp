#include "testing/simulator/operation.hpp"

#include <algorithm>
#include <array>

namespace hybrid::testing::simulator {
namespace {

using Kind = Operation::Kind;

constexpr std::array<const char*, static_cast<std::size_t>(Kind::count)> kNames{
    "init",      "load",      "set",   "erase",  "update",        "destroy",
    "change_id", "clear",     "flush", "duties", "compact",       "close",
    "kill",      "power_cut", "gc",    "wait",   "set_durability"};

// How often each kind is asked for.
struct Weight {
  Kind kind;
  std::uint64_t weight;
};
constexpr std::array kWeights{
    Weight{Kind::init, 8},      Weight{Kind::load, 4},          Weight{Kind::set, 26},
    Weight{Kind::erase, 4},     Weight{Kind::update, 8},        Weight{Kind::destroy, 8},
    Weight{Kind::change_id, 9}, Weight{Kind::clear, 2},         Weight{Kind::flush, 4},
    Weight{Kind::duties, 12},   Weight{Kind::compact, 5},       Weight{Kind::close, 3},
    Weight{Kind::kill, 3},      Weight{Kind::power_cut, 4},     Weight{Kind::gc, 1},
    Weight{Kind::wait, 3},      Weight{Kind::set_durability, 1}};

Kind any_kind(Random& random) {
  static constexpr std::uint64_t kSum = [] {
    std::uint64_t sum = 0;
    for (const Weight& weight : kWeights) sum += weight.weight;
    return sum;
  }();
  std::uint64_t at = random.below(kSum);
  for (const Weight& weight : kWeights) {
    if (at < weight.weight) return weight.kind;
    at -= weight.weight;
  }
  return Kind::set;
}

}  // namespace

std::string to_string(const Operation& op) {
  std::string text = kNames[static_cast<std::size_t>(op.kind)];
  const std::string session = sid_of(op.session);
  switch (op.kind) {
    case Kind::init:
    case Kind::load:
    case Kind::destroy:
    case Kind::clear: return text + ' ' + session;
    case Kind::erase: return text + ' ' + session + ", key " + std::to_string(op.key);
    case Kind::set:
    case Kind::update:
      return text + ' ' + session + ", key " + std::to_string(op.key) + ", " +
             std::to_string(op.bytes) + " bytes";
    case Kind::change_id: return text + ' ' + session + " to " + sid_of(op.other);
    case Kind::wait: return text + ' ' + std::to_string(op.bytes) + " ms";
    case Kind::set_durability: return text + ' ' + std::to_string(op.bytes % 3);
    default: return text;
  }
}

const std::vector<Operation>& alphabet() {
  static const std::vector<Operation> operations{
      {.kind = Kind::init, .session = 0},
      {.kind = Kind::init, .session = 1},
      {.kind = Kind::load, .session = 0},
      {.kind = Kind::set, .session = 0, .key = 0, .bytes = 20},
      {.kind = Kind::set, .session = 0, .key = 1, .bytes = 700},
      {.kind = Kind::set, .session = 1, .key = 0, .bytes = 20},
      {.kind = Kind::erase, .session = 0, .key = 0},
      {.kind = Kind::update, .session = 0, .key = 0, .bytes = 20},
      {.kind = Kind::destroy, .session = 0},
      {.kind = Kind::destroy, .session = 1},
      {.kind = Kind::change_id, .session = 0, .other = 1},
      {.kind = Kind::change_id, .session = 1, .other = 0},
      {.kind = Kind::clear, .session = 0},
      {.kind = Kind::flush},
      {.kind = Kind::duties},
      {.kind = Kind::compact},
      {.kind = Kind::close},
      {.kind = Kind::kill},
      {.kind = Kind::power_cut},
  };
  return operations;
}

std::uint64_t count_programs(int length) {
  std::uint64_t count = 0;
  std::uint64_t of_length = 1;
  for (int i = 0; i < length; ++i) {
    of_length *= alphabet().size();
    count += of_length;
  }
  return count;
}

Program program_of(std::uint64_t number) {
  std::uint64_t of_length = alphabet().size();
  std::size_t length = 1;
  while (number >= of_length) {
    number -= of_length;
    of_length *= alphabet().size();
    ++length;
  }
  Program program(length);
  for (Operation& operation : program) {
    operation = alphabet()[number % alphabet().size()];
    number /= alphabet().size();
  }
  return program;
}

Program random_program(Random& random, std::size_t length) {
  Program program(length);
  const std::uint64_t sids = 2 + random.below(kSids - 1);
  const std::uint64_t bytes_max = random.one_in(3) ? 1500 : 120;
  for (Operation& op : program) {
    op.kind = any_kind(random);
    op.session = static_cast<std::uint8_t>(random.below(sids));
    op.other = static_cast<std::uint8_t>(random.below(sids));
    op.key = static_cast<std::uint8_t>(random.below(kKeys));
    op.bytes = static_cast<std::uint16_t>(random.below(bytes_max));
    // Until touches are due, or not even the clock's next tick.
    if (op.kind == Kind::wait && random.one_in(2)) op.bytes = 61'000;
  }
  return program;
}

}  // namespace hybrid::testing::simulator
