#include <hybrid/hybrid.hpp>
#include <iostream>

int main() {
  auto store = hybrid::open("sessions/").value();  // or "memory:"; .value() throws on errors
  hybrid::Session session = store->load("id-from-the-cookie").value();  // found, or created
  int visits = session.get<int>("visits").value().value_or(0) + 1;
  session.set("visits", visits).value();  // acknowledged: survives kill -9
  std::cout << "visit " << visits << ", kill me and run me again\n";
}
