#include "server/glob.hpp"

#include <cstddef>
#include <utility>

namespace hybrid::server {
namespace {

// Whether `pattern`, which begins with something else than *, accepts `c` at its start; moves the pattern on.
bool accepts(std::string_view& pattern, char c) {
  if (pattern[0] == '?') {
    pattern.remove_prefix(1);
    return true;
  }
  if (pattern[0] != '[') {
    if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    const bool same = pattern[0] == c;
    pattern.remove_prefix(1);
    return same;
  }
  pattern.remove_prefix(1);
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  // One that is not closed goes to the pattern's end.
  while (!pattern.empty() && pattern[0] != ']') {
    if (pattern[0] == '\\' && pattern.size() > 1) {
      pattern.remove_prefix(1);
      found |= pattern[0] == c;
      pattern.remove_prefix(1);
    } else if (pattern.size() > 2 && pattern[1] == '-') {
      auto from = static_cast<unsigned char>(pattern[0]);
      auto to = static_cast<unsigned char>(pattern[2]);
      if (from > to) std::swap(from, to);
      const auto value = static_cast<unsigned char>(c);
      found |= from <= value && value <= to;
      pattern.remove_prefix(3);
    } else {
      found |= pattern[0] == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return found != negated;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Where to go on if the rest does not match: behind the last *, one character later in the text.
  bool has_star = false;
  std::string_view star_pattern;
  std::string_view star_text;
  while (!text.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      has_star = true;
      star_pattern = pattern;
      star_text = text;
      continue;
    }
    if (!pattern.empty() && !text.empty() && accepts(pattern, text[0])) {
      text.remove_prefix(1);
      continue;
    }
    if (!has_star || star_text.empty()) return false;
    star_text.remove_prefix(1);
    pattern = star_pattern;
    text = star_text;
  }
  return true;
}

}  // namespace hybrid::server
