#include "server/users.hpp"

#include <algorithm>
#include <utility>

namespace hybrid::server {
namespace {

constexpr unsigned kFailuresFree = 10;
constexpr auto kWaitMax = std::chrono::seconds{60};
constexpr std::size_t kAddressesMax = 10'000;

}  // namespace

Result<User> Users::parse(std::string_view text) {
  const auto wrong = [](const char* what) {
    return std::unexpected(Error{Errc::invalid_argument, what});
  };
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos || first == 0)
    return wrong("a user is NAME:HASH or NAME:HASH:readonly");
  std::string_view hash = text.substr(first + 1);
  std::string_view rights;
  if (const std::size_t second = hash.find(':'); second != std::string_view::npos) {
    rights = hash.substr(second + 1);
    hash = hash.substr(0, second);
    if (rights != "readonly" && rights != "all")
      return wrong("a user's rights are 'all' or 'readonly'");
  }
  const auto password = parse_digest(hash);
  if (!password) {
    return wrong(
        "a user's HASH is the SHA-256 of the password in 64 hexadecimal digits: "
        "printf %s PASSWORD | sha256sum");
  }
  return User{.name = std::string{text.substr(0, first)},
              .password = *password,
              .read_only = rights == "readonly"};
}

bool Users::ask_for_password() const {
  const User* const user = find("default");
  return user == nullptr || user->password.has_value();
}

const User* Users::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found != users_.end() ? &found->second : nullptr;
}

const User* Users::check(std::string_view name, std::string_view password, std::string_view from) {
  const auto now = SteadyClock::now();
  {
    const MutexLock lock{mutex_};
    const auto failures = failures_.find(from);
    if (failures != failures_.end() && now < failures->second.until) return nullptr;
  }
  // As long for an unknown user as for a wrong password.
  const User* const user = find(name);
  const Digest given = digest_of(password);
  const Digest expected = user != nullptr && user->password ? *user->password : Digest{};
  const bool same = equal_in_constant_time(given, expected);
  const bool right = user != nullptr && (!user->password || same);

  const MutexLock lock{mutex_};
  if (right) {
    if (const auto failures = failures_.find(from); failures != failures_.end())
      failures_.erase(failures);
    return user;
  }
  if (failures_.size() >= kAddressesMax)
    std::erase_if(failures_, [&](const auto& entry) { return entry.second.until < now; });
  if (failures_.size() >= kAddressesMax) failures_.clear();
  Failures& failures = failures_[std::string{from}];
  const Digest said = digest_of(std::string{name} + '\0' + std::string{password});
  const bool is_said_again = std::ranges::any_of(
      failures.last, [&](const Digest& last) { return equal_in_constant_time(said, last); });
  if (is_said_again) return nullptr;
  failures.last[failures.count % failures.last.size()] = said;
  if (++failures.count >= kFailuresFree) {
    const unsigned doublings = std::min(failures.count - kFailuresFree, 6U);
    failures.until =
        now + std::min<SteadyClock::duration>(std::chrono::seconds{1 << doublings}, kWaitMax);
    complain(from, failures, now);
  }
  return nullptr;
}

void Users::complain(std::string_view from, const Failures& failures, SteadyClock::time_point now) {
  if (!log_ || !may_log_.take()) return;
  const auto wait = std::chrono::ceil<std::chrono::seconds>(failures.until - now);
  log_(std::to_string(failures.count) + " wrong passwords from " + std::string{from} +
       ": everybody there is refused for " + std::to_string(wait.count()) + " s");
}

}  // namespace hybrid::server
