// Wraps a store in memory with a provider of our own, and shows what a page view and a login ask of it.
#include <iostream>

#include "counting_provider.hpp"

namespace {

// What a web application does for each request.
void view_page(hybrid::Provider& store, const std::string& sid) {
  hybrid::Session session = store.load(sid).value();
  session
      .update([](hybrid::Session& s) {
        s.set("views", s.get<int>("views").value().value_or(0) + 1).value();
      })
      .value();
}

}  // namespace

int main() {
  counting::CountingProvider store{hybrid::open("memory:").value()};

  const std::string guest = hybrid::make_session_id();
  for (int i = 0; i < 3; ++i) view_page(store, guest);

  // A login: what the guest did is kept, the id that an attacker may know is not.
  const std::string user = hybrid::make_session_id();
  store.change_id(guest, user).value();
  hybrid::Session session = store.find(user).value().value();
  session.set("user", "ada").value();
  std::cout << "views:      " << session.get<int>("views").value().value() << '\n';
  store.destroy(user).value();

  const counting::Counts& counts = store.counts();
  std::cout << "look-ups:   " << counts.lookups << '\n'
            << "reads:      " << counts.reads << '\n'
            << "changes:    " << counts.changes << '\n'
            << "id changes: " << counts.id_changes << '\n'
            << "destroyed:  " << counts.destroyed << '\n';
}
