// All that a simulated store can hold: few sessions, few keys, and values that tell which change wrote them.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "hybrid/provider.hpp"

namespace hybrid::testing::simulator {

inline constexpr std::size_t kSids = 6;
inline constexpr std::size_t kKeys = 3;

// Unique in a run, and the key to the value's bytes. 0: no value.
using Tag = std::uint64_t;

struct SessionState {
  bool lives = false;
  std::array<Tag, kKeys> values{};

  friend auto operator<=>(const SessionState&, const SessionState&) = default;
};

struct State {
  std::array<SessionState, kSids> sessions{};

  friend bool operator==(const State&, const State&) = default;
};

std::string sid_of(std::size_t session);
// `number` counts the changes of a run; the value has about `bytes`.
Tag make_tag(std::uint64_t number, std::uint64_t bytes);
std::string value_of(Tag tag);
// "a{0: 12, 2: 13} c{}", by the tags' numbers.
std::string to_string(const State& state);

// What the store shows, or what is wrong with it: a value that nobody wrote, or find(), for_each() and size() that disagree.
std::expected<State, std::string> read_state(Provider& store);
// One session, of its handle.
std::expected<SessionState, std::string> read_session(Session& session);

}  // namespace hybrid::testing::simulator
