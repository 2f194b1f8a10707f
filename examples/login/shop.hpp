#pragma once
// What the shop sells, and the basket, which lives in the session.

#include <array>
#include <string>
#include <string_view>

#include <hybrid/session.hpp>

#include "session_data.hpp"

namespace example {

struct Tea {
  std::string_view id;  // also the name of its colours in style.cpp
  std::string_view name;
  std::string_view origin;
  std::string_view taste;
  int cents;  // for 100 g
};

inline constexpr std::array<Tea, 6> kTeas = {{
    {"sencha", "Sencha", "Shizuoka, Japan", "Fresh and grassy, with a little sea.", 890},
    {"oolong", "Iron Goddess", "Anxi, China", "Orchid and cream, seven infusions long.", 1240},
    {"darjeeling", "First Flush", "Darjeeling, India", "Muscatel, bright as a May morning.", 1450},
    {"assam", "Assam", "Brahmaputra valley", "Malty and strong: the one for milk.", 690},
    {"rooibos", "Rooibos", "Cederberg, South Africa", "Vanilla, honey and no caffeine at all.",
     540},
    {"hibiscus", "Hibiscus", "Aswan, Egypt", "Tart as cranberry; better still on ice.", 480},
}};

inline constexpr int kAmountMax = 99;

/// Null if there is no such tea.
const Tea* find_tea(std::string_view id);

/// One more of it in the basket.
void add_to_basket(hybrid::Session& session, const Tea& tea);
/// Between 0, which removes it, and kAmountMax.
void set_amount(hybrid::Session& session, const Tea& tea, int amount);

int amount_of(const Basket& basket);
int cents_of(const Basket& basket);
std::string price(int cents);

}  // namespace example
