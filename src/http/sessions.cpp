#include "hybrid/http/sessions.hpp"

#include <algorithm>
#include <utility>

#include "http/request_state.hpp"
#include "http/secrets.hpp"

namespace hybrid::http {

std::string_view to_string(Event::Kind kind) noexcept {
  switch (kind) {
    case Event::Kind::unknown_id: return "unknown_id";
    case Event::Kind::malformed_id: return "malformed_id";
    case Event::Kind::forged_id: return "forged_id";
    case Event::Kind::forged_form: return "forged_form";
    case Event::Kind::created: return "created";
    case Event::Kind::renewed: return "renewed";
    case Event::Kind::ended: return "ended";
  }
  return "unknown";
}

// --- RequestSession

RequestSession::RequestSession(std::shared_ptr<detail::RequestState> state)
    : Session(state), state_(std::move(state)) {}

RequestSession::~RequestSession() {
  if (state_) static_cast<void>(state_->give_up());
}

bool RequestSession::is_there() const { return state_->is_there(); }
Result<void> RequestSession::renew() { return state_->renew(); }
Result<void> RequestSession::logout() { return state_->destroy(); }
Result<void> RequestSession::remember_me(std::chrono::seconds duration) {
  return state_->remember(duration);
}
Result<std::string> RequestSession::csrf_token() { return state_->csrf_token(); }
bool RequestSession::csrf_ok(std::string_view token) const { return state_->csrf_ok(token); }
Result<std::optional<std::string>> RequestSession::finish() { return state_->finish(); }
std::optional<std::string> RequestSession::give_up() { return state_->give_up(); }

// --- Sessions

Result<Sessions> Sessions::make(Provider& provider, Options options) {
  constexpr std::size_t kKeyBytesMin = 32;
  const auto wrong = [](const char* what) {
    return std::unexpected(Error{Errc::invalid_argument, what});
  };
  if (options.idle_timeout.count() < 0 || options.idle_timeout > std::chrono::days{36500})
    return wrong("idle_timeout is 0 seconds to 100 years");
  const bool short_key = std::ranges::any_of(
      options.signing_keys, [](const std::string& key) { return key.size() < kKeyBytesMin; });
  if (short_key) return wrong("a signing key has at least 32 bytes, from a source of randomness");
  // As long as they get.
  const auto tried =
      options.cookie.set(cookie_value(make_session_id(), options.cookie.name, options.signing_keys),
                         std::chrono::days{36500});
  if (!tried) return std::unexpected(tried.error());
  return Sessions{provider, std::make_shared<const Options>(std::move(options))};
}

RequestSession Sessions::begin(std::string_view cookie_header, const Request& request) const {
  auto state = std::make_shared<detail::RequestState>(*provider_, options_, request);
  state->open(cookie_header);
  return RequestSession{std::move(state)};
}

}  // namespace hybrid::http
