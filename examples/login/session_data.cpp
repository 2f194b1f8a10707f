#include "session_data.hpp"

#include <chrono>
#include <utility>
#include <vector>

namespace example {
namespace {

constexpr std::size_t kHistoryMax = 12;

void count_visit(hybrid::Session& session, const std::string& server) {
  session.set(key::kVisits, session.get<int>(key::kVisits).value().value_or(0) + 1).value();
  const auto seen = session.get<std::string>(key::kServer).value();
  if (seen == server) return;
  session.set(key::kServer, server).value();
  if (seen) note(session, "The server was started again; this session is still here");
}

}  // namespace

Visitor welcome(hybrid::http::RequestSession& session, const std::string& server) {
  Visitor visitor;
  if (!session.is_there()) return visitor;
  visitor.csrf = session.csrf_token().value();
  visitor.flash = session.take_flash<std::string>(key::kNote).value().value_or("");
  // update() is atomic: two pages at once are two visits, and both changes are one record in the log.
  session
      .update([&](hybrid::Session& view) {
        count_visit(view, server);
        visitor.user = view.get<std::string>(key::kUser).value().value_or("");
        visitor.basket = view.get<Basket>(key::kBasket).value().value_or(Basket{});
        visitor.visits = view.get<int>(key::kVisits).value().value_or(0);
      })
      .value();
  return visitor;
}

void note(hybrid::Session& session, std::string what) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  auto history =
      session.get<std::vector<Happening>>(key::kHistory).value().value_or(std::vector<Happening>{});
  history.push_back({now.count(), std::move(what)});
  if (history.size() > kHistoryMax) history.erase(history.begin());
  session.set(key::kHistory, history).value();
}

}  // namespace example
