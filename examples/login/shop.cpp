#include "shop.hpp"

#include <algorithm>
#include <functional>

namespace example {
namespace {

std::string described(const Tea& tea, int before, int amount) {
  const std::string name{tea.name};
  if (amount == 0) return "Took " + name + " out of the basket";
  if (before == 0) return "Put " + name + " into the basket";
  return name + " in the basket: " + std::to_string(amount) + " instead of " +
         std::to_string(before);
}

// Reads, changes and writes the basket as one step, so that two browser tabs do not lose each other's
// teas.
void change_basket(hybrid::Session& session, const Tea& tea,
                   const std::function<int(int)>& new_amount) {
  session
      .update([&](hybrid::Session& view) {
        Basket basket = view.get<Basket>(key::kBasket).value().value_or(Basket{});
        int& amount = basket[std::string{tea.id}];
        const int before = amount;
        amount = std::clamp(new_amount(before), 0, kAmountMax);
        if (amount == before) return;
        note(view, described(tea, before, amount));
        std::erase_if(basket, [](const auto& line) { return line.second == 0; });
        view.set(key::kBasket, basket).value();
      })
      .value();
}

}  // namespace

const Tea* find_tea(std::string_view id) {
  const auto found = std::ranges::find(kTeas, id, &Tea::id);
  return found == kTeas.end() ? nullptr : &*found;
}

void add_to_basket(hybrid::Session& session, const Tea& tea) {
  change_basket(session, tea, [](int amount) { return amount + 1; });
}

void set_amount(hybrid::Session& session, const Tea& tea, int amount) {
  change_basket(session, tea, [amount](int) { return amount; });
}

int amount_of(const Basket& basket) {
  int amount = 0;
  for (const auto& line : basket) amount += line.second;
  return amount;
}

int cents_of(const Basket& basket) {
  int cents = 0;
  for (const auto& [id, amount] : basket) {
    if (const Tea* tea = find_tea(id)) cents += tea->cents * amount;
  }
  return cents;
}

std::string price(int cents) {
  const std::string digits = std::to_string(100 + cents % 100).substr(1);
  return "\u20ac" + std::to_string(cents / 100) + "." + digits;
}

}  // namespace example
