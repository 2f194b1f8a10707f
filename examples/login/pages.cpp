#include "pages.hpp"

#include "shop.hpp"

namespace example {
namespace {

Html basket_link(const Visitor& visitor) {
  const int amount = amount_of(visitor.basket);
  if (amount == 0) return html(R"(<a href="/basket">Basket</a>)");
  return html(R"(<a href="/basket">Basket <span class="count">{}</span></a>)", amount);
}

Html account_links(const Visitor& visitor) {
  if (visitor.user.empty())
    return html(
        R"(<a href="/register">Register</a><a class="button small" href="/login">Log in</a>)");
  return html(R"(
      <a href="/account" title="Your account">{}</a>
      <form method="post" action="/logout">{}<button class="small quiet">Log out</button></form>)",
              visitor.user, token_field(visitor));
}

Html flash(const Visitor& visitor) {
  if (visitor.flash.empty()) return {};
  return html(R"(<p class="flash" role="status">{}</p>)", visitor.flash);
}

Html visit_line(const Visitor& visitor) {
  if (visitor.visits == 0) return html("No session yet, and no cookie.");
  return html(R"(Page {} of <a href="/session">your session</a>.)", visitor.visits);
}

Html objection(const Attempt& attempt) {
  if (attempt.objection.empty()) return {};
  return html(R"(<p class="objection" role="alert">{}</p>)", attempt.objection);
}

Html name_field(const Attempt& attempt) {
  return html(R"(
    <label for="name">Name</label>
    <input id="name" name="name" value="{}" autocomplete="username" autocapitalize="none"
      spellcheck="false" maxlength="32" required autofocus>)",
              attempt.name);
}

Html new_password_field(std::string_view label) {
  return html(R"(
    <label for="new">{}</label>
    <input id="new" name="new_password" type="password" autocomplete="new-password" minlength="8"
      maxlength="256" required aria-describedby="rule">
    <p class="hint" id="rule">At least 8 characters.</p>)",
              label);
}

Html password_field(std::string_view label) {
  return html(R"(
    <label for="password">{}</label>
    <input id="password" name="password" type="password" autocomplete="current-password"
      maxlength="256" required>)",
              label);
}

}  // namespace

Html token_field(const Visitor& visitor) {
  if (visitor.csrf.empty()) return {};
  return html(R"(<input type="hidden" name="csrf" value="{}">)", visitor.csrf);
}

std::string document(std::string_view title, const Visitor& visitor, const Html& body) {
  return html(R"(<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{} · Hybrid Tea</title>
  <link rel="stylesheet" href="/style.css">
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
  <a class="skip" href="#main">Skip to the page</a>
  <header>
    <div class="width">
      <a class="brand" href="/"><img src="/icon.svg" alt="" width="30" height="30">Hybrid Tea</a>
      <nav aria-label="Site">
        <a href="/">Shop</a>{}<a href="/session">Session</a>
      </nav>
      <div class="account">{}</div>
    </div>
  </header>
  <main id="main" class="width">
{}{}
  </main>
  <footer><div class="width"><span>{}</span>
    <span>Sessions kept by <strong>hybrid</strong></span></div></footer>
</body>
</html>
)",
              title, basket_link(visitor), account_links(visitor), flash(visitor), body,
              visit_line(visitor))
      .text();
}

Html login_page(const Visitor& visitor, const Attempt& attempt) {
  return html(R"(
<section class="narrow panel">
  <h1>Log in</h1>{}
  <form class="stack" method="post" action="/login">{}{}{}
    <label class="check"><input type="checkbox" name="remember" value="yes"{}> Remember me for 30 days</label>
    <button>Log in</button>
  </form>
  <p class="hint">New here? <a href="/register">Register</a>. What is in your basket stays there.</p>
</section>)",
              objection(attempt), token_field(visitor), name_field(attempt),
              password_field("Password"), attempt.remember ? html(" checked") : Html{});
}

Html register_page(const Visitor& visitor, const Attempt& attempt) {
  return html(R"(
<section class="narrow panel">
  <h1>Register</h1>{}
  <form class="stack" method="post" action="/register">{}{}{}
    <button>Register</button>
  </form>
  <p class="hint">Registered already? <a href="/login">Log in</a>.</p>
</section>)",
              objection(attempt), token_field(visitor), name_field(attempt),
              new_password_field("Password"));
}

Html account_page(const Visitor& visitor, const Attempt& attempt) {
  return html(R"(
<section class="narrow panel">
  <h1>Your account</h1>
  <p>You are logged in as <strong>{}</strong>.</p>
  <h2>Change your password</h2>{}
  <form class="stack" method="post" action="/account/password">{}{}{}
    <button>Change it</button>
  </form>
  <p class="hint">This session goes on under a new id. All others of yours are logged out.</p>
</section>)",
              visitor.user, objection(attempt), token_field(visitor),
              password_field("Password now"), new_password_field("New password"));
}

Html message_page(std::string_view title, std::string_view text) {
  return html(R"(
<section class="narrow panel">
  <h1>{}</h1>
  <p>{}</p>
  <p><a class="button" href="/">To the shop</a></p>
</section>)",
              title, text);
}

}  // namespace example
