#include "users.hpp"

#include <algorithm>
#include <cstdint>

#include "crypto.hpp"

namespace example {
namespace {

constexpr std::string_view kPassword = "password";
constexpr std::string_view kGeneration = "generation";
constexpr std::string_view kAttempts = "attempts";

constexpr std::size_t kNameCharactersMin = 2;
constexpr std::size_t kNameCharactersMax = 32;
constexpr std::size_t kPasswordBytesMin = 8;
constexpr std::size_t kPasswordBytesMax = 256;

}  // namespace

// How many passwords were tried since when.
struct Attempts {
  std::int64_t since_seconds = 0;
  int count = 0;
};

}  // namespace example

template <>
inline constexpr auto hybrid::fields<example::Attempts> =
    hybrid::field_list(hybrid::field("since", &example::Attempts::since_seconds),
                       hybrid::field("count", &example::Attempts::count));

namespace example {
namespace {

std::int64_t now_seconds() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

// Counts an attempt before its password is looked at: guesses that come in parallel count as well.
bool attempt_allowed(hybrid::Session& user) {
  return user
      .update([](hybrid::Session& view) {
        auto attempts = view.get<Attempts>(kAttempts).value().value_or(Attempts{});
        const std::int64_t now = now_seconds();
        if (now - attempts.since_seconds >= Users::kAttemptsWindow.count()) attempts = {now, 0};
        if (attempts.count >= Users::kAttemptsMax) return false;
        ++attempts.count;
        view.set(kAttempts, attempts).value();
        return true;
      })
      .value();
}

}  // namespace

bool Users::add(const std::string& name, std::string_view password) {
  const PasswordHash hash = hash_password(password);
  // Not init(): killed before the password is set, it would leave a name that nobody can use. So a name
  // is taken once it has a password; within update() nobody comes between looking and setting.
  return store_->load(name)
      .value()
      .update([&](hybrid::Session& user) {
        if (user.contains(kPassword).value()) return false;
        user.set(kPassword, hash).value();
        user.set(kGeneration, kFirstGeneration).value();
        return true;
      })
      .value();
}

Users::Check Users::check(const std::string& name, std::string_view password) {
  auto user = find(name);
  const auto stored = user ? user->get<PasswordHash>(kPassword).value() : std::nullopt;
  if (!stored) {
    static_cast<void>(hash_password(password));  // takes as long as for somebody whom we know
    return Check::wrong;
  }
  if (!attempt_allowed(*user)) return Check::too_many_attempts;
  if (!password_matches(*stored, password)) return Check::wrong;
  user->erase(kAttempts).value();
  return Check::right;
}

int Users::change_password(const std::string& name, std::string_view password) {
  const PasswordHash hash = hash_password(password);
  return store_->load(name)
      .value()
      .update([&](hybrid::Session& user) {
        const int next = user.get<int>(kGeneration).value().value_or(0) + 1;
        user.set(kPassword, hash).value();
        user.set(kGeneration, next).value();
        return next;
      })
      .value();
}

std::optional<int> Users::generation(const std::string& name) {
  const auto user = find(name);
  return user ? user->get<int>(kGeneration).value() : std::nullopt;
}

// A name that nobody can have is not looked for: it may be too long for an id, or empty.
std::optional<hybrid::Session> Users::find(const std::string& name) {
  if (!objection_to_name(name).empty()) return std::nullopt;
  return store_->find(name).value();
}

std::string objection_to_name(std::string_view name) {
  const bool characters_fine = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (name.size() < kNameCharactersMin || name.size() > kNameCharactersMax || !characters_fine)
    return "A name has 2 to 32 letters (a to z), digits, - or _.";
  return {};
}

std::string objection_to_password(std::string_view password) {
  if (password.size() < kPasswordBytesMin) return "A password has at least 8 characters.";
  if (password.size() > kPasswordBytesMax) return "That password is too long.";
  return {};
}

std::string normalised_name(std::string name) {
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

}  // namespace example
