#pragma once
// The files that the pages refer to.

#include <string_view>

namespace example {

extern const std::string_view kStyle;  // style.css
extern const std::string_view kIcon;   // icon.svg

}  // namespace example
