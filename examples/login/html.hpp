#pragma once
// Markup that cannot be forgotten to be escaped: text becomes Html only by html(), which escapes it.
//
//     html("<p>{} has {} things</p>", name, 3)
//
// The pattern is checked by the compiler: a literal, with one {} for each value.

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace example {

class Html {
 public:
  Html() = default;
  const std::string& text() const { return text_; }
  Html& operator+=(const Html& more) {
    text_ += more.text_;
    return *this;
  }

 private:
  friend Html fill(std::string_view pattern, const Html* values);
  friend Html to_html(std::string_view text);
  std::string text_;
};

/// Escapes: what comes out shows as `text`, between tags and within double quotes.
Html to_html(std::string_view text);
Html to_html(std::integral auto number) { return to_html(std::to_string(number)); }
inline Html to_html(const Html& html) { return html; }

template <std::size_t Holes>
class Pattern {
 public:
  consteval Pattern(const char* literal) : text_(literal) {
    std::size_t holes = 0;
    for (std::size_t i = 0; i + 1 < text_.size(); ++i) holes += text_.substr(i, 2) == "{}" ? 1 : 0;
    if (holes != Holes) throw "the number of {} is not the number of values";
  }
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

template <class... Values>
Html html(Pattern<sizeof...(Values)> pattern, const Values&... values) {
  const Html converted[] = {to_html(values)..., Html{}};
  return fill(pattern.text(), converted);
}

}  // namespace example
