// The handlers: what each page shows, and what each form does.
#include <charconv>
#include <chrono>
#include <string>
#include <vector>

#include "app.hpp"
#include "crypto.hpp"
#include "shop.hpp"

namespace example {
namespace {

constexpr int kUnprocessable = 422;  // a form that was filled in wrongly
constexpr int kTooMany = 429;

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

constexpr std::chrono::days kRememberedFor{30};

bool is_logged_in(const hybrid::Session& session) { return session.contains(key::kUser).value(); }

// Makes the session that user's. It has a new id: whoever knew the old one has nothing.
void become(hybrid::http::RequestSession& session, const std::string& user, int generation,
            const std::string& what) {
  session.set(key::kUser, user).value();
  session.set(key::kGeneration, generation).value();
  note(session, what);
}

}  // namespace

// --- Pages

void App::shop(Exchange& exchange) { show(exchange, "Shop", shop_page); }

void App::basket(Exchange& exchange) { show(exchange, "Basket", basket_page); }

void App::session(Exchange& exchange) {
  const Visitor visitor = welcome(exchange.session, server_name_);
  Html page = no_session_page();
  if (exchange.session.is_there()) {
    hybrid::Session& mine = exchange.session;
    page = session_page(visitor,
                        {.digest = short_digest(mine.session_id()),
                         .info = mine.info().value(),
                         .remembered = mine.get<bool>(key::kRemembered).value().value_or(false),
                         .history = mine.get<std::vector<Happening>>(key::kHistory)
                                        .value()
                                        .value_or(std::vector<Happening>{})});
  }
  send_page(exchange, "My session", visitor, page);
}

void App::login(Exchange& exchange) {
  if (is_logged_in(exchange.session)) return redirect(exchange, "/");
  show_form(exchange, "Log in", login_page, {});
}

void App::registration(Exchange& exchange) {
  if (is_logged_in(exchange.session)) return redirect(exchange, "/");
  show_form(exchange, "Register", register_page, {});
}

void App::account(Exchange& exchange) {
  if (!is_logged_in(exchange.session)) return redirect(exchange, "/login");
  show_form(exchange, "Your account", account_page, {});
}

void App::goodbye(Exchange& exchange) {
  send_page(
      exchange, "Goodbye", welcome(exchange.session, server_name_),
      message_page("Goodbye",
                   "You are logged out. The session is destroyed: whoever kept its cookie has "
                   "nothing."));
}

// --- The basket

void App::add_to_basket(Exchange& exchange) {
  const Tea* tea = find_tea(exchange.form("tea"));
  if (!tea) return redirect(exchange, "/");
  example::add_to_basket(exchange.session, *tea);
  exchange.session.flash(key::kNote, std::string{tea->name} + " is in your basket.").value();
  redirect(exchange, "/#" + std::string{tea->id});
}

void App::set_in_basket(Exchange& exchange) {
  const Tea* tea = find_tea(exchange.form("tea"));
  if (tea && exchange.session.is_there())
    set_amount(exchange.session, *tea, number(exchange.form("amount")));
  redirect(exchange, "/basket");
}

void App::remove_from_basket(Exchange& exchange) {
  const Tea* tea = find_tea(exchange.form("tea"));
  if (tea && exchange.session.is_there()) set_amount(exchange.session, *tea, 0);
  redirect(exchange, "/basket");
}

void App::place_order(Exchange& exchange) {
  if (!is_logged_in(exchange.session)) {
    if (exchange.session.is_there())
      exchange.session.flash(key::kNote, "Log in to order. Your basket comes along.").value();
    return redirect(exchange, "/login");
  }
  // take() gets and erases in one step: who clicks twice still orders once.
  const auto ordered = exchange.session.take<Basket>(key::kBasket).value();
  if (ordered) {
    note(exchange.session, "Ordered tea for " + price(cents_of(*ordered)));
    exchange.session.flash(key::kNote, "Thank you! The kettle is on.").value();
  }
  redirect(exchange, "/");
}

// --- Accounts

void App::log_in(Exchange& exchange) {
  if (is_logged_in(exchange.session)) return redirect(exchange, "/");
  const std::string name = normalised_name(exchange.form("name"));
  const bool remember = exchange.form("remember") == "yes";
  // Read before the password is looked at: if it is changed meanwhile, this session must not be good.
  const int generation = users_.generation(name).value_or(0);
  switch (users_.check(name, exchange.form("password"))) {
    case Users::Check::right: return enter(exchange, name, generation, remember);
    case Users::Check::wrong:
      exchange.response.status = kUnprocessable;
      return show_form(exchange, "Log in", login_page,
                       {name, remember, "The name or the password is wrong."});
    case Users::Check::too_many_attempts:
      exchange.response.status = kTooMany;
      return show_form(exchange, "Log in", login_page,
                       {name, remember, "Too many attempts. Wait a minute, then try again."});
  }
}

void App::add_user(Exchange& exchange) {
  if (is_logged_in(exchange.session)) return redirect(exchange, "/");
  const std::string name = normalised_name(exchange.form("name"));
  const std::string password = exchange.form("new_password");
  std::string objection = objection_to_name(name);
  if (objection.empty()) objection = objection_to_password(password);
  if (objection.empty() && !users_.add(name, password)) objection = "That name is taken.";
  if (objection.empty()) return enter(exchange, name, Users::kFirstGeneration, false);

  exchange.response.status = kUnprocessable;
  show_form(exchange, "Register", register_page, {name, false, objection});
}

void App::change_password(Exchange& exchange) {
  if (!is_logged_in(exchange.session)) return redirect(exchange, "/login");
  hybrid::http::RequestSession& mine = exchange.session;
  const std::string user = mine.get<std::string>(key::kUser).value().value_or("");
  const std::string password = exchange.form("new_password");
  std::string objection = objection_to_password(password);
  if (objection.empty() && users_.check(user, exchange.form("password")) != Users::Check::right)
    objection = "The password that you have now was not right.";
  if (!objection.empty()) {
    exchange.response.status = kUnprocessable;
    return show_form(exchange, "Your account", account_page, {user, false, objection});
  }
  const int generation = users_.change_password(user, password);
  mine.renew().value();
  // Who has logged out in another tab meanwhile stays so: it is a new, empty session then.
  if (!is_logged_in(mine)) return redirect(exchange, "/login");
  become(mine, user, generation, "Changed the password: this session has a new id");
  redirect(exchange, "/account");
}

void App::enter(Exchange& exchange, const std::string& user, int generation, bool remember) {
  hybrid::http::RequestSession& mine = exchange.session;
  mine.renew().value();
  become(mine, user, generation, "Logged in as " + user + ": this session has a new id");
  mine.remember_me(remember ? kRememberedFor : std::chrono::days{0}).value();
  mine.set(key::kRemembered, remember).value();
  mine.flash(key::kNote, "Welcome, " + user + ".").value();
  redirect(exchange, mine.contains(key::kBasket).value() ? "/basket" : "/");
}

void App::log_out(Exchange& exchange) {
  exchange.session.logout().value();
  redirect(exchange, "/goodbye");
}

}  // namespace example
