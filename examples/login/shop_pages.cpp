// The pages of the shop: the teas and the basket.
#include "pages.hpp"
#include "shop.hpp"

namespace example {
namespace {

// A cup from above. Its colours come from style.cpp, by the class.
Html cup(const Tea& tea) {
  return html(R"(
    <svg class="cup {}" viewBox="0 0 160 120" aria-hidden="true" focusable="false">
      <circle class="saucer" cx="76" cy="60" r="52"/>
      <circle class="well" cx="76" cy="60" r="42"/>
      <rect class="china" x="106" y="53" width="26" height="14" rx="7"/>
      <circle class="china" cx="76" cy="60" r="35"/>
      <circle class="liquor" cx="76" cy="60" r="30"/>
      <circle class="depth" cx="76" cy="60" r="22"/>
      <path class="shine" d="M54 52 A24 24 0 0 1 76 36"/>
    </svg>)",
              tea.id);
}

Html card(const Tea& tea, const Visitor& visitor) {
  return html(R"(
  <li class="card" id="{}">
    <div class="art {}">{}</div>
    <h2>{}</h2>
    <p class="origin">{}</p>
    <p class="taste">{}</p>
    <form class="row" method="post" action="/basket/add">{}
      <input type="hidden" name="tea" value="{}">
      <span class="price">{} <small>/ 100 g</small></span>
      <button class="small">Add<span class="unseen"> {} to the basket</span></button>
    </form>
  </li>)",
              tea.id, tea.id, cup(tea), tea.name, tea.origin, tea.taste, token_field(visitor),
              tea.id, price(tea.cents), tea.name);
}

Html line(const Tea& tea, int amount, const Visitor& visitor) {
  return html(R"(
  <li class="line">
    <div class="thumb art {}">{}</div>
    <div class="what"><h2>{}</h2><p class="hint">{} / 100 g</p></div>
    <form class="row amount" method="post" action="/basket/set">{}
      <input type="hidden" name="tea" value="{}">
      <label class="unseen" for="amount-{}">Amount of {}</label>
      <input id="amount-{}" name="amount" type="number" inputmode="numeric" min="0" max="{}" value="{}" required>
      <button class="small quiet">Update<span class="unseen"> {}</span></button>
    </form>
    <form method="post" action="/basket/remove">{}
      <input type="hidden" name="tea" value="{}">
      <button class="small quiet danger">Remove<span class="unseen"> {}</span></button>
    </form>
    <p class="sum">{}</p>
  </li>)",
              tea.id, cup(tea), tea.name, price(tea.cents), token_field(visitor), tea.id, tea.id,
              tea.name, tea.id, kAmountMax, amount, tea.name, token_field(visitor), tea.id,
              tea.name, price(tea.cents * amount));
}

Html order_form(const Visitor& visitor) {
  return html(R"(
    <form method="post" action="/order">{}<button>{}</button></form>)",
              token_field(visitor), visitor.user.empty() ? "Log in and order" : "Place the order");
}

}  // namespace

Html shop_page(const Visitor& visitor) {
  Html cards;
  for (const Tea& tea : kTeas) cards += card(tea, visitor);
  return html(R"(
<section class="hero">
  <h1>Six teas, one basket, <br>and nothing gets lost.</h1>
  <p>A small shop to try hybrid with. Fill your basket, log in, then kill the server and start it
  again: you are still here, and so is your tea.</p>
</section>
<ul class="cards">{}
</ul>)",
              cards);
}

Html basket_page(const Visitor& visitor) {
  Html lines;
  for (const auto& [id, amount] : visitor.basket) {
    if (const Tea* tea = find_tea(id)) lines += line(*tea, amount, visitor);
  }
  if (lines.text().empty())
    return message_page("Your basket is empty", "There are six good reasons to change that.");
  return html(R"(
<section class="panel">
  <h1>Your basket</h1>
  <ul class="lines">{}
  </ul>
  <div class="total"><p>Total <strong>{}</strong></p>{}
  </div>
</section>)",
              lines, price(cents_of(visitor.basket)), order_form(visitor));
}

}  // namespace example
