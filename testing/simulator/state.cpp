#include "testing/simulator/state.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace hybrid::testing::simulator {
namespace {

constexpr std::uint64_t kBytesMax = 10'000;  // a tag is a number times this, and a size

std::unexpected<std::string> wrong(std::string what, const Error& error) {
  return std::unexpected(std::move(what) + ": " + error.message());
}

}  // namespace

std::string sid_of(std::size_t session) { return {static_cast<char>('a' + session)}; }

Tag make_tag(std::uint64_t number, std::uint64_t bytes) {
  return number * kBytesMax + std::min(bytes, kBytesMax - 1);
}

std::string value_of(Tag tag) {
  std::string value = std::to_string(tag) + ' ';
  const auto fill = static_cast<char>('A' + tag / kBytesMax % 26);
  if (value.size() < tag % kBytesMax) value.resize(tag % kBytesMax, fill);
  return value;
}

std::string to_string(const State& state) {
  std::string text;
  for (std::size_t i = 0; i < kSids; ++i) {
    if (!state.sessions[i].lives) continue;
    if (!text.empty()) text += ' ';
    text += sid_of(i) + '{';
    bool first = true;
    for (std::size_t key = 0; key < kKeys; ++key) {
      if (state.sessions[i].values[key] == 0) continue;
      if (!first) text += ", ";
      first = false;
      text +=
          std::to_string(key) + ": " + std::to_string(state.sessions[i].values[key] / kBytesMax);
    }
    text += '}';
  }
  return text.empty() ? "nothing" : text;
}

std::expected<SessionState, std::string> read_session(Session& session) {
  SessionState state{.lives = true};
  std::string fault;
  const auto read = session.for_each([&](const Value& key, const Value& value) {
    const auto index = key.as<std::uint64_t>();
    const auto text = value.as<std::string>();
    if (!index || *index >= kKeys || !text) {
      fault = "a key or value that nobody wrote";
      return;
    }
    Tag tag = 0;
    std::from_chars(text->data(), text->data() + text->size(), tag);
    if (tag == 0 || *text != value_of(tag)) fault = "a value that nobody wrote";
    state.values[*index] = tag;
  });
  if (!read) return wrong("reading a session", read.error());
  if (!fault.empty()) return std::unexpected(fault);
  return state;
}

std::expected<State, std::string> read_state(Provider& store) {
  State state;
  std::vector<SessionState> found;
  for (std::size_t i = 0; i < kSids; ++i) {
    auto session = store.find(sid_of(i));
    if (!session) return wrong("find", session.error());
    if ((*session).has_value() != store.exists(sid_of(i)))
      return std::unexpected("find and exists disagree");
    if (!*session) continue;
    const auto read = read_session(**session);
    if (!read) return std::unexpected(read.error());
    state.sessions[i] = *read;
    found.push_back(*read);
  }
  const auto size = store.size();
  if (!size) return wrong("size", size.error());
  if (*size != found.size()) return std::unexpected("size and find disagree");
  std::vector<SessionState> listed;
  std::string fault;
  const auto visited = store.for_each([&](Session& session) {
    const auto read = read_session(session);
    if (read) {
      listed.push_back(*read);
    } else {
      fault = read.error();
    }
    return true;
  });
  if (!visited) return wrong("for_each", visited.error());
  if (!fault.empty()) return std::unexpected(fault);
  std::ranges::sort(found);
  std::ranges::sort(listed);
  if (found != listed) return std::unexpected("for_each and find disagree");
  return state;
}

}  // namespace hybrid::testing::simulator
