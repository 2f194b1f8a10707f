#include "html.hpp"

namespace example {

Html fill(std::string_view pattern, const Html* values) {
  Html filled;
  for (;;) {
    const std::size_t hole = pattern.find("{}");
    filled.text_ += pattern.substr(0, hole);
    if (hole == std::string_view::npos) return filled;
    filled += *values++;
    pattern.remove_prefix(hole + 2);
  }
}

Html to_html(std::string_view text) {
  Html escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped.text_ += "&amp;"; break;
      case '<': escaped.text_ += "&lt;"; break;
      case '>': escaped.text_ += "&gt;"; break;
      case '"': escaped.text_ += "&quot;"; break;
      case '\'': escaped.text_ += "&#39;"; break;
      default: escaped.text_ += c;
    }
  }
  return escaped;
}

}  // namespace example
